"""The branch `notebooks`, and what Binder installs from it."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from d2l_errata.site.branch import write
from d2l_errata.site.launch import places
from d2l_errata.site.lower import Page
from d2l_errata.site.notebooks import notebook, page_url
from d2l_errata.site.notebooks import write as write_notebook
from docutils import nodes
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
CUDA = ("cuda-", "nvidia-", "triton")
COMMIT = "0123456789" * 4


@pytest.fixture
def branch(tmp_path):
    """A branch of two pages."""
    for name, title in (("chapter_optimization/momentum", "11.6 动量法"), ("index", "首页")):
        document = nodes.document(None, None)
        document += nodes.section("", nodes.title("", title))
        write_notebook(notebook(document, [], Page(page_url(name)), COMMIT), tmp_path / "html" / f"{name}.ipynb")
    folder = tmp_path / "notebooks"
    (folder / "chapter_gone").mkdir(parents=True)
    write(["index", "chapter_optimization/momentum"], tmp_path / "html", BINDER, COMMIT, folder)
    return folder


def test_the_branch_has_each_notebook_at_its_page_s_path(branch):
    assert sorted(path.relative_to(branch).as_posix() for path in branch.rglob("*") if path.is_file()) == [
        "README.md", "binder/requirements.txt", "binder/runtime.txt", "chapter_optimization/momentum.ipynb", "index.ipynb",
    ]  # fmt: skip
    assert not (branch / "chapter_gone").exists()


def test_the_list_of_notebooks(branch):
    lines = [line for line in (branch / "README.md").read_text(encoding="utf-8").split("\n") if line.startswith("- ")]
    assert lines[0].startswith("- [首页](index.ipynb)") and lines[1].startswith("- [11.6 动量法](chapter_optimization/momentum.ipynb)")
    assert f"[Binder]({places('index')[1].url})" in lines[0]


def test_binder_installs_the_package_at_the_commit(branch):
    *lock, last = (branch / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lock == (BINDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert last == f"d2l-errata[pages] @ git+https://github.com/d2l-errata/d2l-errata@{COMMIT}"


def lines(path):
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1].isalnum()]


@pytest.fixture(scope="module")
def binder():
    """What Binder installs: versions by name."""
    return dict(line.split("==") for line in lines(BINDER / "requirements.txt"))


@pytest.fixture(scope="module")
def machine():
    """Binder's, for markers."""
    python = (BINDER / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-")
    names = {"implementation_name": "cpython", "platform_python_implementation": "CPython", "os_name": "posix", "extra": ""}
    return {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux", "platform_machine": "x86_64", **names}


def wanted(requirements, machine):
    """Names of what is installed on a machine, of these requirements."""
    asked = map(Requirement, requirements)
    return {canonicalize_name(r.name) for r in asked if r.marker is None or r.marker.evaluate(machine)}


def test_binder_installs_versions_of_the_lock(binder, machine):
    pins = [Requirement(line) for line in lines(ROOT / "requirements.txt")]
    lock = {canonicalize_name(p.name): str(p.specifier).removeprefix("==") for p in pins if wanted([str(p)], machine)}
    assert {name: lock[name] for name in binder} == binder


def test_binder_installs_all_that_the_pages_need(binder, machine):
    needed = wanted(metadata.requires("d2l-errata"), {**machine, "extra": "pages"})
    assert {"torch", "matplotlib", "myst-nb", "pandas"} <= needed
    for name, version in binder.items():
        # On another Python, other versions are installed here, which may need something else.
        if metadata.version(name).partition("+")[0] == version:
            needed |= wanted(metadata.requires(name) or (), machine)
    assert [name for name in needed if name not in binder and not name.startswith(CUDA)] == []


def test_binder_installs_nothing_for_a_gpu(binder):
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in (BINDER / "requirements.txt").read_text(encoding="utf-8")
    assert [name for name in binder if name.startswith(CUDA)] == []


def test_binder_has_a_python_of_the_project():
    declared = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    python = int((BINDER / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-3."))
    assert int(declared[1]) <= python < int(declared[2])
