"""Automatic differentiation from scratch: dual numbers (forward accumulation) and a tape (reverse accumulation).

Both modes share one table of elementary functions, each given as the function and its partial derivatives. They
differ in one thing only: a :class:`Dual` multiplies by the partial derivatives at once, from the input side, while a
:class:`Node` stores them and multiplies later, from the output side.

>>> x = Dual(2.0, 1.0)                       # value 2, derivative with respect to itself 1
>>> x * x + 3 * x
Dual(value=10.0, tangent=7.0)
>>> x = Node(2.0)
>>> (x * x + 3 * x).backward()
>>> x.grad
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
from typing import Any
from weakref import finalize

# -- what things cost -------------------------------------------------------------------------------------------------


class Cost:
    """What was counted while :func:`counted` was open.

    Attributes:
        passes: derivative passes (one tangent carried forward, or one adjoint carried back).
        multiplications: products "partial derivative times tangent or adjoint", one for each edge of the graph.
        alive: duals and nodes made inside and not yet freed.
        peak: the largest ``alive`` seen.
    """

    def __init__(self) -> None:
        self.passes = self.multiplications = self.alive = self.peak = 0

    def __repr__(self) -> str:
        return f"Cost(passes={self.passes}, multiplications={self.multiplications}, peak={self.peak})"

    def _made(self, result: Any) -> None:
        self.alive += 1
        self.peak = max(self.peak, self.alive)
        finalize(result, self._freed).atexit = False

    def _freed(self) -> None:
        self.alive -= 1


_open: list[Cost] = []


@contextmanager
def counted() -> Iterator[Cost]:
    """Count costs in a ``with`` block.

    >>> with counted() as cost:
    ...     _ = jacobian_forward(lambda x: [x[0] * x[1]], [3.0, 5.0])
    >>> cost.passes, cost.multiplications
    (2, 2)
    """
    cost = Cost()
    _open.append(cost)
    try:
        yield cost
    finally:
        _open.remove(cost)


def times(partial: Any, factor: Any) -> Any:
    """One multiplication of the chain rule, counted."""
    for cost in _open:
        cost.multiplications += 1
    return partial * factor


# -- numbers that know where they come from ---------------------------------------------------------------------------


class Number:
    """Arithmetic that :class:`Dual` and :class:`Node` share: every operator is an elementary function."""

    value: Any

    def _begin(self, value: Any) -> None:
        if not isinstance(value, (Real, Number)):
            raise TypeError(f"{type(self).__name__} needs a real number (or a Dual or Node) as value; got {type(value).__name__}")
        self.value = value
        for cost in _open:
            cost._made(self)

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
        return mul(-1.0, self)

    def __pow__(self, p):
        return power(p)(self)

    # Comparisons steer control flow; they see values only, so no derivative flows through them.
    def __lt__(self, v):
        return self.value < _value(v)

    def __le__(self, v):
        return self.value <= _value(v)

    def __gt__(self, v):
        return self.value > _value(v)

    def __ge__(self, v):
        return self.value >= _value(v)


def _value(u: Any) -> Any:
    return u.value if isinstance(u, Number) else u


class Dual(Number):
    """A value and its tangent: the derivative along one direction in input space.

    >>> Dual(3.0, 1.0) ** 2
    Dual(value=9.0, tangent=6.0)
    """

    def __init__(self, value: Any, tangent: Any = 0.0) -> None:
        self._begin(value)
        self.tangent = tangent

    def __repr__(self) -> str:
        return f"Dual(value={self.value}, tangent={self.tangent})"

    @classmethod
    def apply(cls, phi: Elementary, *u: Any) -> Dual:
        """φ(u) with tangent Σᵢ ∂ᵢφ(u)·u̇ᵢ; what is not a dual is a constant."""
        values = [x.value if isinstance(x, cls) else x for x in u]
        partials = zip(phi.partials(*values), u, strict=True)
        terms = [times(d, x.tangent) for d, x in partials if isinstance(x, cls)]
        return cls(phi(*values), sum(terms[1:], terms[0]))


class Node(Number):
    """A value and the edges to the nodes it was computed from: one entry of the tape.

    Attributes:
        edges: pairs (parent, partial derivative); empty for a leaf.
        grad: at a leaf, the sum of all adjoints that :meth:`backward` has brought there.
    """

    _clock = itertools.count()

    def __init__(self, value: Any, edges: Sequence[tuple[Node, Any]] = ()) -> None:
        self._begin(value)
        self.edges = edges
        self.grad: Any = 0.0
        self.time = next(self._clock)  # a node is always made after its parents

    def __repr__(self) -> str:
        return f"Node(value={self.value})"

    @classmethod
    def apply(cls, phi: Elementary, *u: Any) -> Node:
        """φ(u) with an edge ∂ᵢφ(u) to each uᵢ that is a node; the others are constants."""
        values = [x.value if isinstance(x, cls) else x for x in u]
        partials = zip(u, phi.partials(*values), strict=True)
        return cls(phi(*values), [(x, d) for x, d in partials if isinstance(x, cls)])

    def backward(self, adjoint: Any = 1.0) -> None:
        """Add adjoint · ∂self/∂leaf to the grad of every leaf this node was computed from."""
        for cost in _open:
            cost.passes += 1
        adjoints: dict[Node, Any] = {self: adjoint}
        for node in self.ancestors():
            v = adjoints.pop(node)  # complete: all nodes that use this one came before it
            if not node.edges:
                node.grad = node.grad + v
            for parent, d in node.edges:
                term = times(d, v)
                adjoints[parent] = adjoints[parent] + term if parent in adjoints else term

    def ancestors(self) -> list[Node]:
        """This node and all it was computed from, latest first; other branches are left out."""
        seen, stack = {self}, [self]
        while stack:
            for parent, _ in stack.pop().edges:
                if parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        return sorted(seen, key=lambda node: node.time, reverse=True)


# -- the table of elementary functions --------------------------------------------------------------------------------


class Elementary:
    """An elementary function φ: its value on plain numbers, and its partial derivatives on any numbers.

    Args:
        value: φ, taking floats and returning a float.
        partials: takes the same arguments, returns the tuple (∂₁φ, ∂₂φ, …); written with elementary functions, so
            that numbers can be nested for higher derivatives.
    """

    def __init__(self, value: Callable[..., Any], partials: Callable[..., tuple[Any, ...]]) -> None:
        self.value = value
        self.partials = partials

    def __call__(self, *u: Any) -> Any:
        """φ(u): a plain number of plain numbers; a Node where one of them is a node, else a Dual where one is a dual."""
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
relu = Elementary(lambda u: max(u, 0.0), lambda u: (1.0 if u > 0 else 0.0,))


def power(p: float) -> Elementary:
    """The elementary function u ↦ uᵖ for a constant p.

    Raises:
        TypeError: p is not a plain number.
    """
    if not isinstance(p, Real):
        raise TypeError(f"the exponent must be a plain number, got {type(p).__name__}; write exp(p * log(u)) instead")
    return Elementary(lambda u: math.pow(u, p), lambda u: (p * u ** (p - 1) if p else 0.0,))


# -- derivatives of functions -----------------------------------------------------------------------------------------


def jacobian_forward(f: Callable[[list], Sequence], x: Sequence[float]) -> list[list[float]]:
    """The Jacobian of f at x by forward accumulation: pass j gives column j, so n passes.

    Args:
        f: takes a list of n numbers, returns a list of m numbers; written with this module's functions.
        x: n floats.

    Returns:
        m rows of n floats, ``J[i][j]`` = ∂fᵢ/∂xⱼ.

    Raises:
        ValueError: x is empty.
        TypeError: f returns something else than a list or a tuple.

    >>> jacobian_forward(lambda x: [x[0] * x[1], x[0] + 2 * x[1]], [3.0, 5.0])
    [[5.0, 3.0], [1.0, 2.0]]
    """
    columns = []
    for j in _inputs(x):
        for cost in _open:
            cost.passes += 1
        y = f([Dual(a, 1.0) if i == j else a for i, a in enumerate(x)])  # the other inputs are constants
        columns.append([v.tangent if isinstance(v, Dual) else 0.0 for v in _outputs(y)])
    return [list(row) for row in zip(*columns, strict=True)]


def jacobian_reverse(f: Callable[[list], Sequence], x: Sequence[float]) -> list[list[float]]:
    """The Jacobian of f at x by reverse accumulation: pass i gives row i, so m passes over one recorded graph.

    Arguments, result and errors are those of :func:`jacobian_forward`.

    >>> jacobian_reverse(lambda x: [x[0] * x[1], x[0] + 2 * x[1]], [3.0, 5.0])
    [[5.0, 3.0], [1.0, 2.0]]
    """
    leaves = [Node(x[j]) for j in _inputs(x)]
    rows = []
    for v in _outputs(f(leaves)):
        for leaf in leaves:
            leaf.grad = 0.0
        if isinstance(v, Node):
            v.backward()
        rows.append([leaf.grad for leaf in leaves])
    return rows


def gradient(f: Callable[[list], Any], x: Sequence[float]) -> list[float]:
    """The gradient at x of a function f of n numbers with one number as result, by one reverse pass.

    >>> gradient(lambda x: x[0] * x[1] ** 2, [3.0, 5.0])
    [25.0, 30.0]
    """
    return jacobian_reverse(lambda u: [f(u)], x)[0]


def hessian_vector(f: Callable[[list], Any], x: Sequence[float], v: Sequence[float]) -> list[float]:
    """The product H v of the Hessian of f at x with a vector: a reverse pass over a tape of dual numbers.

    Args:
        f: takes a list of n numbers, returns one number.
        x: n floats, where the Hessian is taken.
        v: n floats, the direction.

    Raises:
        ValueError: x is empty, or x and v differ in length.

    >>> hessian_vector(lambda x: x[0] * x[1] ** 2, [3.0, 5.0], [1.0, 0.0])
    [0.0, 10.0]
    """
    _inputs(x)
    if len(x) != len(v):
        raise ValueError(f"x and v must have the same length; got {len(x)} and {len(v)}")
    leaves = [Node(Dual(a, b)) for a, b in zip(x, v, strict=True)]
    y = f(leaves)
    if isinstance(y, Node):
        y.backward(Dual(1.0))
    return [leaf.grad.tangent if isinstance(leaf.grad, Dual) else 0.0 for leaf in leaves]


def _inputs(x: Sequence[float]) -> range:
    if len(x) == 0:
        raise ValueError("x is empty; a derivative needs at least one input")
    return range(len(x))


def _outputs(y: Any) -> Sequence[Any]:
    if not isinstance(y, (list, tuple)):
        raise TypeError(f"f must return a list or a tuple of numbers; got {type(y).__name__}")
    return y
