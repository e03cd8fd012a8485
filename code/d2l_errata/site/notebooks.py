"""Each page as a notebook next to it, ``momentum.ipynb`` by ``momentum.html``: what Colab, Kaggle and Jupyter show and run.

The build writes them, so that a reader can load one from the site itself; the same files are the branch ``notebooks``
(:mod:`d2l_errata.site.branch`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from urllib.parse import urljoin

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment.adapters.toctree import TocTree
from sphinx.errors import ExtensionError

from .execution import executed_notebook
from .lower import BREAK, CODE, NotLowered, Page, lowered

#: As every page's notebook says it, whatever has executed it.
METADATA = {
    "colab": {"provenance": [], "toc_visible": True},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"},
}

#: Does nothing where the package is there at this commit, or as somebody's working copy. What is there at another commit
#: goes first: pip would leave it, because its version is the same.
INSTALL = """\
# 安装本页用到的库；已经装好时什么也不做。
from importlib.metadata import distributions

origins = [d.read_text("direct_url.json") or "" for d in distributions(name="d2l-errata")]
if not any("{commit}" in origin or "dir_info" in origin for origin in origins):
    %pip uninstall -qq --yes d2l-errata
    %pip install --quiet "d2l-errata[pages] @ git+{repository}@{commit}"
"""


@cache
def project(what: str) -> str:
    """An address of the project from its metadata: ``Homepage`` or ``Repository``."""
    addresses = dict(line.split(", ", 1) for line in metadata.metadata("d2l-errata").get_all("Project-URL"))
    return addresses[what]


def page_url(docname: str) -> str:
    """Address of a page on the published site."""
    return urljoin(project("Homepage"), f"{docname}.html")


@cache
def commit(folder: Path) -> str:
    """The commit that is built; the branch ``main`` where that is not known."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    result = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("git") else None
    return result.stdout.strip() if result and result.returncode == 0 else "main"


# --- cell to cell


def honour_tags(cell: NotebookNode) -> NotebookNode | None:
    """Hide or leave out what MyST-NB's tags hide or leave out on the page; ``None`` where nothing of the cell is left.

    Code without which the cells below do not run is hidden rather than left out: only ``remove-cell`` takes it away.
    """
    tags = {tag.replace("_", "-") for tag in cell.metadata.get("tags", ())}
    if "remove-cell" in tags:
        return None
    shown = cell.copy()
    if "remove-output" in tags:
        shown.outputs = []
    hidden = {
        "source_hidden": bool(tags & {"hide-input", "hide-cell", "remove-input"}),
        "outputs_hidden": bool(tags & {"hide-output", "hide-cell"}),
    }
    if any(hidden.values()):
        shown.metadata = {**cell.metadata, "jupyter": {key: True for key, value in hidden.items() if value}}
    return shown


def forget_execution(cell: NotebookNode) -> NotebookNode:
    """Leave out what is not the same in two executions: of the metadata, only tags and what is hidden stay."""
    kept = {key: value for key, value in cell.metadata.items() if key in ("tags", "jupyter")}
    return NotebookNode({**cell, "metadata": NotebookNode(kept)})


FIGURE = re.compile(r'^<figure class="d2l-figure">(<svg .*</svg>)</figure>$', re.S)


def picture(output: NotebookNode) -> NotebookNode:
    """A figure as an image. JupyterLab takes the elements of an SVG out of what it has not executed itself."""
    html = output.get("data", {}).get("text/html", "")
    found = FIGURE.match(html if isinstance(html, str) else "".join(html))
    if not found:
        return output
    svg = found[1]
    source = base64.b64encode(svg.encode()).decode()
    label = re.search(r'aria-label="([^"]*)"', svg)[1]
    points = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
    # An image does not know the colour of the text around it: its ink is black, so it brings its paper.
    image = (
        f'<img src="data:image/svg+xml;base64,{source}" alt="{label}" width="{points * 96 / 72:.0f}" '
        'style="background-color: white; max-width: 100%">'
    )
    return NotebookNode({**output, "data": NotebookNode({**output.data, "text/html": image})})


def pictures(cell: NotebookNode) -> NotebookNode:
    """All figures of a cell as images."""
    return NotebookNode({**cell, "outputs": [picture(output) for output in cell.outputs]})


