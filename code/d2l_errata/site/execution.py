"""Executing pages: the cache key, the progress that is shown, and the footer that says how a page was executed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from functools import cache
from importlib import metadata
from pathlib import Path

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from myst_nb.core.render import MimeData
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from ..verdict import MIME
from .cache import BuildCache, digest_of, keyed, own_ipython_settings, read_keyed, read_page
from .digest import everything, has_gpu_driver

logger = logging.getLogger(__name__)

DEVICES = {"cpu": "CPU", "cuda": "CUDA", "mps": "MPS"}


def outdated(app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set) -> list[str]:
    """Pages to read again although their text is as it was: what they use of the package has changed."""
    again = []
    for docname in env.found_docs - added - changed:
        meta = env.metadata.get(docname, {})
        if "d2l_errata_digest" not in meta or meta.get("d2l_errata_everything") == everything():
            continue
        notebook = read_page(Path(env.doc2path(docname)).read_text(encoding="utf-8"))
        if digest_of(notebook) == meta["d2l_errata_digest"]:
            meta["d2l_errata_everything"] = everything()
        else:
            again.append(docname)
    return again


def prepare(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Take the cache, and find what each page is looked up by there."""
    own_ipython_settings(Path(app.outdir).parent)
    app.d2l_errata_cache = BuildCache(Path(env.mystnb_config.execution_cache_path), logger.info)
    app.d2l_errata_digests = {}
    for docname in docnames:
        try:
            found = read_keyed(Path(env.doc2path(docname)).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{docname}: {error}") from error
        if found:
            notebook, app.d2l_errata_digests[docname] = found
            app.d2l_errata_cache.has(notebook)  # so that MyST-NB does not stumble over half an entry


def write_side_by_side(app: Sphinx, env: BuildEnvironment) -> None:
    """Have Sphinx write pages in several processes, for which Jupyter Book has no option.

    It makes portions for them while they write, so there are more than cores. Pages are read one after the other: not all
    extensions allow more.
    """
    app.parallel = 2 * os.cpu_count() + 1


def release(app: Sphinx, exception: Exception | None) -> None:
    """Let another build have the cache."""
    if cache := getattr(app, "d2l_errata_cache", None):
        cache.close()


def before_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the page's digest where the execution cache looks, and say which page is next."""
    digests = app.d2l_errata_digests
    if docname not in digests:
        return
    app.env.metadata[docname] |= {"d2l_errata_digest": digests[docname], "d2l_errata_everything": everything()}
    source[0] = keyed(source[0], digests[docname])
    app.d2l_errata_started = time.time()
    logger.info("\n[%d/%d] %s …", list(digests).index(docname) + 1, len(digests), docname)


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


def executed_notebook(env: BuildEnvironment, docname: str) -> Path:
    """The notebook with outputs that MyST-NB has written for a page."""
    return Path(env.mystnb_config.output_folder) / f"{docname}.ipynb"


def _restore_outputs(env: BuildEnvironment) -> None:
    """Put all outputs into the page's notebook, as the cache has them.

    MyST-NB shows them on the page, but writes the notebook without what ``glue`` has recorded, and without any output
    where it took them from the cache.
    """
    path = executed_notebook(env, env.docname)
    _, notebook = get_cache(env.mystnb_config.execution_cache_path).merge_match_into_notebook(nbformat.read(path, 4))
    nbformat.write(notebook, path)


@cache
def versions() -> str:
    """Python, torch and device, as they are told to a reader."""
    torch = metadata.version("torch").partition("+")[0]
    return f"Python {platform.python_version()}、torch {torch}、{DEVICES[device_type()]}"


def device_type() -> str:
    """What pages compute on. Where that can only be the CPU torch is not asked: its import would take as long as a page."""
    if sys.platform == "linux" and not has_gpu_driver() and not os.environ.get("D2L_ERRATA_DEVICE"):
        return "cpu"
    from ..device import device

    return device().type


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
    app.connect("env-get-outdated", outdated)
    app.connect("env-before-read-docs", prepare)
    app.connect("source-read", before_page)
    app.connect("doctree-read", after_page)
    app.connect("env-check-consistency", write_side_by_side)
    app.connect("build-finished", release)
