"""Corrections are written all together or not at all, change nothing else, and can be taken out again to the byte."""

import difflib
import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from d2l_errata import patch as patching
from d2l_errata.audit import audit
from d2l_errata.bookcopy import open_copy
from d2l_errata.patch import PatchError, diff, plan, write
from hypothesis import given, settings
from hypothesis import strategies as st

MOMENTUM = "chapter_optimization/momentum.md"
PANDAS = "chapter_preliminaries/pandas.md"


def states(root, errata):
    return {row.state for row in audit(open_copy(root), errata).rows} - {"absent"}


def patch(root, errata, **options):
    """Plan and write; the ids that were written."""
    todo = plan(open_copy(root), errata, **options)
    write(todo.changes)
    return [id for change in todo.changes for id in change.ids]


def refused(root, errata, **options):
    """The problems with which a patch is refused, nothing being written."""
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(PatchError) as caught:
        patch(root, errata, **options)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    return str(caught.value).splitlines()


@pytest.mark.parametrize("edition", ["zh", "en"])
def test_patch_twice_and_reverse(tmp_path, book, way, edition):
    root = book.write(tmp_path, way, edition)
    before = book.bytes(root)
    ids = {entry.id for entry in book.errata if edition in entry.editions} - {"pandas-dummies"}
    assert states(root, book.errata) == {"standing"}
    assert set(patch(root, book.errata)) == ids
    patched = book.bytes(root)
    assert patched.keys() == before.keys() and all(patched[name] != before[name] for name in before)
    assert states(root, book.errata) == {"fixed"}
    assert patch(root, book.errata) == [] and book.bytes(root) == patched
    assert set(patch(root, book.errata, reverse=True)) == ids
    assert book.bytes(root) == before
    assert patch(root, book.errata, reverse=True) == []


def test_a_patched_copy_is_what_a_copy_of_the_corrected_book_would_be(tmp_path, book, way):
    """Line endings, JSON's format and everything outside the change: as if the corrected text had been written that way."""
    root = book.write(tmp_path / "copy", way)
    patch(root, book.errata)
    corrected = {file: text for file, text in book.files["zh"].items()}
    for entry in book.errata:
        anchor = entry.editions.get("zh")
        if anchor and anchor.file in corrected:
            corrected[anchor.file] = corrected[anchor.file].replace(anchor.find, anchor.replace)
    original = {file: book.files["zh"][file] for file in corrected}
    try:
        book.files["zh"].update(corrected)
        expected = book.bytes(book.write(tmp_path / "expected", way))
    finally:
        book.files["zh"].update(original)
    if way == "mixed":  # where the one kind of line ends and the other begins has no meaning in another text
        assert re.sub(rb"\r", b"", book.bytes(root)[MOMENTUM]) == re.sub(rb"\r", b"", expected[MOMENTUM])
    else:
        assert book.bytes(root) == expected


def test_only_what_was_asked_for(tmp_path, book):
    root = book.write(tmp_path)
    assert patch(root, book.errata, kinds=["math", "code"]) == ["momentum-sign", "momentum-code"]
    assert patch(root, book.errata, ids=["momentum-tab", "momentum-sign"]) == ["momentum-tab"]
    assert patch(root, book.errata, ids=["momentum-tab"], kinds=["math"]) == []
    assert patch(root, book.errata, kinds=["math"], reverse=True) == ["momentum-sign"]
    seen = {row.erratum.id for row in audit(open_copy(root), book.errata).rows if row.state == "fixed"}
    assert seen == {"momentum-tab", "momentum-code"}


def test_half_patched_copy_is_completed(tmp_path, book, way):
    root = book.write(tmp_path, way)
    before = book.bytes(root)
    patch(root, book.errata, ids=["momentum-lines-joined", "momentum-sentence-added", "pandas-mean"])
    todo = plan(open_copy(root), book.errata)
    assert set(todo.already) == {"momentum-lines-joined", "momentum-sentence-added", "pandas-mean"}
    assert todo.absent == ("pandas-dummies",)
    write(todo.changes)
    assert states(root, book.errata) == {"fixed"}
    patch(root, book.errata, reverse=True)
    assert book.bytes(root) == before


