"""Figures: Chinese without system fonts, colours for both themes, the same bytes each time, and graphs that are autograd's."""

import base64
import doctest
import io
import itertools
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from d2l_errata import draw
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font

FONT = Path(draw.__file__).parent / "fonts" / "D2LErrataSansSC.otf"
BACKGROUNDS = {"light": "#ffffff", "dark page": "#121212", "dark theme": "#14181e"}


@pytest.fixture
def no_system_fonts(monkeypatch):
    """Leave matplotlib the fonts it brings along and the embedded one."""
    bundled = mpl.get_data_path()
    draw.subplots()
    plt.close("all")
    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if font.fname.startswith((bundled, str(FONT)))])
    fontManager._findfont_cached.cache_clear()
    yield
    fontManager._findfont_cached.cache_clear()


def sample(noise=0.0):
    """A figure with a bit of everything."""
    fig, (left, right) = draw.subplots(1, 2, figsize=(7, 3))
    x = np.linspace(-3, 3, 50)
    left.plot(x, np.sin(x) + noise, "o-", label="正弦 $f_1$")
    left.axhline(0, color=draw.MUTED)
    left.set(xlabel="步长 $h$", title="误差")
    left.legend(facecolor="white", framealpha=1)
    right.bar(range(6), range(1, 7), color=[f"C{i}" for i in range(6)], hatch="/")
    right.text(0, 5, "注释", color="black", fontweight="bold")
    inset = right.inset_axes([0.1, 0.5, 0.2, 0.2])
    inset.imshow(np.arange(6.0).reshape(2, 3))
    return fig


def shown(**kwargs):
    return draw.show(sample(**kwargs), "示例：\"正弦\" < 条形 & 'x'")


def test_docstring():
    assert doctest.testmod(draw, optionflags=doctest.ELLIPSIS) == (0, 4)


def test_import_is_light():
    heavy = "import sys, d2l_errata.draw; print({'matplotlib', 'networkx', 'numpy', 'torch'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", heavy], text=True, env=environment()).strip() == "set()"


def environment(**more):
    return os.environ | {"PYTHONPATH": str(FONT.parents[2])} | more


# Font


