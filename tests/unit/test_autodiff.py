"""The teaching autodiff against PyTorch: value and gradient of random programs, and the costs that the page quotes."""

from __future__ import annotations

import doctest
import math
from itertools import pairwise

import pytest
import torch
from d2l_errata import autodiff as ad
from d2l_errata.autodiff import Dual, Node, counted, gradient, hessian_vector, jacobian_forward, jacobian_reverse
from hypothesis import given, settings
from hypothesis import strategies as st

# An operation: (number of arguments, on this module's numbers, on tensors). All are smooth and bounded on bounded input,
# so that random compositions neither overflow nor divide by zero.
OPERATIONS = {
    "add": (2, lambda u, v: u + v, lambda u, v: u + v),
    "sub": (2, lambda u, v: u - v, lambda u, v: u - v),
    "radd": (1, lambda u: 3 + u, lambda u: 3 + u),
    "rsub": (1, lambda u: 1.5 - u, lambda u: 1.5 - u),
    "mul": (2, lambda u, v: u * ad.tanh(v), lambda u, v: u * torch.tanh(v)),
    "rmul": (1, lambda u: 0.5 * u, lambda u: 0.5 * u),
    "div": (2, lambda u, v: u / (1 + v * v), lambda u, v: u / (1 + v * v)),
    "rdiv": (1, lambda u: 2 / (1 + u**2), lambda u: 2 / (1 + u**2)),
    "neg": (1, lambda u: -u, lambda u: -u),
    "exp": (1, lambda u: ad.exp(-u * u), lambda u: torch.exp(-u * u)),
    "log": (1, lambda u: ad.log(1 + u**2), lambda u: torch.log(1 + u**2)),
    "sin": (1, ad.sin, torch.sin),
    "cos": (1, ad.cos, torch.cos),
    "tanh": (1, ad.tanh, torch.tanh),
    "sqrt": (1, lambda u: (1 + u * u) ** 0.5, lambda u: (1 + u * u) ** 0.5),
    "cube": (1, lambda u: ad.tanh(u) ** 3, lambda u: torch.tanh(u) ** 3),
}
number = st.floats(-2, 2, allow_subnormal=False)


@st.composite
def programs(draw):
    """(inputs, steps): each step names an operation and which earlier results it takes."""
    x = draw(st.lists(number, min_size=1, max_size=4))
    steps = []
    for size in range(len(x), len(x) + draw(st.integers(1, 12))):
        name = draw(st.sampled_from(sorted(OPERATIONS)))
        steps.append((name, [draw(st.integers(0, size - 1)) for _ in range(OPERATIONS[name][0])]))
    return x, steps


def run(steps, x, which):
    """All results of a program on ``x``; ``which`` is 1 for this module's numbers, 2 for tensors."""
    results = list(x)
    for name, arguments in steps:
        results.append(OPERATIONS[name][which](*(results[i] for i in arguments)))
    return results


def close(seen, want):
    torch.testing.assert_close(torch.tensor(seen, dtype=torch.float64), want, rtol=1e-9, atol=1e-9)


def torch_jacobian(f, x):
    return torch.autograd.functional.jacobian(f, torch.tensor(x, dtype=torch.float64))


@settings(deadline=None, max_examples=150)
@given(programs())
def test_value_and_jacobian_of_random_programs(program):
    x, steps = program

    def f(u):
        return run(steps, u, 1)[-3:]

    def g(u):
        return torch.stack(run(steps, u.unbind(), 2)[-3:])

    want = torch_jacobian(g, x)
    values = g(torch.tensor(x, dtype=torch.float64))
    close([v.value for v in f([Node(a) for a in x])], values)
    close([v.value for v in f([Dual(a) for a in x])], values)
    close(f(x), values)
    close(jacobian_forward(f, x), want)
    close(jacobian_reverse(f, x), want)


@settings(deadline=None, max_examples=75)
@given(programs(), st.lists(number, min_size=4, max_size=4))
def test_hessian_vector_product_of_random_programs(program, direction):
    x, steps = program
    v = direction[: len(x)]
    hessian = torch.autograd.functional.hessian(lambda u: run(steps, u.unbind(), 2)[-1], torch.tensor(x, dtype=torch.float64))
    close(hessian_vector(lambda u: run(steps, u, 1)[-1], x, v), hessian @ torch.tensor(v, dtype=torch.float64))


@pytest.mark.parametrize("p", [0, 1, 2, -1, 0.5, -1.5, 3.0])
def test_power(p):
    x = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    (x**p).backward()
    assert gradient(lambda u: u[0] ** p, [1.7]) == pytest.approx([x.grad.item()])
    assert (Dual(1.7, 1.0) ** p).tangent == pytest.approx(x.grad.item())


def test_power_at_zero():
    assert [gradient(lambda u, p=p: u[0] ** p, [0.0]) for p in (0, 1, 2)] == [[0.0], [1.0], [0.0]]


