"""Diagrams of networks, drawn from what the modules do to an input rather than from what they are said to do.

>>> import torch
>>> from torch import nn
>>> net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10))
>>> draw_network(net, torch.zeros(1, 1, 8, 8), alt="一个小网络。")
一个小网络。从上到下：输入 1×8×8；卷积层 3×3，填充 1，接 ReLU，输出 4×8×8，参数 40；最大汇聚层 2×2，输出 4×4×4；\
展平，输出 64；全连接层，输出 10，参数 650。共 690 个参数。
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import draw
from .nets import Layer, trace

if TYPE_CHECKING:
    import matplotlib.axes
    import torch
    from torch import nn

INPUT = "输入"
NAMES = {
    "Conv2d": "卷积层",
    "AvgPool2d": "平均汇聚层",
    "MaxPool2d": "最大汇聚层",
    "Flatten": "展平",
    "Linear": "全连接层",
}
# All lengths are in inches; the figure is narrow enough for a phone held upright.
ROW, BOX, GLYPH, RIGHT = 0.64, 1.7, 0.66, 0.92
HEIGHT = 0.44


@dataclass
class Block:
    """A layer with those after it that keep the shape and have no parameters.

    Attributes:
        title: the layer, with the size of its kernel or window.
        details: its other settings where they are not the usual ones, then the layers after it.
        shape: of one example's output.
        parameters: of the layer.
    """

    title: str
    details: list[str]
    shape: tuple[int, ...]
    parameters: int


def draw_network(net: nn.Module, x: torch.Tensor, *, alt: str) -> draw.Figure:
    """The layers of ``net`` from top to bottom, with the shape of each output and the number of parameters.

    Beside each layer one example's output is drawn: feature maps as squares to one scale, their number as the depth of
    the stack (a logarithm of it), vectors as bars (again logarithmic).

    Args:
        net: ``nn.Sequential``, nested or not, or a single module: what its parts are is read off their calls.
        x: an input, shape (n, …).
        alt: what to look at, as a sentence; the list of layers is added to it.

    Raises:
        ValueError: a part of ``net`` is a container other than ``nn.Sequential``, so that calls need not form a chain.
    """
    blocks = _blocks(net, x)
    total = sum(block.parameters for block in blocks)
    fig, ax = draw.subplots(figsize=(BOX + GLYPH + RIGHT, ROW * len(blocks)))
    ax.set(xlim=(-0.02, BOX + GLYPH + RIGHT), ylim=(-ROW * (len(blocks) - 0.5), ROW / 2), aspect="equal")
    ax.axis("off")
    largest = max((max(block.shape[1:], default=1) for block in blocks), default=1)
    for row, block in enumerate(blocks):
        _draw(ax, block, -ROW * row, GLYPH * 0.55 / largest)
    return draw.show(fig, f"{alt}从上到下：{'；'.join(map(_sentence, blocks))}。共 {total:,} 个参数。")


def _blocks(net: nn.Module, x: torch.Tensor) -> list[Block]:
    from torch import nn

    for name, module in net.named_modules():
        if any(True for _ in module.children()) and not isinstance(module, nn.Sequential):
            raise ValueError(f"{name or 'net'} is a {type(module).__name__}; only chains of nn.Sequential can be drawn")
    blocks = [Block(INPUT, [], tuple(x.shape[1:]), 0)]
    for layer in trace(net, x):
        keeps = layer.shape[1:] == blocks[-1].shape and not layer.parameters
        if keeps and len(blocks) > 1:
            blocks[-1].details.append(f"接 {NAMES.get(layer.kind, layer.kind)}")
        else:
            blocks.append(Block(*_described(layer), layer.shape[1:], layer.parameters))
    return blocks


def _described(layer: Layer) -> tuple[str, list[str]]:
    """Title and details of the layer."""
    name, module = NAMES.get(layer.kind, layer.kind), layer.module
    if not hasattr(module, "kernel_size"):
        return name, []
    usual = {"步幅": module.kernel_size if layer.kind.endswith("Pool2d") else 1, "填充": 0}
    settings = {"步幅": module.stride, "填充": module.padding}
    details = [f"{key} {_short(value)}" for key, value in settings.items() if _short(value) != _short(usual[key])]
    return f"{name} {_times(_pair(module.kernel_size))}", details


def _pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value, value)


def _times(numbers: tuple[int, ...]) -> str:
    return "×".join(map(str, numbers))


def _short(value: int | tuple[int, ...]) -> str:
    """``2`` and ``(2, 2)`` → ``2``, ``(2, 3)`` → ``2×3``."""
    pair = _pair(value)
    return str(pair[0]) if len(set(pair)) == 1 else _times(pair)


def _sentence(block: Block) -> str:
    shape = _times(block.shape)
    if block.title == INPUT:
        return f"{INPUT} {shape}"
    parameters = [f"参数 {block.parameters:,}"] if block.parameters else []
    return "，".join([block.title, *block.details, f"输出 {shape}", *parameters])


def _draw(ax: matplotlib.axes.Axes, block: Block, y: float, scale: float) -> None:
    """One row around the height ``y``: box, output, numbers."""
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

    if block.title != INPUT:
        shape, colour = "round,pad=0,rounding_size=0.06", "C0" if block.parameters else draw.INK
        ax.add_patch(FancyBboxPatch((0, y - HEIGHT / 2), BOX, HEIGHT, shape, facecolor="none", edgecolor=colour, linewidth=1.2))
        ends = (BOX / 2, y + ROW - HEIGHT / 2), (BOX / 2, y + HEIGHT / 2)
        ax.add_patch(FancyArrowPatch(*ends, arrowstyle="->", mutation_scale=9, shrinkA=0, shrinkB=0, color=draw.INK))
    text = f"{block.title}\n{'，'.join(block.details)}".strip()
    ax.text(BOX / 2, y, text, ha="center", va="center", fontsize=9, linespacing=1.3)

    middle, style = BOX + GLYPH / 2, {"facecolor": "C5", "edgecolor": draw.INK, "linewidth": 0.6}
    if len(block.shape) == 3:
        depth = 1 + round(2 * math.log2(block.shape[0]))
        height, width = (scale * size for size in block.shape[1:])
        for k in reversed(range(depth)):  # the nearest map last, over the others
            shift = 0.018 * (k - (depth - 1) / 2)
            ax.add_patch(Rectangle((middle - width / 2 + shift, y - height / 2 + shift), width, height, **style))
    else:
        length = 0.035 * (1 + math.log2(math.prod(block.shape)))
        ax.add_patch(Rectangle((middle - 0.03, y - length / 2), 0.06, length, **style))

    numbers = [_times(block.shape), *([f"参数 {block.parameters:,}"] if block.parameters else [])]
    ax.text(BOX + GLYPH + 0.05, y, "\n".join(numbers), ha="left", va="center", fontsize=9, linespacing=1.3)
