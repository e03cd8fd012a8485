"""Automatic differentiation from scratch: :class:`Dual` for forward accumulation, :class:`Node` for reverse accumulation.

Both use one table of elementary functions, each given by its value and its partial derivatives. A :class:`Dual`
multiplies by the partial derivatives at once; a :class:`Node` keeps them on edges and multiplies later, from the end.

>>> x = Dual(2.0, 1.0)                       # value 2, derivative with respect to itself 1
>>> x * x + 3 * x
Dual(value=10.0, tangent=7.0)
>>> x = Node(2.0)
>>> y = x * x + 3 * x
>>> y.backward()[x]
7.0

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd edition (SIAM, 2008), chapters 3 and 4.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real

# -- what things cost -------------------------------------------------------------------------------------------------


class Cost:
    """What :func:`counted` counts.

    Attributes:
        multiplications: products "partial derivative times tangent or adjoint", one for each edge of the graph.
        alive: duals and nodes made and not yet freed.
        peak: the largest ``alive``.
    """

    def __init__(self) -> None:
        self.multiplications = self.alive = self.peak = 0


_costs = [Cost()]  # the last one is counting


@contextmanager
def counted() -> Iterator[Cost]:
    """Count the costs of a ``with`` block.

    >>> with counted() as cost:
    ...     _ = jacobian_forward(lambda x: [x[0] * x[1]], [3.0, 5.0])
    >>> cost.multiplications
    2
    """
    _costs.append(Cost())
    try:
        yield _costs[-1]
    finally:
        _costs.pop()


def times(partial, factor):
    """One multiplication of the chain rule, counted."""
    _costs[-1].multiplications += 1
    return partial * factor


# -- numbers that know where they come from ---------------------------------------------------------------------------


class Number:
    """What :class:`Dual` and :class:`Node` share: a value, and operators that are elementary functions."""

    def __init__(self, value) -> None:
        self.value, self.cost = value, _costs[-1]
        self.cost.alive += 1
        self.cost.peak = max(self.cost.peak, self.cost.alive)

    def __del__(self) -> None:
        self.cost.alive -= 1

    def __add__(self, v):
        return add(self, v)

    def __radd__(self, v):
        return add(v, self)

    def __sub__(self, v):
        return sub(self, v)

    def __rsub__(self, v):
        return sub(v, self)

    def __mul__(self, v):
        return mul(self, v)

    def __rmul__(self, v):
        return mul(v, self)

    def __truediv__(self, v):
        return div(self, v)

    def __rtruediv__(self, v):
        return div(v, self)

    def __neg__(self):
        return -1.0 * self

    def __pow__(self, p):
        return power(p)(self)


class Dual(Number):
    """A value and its tangent: the derivative along one direction of input.

    >>> Dual(3.0, 1.0) ** 2
    Dual(value=9.0, tangent=6.0)
    """

    def __init__(self, value, tangent=0.0) -> None:
        super().__init__(value)
        self.tangent = tangent

    def __repr__(self) -> str:
        return f"Dual(value={self.value}, tangent={self.tangent})"

    @classmethod
    def apply(cls, phi: Elementary, *u) -> Dual:
        """φ(u) with tangent Σᵢ ∂ᵢφ(u)·u̇ᵢ; the others are constants."""
        values = [x.value if isinstance(x, cls) else x for x in u]
        pairs = zip(u, phi.partials(*values))
        terms = [times(d, x.tangent) for x, d in pairs if isinstance(x, cls)]
        return cls(phi(*values), sum(terms))


class Node(Number):
    """A value, and an edge (u, ∂self/∂u) to each node u it was made from."""

    _clock = itertools.count()

    def __init__(self, value, edges=()) -> None:
        super().__init__(value)
        self.edges = edges
        self.time = next(self._clock)  # parents are older

    def __repr__(self) -> str:
        return f"Node(value={self.value})"

    @classmethod
    def apply(cls, phi: Elementary, *u) -> Node:
        """φ(u) with edges (uᵢ, ∂ᵢφ(u)); the others are constants."""
        values = [x.value if isinstance(x, cls) else x for x in u]
        pairs = zip(u, phi.partials(*values))
        edges = [(x, d) for x, d in pairs if isinstance(x, cls)]
        return cls(phi(*values), edges)

    def backward(self, adjoint=1.0) -> dict:
        """adjoint · ∂self/∂u for every node u that this one depends on."""
        adjoints = {self: adjoint}
        for node in self.ancestors():  # all users of a node come before it
            for u, d in node.edges:
                term = times(d, adjoints[node])
                adjoints[u] = adjoints[u] + term if u in adjoints else term
        return adjoints

    def ancestors(self) -> list[Node]:
        """This node and all it depends on, latest first."""
        seen, stack = {self}, [self]
        while stack:
            new = {u for u, _ in stack.pop().edges} - seen
            seen |= new
            stack += new
        return sorted(seen, key=lambda node: node.time, reverse=True)


# -- the table of elementary functions --------------------------------------------------------------------------------


class Elementary:
    """An elementary function φ.

    Args:
        value: φ of plain numbers.
        partials: (∂₁φ, ∂₂φ, …) at the same arguments, written with elementary functions: a Node may hold a Dual.
    """

    def __init__(self, value: Callable, partials: Callable[..., tuple]) -> None:
        self.value, self.partials = value, partials

    def __call__(self, *u):
        """φ(u): a Node where one of the arguments is a node, else a Dual where one is a dual, else a plain number."""
        for kind in (Node, Dual):
            if any(isinstance(x, kind) for x in u):
                return kind.apply(self, *u)
        return self.value(*u)


add = Elementary(operator.add, lambda u, v: (1.0, 1.0))
sub = Elementary(operator.sub, lambda u, v: (1.0, -1.0))
mul = Elementary(operator.mul, lambda u, v: (v, u))
div = Elementary(operator.truediv, lambda u, v: (1 / v, -u / v**2))
exp = Elementary(math.exp, lambda u: (exp(u),))
log = Elementary(math.log, lambda u: (1 / u,))
sin = Elementary(math.sin, lambda u: (cos(u),))
cos = Elementary(math.cos, lambda u: (-sin(u),))
tanh = Elementary(math.tanh, lambda u: (1 - tanh(u) ** 2,))


def power(p: float) -> Elementary:
    """u ↦ uᵖ for a constant p."""
    if not isinstance(p, Real):
        raise TypeError(f"the exponent must be a plain number, got {type(p).__name__}; write exp(p * log(u)) instead")
    return Elementary(lambda u: math.pow(u, p), lambda u: (p * u ** (p - 1) if p else 0.0,))


# -- derivatives of functions -----------------------------------------------------------------------------------------


def tangent(u):
    """The tangent of a dual; that of a constant is 0."""
    return u.tangent if isinstance(u, Dual) else 0.0


def jacobian_forward(f: Callable[[list], Sequence], x: Sequence) -> list[list]:
    """Rows of the Jacobian of f (list of numbers to list of numbers) at x, by forward accumulation: one pass for each input.

    >>> jacobian_forward(lambda x: [x[0] * x[1], x[0] + 2 * x[1]], [3.0, 5.0])
    [[5.0, 3.0], [1.0, 2.0]]
    """
    columns = []
    for j in range(len(x)):
        y = f([Dual(a, 1.0) if i == j else a for i, a in enumerate(x)])  # the other inputs are constants
        columns.append([tangent(v) for v in y])
    return [list(row) for row in zip(*columns)]


def jacobian_reverse(f: Callable[[list], Sequence], x: Sequence) -> list[list]:
    """The same by reverse accumulation: one pass for each output, all over one recorded graph.

    >>> jacobian_reverse(lambda x: [x[0] * x[1], x[0] + 2 * x[1]], [3.0, 5.0])
    [[5.0, 3.0], [1.0, 2.0]]
    """
    leaves = [Node(a) for a in x]
    rows = []
    for v in f(leaves):
        adjoints = v.backward() if isinstance(v, Node) else {}
        rows.append([adjoints.get(u, 0.0) for u in leaves])
    return rows


def gradient(f: Callable, x: Sequence) -> list:
    """The gradient at x of a function with one number as result: one reverse pass.

    >>> gradient(lambda x: x[0] * x[1] ** 2, [3.0, 5.0])
    [25.0, 30.0]
    """
    return jacobian_reverse(lambda u: [f(u)], x)[0]


def hessian_vector(f: Callable, x: Sequence, v: Sequence) -> list:
    """The Hessian of f at x times v: the derivative of the gradient along v.

    >>> hessian_vector(lambda x: x[0] * x[1] ** 2, [3.0, 5.0], [1.0, 0.0])
    [0.0, 10.0]
    """
    g = gradient(f, [Dual(a, b) for a, b in zip(x, v, strict=True)])
    return [tangent(u) for u in g]
