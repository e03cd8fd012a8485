"""Two-sided evidence: the book's version fails and the corrected version holds, in the same cell.

Three forms, after what the erratum is about:

>>> verdict("momentum-completed-square", book=h_book, fixed=h_fixed, truth=h, at=points)          # a formula
>>> verdict("pandas-mean-text-column", book=lambda: ..., fixed=lambda: ..., raises=TypeError)     # code
>>> verdict("alexnet-heaviest-layer", book=lambda: claim, fixed=lambda: other_claim)              # a statement

Each returns a :class:`Verdict` to display, or raises :class:`VerdictError`, which stops the page and with it the build.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from .registry import erratum

MIME = "application/vnd.d2l-errata.verdict+json"
#: The book's side must miss the truth by this many tolerances: what lies between is no evidence either way.
MARGIN = 1000


class VerdictError(AssertionError):
    """The evidence does not show what an erratum claims; the message says which side, and what was seen."""


@dataclass(frozen=True)
class Verdict:
    """What the two sides were seen to do.

    Attributes:
        id: the erratum.
        form: ``formula``, ``code`` or ``statement``.
        book: what the book's side did (Chinese, without versions, devices or times: the same on every machine).
        fixed: what the corrected side did.
    """

    id: str
    form: str
    book: str
    fixed: str

    def __repr__(self) -> str:
        return f"{self.id}\n  书中 ✗ {self.book}\n  更正 ✓ {self.fixed}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        rows = (("book", "书中", "✗", self.book), ("fixed", "更正", "✓", self.fixed))
        cells = "".join(
            f'<tr class="{side}"><th scope="row">{name}</th><td>{mark} {escape(seen)}</td></tr>' for side, name, mark, seen in rows
        )
        return {
            "text/plain": repr(self),
            "text/html": f'<table class="d2l-verdict"><caption><code>{self.id}</code></caption><tbody>{cells}</tbody></table>',
            MIME: {"id": self.id, "form": self.form, "book": self.book, "fixed": self.fixed},
        }


def verdict(
    id: str,
    *,
    book: Callable[..., Any],
    fixed: Callable[..., Any],
    truth: Callable[..., Any] | None = None,
    at: Iterable[Any] | None = None,
    raises: type[Exception] | None = None,
    tol: float = 1e-9,
) -> Verdict:
    """Show that the book's side of an erratum fails and that the corrected side holds.

    Formula (``truth`` and ``at``): the three callables take a point (a tuple is unpacked into arguments) and return
    a number or a tensor, all of one shape. The gap at a point is ``max|f - truth| / (1 + max|truth|)``.
    ``fixed`` must stay within ``tol`` at every point; ``book`` must miss by more than ``MARGIN * tol`` at one of them.

    Code (``raises``): ``book()`` must raise that exception, with one of the texts that the registry records as
    ``message`` if it records any; ``fixed()`` must run. With a subclass of :class:`Warning`, warnings of that category
    count as raised, on both sides.

    Statement (neither): ``book()`` must return ``False`` and ``fixed()`` ``True``.

    Args:
        id: id of the erratum in the registry.
        book: the book's version.
        fixed: the corrected version.
        truth: what both are measured by, independent of either.
        at: points to compare at, at least one.
        raises: the exception (or warning) that the book's code ends in.
        tol: largest gap, relative to ``1 + max|truth|``, that counts as agreement; for float64.

    Raises:
        UnknownErratum: the id is not in the registry.
        VerdictError: a side did not do what it must, or returned nan.
        TypeError: arguments of two forms are mixed, or a statement did not return a truth value.
    """
    entry = erratum(id)
    if raises is None and truth is None and at is None:
        return _statement(id, book, fixed)
    if raises is None and truth is not None and at is not None:
        return _formula(id, book, fixed, truth, list(at), tol)
    if raises is not None and truth is None and at is None:
        return _code(id, book, fixed, raises, entry.message)
    raise TypeError(f"{id}: give truth and at (a formula), or raises (code), or neither (a statement)")


def _formula(id: str, book: Callable, fixed: Callable, truth: Callable, points: list, tol: float) -> Verdict:
    if not points:
        raise VerdictError(f"{id}: at is empty; a formula needs at least one point to be compared at")
    gaps = {"book": 0.0, "fixed": 0.0}
    for point in points:
        arguments = point if isinstance(point, tuple) else (point,)
        true = _numbers(id, "truth", truth(*arguments), point)
        for side, f in (("book", book), ("fixed", fixed)):
            value = _numbers(id, side, f(*arguments), point)
            if value.shape != true.shape:
                shapes = f"{tuple(value.shape)}, truth has shape {tuple(true.shape)}"
                raise VerdictError(f"{id}: {side} has shape {shapes} at {_show(point)}; they must be equal")
            gap = (value - true).abs().max().item() / (1 + true.abs().max().item())
            gaps[side] = max(gaps[side], gap)
    if not gaps["fixed"] <= tol:
        raise VerdictError(f"{id}: our side fails: it misses the truth by {gaps['fixed']:.2g}, more than {tol:g}")
    if not gaps["book"] > tol:
        raise VerdictError(f"{id}: the book's side holds: not an erratum (largest gap {gaps['book']:.2g}, within {tol:g})")
    if not gaps["book"] > MARGIN * tol:
        raise VerdictError(f"{id}: undecided: the book's side misses by {gaps['book']:.2g} only, within {MARGIN} × {tol:g}")
    return Verdict(id, "formula", f"与真值的最大相对差距 {gaps['book']:.2g}", f"与真值的差距不超过 {tol:g}（{len(points)} 个点）")


def _numbers(id: str, side: str, value: Any, point: Any):
    """The value as a double-precision tensor (complex stays complex); nan is refused."""
    import torch

    value = torch.as_tensor(value).detach().cpu()
    value = value.to(torch.complex128 if value.is_complex() else torch.float64)
    if value.numel() == 0 or value.isnan().any():
        seen = "nan" if value.numel() else "an empty tensor"
        raise VerdictError(f"{id}: {side} is {seen} at {_show(point)}; nothing can be compared there")
    return value


def _show(point: Any) -> str:
    text = " ".join(repr(point).split())
    return text if len(text) <= 80 else text[:79] + "…"


def _code(id: str, book: Callable, fixed: Callable, raises: type[Exception], messages: tuple[str, ...]) -> Verdict:
    try:
        with _warnings_raise(raises):
            book()
    except raises as error:
        text = str(error)
        if messages and not any(message in text for message in messages):
            raise VerdictError(f"{id}: the book's side raises {text!r}; the registry records {messages}") from error
    except Exception as error:
        seen = f"{type(error).__name__}: {error}"
        raise VerdictError(f"{id}: the book's side raises {seen}, not {raises.__name__}") from error
    else:
        raise VerdictError(f"{id}: the book's side holds: not an erratum (expected {raises.__name__}, nothing was raised)")
    try:
        with _warnings_raise(raises):
            fixed()
    except Exception as error:
        raise VerdictError(f"{id}: our side fails: {type(error).__name__}: {error}") from error
    return Verdict(id, "code", f"{'警告' if issubclass(raises, Warning) else '报错'} {raises.__name__}", "正常运行")


@contextlib.contextmanager
def _warnings_raise(category: type[Exception]) -> Iterator[None]:
    """Inside, a warning of this category is an exception; nothing changes where it is no category of warnings."""
    with warnings.catch_warnings():
        if issubclass(category, Warning):
            warnings.simplefilter("error", category)
        yield


def _statement(id: str, book: Callable, fixed: Callable) -> Verdict:
    values = {}
    for side, claim in (("book", book), ("fixed", fixed)):
        value = claim()
        # numpy's and torch's scalars of type bool are truth values too; numbers, lists and nan are not.
        value = value.item() if callable(getattr(value, "item", None)) else value
        if isinstance(value, float) and value != value:
            raise VerdictError(f"{id}: {side} is nan; a statement must be true or false")
        if not isinstance(value, bool):
            raise TypeError(f"{id}: {side} must return a truth value (or use truth= and at=); it returned {_show(value)}")
        values[side] = value
    if not values["fixed"]:
        raise VerdictError(f"{id}: our side fails: its statement is false")
    if values["book"]:
        raise VerdictError(f"{id}: the book's side holds: not an erratum (its statement is true)")
    return Verdict(id, "statement", "不成立", "成立")
