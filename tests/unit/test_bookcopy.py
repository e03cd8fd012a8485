"""Copies are recognised by what is in them, and text is found in the ways in which they write it."""

import json
import subprocess

import pytest
from d2l_errata.bookcopy import NotTheBook, Unreadable, open_copy

MOMENTUM = "chapter_optimization/momentum.md"


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("edition", ["zh", "en"])
def test_edition_and_format_are_recognised(tmp_path, book, way, edition):
    copy = open_copy(book.write(tmp_path, way, edition))
    assert (copy.edition, copy.format) == (edition, "notebooks" if way.startswith("notebook") else "markdown")
    assert copy.folder == ""


def test_the_sites_archive_has_its_notebooks_in_a_folder(tmp_path, book):
    book.write(tmp_path, "notebook", folder="tensorflow")
    with pytest.raises(NotTheBook):
        open_copy(tmp_path)
    book.write(tmp_path, "notebook", folder="pytorch")
    copy = open_copy(tmp_path)
    assert (copy.folder, copy.format) == ("pytorch/", "notebooks")
    assert copy.read(MOMENTUM).name == "pytorch/chapter_optimization/momentum.ipynb"


def test_what_is_no_copy_is_told_what_was_looked_for(tmp_path):
    (tmp_path / "README.md").write_text("的", encoding="utf-8")
    with pytest.raises(NotTheBook) as caught:
        open_copy(tmp_path)
    for words in (str(tmp_path), "d2l-ai/d2l-zh", "d2l-ai/d2l-en", "chapter_preliminaries/index.md", "index.ipynb", "pytorch/"):
        assert words in str(caught.value)


def test_unclear_language_is_not_guessed(tmp_path):
    path = tmp_path / MOMENTUM
    path.parent.mkdir()
    path.write_text("the 的", encoding="utf-8")
    with pytest.raises(NotTheBook, match=r"neither clearly Chinese nor clearly English.*'的' 1 times and 'the' 1 times"):
        open_copy(tmp_path)
    assert open_copy(tmp_path, "en").edition == "en"


def test_commit_is_that_of_the_folder_itself(tmp_path, book):
    root = book.write(tmp_path / "book")
    assert open_copy(root).commit is None
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "the reader's own")
    assert open_copy(root).commit is None
    git(root, "init", "-q")
    assert open_copy(root).commit is None
    git(root, "commit", "-q", "--allow-empty", "-m", "the book's")
    assert open_copy(root).commit == git(root, "rev-parse", "HEAD")


def test_text_is_found_where_it_stands_and_spans_write_it_there(tmp_path, book, way):
    copy = open_copy(book.write(tmp_path, way))
    found = {}
    for entry in book.errata[:7]:
        document = copy.read(MOMENTUM)
        (span,) = document.find(entry.editions["zh"].find)
        assert document.text[span.start : span.end] == span.write(entry.editions["zh"].find)
        found[entry.id] = document.place(span)
    if copy.format == "markdown":
        assert [place.partition(":")[2] for place in found.values()] == ["4", "6", "8", "5", "14", "26", "31"]
    else:
        assert [place.partition(", ")[2] for place in found.values()] == [f"cell {n}" for n in (1, 1, 1, 1, 1, 2, 3)]


def test_outputs_are_not_searched(tmp_path, book):
    document = open_copy(book.write(tmp_path, "notebook-outputs")).read(MOMENTUM)
    assert document.text.count("“的”没有换行") == 2
    assert len(document.find("“的”没有换行")) == 1


def test_text_is_not_found_inside_an_escape(tmp_path):
    path = tmp_path / "chapter_optimization/momentum.ipynb"
    path.parent.mkdir()
    source = "的\nabla 的\\nabla \\\\\nabla 的"
    path.write_text(json.dumps({"cells": [{"source": source}]}), encoding="utf-8")
    document = open_copy(tmp_path).read(MOMENTUM)
    assert len(document.find("nabla")) == source.count("nabla") == 1
    assert len(document.find("\\nabla")) == source.count("\\nabla") == 1
    assert len(document.find("\nabla")) == source.count("\nabla") == 2
    assert len(document.find("的")) == 3
    assert document.find("7684") == ()


def test_overlapping_places_are_all_found(tmp_path, book):
    root = book.write(tmp_path)
    (root / MOMENTUM).write_text("aaa", encoding="utf-8")
    assert [span[:2] for span in open_copy(root).read(MOMENTUM).find("aa")] == [(0, 2), (1, 3)]