def test_what_has_moved_is_left_alone_unless_asked_for(tmp_path, book):
    path = book.write(tmp_path) / MOMENTUM
    path.write_text(path.read_text("utf-8").replace("有一句话", "没有一句话"), encoding="utf-8")
    todo = plan(open_copy(tmp_path), book.errata)
    assert todo.moved == () and len(todo.changes) == 2
    path.write_text(path.read_text("utf-8").replace("是多余的", "不是多余的").replace("还有一句", "有一句"), encoding="utf-8")
    todo = plan(open_copy(tmp_path), book.errata)
    assert todo.moved == ("momentum-sentence-dropped",) and "momentum-sentence-dropped" not in todo.changes[0].ids
    ids = ["momentum-sign", "momentum-sentence-dropped", "pandas-dummies", "momentum-sign-en"]
    assert refused(tmp_path, book.errata, ids=ids) == [
        "momentum-sentence-dropped: neither the book's text nor ours is there",
        "momentum-sign-en: not about this edition (zh)",
        "pandas-dummies: the copy does not have its file",
    ]


def test_every_problem_is_listed_and_nothing_is_written(tmp_path, book):
    path = book.write(tmp_path) / MOMENTUM
    path.write_text(
        path.read_text("utf-8") + r"(\mathbf{x} - \mathbf{Q}^{-1} \mathbf{c}){'lr': 0.005,	" + '"momentum"', encoding="utf-8"
    )
    (tmp_path / PANDAS).write_bytes(b"\xe7\xff")
    problems = refused(tmp_path, book.errata)
    assert len(problems) == 3
    assert problems[0].startswith(f"momentum-sign: stands 2 times in {MOMENTUM}: '(\\\\mathbf{{x}} - ")
    assert problems[1].startswith(f"momentum-code: stands 2 times in {MOMENTUM}: ")
    assert problems[2] == f"{PANDAS}: not UTF-8: byte 0xe7 at offset 0"


def test_link_out_of_the_copy_is_refused(tmp_path, book):
    root = book.write(tmp_path / "copy")
    outside = book.write(tmp_path / "outside") / PANDAS
    (root / PANDAS).unlink()
    (root / PANDAS).symlink_to(outside)
    before = outside.read_bytes()
    (problem,) = refused(root, book.errata)
    assert problem.startswith(f"{PANDAS}: a link out of ")
    assert outside.read_bytes() == before


def test_link_within_the_copy_stays_one(tmp_path, book):
    path = book.write(tmp_path) / PANDAS
    path.rename(tmp_path / "real.md")
    path.symlink_to("../real.md")
    assert "pandas-mean" in patch(tmp_path, book.errata)
    assert path.is_symlink() and "numeric_only=True" in (tmp_path / "real.md").read_text("utf-8")


def test_overlapping_errata_are_a_problem_and_either_alone_is_not(tmp_path, book):
    errata = [book.entry("one-two", "目标是$h", "目标为$h"), book.entry("two-three", "$h(\\mathbf{x}) =", "$f(\\mathbf{x}) =")]
    root = book.write(tmp_path)
    assert refused(root, errata) == [f"one-two and two-three overlap in {MOMENTUM}: leave one of them out"]
    assert patch(root, errata, ids=["two-three"]) == ["two-three"]


def test_errata_that_touch_and_that_contain_each_other(tmp_path, book):
    errata = [
        book.entry("the-first", "有一句话是多余的。", "多了一句话。"),
        book.entry("the-second", "还有一句没有说完。", "我们的目标是有一句话是多余的。"),  # the book's text of the first, and of the third
        book.entry("the-third", "我们的目标是$h", "目标是$h"),
        book.entry("the-fourth", "多余", "多了一句话", file=PANDAS),
    ]
    root = book.write(tmp_path)
    before = book.bytes(root)
    assert patch(root, errata) == ["the-first", "the-second", "the-third"]
    assert "多了一句话。我们的目标是有一句话是多余的。" in (root / MOMENTUM).read_text("utf-8")
    assert patch(root, errata) == []
    patch(root, errata, reverse=True)
    assert book.bytes(root) == before


@pytest.mark.parametrize(
    ("replace", "reason"),
    [("我们", "not to be undone or repeated: afterwards, momentum-x: stands 4 times in"), ("", "not to be undone to the byte")],
)
def test_what_could_not_be_undone_is_not_written(tmp_path, book, replace, reason):
    (problem,) = refused(book.write(tmp_path), [book.entry("momentum-x", "有一句话", replace)])
    assert reason in problem


