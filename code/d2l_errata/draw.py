"""Figures drawn from the objects they show, as inline SVG that follows the page's light or dark theme.

>>> fig, ax = subplots(figsize=(5, 3))
>>> line, = ax.plot([0, 1, 4, 9])
>>> title = ax.set_title("步长 $h$")
>>> show(fig, alt="误差随步长平方增长")
误差随步长平方增长

Two calls bracket a figure, and neither leaves a trace in the reader's ``rcParams``: :func:`subplots` starts it in the
site's style, :func:`show` restyles what was added since and turns it into text that is the same on every machine.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import matplotlib.figure
    import networkx
    import torch

#: Text and axes: whatever colour the page's own text has.
INK = "#000000"
#: Auxiliary lines and remarks: the theme's muted text colour, and this grey where there is no theme.
MUTED = "#7b8087"
#: C0 … C5, blue, orange, green, red, purple, grey: 3:1 against white and both dark backgrounds, apart in every colour vision.
CYCLE = ("#5890f8", "#e87000", "#007868", "#d02018", "#7858b8", "#9090a8")
#: The embedded font has the hanzi, matplotlib's own font everything else.
FONTS = ["D2L Errata Sans SC", "DejaVu Sans"]

#: Stands in ids until the content, and with it the figure's own prefix, is known.
_PREFIX = "\N{OBJECT REPLACEMENT CHARACTER}"
_FONT_FILE = Path(__file__).parent / "fonts" / "D2LErrataSansSC.otf"


@dataclass(frozen=True)
class Figure:
    """A figure as a notebook displays it.

    Attributes:
        svg: an ``<svg>`` element to stand inside HTML.
        alt: what it shows, in words.
    """

    svg: str
    alt: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.alt, "text/html": f'<figure class="d2l-figure">{self.svg}</figure>'}


@contextmanager
def _style() -> Iterator[None]:
    """The site's style, for as long as the block runs."""
    import matplotlib as mpl
    from matplotlib.font_manager import fontManager

    if FONTS[0] not in fontManager.get_font_names():
        fontManager.addfont(_FONT_FILE)
    style = {
        "axes.axisbelow": True,
        "axes.facecolor": "none",
        "axes.prop_cycle": mpl.cycler(color=CYCLE),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "none",
        **{f"axes3d.{axis}axis.panecolor": "none" for axis in "xyz"},
        "font.family": FONTS,
        "grid.color": MUTED,
        "grid.linewidth": 0.5,
        "mathtext.fontset": "dejavusans",
        "svg.fonttype": "path",
        "svg.hashsalt": "d2l-errata",
    }
    with mpl.rc_context(style):
        yield


def subplots(nrows: int = 1, ncols: int = 1, **kwargs: Any) -> tuple[matplotlib.figure.Figure, Any]:
    """``plt.subplots`` in the site's style."""
    import matplotlib.pyplot as plt

    with _style():
        return plt.subplots(nrows, ncols, **kwargs)


def show(fig: matplotlib.figure.Figure, alt: str) -> Figure:
    """Close ``fig`` and return it for display, with ``alt`` for those who cannot see it.

    Raises:
        ValueError: there is no ``alt``, or the fonts lack a character.
    """
    import matplotlib.pyplot as plt

    try:
        if not isinstance(alt, str) or not alt.strip():
            raise ValueError(f"alt must be a sentence that says what the figure shows, not {alt!r}")
        return Figure(_inline(_render(fig), _colours(), alt), alt)
    finally:
        plt.close(fig)


def _render(fig: matplotlib.figure.Figure) -> str:
    """The SVG file that matplotlib writes for ``fig``, once what was added outside the style is in it."""
    import io
    import logging
    import warnings

    from matplotlib.image import AxesImage
    from matplotlib.legend import Legend
    from matplotlib.text import Text

    for text in fig.findobj(Text):  # the embedded font has one face
        text.set(fontfamily=FONTS, fontstyle="normal", fontweight="normal", math_fontfamily="dejavusans")
    for legend in fig.findobj(Legend):
        legend.set_frame_on(False)
    for image in fig.findobj(AxesImage):
        if image.get_interpolation() in ("auto", "antialiased"):
            image.set_interpolation("none")  # the array itself, scaled by the browser

    missing: dict[str, None] = {}
    mathtext = logging.getLogger("matplotlib.mathtext")

    def known(message: str) -> bool:
        """Note a missing glyph: plain text warns of one, mathematical text logs it."""
        found = re.search(r"^Glyph (\d+) .* missing|does not have a glyph for .*\[U\+(\w+)\]", message)
        if found:
            missing[chr(int(found[1]) if found[1] else int(found[2], 16))] = None
        return not found

    def log_filter(record: logging.LogRecord) -> bool:
        return known(record.getMessage())

    file = io.StringIO()
    mathtext.addFilter(log_filter)
    try:
        with _style(), warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            fig.savefig(file, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.05)
    finally:
        mathtext.removeFilter(log_filter)
    for warning in seen:
        if known(str(warning.message)):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if missing:
        raise ValueError(f"no glyph for {' '.join(missing)} in {' or '.join(FONTS)} (within $…$ there are none for hanzi)")
    return file.getvalue()


