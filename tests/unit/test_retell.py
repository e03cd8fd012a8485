"""Which pages are written again because they tell of others."""

import os
from types import SimpleNamespace

import pytest
from d2l_errata.site import retell


@pytest.fixture
def app(tmp_path):
    """A build of a table and a page, both written after they were read; the table tells of the page."""
    for number, name in enumerate(["table.doctree", "page.doctree", "table.html", "page.html"]):
        (tmp_path / name).write_text("", encoding="utf-8")
        os.utime(tmp_path / name, (number, number))
    builder = SimpleNamespace(get_outfilename=lambda docname: str(tmp_path / f"{docname}.html"))
    return SimpleNamespace(doctreedir=str(tmp_path), builder=builder, config=SimpleNamespace(root_doc="index"), folder=tmp_path)


@pytest.fixture
def env():
    env = SimpleNamespace(metadata={"table": {}, "page": {}}, docname="table")
    retell.mark(env)
    return env


def written(app, env, removed=()):
    assert retell.note_removed(app, env, set(), set(), set(removed)) == []
    return retell.to_write(app, env)


def test_only_the_first_page_where_nothing_has_changed(app, env):
    assert written(app, env) == ["index"]


def test_what_tells_of_others_after_one_has_been_read_or_is_gone(app, env):
    assert written(app, env, removed=["other"]) == ["index", "table"]
    os.utime(app.folder / "page.doctree", (9, 9))
    assert written(app, env) == ["index", "table"]


def test_what_is_not_there(app, env):
    (app.folder / "table.html").unlink()
    assert written(app, env) == ["index", "table"]
