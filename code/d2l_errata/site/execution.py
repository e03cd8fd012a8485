"""Executing pages: the cache key, the progress that is shown, and the footer that says how a page was executed."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import time
from functools import cache
from importlib import metadata
from pathlib import Path

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from myst_nb.core.render import MimeData
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from ..registry import errata
from ..verdict import MIME
from .digest import page_digest

logger = logging.getLogger(__name__)

DEVICES = {"cpu": "CPU", "cuda": "CUDA", "mps": "MPS"}
DISPLAY_NAME = re.compile(r"^(\s+display_name: *)(\S.*)$", re.M)


def own_ipython_settings(app: Sphinx) -> None:
    """Give the kernels settings of the build's own.

    A reader's start-up files would leak into the outputs, and every kernel would warn that it talks to this machine
    without encryption.
    """
    folder = Path(app.outdir).parent / "ipython"
    settings = folder / "profile_default" / "ipython_kernel_config.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"IPKernelApp": {"log_level": "ERROR"}}), encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(folder)


def code_of(text: str) -> str | None:
    """The code cells of a page's source, joined; ``None`` where the page is not one that is executed."""
    if not is_myst_markdown_notebook(text):
        return None
    cells = read_myst_markdown_notebook(text).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "code")


def outdated(app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set) -> list[str]:
    """Pages to read again although their text is as it was: what they use of the package has changed."""
    again = []
    for docname in env.found_docs - added - changed:
        known = env.metadata.get(docname, {}).get("d2l_errata_digest")
        code = code_of(Path(env.doc2path(docname)).read_text(encoding="utf-8")) if known else None
        if code is not None and page_digest(code, errata()) != known:
            again.append(docname)
    return again


def count_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Note which pages of this build are executed, for the progress that is shown."""
    texts = {name: Path(env.doc2path(name)).read_text(encoding="utf-8") for name in docnames}
    app.d2l_errata_queue = [name for name in docnames if is_myst_markdown_notebook(texts[name])]


def before_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the page's digest where the execution cache looks, and say which page is next."""
    code = code_of(source[0])
    if code is None:
        return
    digest = page_digest(code, errata())
    app.env.metadata[docname]["d2l_errata_digest"] = digest
    # jupyter-cache compares the cells and the kernelspec. The digest goes into a line that is there already, so that
    # line numbers in warnings stay right.
    header, fence, body = source[0].partition("\n---")
    if not DISPLAY_NAME.search(header):
        raise ValueError(f"{docname}: the front matter needs a kernelspec with a display_name")
    source[0] = DISPLAY_NAME.sub(rf"\g<1>\g<2> ({digest})", header, count=1) + fence + body
    app.d2l_errata_started = time.time()
    queue = app.d2l_errata_queue
    logger.info("\n[%d/%d] %s …", queue.index(docname) + 1, len(queue), docname)


def after_page(app: Sphinx, doctree: nodes.document) -> None:
    """Say how long the page took or that it came from the cache, and add its footer."""
    env = app.env
    run = env.nb_metadata.get(env.docname, {}).get("exec_data") if hasattr(env, "nb_metadata") else None
    if not run:
        return
    cached = run["mtime"] < app.d2l_errata_started
    if not run["succeeded"]:
        # The cell and the error are in the warning that MyST-NB has given; the build ends with the list of such pages.
        env.metadata[env.docname]["d2l_errata_failed"] = run["error"]
    logger.info("      %s", "cached" if cached else f"{run['runtime'] or 0:.1f} s")
    if run["succeeded"]:
        _restore_outputs(env)
    doctree.append(_footer(app, run["runtime"] or 0))


def executed_notebook(env: BuildEnvironment) -> Path:
    """The notebook with outputs that MyST-NB has written for the page being read."""
    return Path(env.mystnb_config.output_folder) / f"{env.docname}.ipynb"


def _restore_outputs(env: BuildEnvironment) -> None:
    """Put all outputs into the page's notebook, as the cache has them.

    MyST-NB shows them on the page, but writes the notebook without what ``glue`` has recorded, and without any output
    where it took them from the cache.
    """
    path = executed_notebook(env)
    _, notebook = get_cache(env.mystnb_config.execution_cache_path).merge_match_into_notebook(nbformat.read(path, 4))
    nbformat.write(notebook, path)


@cache
def versions() -> str:
    """Python, torch and device, as they are told to a reader."""
    from ..device import device

    torch = metadata.version("torch").partition("+")[0]
    return f"Python {platform.python_version()}、torch {torch}、{DEVICES[device().type]}"


@cache
def commit(folder: Path) -> str | None:
    """Short name of the commit that is built, with ``+`` where files differ from it; ``None`` without a repository or git."""
    if not shutil.which("git"):
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--exclude=*"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None


class VerdictData:
    """Tells MyST-NB that a verdict's machine-readable twin is no output to show (and nothing to warn of)."""

    mime_priority_overrides = ()

    @staticmethod
    def handle_mime(renderer: object, data: MimeData, inline: bool) -> list[nodes.Element] | None:
        return [] if data.mime_type == MIME else None


def _footer(app: Sphinx, seconds: float) -> nodes.container:
    built = commit(Path(app.srcdir))
    text = f"本页的单元格由 {versions()} 执行，用时 {seconds:.1f} 秒" + (f"；版本 {built}。" if built else "。")
    return nodes.container("", nodes.paragraph("", text), classes=["d2l-run"])


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", own_ipython_settings)
    app.connect("env-get-outdated", outdated)
    app.connect("env-before-read-docs", count_pages)
    app.connect("source-read", before_page)
    app.connect("doctree-read", after_page)
