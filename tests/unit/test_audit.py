"""The state of an erratum is what the text of a copy says."""

import pytest
from d2l_errata import audit as auditing
from d2l_errata.audit import audit
from d2l_errata.bookcopy import open_copy
from d2l_errata.registry import Anchor, editions

MOMENTUM = "chapter_optimization/momentum.md"


def states(root, errata):
    return {row.erratum.id: row.state for row in audit(open_copy(root), errata).rows}


@pytest.mark.parametrize("edition", ["zh", "en"])
def test_everything_stands_in_the_book(tmp_path, book, way, edition):
    seen = states(book.write(tmp_path, way, edition), book.errata)
    expected = {entry.id: "standing" for entry in book.errata if edition in entry.editions}
    if edition == "zh":
        expected["pandas-dummies"] = "absent"
    assert seen == expected


def in_text(tmp_path, text, *pairs):
    """States of errata, given as pairs of texts (find, replace), in a Chinese text."""
    path = tmp_path / MOMENTUM
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"的的的的{text}", encoding="utf-8")
    anchors = {str(number): Anchor(MOMENTUM, *pair) for number, pair in enumerate(pairs)}
    document = open_copy(tmp_path).read(MOMENTUM)
    return [reading.state for reading in auditing.read(document, anchors).values()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("old", ["standing"]), ("new", ["fixed"]), ("other", ["moved"]), ("old and new", ["standing"]), ("old, old", ["standing"])],
)
def test_states_of_one(tmp_path, text, expected):
    assert in_text(tmp_path, text, ("old", "new")) == expected


def test_correction_that_keeps_the_books_text_is_not_taken_for_it(tmp_path):
    pair = ("a sentence.", "a sentence. And another.")
    assert in_text(tmp_path, "a sentence.", pair) == ["standing"]
    assert in_text(tmp_path, "a sentence. And another.", pair) == ["fixed"]


def test_correction_that_only_drops_text_is_not_found_in_it(tmp_path):
    pair = ("a gradient descent", "a gradient")
    assert in_text(tmp_path, "a gradient descent", pair) == ["standing"]
    assert in_text(tmp_path, "a gradient", pair) == ["fixed"]
    assert in_text(tmp_path, "a descent", pair) == ["moved"]


def test_book_text_of_one_in_the_correction_of_another_does_not_count(tmp_path):
    pairs = ("vector", "tensor"), ("See above.", "It is a vector indeed.")
    assert in_text(tmp_path, "vector. See above.", *pairs) == ["standing", "standing"]
    assert in_text(tmp_path, "tensor. It is a vector indeed.", *pairs) == ["fixed", "fixed"]
    assert in_text(tmp_path, "vector. It is a vector indeed.", *pairs) == ["standing", "fixed"]
    # The passage was rewritten: that the word stands in what we wrote elsewhere says nothing about it.
    assert in_text(tmp_path, "matrix. It is a vector indeed.", *pairs) == ["moved", "fixed"]


def test_correction_of_one_in_the_book_text_of_another_does_not_count(tmp_path):
    pairs = ("vector", "tensor"), ("It is a tensor indeed.", "See above.")
    assert in_text(tmp_path, "vector. It is a tensor indeed.", *pairs) == ["standing", "standing"]
    assert in_text(tmp_path, "matrix. It is a tensor indeed.", *pairs) == ["moved", "standing"]
    assert in_text(tmp_path, "tensor. See above.", *pairs) == ["fixed", "fixed"]


def test_what_is_corrected_into_the_book_text_of_another(tmp_path):
    pairs = ("one", "two"), ("two", "three")
    assert in_text(tmp_path, "one two", *pairs) == ["standing", "standing"]
    assert in_text(tmp_path, "two three", *pairs) == ["fixed", "fixed"]


def test_correction_within_a_larger_one_counts_where_there_is_no_other(tmp_path):
    pairs = ("bad", "good"), ("all of it bad here", "all of it good here")
    assert in_text(tmp_path, "all of it bad here", *pairs) == ["standing", "standing"]
    assert in_text(tmp_path, "all of it good here", *pairs) == ["fixed", "fixed"]


def test_later_wording_of_the_edition_is_fixed(tmp_path, book):
    path = book.write(tmp_path) / MOMENTUM
    path.write_text(path.read_text("utf-8").replace("有一句话是多余的。", "有一句话是多余的！"), encoding="utf-8")
    anchor = book.errata[2].editions["zh"]
    document = open_copy(tmp_path).read(MOMENTUM)
    for later, expected in (((), "moved"), (("别的", "多余的！"), "fixed"), (("别的",), "moved")):
        assert auditing.read(document, {"id": Anchor(anchor.file, anchor.find, anchor.replace + "。", later)})["id"].state == expected


def test_tab_marks_alone_cannot_be_told_apart_in_a_notebook(tmp_path, book):
    entry = book.entry("momentum-wrong-tab", "#@tab pytorch\ntrainer", "#@tab all\ntrainer")
    assert states(book.write(tmp_path / "a"), [entry]) == {"momentum-wrong-tab": "standing"}
    assert states(book.write(tmp_path / "b", "notebook"), [entry]) == {"momentum-wrong-tab": "moved"}


def test_unreadable_file_is_moved_with_the_reason(tmp_path, book):
    (book.write(tmp_path) / "chapter_preliminaries/pandas.md").write_bytes(b"\xff")
    rows = {row.erratum.id: row for row in audit(open_copy(tmp_path), book.errata).rows}
    assert (rows["pandas-mean"].state, rows["momentum-sign"].state) == ("moved", "standing")
    assert rows["pandas-mean"].note == "chapter_preliminaries/pandas.md: not UTF-8: byte 0xff at offset 0"


def test_rows_say_where_and_how_often(tmp_path, book):
    path = book.write(tmp_path) / MOMENTUM
    path.write_text(path.read_text("utf-8") + "\n{'lr': 0.005,\t\"momentum\"", encoding="utf-8")
    rows = {row.erratum.id: (row.where, row.note) for row in audit(open_copy(tmp_path), book.errata).rows}
    assert rows["momentum-sign"] == (f"{MOMENTUM}:4", "")
    assert rows["momentum-code"] == (f"{MOMENTUM}:26", "stands 2 times")
    assert rows["pandas-dummies"] == ("chapter_preliminaries/lookup-api.md", "")


def test_summary_and_json(tmp_path, book):
    result = audit(open_copy(book.write(tmp_path)), book.errata)
    assert result.count() == {(): {"standing": 8, "fixed": 0, "moved": 0, "absent": 1}}
    groups = list(result.count("chapter", "kind"))
    assert groups == [("2", "drift"), ("11", "code"), ("11", "math"), ("11", "prose"), ("11", "translation")]
    content = result.as_dict()
    assert content["states"] == {"standing": 8, "fixed": 0, "moved": 0, "absent": 1}
    assert content["summary"][0] == {"chapter": "2", "kind": "drift", "standing": 1, "fixed": 0, "moved": 0, "absent": 1}
    assert (content["edition"], content["format"], content["commit"]) == ("zh", "markdown", None)
    assert content["registry"] == {"repository": "d2l-ai/d2l-zh", "commit": editions()["zh"].commit}
    assert [row["id"] for row in content["errata"]] == [entry.id for entry in book.errata if "zh" in entry.editions]
    assert content["not_in_edition"] == ["momentum-sign-en", "momentum-vector-en"]


def test_nothing_to_audit(tmp_path, book):
    result = audit(open_copy(book.write(tmp_path)), [])
    assert result.rows == () and result.as_dict()["states"] == dict.fromkeys(auditing.STATES, 0)