@pytest.mark.parametrize(
    ("text", "sought"),
    [
        (":begin_tab:`pytorch`\n行向量", "行向量"),
        ("行向量\n:end_tab:", "行向量"),
        ("行向量\n:end_tab:\n", "行向量"),
        ("```{.python .input}\n#@tab all\nx = 1", "x = 1"),
        ("%%tab pytorch, mxnet\nx = 1", "x = 1"),
        ("# @tab pytorch\nx = 1\n```\n\n", "x = 1"),
        ("x = 1\n```\n\n```{.python .input}\n#@tab pytorch", "x = 1"),
    ],
)
def test_marks_of_tabs_are_not_in_notebooks(tmp_path, text, sought):
    path = tmp_path / "chapter_optimization/momentum.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps({"cells": [{"source": f"a的\n{sought}\nb"}]}), encoding="utf-8")
    document = open_copy(tmp_path).read(MOMENTUM)
    (span,) = document.find(text)
    assert document.text[span.start : span.end] == json.dumps(sought)[1:-1]


def test_text_across_cells_is_not_found(tmp_path, book):
    document = open_copy(book.write(tmp_path, "notebook")).read(MOMENTUM)
    assert document.find("行向量`x`。\n:end_tab:\n\n```{.python .input}\n#@tab pytorch\ntrainer") == ()
    assert document.find("```{.python .input}\n#@tab pytorch\n") == ()


def test_file_that_is_not_there_or_empty_is_absent(tmp_path, book):
    copy = open_copy(book.write(tmp_path, "notebook"))
    assert copy.read("chapter_preliminaries/lookup-api.md") is None
    assert copy.read("chapter_optimization/momentum.md/x.md") is None
    (tmp_path / "chapter_preliminaries/pandas.ipynb").write_bytes(b"")
    assert copy.read("chapter_preliminaries/pandas.md") is None
    (tmp_path / "d2l.bib").write_bytes(b"@book{}")
    assert copy.read("d2l.bib").find("@book")


@pytest.mark.parametrize(
    ("way", "content", "reason"),
    [
        ("markdown", b"\xe7\x9a\x84 \xff", r"momentum.md: not UTF-8: byte 0xff at offset 4"),
        ("notebook", b"\xff", r"momentum.ipynb: not UTF-8: byte 0xff at offset 0"),
        ("notebook", b"{'cells'", r"momentum.ipynb: not a notebook: .*line 1"),
        ("notebook", b"[]", r"not a notebook: expected a JSON object with a list of cells"),
        ("notebook", b'{"worksheets": []}', r"not a notebook: expected a JSON object with a list of cells"),
    ],
)
def test_unreadable_file_is_named_with_the_reason(tmp_path, book, way, content, reason):
    copy = open_copy(book.write(tmp_path, way))
    (path,) = tmp_path.glob("*/momentum.*")
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=reason):
        copy.read(MOMENTUM)


def test_folder_in_place_of_a_file_is_unreadable(tmp_path, book):
    copy = open_copy(book.write(tmp_path))
    (tmp_path / MOMENTUM).unlink()
    (tmp_path / MOMENTUM).mkdir()
    with pytest.raises(Unreadable, match=r"momentum.md: Is a directory"):
        copy.read(MOMENTUM)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_link_out_of_the_copy_is_refused(tmp_path, book, kind):
    root = book.write(tmp_path / "copy")
    outside = book.write(tmp_path / "outside") / MOMENTUM
    inside = root / MOMENTUM
    if kind == "folder":
        inside, outside = inside.parent, outside.parent
    inside.rename(tmp_path / "aside")
    inside.symlink_to(outside)
    with pytest.raises(Unreadable, match=r"momentum.md: a link out of .*copy, to .*outside"):
        open_copy(root).read(MOMENTUM)
    with pytest.raises(Unreadable, match="a link out of"):
        open_copy(root).read("../outside/chapter_preliminaries/pandas.md")


def test_links_within_and_to_the_copy_are_followed(tmp_path, book):
    root = book.write(tmp_path / "copy")
    (root / MOMENTUM).rename(root / "real.md")
    (root / MOMENTUM).symlink_to("../real.md")
    (tmp_path / "link").symlink_to(root)
    assert open_copy(tmp_path / "link").read(MOMENTUM).path == root.resolve() / "real.md"


def test_loop_of_links_is_unreadable_or_absent(tmp_path, book):
    copy = open_copy(book.write(tmp_path))
    (tmp_path / MOMENTUM).unlink()
    (tmp_path / MOMENTUM).symlink_to("momentum.md")
    with pytest.raises(Unreadable, match=r"momentum.md: "):
        copy.read(MOMENTUM)
