"""Least squares of every rank against its defining properties, and the learning rate limit against gradient descent."""

import doctest

import pytest
import torch
from d2l_errata import regression
from d2l_errata.finite_difference import jacobian
from d2l_errata.regression import hessian, least_squares, stability_limit, synthetic_data
from hypothesis import given, settings
from hypothesis import strategies as st

F64 = torch.float64
sampled = settings(deadline=None, max_examples=40)
sizes = st.integers(1, 6)
seeds = st.integers(0, 2**31)


def close(a, b, tol=1e-8):
    torch.testing.assert_close(a, b, rtol=tol, atol=tol)


def of_rank(n, d, rank, seed):
    """An (n, d) matrix with that many singular values between 1 and 2, the others 0; and targets."""
    g = torch.Generator().manual_seed(seed)
    U = torch.linalg.qr(torch.randn(n, rank, generator=g, dtype=F64))[0]
    V = torch.linalg.qr(torch.randn(d, rank, generator=g, dtype=F64))[0]
    S = 1 + torch.rand(rank, generator=g, dtype=F64)
    return U * S @ V.T, torch.randn(n, generator=g, dtype=F64)


@st.composite
def problems(draw):
    n, d = draw(sizes), draw(sizes)
    return of_rank(n, d, draw(st.integers(1, min(n, d))), draw(seeds))


def test_docstring():
    assert doctest.testmod(regression).attempted > 2
    assert not doctest.testmod(regression).failed


@given(problems())
@sampled
def test_minimiser_of_smallest_norm(problem):
    X, y = problem
    w = least_squares(X, y)
    assert w.shape == X.shape[1:] and w.dtype == F64
    close(X.T @ (X @ w - y), torch.zeros_like(w))  # a minimiser
    null = torch.eye(X.shape[1], dtype=F64) - torch.linalg.pinv(X) @ X
    close(null @ w, torch.zeros_like(w))  # orthogonal to the null space, so the shortest
    close(w, torch.linalg.lstsq(X, y[:, None], driver="gelsd", rcond=1e-10).solution[:, 0])


@given(sizes, sizes, seeds)
@sampled
def test_full_column_rank_is_the_books_formula(n, d, seed):
    X, y = of_rank(n + d, d, d, seed)
    close(least_squares(X, y), torch.linalg.solve(X.T @ X, X.T @ y))


@given(problems(), st.integers(1, 3))
@sampled
def test_columns_of_y_are_separate_problems(problem, k):
    X, y = problem
    Y = torch.stack([y * (j + 1) + j for j in range(k)], dim=1)
    close(least_squares(X, Y), torch.stack([least_squares(X, column) for column in Y.T], dim=1))


@given(sizes, sizes, seeds)
@sampled
def test_gradient(n, d, seed):
    X, y = of_rank(n, d, min(n, d), seed)
    got = torch.autograd.functional.jacobian(least_squares, (X, y))
    close(got[0], jacobian(lambda X: least_squares(X, y), X), tol=1e-6)
    close(got[1], torch.linalg.pinv(X))


@given(problems(), seeds)
@sampled
def test_hessian_is_autograds(problem, seed):
    X, y = problem
    w = torch.randn(X.shape[1], generator=torch.Generator().manual_seed(seed), dtype=F64)
    close(hessian(X), torch.autograd.functional.hessian(lambda w: ((X @ w - y) ** 2 / 2).mean(), w))


@given(problems(), st.booleans())
@sampled
def test_limit_separates_convergence_from_divergence(problem, above):
    """From every start below the limit the gradient vanishes; above it, it grows from a start with a steepest part."""
    X, y = problem
    rate = stability_limit(X) * (1.02 if above else 0.98)
    w = torch.linalg.svd(X)[2][0] + least_squares(X, y)  # off the minimiser along the direction of largest curvature
    gradient = lambda w: X.T @ (X @ w - y) / len(X)  # noqa: E731
    first = gradient(w).norm()
    for _ in range(200):
        w = w - rate * gradient(w)
    assert gradient(w).norm() > 10 * first if above else gradient(w).norm() < 0.1 * first


def test_limit_without_curvature():
    assert stability_limit(torch.zeros(3, 2)) == float("inf")


@given(sizes, st.integers(0, 6), seeds, st.sampled_from([torch.float32, F64]))
@sampled
def test_data_without_noise_fit_exactly(d, n, seed, dtype):
    w = torch.arange(1, d + 1, dtype=dtype)
    X, y = synthetic_data(w, -0.5, n, sigma=0.0, generator=torch.Generator().manual_seed(seed))
    assert X.shape == (n, d) and y.shape == (n, 1) and X.dtype == y.dtype == dtype
    close(y[:, 0], X @ w - 0.5, tol=1e-5)


def test_data_have_the_moments_they_should():
    n, sigma = 40_000, 0.3
    X, y = synthetic_data([2, -1], 1.0, n, sigma, generator=torch.Generator().manual_seed(1))
    assert X.mean(0).abs().max() < 4 / n**0.5
    close(torch.cov(X.T), torch.eye(2), tol=0.03)
    noise = y[:, 0] - X @ torch.tensor([2.0, -1.0]) - 1
    assert abs(noise.mean()) < 4 * sigma / n**0.5 and abs(noise.std() / sigma - 1) < 0.02
    again = synthetic_data([2, -1], 1.0, n, sigma, generator=torch.Generator().manual_seed(1))
    assert torch.equal(X, again[0]) and torch.equal(y, again[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: least_squares(torch.ones(3), torch.ones(3)), r"X must be a matrix.*got shape \(3,\)"),
        (lambda: least_squares(torch.ones(3, 2), torch.ones(4)), r"the 3 rows of X.*got shape \(4,\)"),
        (lambda: least_squares(torch.ones(3, 2), torch.ones(3, 1, 1)), r"vector or a matrix; got shape \(3, 1, 1\)"),
        (lambda: hessian(torch.ones(0, 2)), "at least one row"),
        (lambda: stability_limit(torch.ones(2)), r"X must be a matrix.*got shape \(2,\)"),
        (lambda: synthetic_data(torch.ones(2, 1), 0.0, 5, generator=torch.Generator()), r"w must be a vector.*\(2, 1\)"),
        (lambda: synthetic_data([1.0], 0.0, 5, -1.0, generator=torch.Generator()), "must not be negative; got -1.0"),
    ],
)
def test_errors_say_what_was_seen(call, message):
    with pytest.raises(ValueError, match=message):
        call()
