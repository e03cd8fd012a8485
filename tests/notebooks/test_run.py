"""Every notebook runs from top to bottom where only the package is installed, and puts out again what is in it."""

import asyncio
import os
import subprocess
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from d2l_errata.site import fork
from d2l_errata.site.notebooks import code_cell
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

HTML = Path(__file__).parents[2] / "book" / "_build" / "html"
NOTEBOOKS = {path.relative_to(HTML).as_posix(): path for path in sorted(HTML.rglob("*.ipynb"))}


async def execute(notebook, kernel, folder):
    """A copy of a notebook, executed in a kernel of its own; or the error that it ends with."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(copy, timeout=300, kernel_name=kernel, shutdown_kernel="immediate", resources=where)
    try:
        return await client.async_execute()
    except CellExecutionError as error:
        return error


async def execute_all(notebooks, kernel, folder):
    """As many notebooks at a time as there are cores."""
    free = asyncio.Semaphore(os.cpu_count())

    async def one(notebook):
        async with free:
            return await execute(notebook, kernel, folder)

    return await asyncio.gather(*map(one, notebooks))


@pytest.fixture(scope="session")
def forked():
    """Kernels are forked from a process that has imported torch already."""
    factory = KernelProvisionerFactory.instance()
    before, factory.default_provisioner_name = factory.default_provisioner_name, fork.NAME
    yield
    factory.default_provisioner_name = before


@pytest.fixture(scope="session")
def executed(clean_kernel, forked, tmp_path_factory):
    """All notebooks, executed side by side, by name."""
    folder = tmp_path_factory.mktemp("elsewhere")
    results = asyncio.run(execute_all([nbformat.read(path, 4) for path in NOTEBOOKS.values()], clean_kernel, folder))
    return dict(zip(NOTEBOOKS, results, strict=True))


def shown(cell):
    """What a cell shows, however it was executed."""
    return [{key: value for key, value in output.items() if key != "execution_count"} for output in code_cell(cell).outputs]


def test_there_are_notebooks():
    assert NOTEBOOKS, "the site is not built: run `make site`"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_and_puts_out_the_same(executed, name):
    result = executed[name]
    if isinstance(result, Exception):
        pytest.fail(f"{name}: {result}", pytrace=False)
    for published, again in zip(nbformat.read(NOTEBOOKS[name], 4).cells, result.cells, strict=True):
        if published.cell_type == "code":
            assert shown(again) == shown(published), f"{name}: {published.source}"


def test_only_what_is_declared_is_there(clean_python):
    program = "from importlib.metadata import distributions; print(*sorted({d.name for d in distributions()}))"
    found = subprocess.check_output([clean_python, "-I", "-c", program], text=True).split()
    assert "d2l-errata" in found and "torch" in found
    assert not {"beautifulsoup4", "hypothesis", "jupyter-book", "nbval", "playwright", "pytest", "sphinx-book-theme", "uv"} & set(found)
    assert len(found) < len({d.name for d in metadata.distributions()})


@pytest.mark.parametrize("module", ["bs4", "hypothesis", "pytest", "sphinx_book_theme"])
def test_what_is_not_declared_is_missed(clean_kernel, forked, tmp_path, module):
    notebook = new_notebook(cells=[new_code_cell(f"import {module}")])
    error = asyncio.run(execute(notebook, clean_kernel, tmp_path))
    assert isinstance(error, CellExecutionError) and error.ename == "ModuleNotFoundError"