def test_font_has_every_hanzi_of_gb2312_and_its_licence():
    font = FT2Font(str(FONT))
    cells = (bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    hanzi = {char for cell in cells if (char := cell.decode("gb2312", "ignore"))}
    assert len(hanzi) == 6763
    others = {*map(chr, range(0x20, 0x7F)), *"，。：；？！（）《》“”…—αω−×∂∇∈≤→"}
    assert hanzi | others <= set(map(chr, font.get_charmap()))
    assert font.family_name == draw.FONTS[0]
    names = b" ".join(font.get_sfnt().values()).replace(b"\0", b"")
    assert b"Adobe" in names and b"SIL Open Font License" in names and b"Source" not in font.family_name.encode()
    assert "SIL OPEN FONT LICENSE Version 1.1" in FONT.with_name("OFL.txt").read_text(encoding="utf-8")
    assert FONT.stat().st_size < 2_000_000


@pytest.mark.usefixtures("no_system_fonts")
def test_hanzi_are_drawn_with_the_embedded_font_alone():
    assert fontManager.findfont(FontProperties(family=draw.FONTS)) == str(FONT)
    fig, ax = draw.subplots()
    ax.axis("off")
    ax.text(0, 0, "梯度下降")
    assert len(re.findall(r'<path id="D2LErrataSansSC-Regular-\w+"', draw._render(fig))) == 4
    assert draw.show(fig, "文字").svg.count("<use") == 4


@pytest.mark.usefixtures("no_system_fonts")
@pytest.mark.parametrize(
    ("text", "missing"),
    [("谚文 한글", "한 글"), ("谚文 한 $x$", "한"), (r"$\text{步}$", "步"), ("𠮷", "𠮷")],
)
def test_missing_glyphs_are_named(text, missing):
    fig, ax = draw.subplots()
    ax.set_title(text)
    with pytest.raises(ValueError, match=f"no glyph for {missing} in"):
        draw.show(fig, "缺字")
    assert not plt.get_fignums()


def test_text_outside_the_embedded_font_falls_back():
    fig, ax = draw.subplots()
    ax.set_title("中 ђ Ⴀ −1 ☺")
    ax.set_xlabel(r"$\hat{\boldsymbol{x}} \in \mathbb{R}^n,\ \nabla f \leq -1$，范数")
    assert draw.show(fig, "文字").svg


def test_bold_and_italic_are_set_in_the_one_face_without_a_word(caplog):
    fig, ax = draw.subplots()
    ax.set_title("粗", fontweight="bold")
    ax.set_xlabel("斜", fontstyle="italic", fontfamily="serif")
    assert draw.show(fig, "文字").svg
    assert not caplog.messages


def test_other_warnings_still_reach_the_reader():
    fig, ax = draw.subplots()
    ax.xaxis.set_major_formatter(lambda value, place: warnings.warn("quite another thing", stacklevel=1) or "0")
    with pytest.warns(UserWarning, match="quite another thing"):
        draw.show(fig, "警告")


# Colours


def linear(colour):
    value = np.array(mpl.colors.to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """WCAG 2.2, relative luminance and contrast ratio."""
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("background", BACKGROUNDS.values(), ids=BACKGROUNDS)
@pytest.mark.parametrize("colour", [*draw.CYCLE, draw.MUTED])
def test_colours_stand_out(colour, background):
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast(colour, background) >= 3


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
VISION = {
    "trichromat": np.eye(3),
    "protanope": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranope": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanope": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def oklab(rgb):
    """Björn Ottosson's perceptual space, in which 0.02 is about what one can just tell apart."""
    to_cone = [[0.412221, 0.536333, 0.051446], [0.211903, 0.680700, 0.107397], [0.088302, 0.281719, 0.629979]]
    to_lab = [[0.210454, 0.793618, -0.004072], [1.977998, -2.428592, 0.450594], [0.025904, 0.782772, -0.808676]]
    return np.array(to_lab) @ np.cbrt(np.array(to_cone) @ np.clip(rgb, 0, 1))


def closest(colours, vision):
    seen = [oklab(np.array(vision) @ linear(colour)) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))


@pytest.mark.parametrize("vision", VISION.values(), ids=VISION)
def test_colours_differ_in_every_colour_vision(vision):
    assert closest(draw.CYCLE, vision) > 0.08


def test_matplotlibs_own_cycle_would_not_pass():
    assert closest([f"tab:{name}" for name in ("blue", "orange", "green", "red", "purple", "brown")], VISION["deuteranope"]) < 0.08


def test_colours_follow_the_theme():
    svg = shown().svg
    used = set(re.findall("#[0-9a-f]{6}", svg))
    assert used == {*draw.CYCLE, draw.MUTED}  # no black, no white, none of matplotlib's own
    assert f"stroke: var(--pst-color-text-muted, {draw.MUTED})" in svg and "currentColor" in svg


# SVG


def test_same_bytes_every_time():
    assert shown() == shown()
    assert shown().svg == shown(noise=1e-7).svg != shown(noise=0.1).svg


def test_same_bytes_in_another_process():
    script = "from test_draw import shown; print(shown().svg)"
    path = os.pathsep.join([str(FONT.parents[2]), str(Path(__file__).parent)])
    environ = environment(PYTHONPATH=path, PYTHONHASHSEED="1", PYTHONIOENCODING="utf-8")
    assert subprocess.check_output([sys.executable, "-c", script], env=environ, encoding="utf-8") == shown().svg + "\n"


def test_element_stands_alone_in_a_page():
    figure = shown()
    html = figure._repr_mimebundle_()["text/html"]
    root = ET.fromstring(html)
    assert root.tag == "figure" and root.get("class") == "d2l-figure"
    assert html.count("http") == html.count('xmlns="http://www.w3.org/2000/svg"') == 1
    svg = root[0]
    assert (svg.get("role"), svg.get("aria-label")) == ("img", figure.alt)
    assert re.fullmatch(r"0 0 [\d.]+ [\d.]+", svg.get("viewBox")) and svg.get("width") is None and "height: auto" in svg.get("style")
    tags = {element.tag.rpartition("}")[2] for element in svg.iter()}
    assert tags == {"svg", "g", "defs", "path", "use", "clipPath", "rect", "pattern", "image"}
    assert all((element.text or "").strip() == "" for element in svg.iter())
    assert not re.findall(r' (?:d|x|y)="[^"]*\.\d{3}', html)
    assert figure._repr_mimebundle_()["text/plain"] == repr(figure) == figure.alt


def test_images_are_the_array_itself():
    fig, ax = draw.subplots()
    ax.imshow(np.arange(6.0).reshape(2, 3))
    pixels = base64.b64decode(re.search(r'base64,([^"]+)"', draw.show(fig, "两行三列").svg)[1])
    assert plt.imread(io.BytesIO(pixels)).shape == (2, 3, 4)


def test_ids_do_not_meet_and_references_resolve():
    figures = [shown(), shown(noise=0.1), draw.show(sample(), "另一句")]
    ids = [re.findall(r' id="([^"]+)"', figure.svg) for figure in figures]
    assert len(set(itertools.chain(*ids))) == sum(map(len, ids)) > 0
    for figure, own in zip(figures, ids):
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', figure.svg)) == set(own)


@pytest.mark.parametrize("alt", ["", "  ", None, 3])
def test_alternative_text_is_required(alt):
    fig, _ = draw.subplots()
    with pytest.raises(ValueError, match="alt must be a sentence"):
        draw.show(fig, alt)
    assert not plt.get_fignums()


@pytest.mark.parametrize("style", ["default", "ggplot", "dark_background"])
def test_readers_settings_stay(style):
    with plt.style.context(style):
        before = dict(mpl.rcParams)
        fig = sample()
        assert dict(mpl.rcParams) == before
        draw.show(fig, "示例")
        assert dict(mpl.rcParams) == before
    assert not plt.get_fignums()


def test_subplots_are_those_of_pyplot():
    fig, axes = draw.subplots(2, 3, figsize=(6, 4), sharex=True, subplot_kw={"projection": "3d"})
    assert axes.shape == (2, 3) and tuple(fig.get_size_inches()) == (6, 4)
    assert draw.show(fig, "六个坐标系").svg


# Graphs


@pytest.fixture
def expression():
    """relu(w·x + b)² + w·w, with w used twice by one product and x without a gradient."""
    w, b, x = torch.ones(3, requires_grad=True), torch.zeros((), requires_grad=True), torch.ones(3)
    return {"w": w, "b": b, "x": x}, torch.relu(w @ x + b) ** 2 + (w * w).sum()


def walk(node):
    """The edges below ``node``, by autograd's own references."""
    for argument, _ in node.next_functions:
        if argument is not None:
            yield argument, node
            yield from walk(argument)


def test_graph_is_autograds(expression):
    leaves, y = expression
    recorded = draw.grad_graph(y, {"w": leaves["w"], "b": leaves["b"]})
    assert set(recorded) == {y.grad_fn, *itertools.chain(*walk(y.grad_fn))}
    assert sorted(map(str, walk(y.grad_fn))) == sorted(map(str, recorded.edges()))  # a tree but for its leaves, so each edge once
    label = recorded.nodes(data="label")
    assert sorted(label[node] for node in recorded) == ["add", "add", "b\n()", "dot", "mul", "pow", "relu", "sum", "w\n(3,)"]
    assert sorted((label[tail].split()[0], label[head]) for tail, head in recorded.edges()) == [
        ("add", "relu"), ("b", "add"), ("dot", "add"), ("mul", "sum"), ("pow", "add"), ("relu", "pow"), ("sum", "add"),
        ("w", "dot"), ("w", "mul"), ("w", "mul"),
    ]  # fmt: skip
    assert {label[node] for node, leaf in recorded.nodes(data="leaf") if leaf} == {"w\n(3,)", "b\n()"}
    assert [label[node] for node in recorded if not recorded.out_degree(node)] == ["add"]


def test_leaves_without_a_name_show_their_shape(expression):
    _, y = expression
    assert {"(3,)", "()"} <= {label for _, label in draw.grad_graph(y).nodes(data="label")}


def test_every_node_and_edge_is_drawn(expression):
    leaves, y = expression
    svg = draw.graph(y, {"w": leaves["w"], "b": leaves["b"]}, "计算图").svg
    muted = f"var(--pst-color-text-muted, {draw.MUTED})"
    assert svg.count(f"fill: {muted}") == 10  # arrow heads
    assert svg.count("fill: none; stroke: currentColor") == 6  # operations
    assert svg.count(f"fill: none; stroke: {draw.CYCLE[0]}") == 2  # leaves
    assert svg.count(f"fill: none; stroke: {draw.CYCLE[1]}") == 1  # result


def test_layout_keeps_nodes_apart_and_arrows_forward(expression):
    recorded = draw.grad_graph(expression[1])
    at, routes = draw._layout(recorded)
    for (layer, rank), (other, another) in itertools.combinations(at.values(), 2):
        assert layer != other or abs(rank - another) > 1 - 1e-9
    assert len(routes) == recorded.number_of_edges()
    for route in routes:
        assert [at[a][0] - at[b][0] for a, b in itertools.pairwise(route)] == [1] * (len(route) - 1)


def test_deep_graphs_run_downwards():
    x = torch.tensor(0.5, requires_grad=True)
    y = x
    for _ in range(12):
        y = y.sin()
    width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', draw.graph(y, {"x": x}, "正弦十二次").svg).groups())
    assert height > 3 * width


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("MulBackward0", "mul"),
        ("MseLossBackward0", "mse_loss"),
        ("TBackward0", "t"),
        ("Log1PBackward0", "log1p"),
        ("MaxPool2DWithIndicesBackward0", "max_pool2d_with_indices"),
        ("torch::autograd::CopySlices", "copy_slices"),
        ("CubeBackward", "cube"),
    ],
)
def test_operation_names(name, operation):
    assert draw._operation(name) == operation


def test_graph_errors(expression):
    leaves, y = expression
    with pytest.raises(ValueError, match="has no grad_fn"):
        draw.graph(leaves["w"], alt="叶")
    with torch.no_grad(), pytest.raises(ValueError, match="has no grad_fn"):
        draw.graph(leaves["w"] * 2, alt="无")
    for name, wrong in {"x": leaves["x"], "y": y, "z": torch.ones(2, requires_grad=True), "w": leaves["w"].detach()}.items():
        with pytest.raises(ValueError, match=f"'{name}' is no leaf"):
            draw.graph(y, {name: wrong}, "错")
    with pytest.raises(ValueError, match="alt must be"):
        draw.graph(y)
    assert not plt.get_fignums()
