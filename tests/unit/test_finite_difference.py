"""Central differences against PyTorch's own derivatives, and the order of their error."""

import itertools
import math

import pytest
import torch
from d2l_errata.finite_difference import jacobian
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import jacfwd, jacrev

# Forward mode of some operations goes through torch.jit.script inside PyTorch, which warns that it is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is:FutureWarning")

F64 = torch.float64
shapes = st.lists(st.integers(1, 3), max_size=3).map(tuple)
sampled = settings(deadline=None, max_examples=40)


def close(a, b, tol=1e-8):
    torch.testing.assert_close(a, b, rtol=tol, atol=tol)


def smooth(y_shape, x_shape, seed):
    """A smooth function R^x_shape -> R^y_shape all of whose partial derivatives differ from 0, and a point."""
    g = torch.Generator().manual_seed(seed)
    weight = torch.randn((*y_shape, *x_shape), generator=g, dtype=F64)
    x = torch.randn(x_shape, generator=g, dtype=F64)
    axes = tuple(range(len(y_shape), len(y_shape) + len(x_shape)))

    def f(x):
        product = weight * x
        return torch.sin(product.sum(dim=axes) if axes else product) + (x**2).sum()

    return f, x


@given(shapes, shapes, st.integers(0, 2**31))
@sampled
def test_agrees_with_reverse_and_forward_mode(y_shape, x_shape, seed):
    f, x = smooth(y_shape, x_shape, seed)
    got = jacobian(f, x)
    assert got.shape == y_shape + x_shape and got.dtype == F64
    close(got, jacrev(f)(x))
    close(got, jacfwd(f)(x))


@given(shapes, shapes, st.integers(0, 2**31))
@sampled
def test_one_call_and_many_calls_agree(y_shape, x_shape, seed):
    f, x = smooth(y_shape, x_shape, seed)
    close(jacobian(f, x, batched=False), jacobian(f, x), tol=1e-9)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (torch.linalg.inv, torch.tensor([[2.0, 1.0], [-1.0, 3.0]])),
        (lambda x: torch.linalg.slogdet(x).logabsdet, torch.tensor([[2.0, 1.0], [-1.0, 3.0]])),
        (lambda x: x @ x.mT, torch.arange(6.0).reshape(2, 3)),
        (torch.exp, torch.tensor([-30.0, 0.0, 3.0])),
        (lambda x: x.cumsum(0), torch.arange(4.0)),
    ],
    ids=["inverse", "log det", "gram", "exp", "cumsum"],
)
def test_known_functions(f, x):
    x = x.to(F64)
    close(jacobian(f, x), jacrev(f)(x))


def test_numerator_layout_is_not_its_transpose():
    a = torch.arange(6, dtype=F64).reshape(2, 3)
    x = torch.ones(3, dtype=F64)
    close(jacobian(lambda x: a @ x, x), a)
    close(jacobian(lambda x: a.T @ x, torch.ones(2, dtype=F64)), a.T)


@pytest.mark.parametrize("x", [0.3, -1.7, 2.0])
def test_error_is_of_second_order(x):
    x = torch.tensor(x, dtype=F64)
    errors = [abs(jacobian(torch.exp, x, step=h).item() - math.exp(x)) for h in (2e-2, 1e-2, 5e-3)]
    for coarse, fine in itertools.pairwise(errors):
        assert coarse / fine == pytest.approx(4, rel=1e-3)
    # leading term h² / 6 · f'''(x)
    assert errors[-1] == pytest.approx(5e-3**2 / 6 * math.exp(x), rel=1e-4)


def test_exact_for_quadratics_up_to_rounding():
    x = torch.tensor([1.0, -2.0, 0.5], dtype=F64)
    close(jacobian(lambda x: (x**2).sum(), x, step=0.5), 2 * x, tol=1e-14)


def test_kinks_give_the_mean_of_the_one_sided_slopes():
    zero = torch.tensor(0.0, dtype=F64)
    assert jacobian(torch.abs, zero).item() == 0
    assert jacobian(torch.relu, zero).item() == pytest.approx(0.5)


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e8, 1e150])
def test_default_step_follows_the_size_of_x(size):
    x = torch.tensor([size, -size], dtype=F64)
    f = lambda x: x * 3  # noqa: E731
    close(jacobian(f, x), 3 * torch.eye(2, dtype=F64), tol=1e-6)


def test_functions_that_vmap_refuses():
    def branches(x):
        return x**3 if x.sum() > 0 else -x

    x = torch.tensor([1.0, 2.0], dtype=F64)
    with pytest.raises(RuntimeError):
        jacobian(branches, x)
    close(jacobian(branches, x, batched=False), torch.diag(3 * x**2))


def test_input_is_left_alone():
    x = torch.tensor([1.0, 2.0], dtype=F64, requires_grad=True)
    got = jacobian(lambda x: x.mul_(2), x)
    assert x.tolist() == [1.0, 2.0] and x.grad is None and not got.requires_grad
    close(got, 2 * torch.eye(2, dtype=F64))


def test_not_contiguous():
    x = torch.arange(6, dtype=F64).reshape(2, 3).T
    close(jacobian(lambda x: x**2 / 2, x), jacrev(lambda x: x**2 / 2)(x))


def test_empty():
    assert jacobian(lambda x: x.sum(), torch.zeros(0, 2, dtype=F64)).shape == (0, 2)
    assert jacobian(lambda x: x[:, :0], torch.zeros(2, 2, dtype=F64)).shape == (2, 0, 2, 2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_single_and_half_precision(dtype):
    x = torch.tensor([0.5, 1.0], dtype=dtype)
    got = jacobian(torch.sin, x)
    assert got.dtype == dtype
    tol = 20 * torch.finfo(dtype).eps ** (2 / 3)
    torch.testing.assert_close(got, torch.diag(torch.cos(x)), rtol=tol, atol=tol)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex128])
def test_refuses_what_is_not_real_and_floating(dtype):
    with pytest.raises(TypeError, match=f"x must be of a real floating-point type.*{dtype}"):
        jacobian(lambda x: x, torch.ones(2).to(dtype))
    with pytest.raises(TypeError, match=rf"f\(x\) must be of a real floating-point type.*{dtype}"):
        jacobian(lambda x: x.to(dtype), torch.ones(2))


def test_refuses_what_is_not_a_tensor():
    with pytest.raises(TypeError, match="x must be a tensor; got float"):
        jacobian(lambda x: x, 1.0)
    with pytest.raises(TypeError, match=r"f\(x\) must be a tensor; got float"):
        jacobian(lambda x: x.item(), torch.tensor(1.0))


@pytest.mark.parametrize("step", [0.0, -1e-3, math.inf, math.nan])
def test_refuses_impossible_steps(step):
    with pytest.raises(ValueError, match="positive finite"):
        jacobian(torch.sin, torch.ones(2), step=step)


def test_refuses_steps_that_vanish():
    with pytest.raises(ValueError, match="too small"):
        jacobian(torch.sin, torch.tensor([0.0, 1e8], dtype=F64), step=1e-10)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_refuses_points_that_are_not_finite(bad):
    with pytest.raises(ValueError, match="finite"):
        jacobian(torch.sin, torch.tensor([0.0, bad]))
