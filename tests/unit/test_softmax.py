"""Softmax and its relatives against PyTorch: values, first and second derivatives, infinite logits, error messages."""

from __future__ import annotations

import doctest
import math

import pytest
import torch
import torch.nn.functional as F
from d2l_errata import finite_difference, softmax
from d2l_errata.softmax import cross_entropy, log_softmax, logsumexp, softmax_jacobian
from hypothesis import given, settings
from hypothesis import strategies as st

INF = math.inf
FUNCTIONS = {
    "softmax": (softmax.softmax, torch.softmax),
    "log_softmax": (log_softmax, torch.log_softmax),
    "logsumexp": (logsumexp, torch.logsumexp),
}
names = pytest.mark.parametrize("name", FUNCTIONS)


@st.composite
def logits(draw, min_dim=1, scale=1000.0):
    """A float64 tensor of 1 to 4 axes of length 1 to 4, with entries of very different size."""
    shape = draw(st.lists(st.integers(1, 4), min_size=min_dim, max_size=4))
    number = st.floats(-scale, scale, allow_subnormal=False)
    entries = draw(st.lists(number, min_size=math.prod(shape), max_size=math.prod(shape)))
    return torch.tensor(entries, dtype=torch.float64).reshape(shape)


def value_and_gradients(f, x):
    """The value, the gradient of a weighted sum of it, and the gradient of a weighted sum of that."""
    x = x.clone().requires_grad_()
    value = f(x)
    weights = torch.linspace(-1, 2, value.numel(), dtype=x.dtype).reshape(value.shape)
    (first,) = torch.autograd.grad((weights * value).sum(), x, create_graph=True)
    weights = torch.linspace(2, -1, x.numel(), dtype=x.dtype).reshape(x.shape)
    (second,) = torch.autograd.grad((weights * first).sum(), x, allow_unused=True, materialize_grads=True)
    return value.detach(), first.detach(), second


def same(ours, theirs, x, **tolerance):
    for seen, want in zip(value_and_gradients(ours, x), value_and_gradients(theirs, x)):
        torch.testing.assert_close(seen, want, equal_nan=True, **tolerance)


@names
@settings(deadline=None, max_examples=60)
@given(x=logits(), data=st.data())
def test_values_and_derivatives(name, x, data):
    ours, theirs = FUNCTIONS[name]
    dim = data.draw(st.integers(-x.dim(), x.dim() - 1))
    same(lambda x: ours(x, dim), lambda x: theirs(x, dim), x, rtol=1e-9, atol=1e-9)
    assert ours(x).equal(ours(x, -1))


@names
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_no_overflow_in_any_type(name, dtype):
    """Up to the largest numbers of the type; the naive formula gives nan or inf at the first of these already."""
    ours, theirs = FUNCTIONS[name]
    largest = torch.finfo(dtype).max
    for row in ([1000, 999, 0], [-1000, -1001, -2000], [largest, largest / 2, 0], [-largest, -largest, -largest / 2]):
        x = torch.tensor(row, dtype=dtype)
        seen, want = ours(x), theirs(x, dim=-1)
        assert seen.dtype == dtype and not seen.isnan().any()
        torch.testing.assert_close(seen, want)


@names
@pytest.mark.parametrize("row", [[INF, 0], [-INF, -INF], [-INF, 0], [INF, INF], [INF, -INF], [-INF, 1, -INF, 2]])
def test_infinite_logits(name, row):
    ours, theirs = FUNCTIONS[name]
    x = torch.tensor(row)
    same(ours, lambda x: theirs(x, dim=-1), x)
    torch.testing.assert_close(ours(x), theirs(x, dim=-1), equal_nan=True)


def test_log_softmax_keeps_the_digits_of_a_small_result():
    x = torch.tensor([1e6, 1e6 - 4])
    want = torch.log_softmax(x.double(), -1)
    torch.testing.assert_close(log_softmax(x).double(), want, rtol=1e-5, atol=0)
    assert ((x - logsumexp(x)).double() / want - 1).abs().max() > 0.5  # the shortcut does not


@settings(deadline=None, max_examples=60)
@given(x=logits(scale=50.0), shift=st.floats(-100, 100))
def test_shift_invariance(x, shift):
    torch.testing.assert_close(softmax.softmax(x + shift), softmax.softmax(x))
    torch.testing.assert_close(logsumexp(x + shift), logsumexp(x) + shift)


@settings(deadline=None, max_examples=60)
@given(x=logits(scale=20.0))
def test_jacobian(x):
    seen = softmax_jacobian(x)
    assert seen.shape == (*x.shape, x.shape[-1])
    flat = x.reshape(-1, x.shape[-1])
    want = torch.stack([torch.autograd.functional.jacobian(lambda o: torch.softmax(o, -1), o) for o in flat])
    torch.testing.assert_close(seen, want.reshape(seen.shape))
    for o, matrix in zip(flat, seen.reshape(want.shape)):
        torch.testing.assert_close(matrix, finite_difference.jacobian(softmax.softmax, o), rtol=1e-7, atol=1e-8)
        torch.testing.assert_close(matrix, torch.autograd.functional.hessian(lambda o: torch.logsumexp(o, -1), o))