def whole_streams(cell: NotebookNode) -> NotebookNode:
    """What is printed in one piece: how it comes from the kernel depends on the moment."""
    outputs: list[NotebookNode] = []
    for output in cell.outputs:
        last = outputs[-1] if outputs else {}
        if output.output_type == last.get("output_type") == "stream" and output.name == last.name:
            outputs[-1] = NotebookNode({**last, "text": last.text + output.text})
        else:
            outputs.append(output)
    return NotebookNode({**cell, "outputs": outputs})


def code_cell(cell: NotebookNode) -> NotebookNode | None:
    """A page's code cell as the notebook has it: code as it is, outputs kept; ``None`` where the page does not have it."""
    shown = honour_tags(cell)
    return None if shown is None else pictures(whole_streams(forget_execution(shown)))


def install_cell(commit: str) -> NotebookNode:
    """The first cell, which installs the package at a commit."""
    cell = new_code_cell(INSTALL.format(commit=commit, repository=project("Repository")).rstrip("\n"))
    return NotebookNode({**cell, "id": "install"})


def with_ids(cells: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Cells with ids that stay as they are until a cell's own text changes."""
    seen: dict[str, int] = {}
    for cell in cells:
        id = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[id] = seen.get(id, 0) + 1
        yield NotebookNode({**cell, "id": id if seen[id] == 1 else f"{id}-{seen[id]}"})


# --- page to notebook


def cells(markdown: str, executed: list[NotebookNode]) -> Iterator[NotebookNode]:
    """The cells of a page.

    Args:
        markdown: its nodes, lowered.
        executed: cells of the notebook that the build has executed.
    """
    for piece in re.split(rf"\s*{BREAK}\s*", markdown):
        if piece.startswith(CODE):
            cell = code_cell(executed[int(piece[len(CODE) :])])
            if cell is not None:
                yield cell
        elif piece.strip():
            yield new_markdown_cell(piece.strip())


def notebook(doctree: nodes.document, executed: list[NotebookNode], page: Page, commit: str) -> NotebookNode:
    """A page as a notebook.

    Args:
        doctree: the page, all references resolved.
        executed: cells of the notebook that the build has executed; none where it is all text.
        page: what else is known of the page.
        commit: what the first cell installs.
    """
    heading, _, rest = lowered(doctree, page).partition("\n\n")
    text = f"{heading}\n\n本笔记本由[网页]({page.url})转换而来，其中的引用都链接到网站。\n\n{rest}"
    return new_notebook(cells=[install_cell(commit), *with_ids(list(cells(text, executed)))], metadata=METADATA)


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook, the same bytes for the same content."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def with_contents(doctree: nodes.document, docname: str, app: Sphinx) -> nodes.document:
    """A page with its lists of pages, which Sphinx resolves last; the page itself where it has none."""
    if not any(doctree.findall(addnodes.toctree)):
        return doctree
    page = doctree.deepcopy()
    for toctree in list(page.findall(addnodes.toctree)):
        toctree.replace_self(TocTree(app.env).resolve(docname, app.builder, toctree) or [])
    return page


def write_page(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the page's notebook next to the page."""
    if app.builder.format != "html":
        return
    env = app.env
    has_cells = env.nb_metadata.get(docname, {}).get("exec_data") if hasattr(env, "nb_metadata") else None
    executed = nbformat.read(executed_notebook(env, docname), 4).cells if has_cells else []
    folder = urljoin(project("Homepage"), "_images/")
    images = {uri: urljoin(folder, name) for uri, (_, name) in env.images.items()}
    page = Page(page_url(docname), env.toc_fignumbers.get(docname, {}), images)
    try:
        made = notebook(with_contents(doctree, docname, app), executed, page, commit(Path(app.srcdir)))
    except NotLowered as error:
        raise ExtensionError(f"{docname}: {error}") from error
    write(made, Path(app.outdir, f"{docname}.ipynb"))


def renew_commit(app: Sphinx, exception: Exception | None) -> None:
    """Have the notebooks of pages that were not written again install this build's commit too."""
    if exception or app.builder.format != "html":
        return
    first = install_cell(commit(Path(app.srcdir)))
    for docname in app.env.found_docs:
        path = Path(app.outdir, f"{docname}.ipynb")
        source = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
        if "".join(source) != first.source:
            made = nbformat.read(path, 4)
            made.cells[0] = first
            write(made, path)


def setup(app: Sphinx) -> None:
    # When the state of each erratum is told, and before the punctuation around formulas is moved into them.
    app.connect("doctree-resolved", write_page, priority=800)
    app.connect("build-finished", renew_commit)
