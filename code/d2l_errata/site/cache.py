"""The execution cache: what a page is looked up by, one build at a time, and no entry that cannot be read."""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.db import NbCacheRecord, OrmBase
from jupyter_cache.cache.main import JupyterCacheBase
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from nbformat import NotebookNode

from ..registry import errata
from .digest import page_digest

DISPLAY_NAME = re.compile(r"^(\s+display_name: *)(\S.*)$", re.M)


def own_ipython_settings(build: Path) -> None:
    """Give the kernels settings of the build's own, in its folder.

    A reader's start-up files would leak into the outputs, and every kernel would warn that it talks to this machine
    without encryption.
    """
    folder = build / "ipython"
    settings = folder / "profile_default" / "ipython_kernel_config.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"IPKernelApp": {"log_level": "ERROR"}}), encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(folder.absolute())


def read_page(text: str) -> NotebookNode | None:
    """A page's source as a notebook; ``None`` where the page is not one that is executed."""
    return read_myst_markdown_notebook(text, add_source_map=True) if is_myst_markdown_notebook(text) else None


def read_keyed(text: str) -> tuple[NotebookNode, str] | None:
    """A page's source as the notebook that the cache looks up, as if read from the :func:`keyed` source; and its digest.

    Raises:
        ValueError: the front matter has no kernelspec with a display_name.
    """
    notebook = read_page(text)
    if notebook is None:
        return None
    digest = digest_of(notebook)
    keyed(text, digest)  # complains
    notebook.metadata["kernelspec"]["display_name"] += f" ({digest})"
    return notebook, digest


def digest_of(notebook: NotebookNode) -> str:
    """Digest of what the page's outputs depend on besides its cells."""
    return page_digest("\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"), errata())


def keyed(text: str, digest: str) -> str:
    """A page's source with the digest where the cache looks.

    jupyter-cache compares the cells and the kernelspec. The digest goes into a line that is there already, so that line
    numbers in warnings stay right.

    Raises:
        ValueError: the front matter has no such line.
    """
    header, fence, body = text.partition("\n---")
    if not DISPLAY_NAME.search(header):
        raise ValueError("the front matter needs a kernelspec with a display_name")
    return DISPLAY_NAME.sub(rf"\g<1>\g<2> ({digest})", header, count=1) + fence + body


class BuildCache:
    """The cache of one build, held alone: two builds at once would write the same files.

    Args:
        folder: where the cache is, or will be.
        tell: called with a sentence where another build has to be waited for.
    """

    def __init__(self, folder: Path, tell=print):
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder.with_name(folder.name + ".lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            tell(f"another build uses {folder}; waiting for it to end")
            self._lock.acquire()
        self._cache: JupyterCacheBase = get_cache(folder)
        # A build that was killed at its very start may have left a database without tables.
        OrmBase.metadata.create_all(self._cache.db)

    def close(self) -> None:
        """Let the next build have the cache."""
        self._lock.release()

    def __enter__(self) -> BuildCache:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def has(self, notebook: NotebookNode) -> bool:
        """Whether the notebook's outputs are there and whole; what is there but broken is removed."""
        _, key = self._cache.create_hashed_notebook(notebook)
        try:
            record = NbCacheRecord.record_from_hashkey(key, self._cache.db)
        except KeyError:
            record = None
        file = self._cache.path / "executed" / key / "base.ipynb"
        if record and _whole(file, notebook):
            return True
        # A build that was interrupted leaves a record without its file, a file without its record, or half a file.
        if record:
            NbCacheRecord.remove_record(record.pk, self._cache.db)
        shutil.rmtree(file.parent, ignore_errors=True)
        return False

    def state(self) -> str:
        """What changes when files of the cache come, go, or lose a part. (That an entry was used changes its record only.)"""
        return repr(sorted((str(path), path.stat().st_size) for path in self._cache.path.rglob("*") if path.is_file()))

    def put(self, notebook: NotebookNode, path: Path, seconds: float) -> None:
        """Keep an executed notebook.

        Args:
            notebook: the notebook with its outputs.
            path: the page it comes from.
            seconds: what its cells took.
        """
        bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
        self._cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def _whole(file: Path, notebook: NotebookNode) -> bool:
    """Whether the file is JSON to its end and has as many code cells as the notebook."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        return len(cells) == sum(cell.cell_type == "code" for cell in notebook.cells)
    return False