@settings(deadline=None, max_examples=80)
@given(
    x=logits(scale=100.0),
    reduction=st.sampled_from(["mean", "sum", "none"]),
    label_smoothing=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    probabilities=st.booleans(),
    seed=st.integers(0, 99),
)
def test_cross_entropy(x, reduction, label_smoothing, probabilities, seed):
    generator = torch.Generator().manual_seed(seed)
    dim = min(1, x.dim() - 1)
    if probabilities:
        y = torch.rand(x.shape, generator=generator, dtype=x.dtype).softmax(dim)
    else:
        y = torch.randint(x.shape[dim], (*x.shape[:dim], *x.shape[dim + 1 :]), generator=generator)
    arguments = {"reduction": reduction, "label_smoothing": label_smoothing}
    same(lambda x: cross_entropy(x, y, **arguments), lambda x: F.cross_entropy(x, y, **arguments), x, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=40)
@given(x=logits(min_dim=2, scale=20.0), seed=st.integers(0, 99))
def test_cross_entropy_gradient_with_respect_to_the_probabilities(x, seed):
    y = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed), dtype=x.dtype).softmax(1)
    if seed % 2:
        y = torch.zeros_like(y).scatter(1, y.argmax(1, keepdim=True), 1)  # classes of probability 0 have a gradient too
    y.requires_grad_()
    seen, want = (torch.autograd.grad(loss(x, y), y)[0] for loss in (cross_entropy, F.cross_entropy))
    torch.testing.assert_close(seen, want)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_any_integer_type_for_classes(dtype):
    x, y = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 1.0]]), torch.tensor([2, 0])
    torch.testing.assert_close(cross_entropy(x, y.to(dtype)), F.cross_entropy(x, y))


def test_the_type_of_the_logits_is_kept():
    x, y = torch.zeros(2, 3, dtype=torch.float16), torch.full((2, 3), 1 / 3)
    assert cross_entropy(x, y).dtype == cross_entropy(x, torch.tensor([0, 1])).dtype == torch.float16


def test_cross_entropy_with_infinite_logits():
    x = torch.tensor([[0.0, -INF], [-INF, 0.0]])
    classes = torch.tensor([0, 0])
    same(lambda x: cross_entropy(x, classes, reduction="none"), lambda x: F.cross_entropy(x, classes, reduction="none"), x)
    same(lambda x: cross_entropy(x, classes, label_smoothing=0.1), lambda x: F.cross_entropy(x, classes, label_smoothing=0.1), x)
    # a class of probability 0 may have the logit -inf: 0 log 0 = 0, where PyTorch says nan
    y = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    value, gradient, _ = value_and_gradients(lambda x: cross_entropy(x, y), x)
    assert value == 0 and gradient.equal(torch.zeros(2, 2))
    assert F.cross_entropy(x, y).isnan()


def test_through_vmap():
    x = torch.arange(12.0).reshape(2, 2, 3) ** 2 / 7
    y = torch.tensor([2, 0])
    torch.testing.assert_close(torch.vmap(lambda o: cross_entropy(o, y))(x), torch.stack([F.cross_entropy(o, y) for o in x]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: softmax.softmax([1.0]), TypeError, "must be a tensor; got list"),
        (lambda: softmax.softmax(torch.arange(3)), TypeError, "floating-point type such as torch.float32; got torch.int64"),
        (lambda: logsumexp(torch.zeros(2, 0)), ValueError, r"entries along dim -1; it has shape \(2, 0\)"),
        (lambda: log_softmax(torch.zeros(0, 2), 0), ValueError, r"entries along dim 0; it has shape \(0, 2\)"),
        (lambda: softmax_jacobian(torch.zeros(2, 0)), ValueError, "entries along dim -1"),
        (lambda: softmax.softmax(torch.zeros(2), 1), IndexError, "out of range"),
        (lambda: cross_entropy(torch.zeros(2, 3), torch.tensor([0, 3])), ValueError, "classes from 0 to 2; it has 3"),
        (lambda: cross_entropy(torch.zeros(2, 3), torch.tensor([0, -1])), ValueError, "classes from 0 to 2; it has -1"),
        (lambda: cross_entropy(torch.zeros(2, 3), torch.zeros(2, 1, dtype=int)), ValueError, r"\(2, 1\).*must have.*\(2,\)"),
        (lambda: cross_entropy(torch.zeros(2, 3), torch.zeros(2)), ValueError, r"\(2,\).*\(2, 3\); classes must be integers"),
        (lambda: cross_entropy(torch.zeros(2, 3), torch.ones(2, 3)), ValueError, "1 in sum along dim 1; it has a sum of 3"),
        (lambda: cross_entropy(torch.zeros(2), torch.tensor([2.0, -1.0])), ValueError, "nonnegative.*an entry -1"),
        (lambda: cross_entropy(torch.zeros(2, 3), torch.zeros(2, dtype=bool)), TypeError, "got torch.bool"),
        (lambda: cross_entropy(torch.zeros(2, 3), [0, 1]), TypeError, "got list"),
        (lambda: cross_entropy(torch.tensor(1.0), torch.tensor(0)), ValueError, "axis of classes"),
        (lambda: cross_entropy(torch.zeros(2, 0), torch.tensor([0, 0])), ValueError, r"entries along dim 1; it has shape \(2, 0\)"),
        (lambda: cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1]), reduction="max"), ValueError, "got 'max'"),
        (lambda: cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1]), label_smoothing=1.1), ValueError, "0 to 1; got 1.1"),
        (lambda: cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1]), label_smoothing=math.nan), ValueError, "0 to 1; got nan"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_examples_in_the_docstrings():
    result = doctest.testmod(softmax)
    assert result.attempted >= 4 and result.failed == 0
