"""Verdicts: each form passes where it should, and each failure is seen to happen."""

import math
import warnings

import numpy as np
import pytest
import torch
from d2l_errata import verdict as module
from d2l_errata.registry import Anchor, Erratum, UnknownErratum
from d2l_errata.verdict import MARGIN, MIME, VerdictError, verdict
from hypothesis import given
from hypothesis import strategies as st

ID = "momentum-example"


@pytest.fixture(autouse=True)
def one_entry(monkeypatch):
    """A registry with one entry, whose message a test may set."""
    fields = dict.fromkeys(("added", "where", "title", "kind", "severity", "book", "fixed", "evidence"), "x")
    entries = {ID: Erratum(id=ID, section="11.6", editions={"zh": Anchor("a.md", "a", "b")}, message=("too big",), **fields)}

    def look_up(id):
        if id not in entries:
            raise UnknownErratum(id)
        return entries[id]

    monkeypatch.setattr(module, "erratum", look_up)


def square(x):
    return x * x


def formula(**sides):
    return verdict(ID, **{"book": lambda x: 2 * x, "fixed": square, "truth": square, "at": [1.0, 2.0, 3.0], **sides})


def test_formula():
    seen = formula()
    assert (seen.id, seen.form) == (ID, "formula")
    # The gap is largest at 1: |2 - 1| / (1 + 1).
    assert "0.5" in seen.book and "3 个点" in seen.fixed


def test_formula_with_tensors_and_tuples():
    points = [(torch.ones(2, 3), torch.tensor([1.0, 2.0, 3.0])), (torch.zeros(2, 3), torch.ones(3))]
    seen = verdict(ID, book=lambda a, b: a @ b + 1, fixed=lambda a, b: a @ b, truth=lambda a, b: (a * b).sum(-1), at=points)
    assert seen.form == "formula"


def test_complex_values_are_compared_as_such():
    with pytest.raises(VerdictError, match="our side fails"):
        formula(fixed=lambda x: complex(x * x, 1e-3))


def test_book_holds():
    with pytest.raises(VerdictError, match="the book's side holds: not an erratum"):
        formula(book=square)


def test_book_holds_within_rounding():
    with pytest.raises(VerdictError, match="the book's side holds"):
        formula(book=lambda x: x * x * (1 + 1e-12))


def test_between_is_undecided():
    with pytest.raises(VerdictError, match="undecided"):
        formula(book=lambda x: x * x + 10 * 1e-9, at=[0.0])


@given(st.floats(1e-12, 1e-3))
def test_fixed_must_stay_within_tol(error):
    fits = error / 1 <= 1e-9
    if fits:
        formula(fixed=lambda x: error, truth=lambda x: 0.0, at=[1.0])
    else:
        with pytest.raises(VerdictError, match="our side fails: it misses the truth by"):
            formula(fixed=lambda x: error, truth=lambda x: 0.0, at=[1.0])


@given(st.floats(1e-12, 1e-3))
def test_book_must_miss_by_the_margin(error):
    if error > MARGIN * 1e-9:
        formula(book=lambda x: error, fixed=lambda x: 0.0, truth=lambda x: 0.0, at=[1.0])
    else:
        with pytest.raises(VerdictError, match=r"not an erratum|undecided"):
            formula(book=lambda x: error, fixed=lambda x: 0.0, truth=lambda x: 0.0, at=[1.0])


def test_fixed_fails_at_one_point_of_many():
    with pytest.raises(VerdictError, match="our side fails"):
        formula(fixed=lambda x: x * x if x < 3 else 0.0)


@pytest.mark.parametrize("side", ["book", "fixed", "truth"])
def test_nan_is_refused(side):
    with pytest.raises(VerdictError, match=f"{side} is nan at 1.0"):
        formula(**{side: lambda x: math.nan})


@pytest.mark.parametrize("side", ["book", "fixed"])
def test_nan_in_a_statement_is_refused(side):
    with pytest.raises(VerdictError, match=f"{side} is nan"):
        verdict(ID, **{"book": lambda: False, "fixed": lambda: True, side: lambda: math.nan})