def test_what_would_make_another_erratum_stand_is_not_written(tmp_path, book):
    """The end of a correction and what follows it can be the book's text of another erratum."""
    (book.write(tmp_path) / MOMENTUM).write_text("的。甲子。乙子。", encoding="utf-8")
    one, two, third = book.entry("the-one", "甲", "第一"), book.entry("the-two", "乙", "其一"), book.entry("the-third", "一子", "x")
    (problem,) = refused(tmp_path, [one, third])
    assert "not to be done only once (the-third)" in problem
    assert refused(tmp_path, [one, two, third]) == [
        f"not to be undone or repeated: afterwards, the-third: stands 2 times in {MOMENTUM}: '一子'"
    ]


def test_hundred_errata_in_one_file(tmp_path, book, way):
    lines = [f"第{number:03}行的错字，\n后面还有" for number in range(100)]
    original = book.files["zh"][MOMENTUM]
    try:
        book.files["zh"][MOMENTUM] = "# 动量法\n\n" + "\n".join(lines) + "\n"
        root = book.write(tmp_path, way)
    finally:
        book.files["zh"][MOMENTUM] = original
    errata = [book.entry(f"line-{n:03}", f"第{n:03}行的错字，\n", f"第{n:03}行，\n" + "改了\n" * (n % 3)) for n in range(100)]
    before = book.bytes(root)
    assert len(patch(root, errata)) == 100
    assert states(root, errata) == {"fixed"}
    patch(root, errata, reverse=True)
    assert book.bytes(root) == before


def test_permissions_are_kept(tmp_path, book):
    path = book.write(tmp_path) / MOMENTUM
    path.chmod(0o640)
    patch(tmp_path, book.errata)
    assert path.stat().st_mode & 0o777 == 0o640


def test_read_only_file_is_a_problem(tmp_path, book):
    """By its mode, so that it is one for root too."""
    path = book.write(tmp_path) / MOMENTUM
    path.chmod(0o444)
    assert refused(tmp_path, book.errata) == [f"{MOMENTUM}: read-only"]


@pytest.mark.parametrize(
    ("action", "reason"), [("vanishes", "No such file or directory"), ("changes", "changed while it was being worked on")]
)
def test_file_that_is_another_than_was_read(tmp_path, book, action, reason):
    todo = plan(open_copy(book.write(tmp_path)), book.errata)
    assert [change.document.name for change in todo.changes] == [MOMENTUM, PANDAS]
    if action == "vanishes":
        (tmp_path / PANDAS).unlink()
    else:
        (tmp_path / PANDAS).write_bytes(b"something else")
    before = book.bytes(tmp_path)
    with pytest.raises(PatchError, match=f"^{PANDAS}: {reason}$"):
        write(todo.changes)
    assert book.bytes(tmp_path) == before


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_half_way_is_taken_back(tmp_path, book, monkeypatch, error):
    todo = plan(open_copy(book.write(tmp_path)), book.errata)
    before, replace, calls = book.bytes(tmp_path), Path.replace, []

    def failing(self, target):
        calls.append(target)
        if len(calls) == 2:
            raise error
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(PatchError if isinstance(error, OSError) else KeyboardInterrupt):
        write(todo.changes)
    assert len(calls) == 3  # the first file, the second, and the first one back
    assert book.bytes(tmp_path) == before


def test_what_cannot_be_taken_back_is_said(tmp_path, book, monkeypatch):
    todo = plan(open_copy(book.write(tmp_path)), book.errata)
    replace, calls = Path.replace, []

    def failing(self, target):
        calls.append(target)
        if len(calls) > 1:
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(PatchError) as caught:
        write(todo.changes)
    assert str(caught.value).splitlines() == [
        f"{PANDAS}: Input/output error",
        f"{MOMENTUM}: replaced, and could not be put back: Input/output error",
    ]
    assert {path.name for path in tmp_path.rglob("*.*")} == {"momentum.md", "pandas.md"}


def test_nothing_is_replaced_where_one_file_cannot_be_staged(tmp_path, book, monkeypatch):
    todo = plan(open_copy(book.write(tmp_path)), book.errata)
    before, mkstemp = book.bytes(tmp_path), tempfile.mkstemp

    def failing(*, prefix, dir):
        if dir.name == "chapter_preliminaries":
            raise PermissionError(13, "Permission denied")
        return mkstemp(prefix=prefix, dir=dir)

    monkeypatch.setattr(patching.tempfile, "mkstemp", failing)
    with pytest.raises(PatchError, match=f"^{PANDAS}: Permission denied$"):
        write(todo.changes)
    assert book.bytes(tmp_path) == before


def test_readers_never_see_half_a_file(tmp_path, book):
    """The file is replaced by another one, not written into."""
    path = book.write(tmp_path) / MOMENTUM
    with path.open("rb") as reader:
        before = path.read_bytes()
        patch(tmp_path, book.errata)
        assert reader.read() == before != path.read_bytes()