def _colours() -> dict[str, str]:
    """What the colours in matplotlib's SVG become: neutral ones the theme's, and the reader's C0 … C5 ours.

    ``ax.bar(…, color="C1")`` looks C1 up at once, in the reader's cycle.
    """
    from matplotlib import rcParams
    from matplotlib.colors import to_hex

    theirs = rcParams["axes.prop_cycle"].by_key().get("color", [])
    return dict(zip(map(to_hex, theirs), CYCLE)) | {INK: "currentColor", MUTED: f"var(--pst-color-text-muted, {MUTED})"}


def _inline(file: str, colours: Mapping[str, str], alt: str) -> str:
    """``file`` as an element of an HTML page: no prolog, no metadata, no rule or id that could touch the rest of the page."""
    from xml.etree import ElementTree as ET

    root = ET.fromstring(file)
    width = root.get("width")
    used = dict.fromkeys(re.findall(r'(?:href="|url\()#([^")]+)', file))
    ids = {name: f"{_PREFIX}{number}" for number, name in enumerate(used)}
    links = {f"#{name}": f"#{new}" for name, new in ids.items()}

    def restyled(style: str) -> str:
        style = re.sub(r"url\(#(.+?)\)", lambda name: f"url(#{ids[name[1]]})", style)
        return re.sub("#[0-9a-f]{6}", lambda colour: colours.get(colour[0], colour[0]), style)

    def placed(transform: str) -> str:
        return re.sub(r"(\w+)\((.*?)\)", lambda t: f"{t[1]}({_rounded(t[2], 2 if t[1] == 'translate' else 6)})", transform)

    rules = {"id": ids.get, "href": lambda link: links.get(link, link), "transform": placed}
    rules |= dict.fromkeys(("clip-path", "fill", "stroke", "style"), restyled)
    for parent in list(root.iter()):
        for element in list(parent):
            if element.tag.endswith(("}metadata", "}style")):
                parent.remove(element)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.text = element.tail = None
        attributes = {_local(name): value for name, value in element.items()}
        attributes = {name: rules.get(name, _rounded)(value) for name, value in attributes.items()}
        element.attrib = {name: value for name, value in attributes.items() if value is not None}
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": root.get("viewBox"),
        "role": "img",
        "aria-label": alt,
        "fill": "currentColor",  # matplotlib leaves out a black fill
        # On a phone a wide figure keeps a legible size, and scrolls.
        "style": f"width: 100%; min-width: min(26rem, {_rounded(width)}); max-width: {_rounded(width)}; height: auto; "
        "stroke-linejoin: round; stroke-linecap: butt",
    }
    svg = ET.tostring(root, encoding="unicode")
    return svg.replace(_PREFIX, f"fig-{sha256(svg.encode()).hexdigest()[:10]}-")


def _local(name: str) -> str:
    """An XML name without its namespace."""
    return name.rpartition("}")[2]


def _rounded(numbers: str, digits: int = 2) -> str:
    """``numbers`` to so many decimals: the last bits of a float, which differ between machines, do not show."""

    def short(number: re.Match[str]) -> str:
        return f"{round(float(number[0]), digits) + 0.0:.{digits}f}".rstrip("0").rstrip(".")

    return " ".join(re.sub(r"-?\d*\.\d+(?:e[-+]?\d+)?|-?\d+e[-+]?\d+", short, numbers).split())


def graph(tensor: torch.Tensor, names: Mapping[str, torch.Tensor] | None = None, alt: str = "") -> Figure:
    """The computational graph that autograd recorded for ``tensor``, from the leaves to the result.

    Args:
        tensor: the result of the computation.
        names: how to call the leaves.
        alt: what the figure shows, in words; required.

    Raises:
        ValueError: no graph was recorded, a name is given to a tensor that is no leaf of it, or there is no ``alt``.
    """
    return _draw_graph(grad_graph(tensor, names), alt)


def grad_graph(tensor: torch.Tensor, names: Mapping[str, torch.Tensor] | None = None) -> networkx.MultiDiGraph:
    """The nodes reached from ``tensor.grad_fn``, each with a label; edges point forward, one for each argument."""
    import networkx as nx

    if tensor.grad_fn is None:
        raise ValueError("tensor has no grad_fn: it is a leaf, depends on none, or was computed under torch.no_grad()")
    recorded, found = nx.MultiDiGraph(), [tensor.grad_fn]
    recorded.add_node(tensor.grad_fn)
    for node in found:  # grows on the way
        for argument, _ in node.next_functions:
            if argument is not None:
                if argument not in recorded:
                    found.append(argument)
                recorded.add_edge(argument, node)
    leaves = {node.variable: node for node in found if node.name().endswith("AccumulateGrad")}
    for node in found:
        recorded.nodes[node].update(leaf=False, label=_operation(node.name()))
    for leaf, node in leaves.items():
        recorded.nodes[node].update(leaf=True, label=str(tuple(leaf.shape)))
    for name, leaf in (names or {}).items():
        if leaf not in leaves:
            raise ValueError(f"{name!r} is no leaf of the graph: not an input with requires_grad=True that the result depends on")
        recorded.nodes[leaves[leaf]]["label"] = f"{name}\n{tuple(leaf.shape)}"
    return recorded


