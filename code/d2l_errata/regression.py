r"""Linear regression in closed form: synthetic data, least squares for any rank, curvature, and the largest learning rate.

>>> import torch
>>> X, y = synthetic_data([2.0, -3.4], 4.2, 100, sigma=0.0, generator=torch.Generator().manual_seed(0))
>>> X.shape, y.shape
(torch.Size([100, 2]), torch.Size([100, 1]))
>>> ones = torch.ones(100, 1)
>>> least_squares(torch.cat([X, ones], dim=1), y).flatten().round(decimals=3)    # the last weight is the bias
tensor([ 2.0000, -3.4000,  4.2000])

Throughout, the loss is the book's: ``L(w) = 1 / 2n · ‖Xw - y‖²`` with one row of ``X`` for each of ``n`` examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def synthetic_data(
    w: torch.Tensor | Sequence[float], b: float, n: int, sigma: float = 0.01, *, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """``y = Xw + b + ε``: standard normal features, Gaussian noise with mean 0.

    Args:
        w: ``d`` true weights; a tensor also decides the type of ``X`` and ``y``.
        b: true bias.
        n: number of examples.
        sigma: standard deviation of the noise, in units of ``y``.
        generator: source of the random numbers; ``X`` and ``y`` are on its device.

    Returns:
        ``X`` of shape ``(n, d)`` and ``y`` of shape ``(n, 1)``, as the network ``nn.Linear(d, 1)`` takes and returns them.

    Raises:
        ValueError: ``w`` is not a vector, or ``sigma`` is negative.

    Source: the data set of section 3.2 of the book.
    """
    import torch

    w = torch.as_tensor(w, device=generator.device)
    if w.dim() != 1:
        raise ValueError(f"w must be a vector of d weights; got shape {tuple(w.shape)}")
    if not sigma >= 0:
        raise ValueError(f"sigma is a standard deviation and must not be negative; got {sigma}")
    w = w if w.is_floating_point() else w.to(torch.get_default_dtype())
    X = torch.randn(n, len(w), generator=generator, dtype=w.dtype, device=w.device)
    noise = torch.randn(n, 1, generator=generator, dtype=w.dtype, device=w.device)
    return X, X @ w[:, None] + b + sigma * noise


def least_squares(X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The minimiser of ``‖Xw - y‖`` with the smallest norm: ``X⁺y`` with the pseudo-inverse.

    For ``X`` of full column rank it is the only minimiser, ``(XᵀX)⁻¹Xᵀy``. Singular values up to
    ``max(n, d) · eps`` times the largest count as zero, and ``eps`` is that of the type of ``X``: use float64.

    Args:
        X: ``(n, d)``, of any rank.
        y: ``(n,)``, or ``(n, k)`` for ``k`` problems with the same ``X``.

    Returns:
        ``(d,)`` or ``(d, k)``.

    Raises:
        ValueError: the shapes do not fit.

    Source: Golub and Van Loan, *Matrix Computations*, 4th ed., section 5.5.
    """
    import torch

    _require_matrix(X)
    if y.dim() not in (1, 2) or len(y) != len(X):
        raise ValueError(f"y must have the {len(X)} rows of X, as a vector or a matrix; got shape {tuple(y.shape)}")
    return torch.linalg.pinv(X) @ y


def hessian(X: torch.Tensor) -> torch.Tensor:
    """``XᵀX / n`` of shape ``(d, d)``: the second derivatives of the loss, the same at every ``w``.

    Raises:
        ValueError: ``X`` is not a matrix or has no rows.
    """
    _require_matrix(X)
    if len(X) == 0:
        raise ValueError("X must have at least one row; the loss is a mean over the rows")
    return X.T @ X / len(X)


def stability_limit(X: torch.Tensor) -> float:
    """``2 / λ_max(XᵀX / n)``: gradient descent on the loss converges from every start for learning rates in (0, limit).

    At the limit and above it does not, except from special starts. ``inf`` for ``X = 0``, where nothing moves.

    Raises:
        ValueError: ``X`` is not a matrix or has no rows.
    """
    import torch

    curvature = torch.linalg.matrix_norm(hessian(X), 2).item()
    return 2 / curvature if curvature else float("inf")


def _require_matrix(X: torch.Tensor) -> None:
    if X.dim() != 2:
        raise ValueError(f"X must be a matrix with one row for each example; got shape {tuple(X.shape)}")
