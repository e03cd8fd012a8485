"""Convolution arithmetic, step by step: which numbers of the input meet which numbers of the kernel.

>>> import torch
>>> from d2l_errata import draw
>>> X = torch.arange(9.0).reshape(3, 3)
>>> K = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
>>> steps((3, 3), (2, 2), padding=1, stride=(3, 2))[1]
Step(output=(0, 1), rows=(-1, 0), columns=(1, 2))
>>> draw.show(figure(X, K, padding=1, stride=(3, 2)), alt="步幅为 3 和 2 的互相关的四步")
步幅为 3 和 2 的互相关的四步

Every size is an integer for both axes or a pair (height, width); ``padding`` is what is added on *each* side. After the
figures of Dumoulin & Visin, *A guide to convolution arithmetic for deep learning*, arXiv:1603.07285.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from . import conv, draw

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure
    import torch

#: Inches that a cell measures, and the width of a page.
_CELL, _WIDTH = 0.36, 7.6


class Step(NamedTuple):
    """One position of the kernel.

    Attributes:
        output: row and column of the element that is computed.
        rows: for each row of the kernel, the row of the input that it meets. Rows below 0, or from the input's height
            on, are padding.
        columns: the same for columns.
    """

    output: tuple[int, int]
    rows: tuple[int, ...]
    columns: tuple[int, ...]


def steps(n: tuple[int, int], k: conv.Size, *, stride: conv.Size = 1, padding: conv.Size = 0, dilation: conv.Size = 1) -> list[Step]:
    """All positions that a kernel takes, row by row from the top left.

    Args:
        n: height and width of the input.
        k: height and width of the kernel.

    Raises:
        ValueError: what :func:`d2l_errata.conv.output_size` refuses.
    """
    shape = conv.output_size(n, k, stride=stride, padding=padding, dilation=dilation)
    k, stride, padding, dilation = (value if isinstance(value, Sequence) else (value, value) for value in (k, stride, padding, dilation))

    def met(axis: int, at: int) -> tuple[int, ...]:
        return tuple(at * stride[axis] - padding[axis] + a * dilation[axis] for a in range(k[axis]))

    return [Step((i, j), met(0, i), met(1, j)) for i, j in product(*map(range, shape))]


def figure(
    X: torch.Tensor,
    K: torch.Tensor,
    *,
    stride: conv.Size = 1,
    padding: conv.Size = 0,
    dilation: conv.Size = 1,
    show: Sequence[tuple[int, int]] | None = None,
) -> matplotlib.figure.Figure:
    """One panel for each step: the input, one block for each channel, and to its right what is known of the output.

    Cells under the kernel are filled, with the kernel's element at their lower edge (``×2``); padding is dashed and empty;
    the new element of the output is filled, later ones are empty.

    Args:
        X: shape (h, w), or (c_i, h, w) with a kernel of as many channels.
        K: shape (kh, kw) or (c_i, kh, kw): the kernel of one output channel.
        show: elements of the output whose steps are drawn, as (row, column); by default all.

    Returns:
        A figure for :func:`d2l_errata.draw.show`.

    Raises:
        ValueError: shapes that do not fit each other, or an element in ``show`` that the output does not have.
    """
    if X.dim() != K.dim() or X.dim() not in (2, 3):
        raise ValueError(f"X and K must both have shape (h, w) or both (c_i, h, w); got {tuple(X.shape)} and {tuple(K.shape)}")
    if X.dim() == 2:
        X, K = X[None], K[None]
    Y = conv.corr2d_multi(X, K[None], stride=stride, padding=padding, dilation=dilation)[0]
    taken = {step.output: step for step in steps(tuple(X.shape[1:]), tuple(K.shape[1:]), stride=stride, padding=padding, dilation=dilation)}
    show = list(taken) if show is None else [tuple(element) for element in show]
    for element in show:
        if element not in taken:
            raise ValueError(f"show must name elements of the output, of shape {tuple(Y.shape)}; got {element}")
    if not show:
        raise ValueError("show must name at least one element of the output; got none")

    c, h, w = X.shape
    ph, pw = padding if isinstance(padding, Sequence) else (padding, padding)
    block = h + 2 * ph + 1  # one cell between channels
    wide, high = w + 2 * pw + 1.5 + Y.shape[1], c * block - 1
    columns = max(1, min(len(show), int(_WIDTH / (_CELL * (wide + 0.8)))))
    rows = -(-len(show) // columns)
    size = (columns * (wide + 0.8) * _CELL, rows * (high + 1.6) * _CELL)
    fig, axes = draw.subplots(rows, columns, figsize=size, squeeze=False)
    for ax in axes.flat:
        ax.set(xlim=(-0.1, wide + 0.1), ylim=(high + 0.1, -0.1), aspect="equal")
        ax.axis("off")

    middle = (high - Y.shape[0]) / 2
    for ax, element in zip(axes.flat, show):
        step = taken[element]
        ax.set_title(f"Y[{element[0]}, {element[1]}]", fontsize=9)
        for channel, i, j in product(range(c), range(-ph, h + ph), range(-pw, w + pw)):
            at, inside = (j + pw, channel * block + i + ph), 0 <= i < h and 0 <= j < w
            under = i in step.rows and j in step.columns
            _cell(ax, at, fill="C0" if under else None, dashed=not inside)
            if inside:
                _write(ax, at, _number(X[channel, i, j]), f"x-{channel}-{i}-{j}", up=0.12 if under else 0)
            if under:
                a, b = step.rows.index(i), step.columns.index(j)
                _write(ax, at, f"×{_number(K[channel, a, b])}", f"k-{channel}-{i}-{j}", up=-0.27, size=6.5)
        for i, j in product(range(Y.shape[0]), range(Y.shape[1])):
            at = (w + 2 * pw + 1.5 + j, middle + i)
            _cell(ax, at, fill="C1" if (i, j) == element else None)
            if (i, j) <= element:
                _write(ax, at, _number(Y[i, j]), f"y-{i}-{j}")
    return fig


def _cell(ax: matplotlib.axes.Axes, at: tuple[float, float], *, fill: str | None, dashed: bool = False) -> None:
    """A unit square with its upper left corner at ``at``."""
    from matplotlib.patches import Rectangle

    outline: dict[str, Any] = {"linewidth": 0.6, "linestyle": (0, (2, 2))} if dashed else {"linewidth": 0.9}
    if fill:
        ax.add_patch(Rectangle(at, 1, 1, facecolor=fill, alpha=0.35, edgecolor="none"))
    ax.add_patch(Rectangle(at, 1, 1, facecolor="none", edgecolor=draw.MUTED, **outline))


def _write(ax: matplotlib.axes.Axes, at: tuple[float, float], text: str, gid: str, *, up: float = 0, size: float = 8) -> None:
    """``text`` in the middle of the cell at ``at``, or ``up`` above it; long numbers get smaller letters."""
    size *= min(1, 4 / len(text))
    ax.text(at[0] + 0.5, at[1] + 0.5 - up, text, ha="center", va="center_baseline", fontsize=size, color=draw.INK, gid=gid)


def _number(value: torch.Tensor) -> str:
    """Three digits where there are decimals; integers in full, with a real minus sign."""
    value = value.item()
    return (f"{value:.0f}" if value == round(value) else f"{value:.3g}").replace("-", "−")
