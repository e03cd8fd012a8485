"""Softmax, log-sum-exp and cross-entropy from scratch, written so that ``exp`` never overflows.

Adding one number to all logits of an example changes none of these but :func:`logsumexp`, which grows by that number.
So each subtracts the largest logit first: then every ``exp`` is at most 1, and at least one of them is 1.

>>> import torch
>>> logits = torch.tensor([[1000.0, 1000.0], [0.0, float("-inf")]])
>>> softmax(logits)
tensor([[0.5000, 0.5000],
        [1.0000, 0.0000]])
>>> log_softmax(logits)
tensor([[-0.6931, -0.6931],
        [ 0.0000,    -inf]])
>>> cross_entropy(logits, torch.tensor([1, 0]))
tensor(0.3466)

Source: Higham, Blanchard and Higham, "Accurately computing the log-sum-exp and softmax functions", IMA Journal of
Numerical Analysis 41 (2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def softmax(logits: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """``exp(logits) / exp(logits).sum(dim)``: nonnegative, and 1 in sum along ``dim``.

    Args:
        logits: of any shape, of a floating-point type. A logit ``-inf`` has probability 0.
        dim: the axis of the classes.

    Returns:
        A tensor of the shape and type of ``logits``; nan along ``dim`` where the largest logit is ``inf`` or ``-inf``, as in
        :func:`torch.softmax`.

    Raises:
        TypeError: ``logits`` is not a tensor of a floating-point type.
        ValueError: ``logits`` has no entries along ``dim``.
    """
    exp = (logits - _largest(logits, dim)).exp()
    return exp / exp.sum(dim, keepdim=True)


def log_softmax(logits: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """The logarithm of :func:`softmax`, finite also where the probability itself rounds to 0.

    Arguments, result and errors are those of :func:`softmax`.
    """
    # Not logits - logsumexp(logits): that would lose the digits of a small result between two large numbers.
    shifted = logits - _largest(logits, dim)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


def logsumexp(logits: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """``log(exp(logits).sum(dim))``, the smooth upper bound of ``logits.amax(dim)``. Its gradient is ``softmax(logits, dim)``.

    Args:
        logits: of any shape, of a floating-point type; ``inf`` and ``-inf`` are allowed.
        dim: the axis to reduce.

    Returns:
        A tensor of the shape of ``logits`` without ``dim``: ``inf`` where an entry is ``inf``, ``-inf`` where all are ``-inf``.

    Raises:
        TypeError: ``logits`` is not a tensor of a floating-point type.
        ValueError: ``logits`` has no entries along ``dim``.
    """
    largest = _largest(logits, dim)
    largest = largest.masked_fill(largest.isinf(), 0)  # inf - inf would be nan; exp and log of ±inf need no help
    total = (logits - largest).exp().sum(dim)
    return total.log() + largest.squeeze(dim)


def cross_entropy(logits: torch.Tensor, y: torch.Tensor, *, reduction: str = "mean", label_smoothing: float = 0.0) -> torch.Tensor:
    """``-sum_j t_j log softmax(logits)_j``, the loss of softmax regression, for the target distribution ``t`` of each example.

    Label smoothing with ``ε`` mixes each target with the uniform distribution over the ``q`` classes:
    ``t = (1 - ε) y + ε / q``, for the true class as for the others, as :class:`torch.nn.CrossEntropyLoss` has it.
    Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (2016), section 7.

    Args:
        logits: of shape ``(n, q)``, or ``(n, q, *positions)``, or ``(q,)`` for one example.
        y: classes ``0`` to ``q - 1``, integers in the shape of ``logits`` without the axis of the classes; or probabilities
            in the shape of ``logits``, floating-point. A class of probability 0 adds nothing to the loss, even if its logit is
            ``-inf`` (where PyTorch returns nan).
        reduction: ``"mean"`` or ``"sum"`` over all examples and positions, or ``"none"``.
        label_smoothing: ``ε``, from 0 to 1.

    Returns:
        A number; with ``reduction="none"`` the shape of ``logits`` without the axis of the classes. In nats.

    Raises:
        TypeError: ``logits`` is not a tensor of a floating-point type, or ``y`` neither of an integer nor a floating-point type.
        ValueError: the shapes do not fit, a class is not in ``0`` … ``q - 1``, ``y`` is no probability distribution, or
            ``reduction`` or ``label_smoothing`` is none of the above.
    """
    import torch

    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction must be "mean", "sum" or "none"; got {reduction!r}')
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be from 0 to 1; got {label_smoothing!r}")
    _require_float(logits, "logits")
    if logits.dim() == 0:
        raise ValueError("logits must have an axis of classes; it has shape ()")
    dim = min(1, logits.dim() - 1)
    log_p = log_softmax(logits, dim)
    target = (1 - label_smoothing) * _distribution(y, logits, dim) + label_smoothing / logits.shape[dim]
    loss = -(target * log_p.masked_fill((target == 0) & log_p.isneginf(), 0)).sum(dim)
    return {"mean": torch.mean, "sum": torch.sum, "none": lambda each: each}[reduction](loss)


def softmax_jacobian(logits: torch.Tensor) -> torch.Tensor:
    """``diag(p) - p pᵀ`` for ``p = softmax(logits)``: the Jacobian of softmax, and the Hessian of log-sum-exp and cross-entropy.

    It is also the covariance matrix of a one-hot vector that is drawn with probabilities ``p``.

    Args:
        logits: of shape ``(..., q)``, of a floating-point type.

    Returns:
        A tensor of shape ``(..., q, q)``, symmetric: the entry ``i, j`` is the derivative of ``p_i`` with respect to ``o_j``.

    Raises:
        TypeError: ``logits`` is not a tensor of a floating-point type.
        ValueError: ``logits`` has no entries along its last axis.
    """
    p = softmax(logits)
    return p.diag_embed() - p.unsqueeze(-1) * p.unsqueeze(-2)


def _largest(logits: torch.Tensor, dim: int) -> torch.Tensor:
    """The maximum along ``dim``, which is kept with length 1; a constant for autograd, since it cancels."""
    _require_float(logits, "logits")
    if logits.dim() and logits.shape[dim] == 0:
        raise ValueError(f"logits must have entries along dim {dim}; it has shape {tuple(logits.shape)}")
    return logits.detach().amax(dim, keepdim=True)


def _distribution(y: torch.Tensor, logits: torch.Tensor, dim: int) -> torch.Tensor:
    """The targets as probabilities in the shape of ``logits``."""
    import torch

    classes = logits.shape[dim]
    each = logits.shape[:dim] + logits.shape[dim + 1 :]
    if not isinstance(y, torch.Tensor) or y.is_complex() or y.dtype == torch.bool:
        seen = y.dtype if isinstance(y, torch.Tensor) else type(y).__name__
        raise TypeError(f"y must be a tensor of classes (integers) or of probabilities (floating-point); got {seen}")
    if not y.is_floating_point():
        if y.shape != each:
            raise ValueError(f"y has shape {tuple(y.shape)}; classes must have that of logits without dim {dim}, {tuple(each)}")
        outside = y[(y < 0) | (y >= classes)]
        if outside.numel():
            raise ValueError(f"y must hold classes from 0 to {classes - 1}; it has {outside[0].item()}")
        return torch.nn.functional.one_hot(y.long(), classes).movedim(-1, dim).to(logits.dtype)
    if y.shape != logits.shape:
        hint = "; classes must be integers" if y.shape == each else ""
        raise ValueError(f"y has shape {tuple(y.shape)}; probabilities must have the shape of logits, {tuple(logits.shape)}{hint}")
    sums = y.detach().sum(dim)
    off = (sums - 1).abs() > torch.finfo(y.dtype).eps ** 0.5
    if y.lt(0).any() or off.any():
        seen = f"an entry {y.min().item():g}" if y.lt(0).any() else f"a sum of {sums[off].flatten()[0].item():g}"
        raise ValueError(f"y must hold probabilities, nonnegative and 1 in sum along dim {dim}; it has {seen}")
    return y.to(logits.dtype)


def _require_float(value: object, name: str) -> None:
    import torch

    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} must be a tensor; got {type(value).__name__}")
    if not value.is_floating_point():
        raise TypeError(f"{name} must be of a floating-point type such as torch.float32; got {value.dtype}")
