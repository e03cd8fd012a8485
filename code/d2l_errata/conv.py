"""Cross-correlation and pooling as what they are: one view of all windows, then one product (or one maximum).

>>> import torch
>>> X = torch.arange(9.0).reshape(3, 3)
>>> corr2d(X, torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
tensor([[19., 25.],
        [37., 43.]])
>>> corr2d_multi(torch.ones(5, 3, 8, 8), torch.ones(4, 3, 3, 3), padding=1, stride=2).shape
torch.Size([5, 4, 4, 4])
>>> pool2d(X, 2)
tensor([[4.]])
>>> receptive_field([(3, 1, 1), (3, 1, 1), (2, 2)])
ReceptiveField(size=6, jump=2, start=-2)

Every size is an integer for both axes or a pair (height, width). ``padding`` is what is added on *each* side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, overload

if TYPE_CHECKING:
    import torch

Size = int | tuple[int, int]


@overload
def output_size(n: int, k: int, *, padding: int = 0, stride: int = 1, dilation: int = 1) -> int: ...
@overload
def output_size(n: tuple[int, int], k: Size, *, padding: Size = 0, stride: Size = 1, dilation: Size = 1) -> tuple[int, int]: ...
def output_size(n, k, *, padding=0, stride=1, dilation=1):
    """Number of positions that a kernel takes: ``⌊(n + 2 padding - dilation (k - 1) - 1) / stride⌋ + 1``.

    Args:
        n: size of the input along one axis, or (height, width).
        k: number of kernel elements along it.
        padding: elements added on each side, so ``2 * padding`` in all (as in PyTorch).
        stride: distance between neighbouring positions of the kernel.
        dilation: distance between neighbouring elements of the kernel.

    Returns:
        An integer for integers, (height, width) if ``n`` or any other argument is a pair.

    Raises:
        ValueError: an argument is out of range, or the kernel is larger than the padded input.
    """
    if any(isinstance(value, Sequence) for value in (n, k, padding, stride, dilation)):
        axes = zip(*(_pair(value, name) for value, name in ((n, "n"), (k, "k"), (padding, "padding"))), strict=True)
        steps = zip(_pair(stride, "stride"), _pair(dilation, "dilation"), strict=True)
        sizes = [output_size(n, k, padding=p, stride=s, dilation=d) for (n, k, p), (s, d) in zip(axes, steps, strict=True)]
        return sizes[0], sizes[1]
    for value, name, least in ((n, "n", 0), (k, "k", 1), (padding, "padding", 0), (stride, "stride", 1), (dilation, "dilation", 1)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}; got {value}")
    extent = dilation * (k - 1) + 1
    if extent > n + 2 * padding:
        raise ValueError(
            f"the kernel spans {extent} elements (size {k}, dilation {dilation}), "
            f"more than the {n + 2 * padding} of the padded input (size {n}, padding {padding} on each side)"
        )
    return (n + 2 * padding - extent) // stride + 1


def corr2d(X: torch.Tensor, K: torch.Tensor, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1) -> torch.Tensor:
    """Cross-correlation of every image in ``X`` with one kernel.

    ``Y[i, j] = Σ_a Σ_b K[a, b] X[i·stride + a·dilation - padding, j·stride + b·dilation - padding]``, where ``X`` is 0
    outside itself. Differentiable in both arguments. Types follow :func:`corr2d_multi`.

    Args:
        X: shape (..., h, w), any number of leading axes, none included.
        K: shape (kh, kw).

    Returns:
        Shape (..., h', w') with (h', w') from :func:`output_size`.

    Raises:
        ValueError: a shape, stride, padding or dilation that does not fit; the message says which.
    """
    if K.dim() != 2:
        raise ValueError(f"K must have shape (kh, kw); got {tuple(K.shape)}")
    if X.dim() < 2:
        raise ValueError(f"X must have shape (..., h, w); got {tuple(X.shape)}")
    return corr2d_multi(X.unsqueeze(-3), K[None, None], stride=stride, padding=padding, dilation=dilation).squeeze(-3)


def corr2d_multi(
    X: torch.Tensor,
    K: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> torch.Tensor:
    """Cross-correlation with several channels: what ``torch.nn.functional.conv2d`` computes, for any leading axes.

    All windows become the columns of one matrix, all kernels the rows of another; the output is their product.
    Types are promoted as for ``X * K``, except that integers (images of bytes, say) are summed in 64 bits, so that
    nothing wraps around. (PyTorch multiplies matrices of integers on the CPU only.)

    Args:
        X: shape (..., c_i, h, w).
        K: shape (c_o, c_i, kh, kw).
        bias: shape (c_o,), added to every element of its channel.

    Returns:
        Shape (..., c_o, h', w') with (h', w') from :func:`output_size`.

    Raises:
        ValueError: a shape, stride, padding or dilation that does not fit; the message says which.
    """
    import torch

    if K.dim() != 4:
        raise ValueError(f"K must have shape (c_o, c_i, kh, kw); got {tuple(K.shape)}")
    if X.dim() < 3:
        raise ValueError(f"X must have shape (..., c_i, h, w); got {tuple(X.shape)}")
    if X.shape[-3] != K.shape[1]:
        raise ValueError(f"X has {X.shape[-3]} channels, K takes {K.shape[1]}: shapes {tuple(X.shape)} and {tuple(K.shape)}")
    if bias is not None and bias.shape != K.shape[:1]:
        raise ValueError(f"bias must have shape ({K.shape[0]},), one number for each output channel; got {tuple(bias.shape)}")

    dtype = torch.result_type(X, K)
    if not (dtype.is_floating_point or dtype.is_complex):
        dtype = torch.int64
    windows = _windows(X.to(dtype), K.shape[2:], stride, padding, dilation)  # (..., c_i, kh, kw, h', w')
    columns = windows.flatten(-2).flatten(-4, -2)  # (..., c_i kh kw, h' w'): the only copy
    Y = (K.to(dtype).flatten(1) @ columns).unflatten(-1, windows.shape[-2:])
    return Y if bias is None else Y + bias[:, None, None]


def pool2d(
    X: torch.Tensor, size: Size, mode: Literal["max", "avg", "min"] = "max", *, stride: Size | None = None, padding: Size = 0
) -> torch.Tensor:
    """Largest, mean or smallest element of every window.

    Padding never wins a maximum or minimum, but counts as zeros in a mean, as in PyTorch. Means of integers are taken
    in the default floating-point type.

    Args:
        X: shape (..., h, w); every image, so every channel too, is pooled by itself.
        size: height and width of the window.
        mode: ``"max"``, ``"avg"`` or ``"min"``.
        stride: distance between windows; by default ``size``, so that they touch and do not overlap.
        padding: on each side, at most half of ``size``, so that no window lies outside the image.

    Returns:
        Shape (..., h', w') with (h', w') from :func:`output_size`.

    Raises:
        ValueError: a shape, mode, stride or padding that does not fit; the message says which.
    """
    import torch

    if X.dim() < 2:
        raise ValueError(f"X must have shape (..., h, w); got {tuple(X.shape)}")
    if mode not in ("max", "avg", "min"):
        raise ValueError(f"mode must be 'max', 'avg' or 'min'; got {mode!r}")
    size = _pair(size, "size")
    for p, k in zip(_pair(padding, "padding"), size, strict=True):
        if 2 * p > k:
            raise ValueError(f"padding must be at most half of size; got padding {p} for size {k}")

    if mode == "avg":
        X = X if X.is_floating_point() or X.is_complex() else X.to(torch.get_default_dtype())
        return _windows(X, size, size if stride is None else stride, padding).mean((-4, -3))
    if X.is_floating_point():
        lowest, highest = -torch.inf, torch.inf
    else:
        lowest, highest = torch.iinfo(X.dtype).min, torch.iinfo(X.dtype).max
    fill = lowest if mode == "max" else highest
    windows = _windows(X, size, size if stride is None else stride, padding, fill=fill).flatten(-4, -3)
    return windows.max(-3).values if mode == "max" else windows.min(-3).values


class ReceptiveField(NamedTuple):
    """What the outputs of a stack of layers see of its input, along one axis.

    Output ``i`` depends on no input outside ``start + i·jump, …, start + i·jump + size - 1``. Positions below 0 or from
    the input's size on are padding, not input.

    Attributes:
        size: number of positions between the first and the last one seen, both included.
        jump: distance between the fields of neighbouring outputs.
        start: first position seen by output 0; negative if that is padding.
    """

    size: int
    jump: int
    start: int

    def inputs(self, i: int, n: int) -> range:
        """Positions of an input of size ``n`` that lie in the field of output ``i``."""
        first = self.start + i * self.jump
        return range(max(first, 0), min(first + self.size, n))


def receptive_field(layers: Iterable[Sequence[int]]) -> ReceptiveField:
    """Receptive field of the last of several convolution or pooling layers, along one axis.

    A layer multiplies the jump by its stride; before that, it widens the field by ``dilation · (k - 1)`` jumps and moves
    its start by ``padding`` jumps. Source: Araujo, Norris & Sim, *Computing Receptive Fields*, Distill 2019.

    Args:
        layers: from input to output, each ``(k, stride, padding, dilation)``; what is left out at the end is 1, 0, 1.

    Raises:
        ValueError: a layer has no or more than four numbers, or one that is out of range.
    """
    size, jump, start = 1, 1, 0
    for layer in layers:
        if not 1 <= len(layer) <= 4:
            raise ValueError(f"a layer must be (k, stride, padding, dilation), the last three optional; got {tuple(layer)}")
        k, stride, padding, dilation = (*layer, *(1, 0, 1)[len(layer) - 1 :])
        if k < 1 or stride < 1 or padding < 0 or dilation < 1:
            raise ValueError(f"a layer needs k, stride, dilation of at least 1 and padding of at least 0; got {tuple(layer)}")
        size, jump, start = size + dilation * (k - 1) * jump, jump * stride, start - padding * jump
    return ReceptiveField(size, jump, start)


def _pair(value: Size, name: str) -> tuple[int, int]:
    if not isinstance(value, Sequence):
        return value, value
    if len(value) != 2:
        raise ValueError(f"{name} must be an integer or (height, width); got {tuple(value)}")
    return value[0], value[1]


def _windows(X: torch.Tensor, size: Size, stride: Size, padding: Size, dilation: Size = 1, fill: float = 0) -> torch.Tensor:
    """All windows of (..., h, w) as a view of shape (..., kh, kw, h', w').

    Positions come last: there neighbours lie next to each other in memory, so that a copy of the view reads long runs.
    """
    import torch

    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (
        _pair(value, name) for value, name in ((size, "size"), (stride, "stride"), (padding, "padding"), (dilation, "dilation"))
    )
    output_size(tuple(X.shape[-2:]), (kh, kw), padding=(ph, pw), stride=(sh, sw), dilation=(dh, dw))  # complains
    if ph or pw:
        X = torch.nn.functional.pad(X, (pw, pw, ph, ph), value=fill)
    X = X.unfold(-2, dh * (kh - 1) + 1, sh).unfold(-2, dw * (kw - 1) + 1, sw)  # (..., h', w', spanned rows, columns)
    return X[..., ::dh, ::dw].movedim((-2, -1), (-4, -3))
