"""What a page's digest covers: the modules it uses, and no others."""

import pytest
from d2l_errata.registry import errata
from d2l_errata.site.digest import closure, environment, imported, page_digest


@pytest.fixture
def package(tmp_path):
    """A package in which `a` uses `b`, lazily and relatively, and `c` stands alone; `sub.d` uses `c`."""
    root = tmp_path / "pack"
    (root / "sub").mkdir(parents=True)
    for name, text in {
        "__init__": "",
        "a": "def f():\n    from .b import g\n    return g()\n",
        "b": "def g():\n    return 1\n",
        "c": "x = 1\n",
        "sub/__init__": "",
        "sub/d": "from .. import c\n",
    }.items():
        (root / f"{name}.py").write_text(text, encoding="utf-8")
    return root


def names(paths, root):
    return {path.relative_to(root).with_suffix("").as_posix() for path in paths}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import torch\nx = 1", set()),
        ("from pack.c import x", {"__init__", "c"}),
        ("from pack import c", {"__init__", "c"}),
        ("import pack.c as other", {"__init__", "c"}),
        ("%matplotlib inline\nfrom pack.a import f", {"__init__", "a", "b"}),
        ("def later():\n    from pack import a", {"__init__", "a", "b"}),
        ("from pack.sub.d import c", {"__init__", "sub/__init__", "sub/d", "c"}),
        ("import packing", set()),
    ],
)
def test_closure(package, source, expected):
    assert names(closure(source, package), package) == expected


def test_relative_imports_need_a_place(package):
    assert names(imported("from .. import c", package, ("pack", "sub")), package) == {"__init__", "c"}


def test_an_edit_changes_the_pages_that_use_it_and_no_others(package):
    pages = {"uses a": "from pack.a import f", "uses c": "from pack.c import x", "uses none": "print(1)"}

    def digests():
        return {name: page_digest(source, (), package) for name, source in pages.items()}

    before = digests()
    (package / "b.py").write_text("def g():\n    return 2\n", encoding="utf-8")
    after = digests()
    assert {name for name in pages if before[name] != after[name]} == {"uses a"}


def test_data_count_where_they_are_named(package):
    (package / "data").mkdir()
    (package / "data" / "table.json").write_text("1", encoding="utf-8")
    (package / "c.py").write_text('x = "table.json"\n', encoding="utf-8")
    pages = {"names it": 'open("table.json")', "uses c": "from pack.c import x", "uses a": "from pack.a import f"}
    before = {name: page_digest(source, (), package) for name, source in pages.items()}
    (package / "data" / "table.json").write_text("2", encoding="utf-8")
    after = {name: page_digest(source, (), package) for name, source in pages.items()}
    assert {name for name in pages if before[name] != after[name]} == {"names it", "uses c"}


def test_the_registry_counts_only_where_a_page_names_an_entry():
    entry, other = errata()[:2]
    page = f'verdict("{entry.id}", book=b, fixed=f)'
    assert page_digest(page, [entry]) != page_digest(page, [])
    assert page_digest(page, [entry, other]) == page_digest(page, [entry])


def test_the_device_and_the_libraries_count(monkeypatch):
    before = page_digest("", ())
    environment.cache_clear()
    monkeypatch.setenv("D2L_ERRATA_DEVICE", "cuda")
    assert page_digest("", ()) != before
    environment.cache_clear()


def test_data_sets_that_come_or_go_change_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("D2L_ERRATA_DATA", str(tmp_path))
    before = environment.__wrapped__()
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    assert environment.__wrapped__() == before
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"")
    assert environment.__wrapped__() != before
