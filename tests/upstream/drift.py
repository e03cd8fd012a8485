"""Execute every page with the libraries that are installed, and report what they have changed.

The registry is what the pages are compared with: an erratum whose evidence is executed must show its verdict, and no
cell may fail or warn. After a failing cell the rest of its page is executed all the same.

    drift.py [BOOK]        print the report in Markdown; exit status 0: nothing has changed, 1: something has
    drift.py --libraries   print the libraries that the pages use, without the lock's versions, for pip to install
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from d2l_errata.registry import Erratum, errata, sections
from d2l_errata.verdict import MIME

BOOK = Path(__file__).parents[2] / "book"
TIMEOUT = 120  # seconds for a cell, as in book/_config.yml
LONGEST = 100  # lines of a list in the report: an issue holds 65536 characters


@dataclass
class Page:
    """What the execution of a page has shown."""

    verdicts: set[str] = field(default_factory=set)
    """Errata with a verdict."""
    faults: dict[int, str] = field(default_factory=dict)
    """What went wrong, by the line in the source where its cell begins."""
    sources: dict[int, str] = field(default_factory=dict)
    """The code cells."""
    stopped: bool = False
    """Whether the kernel died or hung, so that the cells after the last fault were not executed."""


def libraries() -> list[str]:
    """Names of the libraries that pyproject.toml lists for the pages."""
    wanted = [line for line in metadata.requires("d2l-errata") if "extra == 'pages'" in line.replace('"', "'")]
    return sorted({re.match(r"[\w.-]+", line)[0] for line in wanted})


def line_of(text: str) -> str:
    """A text that others have written, as inline code no longer than a line."""
    text = " ".join(text.replace("`", "'").split())
    return f"`{text if len(text) <= 240 else text[:239] + '…'}`"


def fault(cell: dict) -> str | None:
    """The error or the warning that a cell has ended in, unless its tags say that it may."""
    tags = cell.metadata.get("tags", [])
    for output in cell.outputs:
        if output.output_type == "error" and "raises-exception" not in tags:
            return f"{output.ename}: {output.evalue}"
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr" and "remove-stderr" not in tags:
            # Without the path of the cell, which is another in every run.
            return re.sub(r"^\S+/ipykernel_\S+?:\d+: ", "", output.text)
    return None


def execute(path: Path) -> Page | None:
    """Execute a page; ``None`` where it is one without code."""
    # Imported here: --libraries must work before there is more than the package itself.
    from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
    from nbclient import NotebookClient

    text = path.read_text(encoding="utf-8")
    if not is_myst_markdown_notebook(text):
        return None
    notebook = read_myst_markdown_notebook(text, add_source_map=True, path=path)
    lines = [line + 1 for line in notebook.metadata.pop("source_map")]
    page, begun = Page(), []
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=TIMEOUT,
        allow_errors=True,
        on_cell_start=lambda cell, cell_index: begun.append(cell_index),
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except (RuntimeError, TimeoutError) as error:  # a dead kernel, or a cell that takes too long
        page.stopped = True
        page.faults[lines[begun[-1]] if begun else 1] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    for line, cell in zip(lines, notebook.cells):
        if cell.cell_type == "code":
            page.sources[line] = cell.source
            page.verdicts |= {output.data[MIME]["id"] for output in cell.outputs if MIME in output.get("data", {})}
            if found := fault(cell):
                page.faults.setdefault(line, found)
    return page


def compare(entries: Iterable[Erratum], pages: dict[str, Page]) -> tuple[list[str], list[str]]:
    """What has changed: a line of Markdown for each verdict that is gone, and for each other cell with a fault."""
    gone, told = [], set()
    for entry in entries:
        slug = sections()[entry.section].slug
        page = pages.get(slug, Page())
        if entry.evidence != "executed" or entry.id in page.verdicts:
            continue
        named = [line for line, source in page.sources.items() if f'"{entry.id}"' in source or f"'{entry.id}'" in source]
        failed = [line for line in named if line in page.faults]
        told |= {(slug, line) for line in failed}
        if failed:
            why = line_of(page.faults[failed[0]])
        elif page.stopped:
            why = "not executed, because an earlier cell ended the kernel"
        else:
            why = "its page shows no verdict"
        gone.append(f"- `{entry.id}` ({slug}.md): {why}")
    others = [
        f"- {slug}.md, line {line}: {line_of(text)}"
        for slug, page in pages.items()
        for line, text in sorted(page.faults.items())
        if (slug, line) not in told
    ]
    return gone, others


def report(entries: Iterable[Erratum], pages: dict[str, Page]) -> tuple[str, bool]:
    """The report, and whether anything has changed."""
    gone, others = compare(entries, pages)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in libraries())
    parts = [f"Executed with Python {platform.python_version()}, {versions}."]
    for title, lines in (("Verdicts that are gone", gone), ("Other cells that fail or warn", others)):
        if lines:
            more = [f"- … and {len(lines) - LONGEST} more"] if len(lines) > LONGEST else []
            parts += [f"## {title}: {len(lines)}", "\n".join(lines[:LONGEST] + more)]
    if len(parts) == 1:
        verdicts = sum(len(page.verdicts) for page in pages.values())
        parts.append(f"Nothing has changed: {verdicts} verdicts on {len(pages)} pages.")
    return "\n\n".join(parts), bool(gone or others)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("book", type=Path, nargs="?", default=BOOK, help="folder of the pages")
    parser.add_argument("--libraries", action="store_true", help="print what the pages use, and stop")
    options = parser.parse_args(arguments)
    if options.libraries:
        print("\n".join(libraries()))
        return 0
    pages = {}
    for path in sorted(options.book.rglob("*.md")):
        slug = path.relative_to(options.book).with_suffix("").as_posix()
        if not slug.startswith("_build/") and (page := execute(path)):
            pages[slug] = page
            print(f"{slug}: {len(page.verdicts)} verdicts, {len(page.faults)} faults", file=sys.stderr)
    if not pages:
        parser.error(f"{options.book} has no page with code")
    text, changed = report(errata(), pages)
    print(text)
    return int(changed)


if __name__ == "__main__":
    sys.exit(main())
