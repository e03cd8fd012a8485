"""The fonts of formulas with only the signs that pages show: a reader who loads four of them loads half as much."""

from __future__ import annotations

import os
import shutil
from html import unescape
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.parallel import ParallelTasks, SerialTasks, make_chunks, parallel_available

from .made import made
from .maths import KATEX

FONTS = Path("katex", "fonts")
#: Family, unique name, full name and PostScript name. The licence wants a changed font to have a name of its own.
NAMES = {1, 3, 4, 6, 16}


def page_files(out: Path) -> list[Path]:
    """The pages of a site, without what libraries have among their static files."""
    return sorted(path for path in out.rglob("*.html") if "_static" not in path.relative_to(out).parts)


def shown(out: Path) -> set[int]:
    """Code points of all that is on the pages of a site."""
    return {ord(sign) for page in page_files(out) for sign in set(unescape(page.read_text(encoding="utf-8")))}


def keep(app: Sphinx, source: Path, target: Path, signs: set[int]) -> None:
    """Write a font with only the given signs, under a name of its own.

    Args:
        app: the build.
        source: a WOFF2 file.
        target: the file to write.
        signs: code points; those that the font does not have do no harm.
    """
    subset = made(app, lambda path: _subset(source, path, signs), source.read_bytes(), repr(sorted(signs)).encode())
    shutil.copyfile(subset, target)


def _subset(source: Path, target: Path, signs: set[int]) -> None:
    # Its import would take a while also where there is nothing to do.
    from fontTools.subset import Options, Subsetter, load_font, save_font

    # Hints weigh a fifth, and only old screens are better for them. All names stay: the licence is among them.
    options = Options(flavor="woff2", hinting=False, notdef_outline=True, name_IDs=["*"])
    font = load_font(str(source), options)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=signs)
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in NAMES:
            record.string = str(record).replace("KaTeX_", "D2LErrata_")
    save_font(font, str(target), options)


def write_fonts(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    signs = shown(out)

    def keep_all(sources: list[Path]) -> None:
        for source in sources:
            keep(app, source, out / "_static" / FONTS / source.name, signs)

    cores = os.cpu_count() if parallel_available else 1
    tasks = ParallelTasks(cores) if cores > 1 else SerialTasks()
    for sources in make_chunks(sorted((KATEX / "static" / FONTS).glob("*.woff2")), cores):
        tasks.add_task(keep_all, sources)
    tasks.join()


def setup(app: Sphinx) -> None:
    app.connect("build-finished", write_fonts)