def test_control_flow_follows_the_branch_taken():
    def f(u):
        b = u[0] * 2
        while abs(b.value) < 1000:
            b = b * 2
        return [b if b.value > 0 else 100 * b]

    assert jacobian_forward(f, [3.0]) == jacobian_reverse(f, [3.0]) == [[512.0]]
    assert jacobian_forward(f, [-3.0]) == jacobian_reverse(f, [-3.0]) == [[51200.0]]


def test_backward_gives_the_adjoint_of_every_node_and_keeps_nothing():
    x = Node(3.0)
    y = x * x
    z = y + y
    other = x * 5  # not on the way to z
    for _ in range(2):
        assert z.backward(2.0) == {z: 2.0, y: 4.0, x: 24.0}
    assert other not in z.backward()


def test_every_use_of_a_node_counts():
    x = Node(3.0)
    y = x + x
    assert (y * y * x).backward()[x] == 12 * 9  # of 4 x^3


def test_deep_chains_do_not_hit_the_recursion_limit():
    def f(u):
        for _ in range(20000):
            u = [u[0] * 1.0]
        return u

    assert jacobian_reverse(f, [2.0]) == [[1.0]]


def test_constant_outputs_and_unused_inputs():
    def f(u):
        return [7.0, u[0] * 2]

    assert jacobian_forward(f, [1.0, 2.0]) == jacobian_reverse(f, [1.0, 2.0]) == [[0.0, 0.0], [2.0, 0.0]]
    assert hessian_vector(lambda u: 7.0, [1.0], [1.0]) == [0.0]


def test_exponents_are_plain_numbers():
    with pytest.raises(TypeError, match="got Node; write exp"):
        gradient(lambda u: u[0] ** u[0], [1.0])


def test_hessian_vector_refuses_unequal_lengths():
    with pytest.raises(ValueError, match="shorter"):
        hessian_vector(lambda u: u[0], [1.0, 2.0], [1.0])


def dense(sizes):
    """A network of tanh layers without bias; its graph has a fixed number of edges."""
    weights = [[[math.sin(1 + i + 3 * j) for j in range(m)] for i in range(n)] for m, n in pairwise(sizes)]

    def f(u):
        for w in weights:
            u = [ad.tanh(sum((a * b for a, b in zip(row[1:], u[1:], strict=True)), row[0] * u[0])) for row in w]
        return u

    return f


def edges(sizes):
    # a neuron with m inputs: m products with a constant (1 edge each), m - 1 sums (2 edges each), 1 tanh (1 edge)
    return sum(n * (m + 2 * (m - 1) + 1) for m, n in pairwise(sizes))


def edges_from(j, sizes):
    # of a neuron of the first layer: the product with input j, the sums from there on (1 edge each), the tanh
    m, n, *_ = sizes
    return n * (1 + (m - max(j, 1)) + 1) + edges(sizes[1:])


@pytest.mark.parametrize("sizes", [(1, 4, 6), (6, 4, 1), (3, 5, 3), (2, 2)])
def test_costs(sizes):
    f, x = dense(sizes), [0.1 * (j + 1) for j in range(sizes[0])]
    with counted() as one:
        f([Dual(a, 1.0) for a in x])
    assert one.multiplications == edges(sizes)
    with counted() as forward:
        a = jacobian_forward(f, x)
    with counted() as reverse:
        b = jacobian_reverse(f, x)
    close(a, torch.tensor(b, dtype=torch.float64))
    n, m = sizes[0], sizes[-1]
    assert forward.multiplications == sum(edges_from(j, sizes) for j in range(n))
    last = edges(sizes[-2:]) // m  # a row's pass does not visit the neurons of the other outputs
    assert reverse.multiplications == m * (edges(sizes[:-1]) + last)


def test_memory_of_a_chain():
    def f(u):
        v = u[0]
        for _ in range(100):
            v = ad.sin(v)
        return [v]

    with counted() as forward:
        jacobian_forward(f, [1.0])
    with counted() as reverse:
        jacobian_reverse(f, [1.0])
    assert forward.peak == 3  # the input, the last result and the one being made
    assert reverse.peak == 101
    assert forward.alive == reverse.alive == 0


def test_nothing_is_counted_outside():
    with counted() as cost:
        pass
    gradient(lambda u: u[0] * u[0], [1.0])
    assert (cost.multiplications, cost.peak) == (0, 0)


def test_an_inner_count_takes_over():
    with counted() as outer:
        x = Node(2.0)
        with counted() as inner:
            y = x * x
        y.backward()
    assert (inner.multiplications, inner.peak) == (0, 1)
    assert (outer.multiplications, outer.peak) == (2, 1)


def test_docstrings():
    failed, tried = doctest.testmod(ad)
    assert tried > 10 and not failed