def test_infinite_book_is_wrong_infinite_truth_is_refused():
    formula(book=lambda x: math.inf)
    with pytest.raises(VerdictError):
        formula(truth=lambda x: math.inf, fixed=lambda x: math.inf)


def test_shapes_must_agree():
    with pytest.raises(VerdictError, match=r"book has shape \(2,\), truth has shape \(\) at 1.0"):
        formula(book=lambda x: torch.ones(2))


def test_empty_comparisons_are_refused():
    with pytest.raises(VerdictError, match="at least one point"):
        formula(at=[])
    with pytest.raises(VerdictError, match="an empty tensor"):
        formula(book=lambda x: torch.ones(0))


def too_big():
    raise ValueError("the value is too big: 7")


def test_code():
    seen = verdict(ID, book=too_big, fixed=lambda: None, raises=ValueError)
    assert (seen.form, seen.book) == ("code", "报错 ValueError")


def test_code_that_runs_is_no_erratum():
    with pytest.raises(VerdictError, match="the book's side holds: not an erratum"):
        verdict(ID, book=lambda: None, fixed=lambda: None, raises=ValueError)


def test_code_that_raises_something_else():
    with pytest.raises(VerdictError, match="raises ValueError: the value is too big: 7, not TypeError"):
        verdict(ID, book=too_big, fixed=lambda: None, raises=TypeError)


def test_code_whose_message_is_not_the_registrys():
    with pytest.raises(VerdictError, match="registry records"):
        verdict(ID, book=lambda: int("x"), fixed=lambda: None, raises=ValueError)


def test_our_code_fails():
    with pytest.raises(VerdictError, match="our side fails: ZeroDivisionError"):
        verdict(ID, book=too_big, fixed=lambda: 1 / 0, raises=ValueError)


def warn():
    warnings.warn("this is too big", FutureWarning, stacklevel=1)


def test_warnings_count_on_both_sides():
    assert verdict(ID, book=warn, fixed=lambda: None, raises=FutureWarning).book == "警告 FutureWarning"
    with pytest.raises(VerdictError, match="our side fails: FutureWarning"):
        verdict(ID, book=warn, fixed=warn, raises=FutureWarning)
    with pytest.raises(VerdictError, match="not an erratum"):
        verdict(ID, book=lambda: None, fixed=lambda: None, raises=FutureWarning)


@pytest.mark.parametrize("false", [False, np.False_, torch.tensor(False)])
def test_statement(false):
    assert verdict(ID, book=lambda: false, fixed=lambda: True).form == "statement"


def test_statements_that_prove_nothing():
    with pytest.raises(VerdictError, match="the book's side holds"):
        verdict(ID, book=lambda: True, fixed=lambda: True)
    with pytest.raises(VerdictError, match="our side fails: its statement is false"):
        verdict(ID, book=lambda: False, fixed=lambda: False)


@pytest.mark.parametrize("value", [0, None, "", [], 0.5])
def test_statements_must_be_truth_values(value):
    with pytest.raises(TypeError, match="book must return a truth value"):
        verdict(ID, book=lambda: value, fixed=lambda: True)


@pytest.mark.parametrize("extra", [{"truth": square}, {"at": [1]}, {"raises": ValueError, "at": [1]}])
def test_forms_are_not_mixed(extra):
    with pytest.raises(TypeError, match=f"{ID}: give truth and at"):
        verdict(ID, book=square, fixed=square, **extra)


def test_unknown_id():
    with pytest.raises(UnknownErratum):
        verdict("momentum-unknown", book=lambda: False, fixed=lambda: True)


def test_display():
    data = formula()._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", MIME}
    assert data[MIME]["id"] == ID
    for text in (data["text/plain"], data["text/html"]):
        assert ID in text and "✗" in text and "✓" in text and data[MIME]["book"] in text