@pytest.mark.parametrize("edition", ["zh", "en"])
def test_diff_is_what_git_applies(tmp_path, book, way, edition):
    root = book.write(tmp_path / "copy", way, edition, folder="pytorch" if way == "notebook" else "")
    expected = book.write(tmp_path / "expected", way, edition, folder="pytorch" if way == "notebook" else "")
    patch(expected, book.errata)
    for reverse, target in ((False, book.bytes(expected)), (True, book.bytes(root))):
        content = diff(plan(open_copy(root), book.errata, reverse=reverse).changes)
        apply = ["git", "apply", "--whitespace=nowarn", "-"]
        subprocess.run(apply, cwd=root, input=content, check=True, capture_output=True, env={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
        assert book.bytes(root) == target


def test_only_line_feeds_end_the_lines_of_a_diff(tmp_path, book):
    path = book.write(tmp_path) / MOMENTUM
    path.write_bytes("的\u2028一\x0c二\r三\x85四\n有一句话是多余的。还有一句没有说完。\x1c五\u2029\n".encode())
    content = diff(plan(open_copy(tmp_path), book.errata, ids=["momentum-sentence-dropped"]).changes)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=content, check=True, env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert path.read_bytes() == "的\u2028一\x0c二\r三\x85四\n还有一句没有说完。\x1c五\u2029\n".encode()


def test_diff_of_nothing_is_empty(tmp_path, book):
    assert diff(plan(open_copy(book.write(tmp_path)), []).changes) == b""


# What could go wrong: JSON's and Markdown's own signs, escapes, line endings, surrogate pairs, other line separators.
PIECES = [
    "\n",
    "\r\n",
    "\\",
    "n",
    '"',
    "的",
    "<",
    "\t",
    "`",
    "a",
    "ab",
    "😀",
    "\u2028",
    "\x0c",
    "\\nabla",
    '",\n    "',
    ":begin_tab:`pytorch`\n",
]
texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
short = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.data(), texts, st.sampled_from(["markdown", "crlf", "json", "ascii", "string"]))
def test_reverse_is_the_inverse_of_patch(book, data, text, way):
    """Whatever is not refused is undone to the byte, and done only once."""
    text = f"的的\n{text}的"
    if way == "crlf":
        content = text.replace("\r\n", "\n").replace("\n", "\r\n")
    elif way == "markdown":
        content = text
    else:
        content = book.notebook(text, ensure_ascii=way == "ascii", lines=way != "string")
    bounds = data.draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(1, 20)), min_size=1, max_size=4))
    finds = {text[start : start + length].replace("\r\n", "\n") for start, length in bounds} - {""}
    # Half of them are like nothing else in the text: what is like something else is often refused.
    ends = st.sampled_from(["", "改"])
    replaces = [data.draw(short).replace("\r\n", "\n") + number * data.draw(ends) for number, _ in enumerate(finds, start=1)]
    pairs = [(find, replace) for find, replace in zip(sorted(finds), replaces) if find != replace]
    errata = [book.entry(f"erratum-{number}", *pair) for number, pair in enumerate(pairs)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        path = (root / MOMENTUM).with_suffix(".md" if way in ("markdown", "crlf") else ".ipynb")
        path.parent.mkdir()
        path.write_bytes(content.encode())
        copy = open_copy(root, "zh")
        try:
            backwards = plan(copy, errata, reverse=True).changes
            forwards = plan(copy, errata).changes
        except PatchError:
            return
        if backwards:  # a correction stood there to begin with
            return
        write(forwards)
        patched = path.read_bytes()
        if path.suffix == ".ipynb":
            json.loads(patched.removeprefix(b"\xef\xbb\xbf"))
        assert bool(forwards) == (patched != content.encode())
        assert plan(copy, errata).changes == ()
        write(plan(copy, errata, reverse=True).changes)
        assert path.read_bytes() == content.encode()


def test_changes_are_where_the_text_is_and_nowhere_else(tmp_path, book, way):
    root = book.write(tmp_path, way)
    before = book.bytes(root)
    patch(root, book.errata, ids=["momentum-sign"])
    after = book.bytes(root)
    (name,) = [name for name in before if before[name] != after[name]]
    blocks = difflib.SequenceMatcher(None, before[name], after[name], autojunk=False).get_opcodes()
    assert [(before[name][a:b], after[name][c:d]) for tag, a, b, c, d in blocks if tag != "equal"] == [(b"-", b"+")]
