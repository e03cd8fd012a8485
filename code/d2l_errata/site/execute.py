"""Execute the pages of a book side by side, before Sphinx reads them: ``python -m d2l_errata.site.execute book``.

The outputs go into the cache where MyST-NB looks for them, so that ``jb build book`` then executes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Semaphore

import click
import yaml
from jupyter_cache.executors.utils import single_nb_execution
from jupyter_client.provisioning import KernelProvisionerFactory
from nbformat import NotebookNode
from sphinx_external_toc.parsing import parse_toc_yaml

from ..registry import RegistryError
from . import fork
from .cache import BuildCache, own_ipython_settings, read_keyed
from .digest import everything


@dataclass(frozen=True)
class Page:
    """A page to be executed.

    Attributes:
        name: its path in the book, without the ending.
        path: its source.
        notebook: the source as a notebook, keyed as the cache wants it.
    """

    name: str
    path: Path
    notebook: NotebookNode


@dataclass(frozen=True)
class Run:
    """What came of a page.

    Attributes:
        seconds: what the cells took, without the start of the kernel.
        failure: where and how it failed, in a line; ``None`` if it did not.
    """

    seconds: float
    failure: str | None


def sources(book: Path) -> dict[str, str]:
    """The pages of the book's contents that are Markdown: their names and texts."""
    paths = {name: book / f"{name}.md" for name in parse_toc_yaml(book / "_toc.yml")}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.exists()}


def pages(book: Path) -> Iterator[Page]:
    """The pages of the book's contents that have cells to execute."""
    for name, text in sources(book).items():
        path = book / f"{name}.md"
        try:
            found = read_keyed(text)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if found:
            yield Page(name, path, found[0])


def execute(page: Page, timeout: float, turns: Semaphore) -> Run:
    """Execute the page's cells in a kernel of their own; the outputs are left in its notebook.

    Args:
        page: the page.
        timeout: seconds that one cell may take.
        turns: how many pages may have their cells executed at a time. A kernel starts before its turn and ends after it.
    """
    took: list[float] = []
    begun: list[tuple[int, float]] = []
    last = max((index for index, cell in enumerate(page.notebook.cells) if cell.cell_type == "code"), default=None)
    turn = contextlib.ExitStack()

    def start(notebook: NotebookNode) -> None:
        turn.enter_context(turns)

    def before(cell: NotebookNode, cell_index: int) -> None:
        begun.append((cell_index, time.perf_counter()))

    def after(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        took.append(time.perf_counter() - begun[-1][1])
        if cell_index == last:
            turn.close()

    hooks: dict[str, Callable] = {"on_notebook_start": start, "on_cell_execute": before, "on_cell_executed": after}
    try:
        error = single_nb_execution(
            page.notebook, cwd=str(page.path.parent), timeout=timeout, allow_errors=False, shutdown_kernel="immediate", **hooks
        ).err
    except Exception as exception:  # such as a kernel that died: no reason to stop the other pages
        error = exception
    finally:
        turn.close()
    if error is None:
        return Run(sum(took), None)
    index = begun[-1][0] if begun else 0
    line = page.notebook.metadata["source_map"][index] + 1
    number = sum(cell.cell_type == "code" for cell in page.notebook.cells[: index + 1])
    said = f"{error.ename}: {error.evalue}" if hasattr(error, "ename") else f"{type(error).__name__}: {error}"
    return Run(sum(took), f"{page.path}:{line}: cell {number}: {' '.join(said.split())}")


def execute_all(book: Path, jobs: int, tell: Callable[[str], None]) -> list[str]:
    """Execute every page of the book that the cache does not have.

    Args:
        book: folder of the book.
        jobs: how many pages at a time.
        tell: called with each line of the report.

    Returns:
        The failures, a line each.
    """
    build = book / "_build"
    own_ipython_settings(build)
    KernelProvisionerFactory.instance().default_provisioner_name = fork.NAME
    # Each page its share of the cores: more threads than cores spend their time waiting for each other.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, os.cpu_count() // jobs)))
    timeout = yaml.safe_load((book / "_config.yml").read_text(encoding="utf-8"))["execute"]["timeout"]
    failures, seconds, began = [], 0.0, time.perf_counter()
    # That nothing is to be done is remembered: to find it out again takes as long as to build an unchanged site.
    done = build / ".executed"

    def state() -> str:
        return hashlib.sha256(repr([everything(), sources(book), cache.state()]).encode()).hexdigest()

    with BuildCache(build / ".jupyter_cache", tell) as cache:
        if done.exists() and done.read_text(encoding="utf-8") == state():
            return []
        todo: list[Page] = []
        for page in pages(book):
            if not cache.has(page.notebook):
                fork.kernel_parent(sys.executable)  # gets ready meanwhile
                todo.append(page)
        # The last pages train the largest networks. They come first, so that no core waits for one of them at the end.
        todo.reverse()
        # While as many pages as there may be have their cells executed, as many get their kernels ready.
        pool, turns = ThreadPoolExecutor(2 * jobs), Semaphore(jobs)
        try:
            runs = {pool.submit(execute, page, timeout, turns): page for page in todo}
            for number, future in enumerate(as_completed(runs), start=1):
                page, run = runs[future], future.result()
                seconds += run.seconds
                tell(f"[{number}/{len(todo)}] {page.name} {f'{run.seconds:.1f} s' if run.failure is None else 'FAILED'}")
                if run.failure is None:
                    cache.put(page.notebook, page.path, run.seconds)
                else:
                    failures.append(run.failure)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if not failures:
            done.write_text(state(), encoding="utf-8")
    if todo:
        tell(f"{len(todo)} pages executed, {jobs} at a time, in {time.perf_counter() - began:.1f} s; their cells took {seconds:.1f} s")
    return failures


@click.command(help=__doc__.splitlines()[0])
@click.argument("book", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count, show_default="number of cores", help="Pages at a time.")
def main(book: Path, jobs: int) -> None:
    """Execute, then list what failed; the exit status is 1 where anything has."""
    try:
        failures = execute_all(book, jobs, lambda line: print(line, flush=True))
    except (RegistryError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except BaseException as error:
        # Pages may still be running. They are not waited for: their kernels end when they see that this process has.
        if not isinstance(error, KeyboardInterrupt):
            traceback.print_exc()
        print("interrupted: the pages executed so far are in the cache", file=sys.stderr, flush=True)
        os._exit(130 if isinstance(error, KeyboardInterrupt) else 1)
    if failures:
        print("\n".join([f"{len(failures)} of the pages failed:", *failures]), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
