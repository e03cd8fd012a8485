"""Derivatives by central differences: a second opinion on every derivative, independent of autograd.

>>> import torch
>>> A = torch.tensor([[1., 2.], [3., 4.], [5., 6.]], dtype=torch.float64)
>>> x = torch.tensor([1., -1.], dtype=torch.float64)
>>> jacobian(lambda x: A @ x, x).shape                    # numerator layout: axes of y, then axes of x
torch.Size([3, 2])
>>> bool(torch.allclose(jacobian(lambda x: A @ x, x), A))
True
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def jacobian(
    f: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, *, step: float | None = None, batched: bool = True
) -> torch.Tensor:
    """All partial derivatives of ``y = f(x)`` at ``x``, each by one central difference.

    ``∂y[i] / ∂x[j] ≈ (f(x + h e_j)[i] - f(x - h e_j)[i]) / 2h``, where ``i`` and ``j`` are multi-indices and ``e_j`` is
    1 at ``j`` and 0 elsewhere. For three times continuously differentiable ``f`` the error is
    ``h² / 6 · |∂³y[i] / ∂x[j]³|`` to leading order, plus rounding of the order ``eps · |y[i]| / h``. Their sum is least
    near ``h = eps ** (1/3)`` (6e-6 in double precision), which leaves about two thirds of the digits.
    Source: Press et al., *Numerical Recipes*, 3rd ed., section 5.7.

    Args:
        f: takes a tensor with the shape of ``x``, returns a real floating-point tensor of any shape.
        x: real floating-point tensor of any shape; float64 unless there is a reason. It is not changed.
        step: the distance ``h`` for every entry of ``x``; by default ``eps ** (1/3) * max(1, |x[j]|)``.
        batched: evaluate all ``2 * x.numel()`` points in one call through :func:`torch.vmap`. Give ``False`` for an
            ``f`` that ``vmap`` refuses, such as one that branches on the values of ``x``: one call for each point.

    Returns:
        A tensor of shape ``(*y.shape, *x.shape)``: numerator layout, as :func:`torch.func.jacrev` has it. For a
        scalar ``y`` this is the shape of ``x``, that of the gradient.

    Raises:
        TypeError: ``x`` or ``f(x)`` is not a tensor, or not of a real floating-point type.
        ValueError: ``x`` has entries that are not finite, ``step`` is not a positive finite number, or ``step`` is so
            small that some ``x[j] ± step`` rounds to ``x[j]``.
    """
    import torch

    _require_real(x, "x")
    if step is not None and not (math.isfinite(step) and step > 0):
        raise ValueError(f"step must be a positive finite number; got {step!r}")
    with torch.no_grad():
        x = x.detach()
        if not x.isfinite().all():
            raise ValueError("x must be finite; it has entries that are inf or nan")
        y = f(x.clone())
        _require_real(y, "f(x)")
        if x.numel() == 0:
            return y.new_zeros(y.shape + x.shape)

        scale = torch.finfo(x.dtype).eps ** (1 / 3) * x.abs().clamp(min=1) if step is None else torch.full_like(x, step)
        moves = torch.diag(scale.reshape(-1)).reshape(-1, *x.shape)  # (n, *x.shape): one entry moved in each
        ahead, behind = x + moves, x - moves
        # Divide by the distance between the points as rounded, not by the 2h that was asked for.
        distance = (ahead - behind).reshape(len(moves), -1).sum(dim=1)
        if not (ahead.ne(x) & behind.ne(x)).reshape(len(moves), -1).any(dim=1).all():
            raise ValueError(f"step {step!r} is too small: x ± step rounds to x in {x.dtype} for some entries of x")

        over = torch.vmap(f) if batched else lambda points: torch.stack([f(point) for point in points])
        difference = over(ahead) - over(behind)  # (n, *y.shape)
        columns = difference / distance.reshape(-1, *[1] * y.dim())
        return columns.movedim(0, -1).reshape(y.shape + x.shape)


def _require_real(value: object, name: str) -> None:
    import torch

    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} must be a tensor; got {type(value).__name__}")
    if not value.is_floating_point():
        raise TypeError(f"{name} must be of a real floating-point type such as torch.float64; got {value.dtype}")