def _operation(name: str) -> str:
    """``MseLossBackward0`` → ``mse_loss``."""
    name = re.sub(r"Backward\d*$", "", name.rpartition("::")[2])
    return re.sub("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _layout(recorded: networkx.MultiDiGraph) -> tuple[dict[Any, tuple[int, float]], list[list[Any]]]:
    """Where each node stands, (layer, rank), and for each edge the nodes and free places it runs through.

    A node's layer is its longest way to the result, so a leaf stands next to where it enters; an edge that passes
    layers gets a free place in each of them, so that it runs beside their nodes.
    """
    import networkx as nx

    layers = [list(nodes) for nodes in nx.topological_generations(recorded.reverse())]
    depth = {node: i for i, nodes in enumerate(layers) for node in nodes}
    layered, routes = nx.Graph(), []
    for tail, head, key in recorded.edges(keys=True):
        passed = [(tail, head, key, i) for i in range(depth[tail] - 1, depth[head], -1)]
        for place in passed:
            layers[place[-1]].append(place)
        routes.append([tail, *passed, head])
        nx.add_path(layered, routes[-1])
    layered.add_nodes_from(recorded)
    rank = {node: float(r) for nodes in layers for r, node in enumerate(nodes)}
    # Each layer in turn moves towards its neighbours' mean, then apart to a distance of 1; a few rounds settle.
    for nodes in (layers[1:] + layers[::-1]) * 40:
        wanted = {node: sum(rank[other] for other in layered[node]) / max(1, layered.degree(node)) for node in nodes}
        nodes.sort(key=wanted.__getitem__)
        for before, node in zip([None, *nodes], nodes):
            rank[node] = wanted[node] if before is None else max(wanted[node], rank[before] + 1)
        shift = sum(rank[node] - wanted[node] for node in nodes) / len(nodes)
        rank.update({node: rank[node] - shift for node in nodes})
    return {node: (i, rank[node]) for i, nodes in enumerate(layers) for node in nodes}, routes


def _draw_graph(recorded: networkx.MultiDiGraph, alt: str) -> Figure:
    """A box for each node, an arrow for each edge, in inches: to the right, or downwards where that gets too wide."""
    import numpy as np
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    from matplotlib.path import Path as Curve

    at, routes = _layout(recorded)
    box = np.array([0.3 + 0.085 * max(len(line) for _, label in recorded.nodes(data="label") for line in label.split("\n")), 0.42])
    depth = max(layer for layer, _ in at.values()) + 1
    forward = np.array([1, 0] if depth * (box[0] + 0.4) < 8 else [0, -1])
    step, across = forward * (box + 0.4), abs(forward[::-1]) * (box + 0.2) * [1, -1]
    place = {node: rank * across - layer * step for node, (layer, rank) in at.items()}
    low, high = np.min([*place.values()], axis=0) - 0.6 * box, np.max([*place.values()], axis=0) + 0.6 * box
    fig, ax = subplots(figsize=high - low)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.axis("off")
    for node, data in recorded.nodes.items():
        colour = CYCLE[0] if data["leaf"] else INK if recorded.out_degree(node) else CYCLE[1]
        shape = f"round,pad=0,rounding_size={0.05 if data['leaf'] else 0.2}"
        ax.add_patch(FancyBboxPatch(place[node] - box / 2, *box, shape, facecolor="none", edgecolor=colour, linewidth=1.2))
        ax.text(*place[node], data["label"], ha="center", va="center", fontsize=9)
    same: dict[Any, int] = {}
    for route in routes:
        tail, head = route[0], route[-1]
        count = same[tail, head] = same.get((tail, head), -1) + 1
        aside = across / abs(across).max() * 0.14 * (count - (recorded.number_of_edges(tail, head) - 1) / 2)
        points, codes = [], []
        for here, there in itertools.pairwise(route):
            start, end = place[here] + forward * box / 2 + aside, place[there] - forward * box / 2 + aside
            points += [start, start + forward * 0.2, end - forward * 0.2, end]
            codes += [Curve.LINETO, *[Curve.CURVE4] * 3]
        path = Curve(points, [Curve.MOVETO, *codes[1:]])
        ax.add_patch(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=9, color=MUTED, shrinkA=0, shrinkB=0))
    return show(fig, alt)
