"""Convolution arithmetic: what is drawn is what is computed."""

import doctest
import re

import matplotlib.pyplot as plt
import pytest
import torch
from d2l_errata import conv, draw, draw_convolution
from d2l_errata.draw_convolution import figure, steps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.patches import Rectangle
from torch.nn.functional import conv2d


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@st.composite
def problems(draw):
    """Small integers in tensors, so that every drawn number is exact, and arguments that fit."""

    def pair(low, high):
        return draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    kernel, dilation, padding, stride = pair(1, 3), pair(1, 2), pair(0, 2), pair(1, 3)
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding)]
    size = [n + more for n, more in zip(least, pair(0, 2))]
    channels = draw(st.integers(1, 2))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    X = torch.randint(-9, 10, (channels, *size), generator=generator).double()
    K = torch.randint(-3, 4, (channels, *kernel), generator=generator).double()
    return X, K, {"stride": stride, "padding": padding, "dilation": dilation}


def texts(ax):
    """Numbers of a panel by what they are: input, kernel (keyed by the cell it lies on), output."""
    found = {"x": {}, "k": {}, "y": {}}
    for text in ax.texts:
        kind, *index = re.fullmatch(r"([xky])((?:--?\d+)+)", text.get_gid()).groups()
        key = tuple(int(n) for n in re.findall(r"-(-?\d+)", index[0]))
        assert key not in found[kind]
        found[kind][key] = float(text.get_text().replace("−", "-").removeprefix("×"))
    return found


few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(problems())
def test_every_panel_adds_up_and_agrees_with_pytorch(problem):
    X, K, options = problem
    Y = conv2d(X[None], K[None], **options)[0, 0]
    panels = [ax for ax in figure(X, K, **options).axes if ax.get_title()]
    assert len(panels) == Y.numel()
    for ax, (i, j) in zip(panels, torch.cartesian_prod(*map(torch.arange, Y.shape)).tolist()):
        assert ax.get_title() == f"Y[{i}, {j}]"
        seen = texts(ax)
        assert seen["x"] == {index: X[index].item() for index in (tuple(i) for i in torch.ones_like(X).nonzero().tolist())}
        assert sorted(seen["k"].values()) == sorted(K.flatten().tolist())
        # the weights that are drawn on cells, times the numbers of these cells; padding has none
        total = sum(weight * seen["x"].get(cell, 0) for cell, weight in seen["k"].items())
        assert total == seen["y"][i, j] == Y[i, j]
        known = {(a, b): Y[a, b].item() for a in range(Y.shape[0]) for b in range(Y.shape[1]) if (a, b) <= (i, j)}
        assert seen["y"] == known
    plt.close("all")


@few
@given(problems())
def test_steps_agree_with_corr2d(problem):
    X, K, options = problem
    Y = conv.corr2d(X, K[0], **options)[0]
    taken = steps(tuple(X.shape[1:]), tuple(K.shape[1:]), **options)
    assert [step.output for step in taken] == [(i, j) for i in range(Y.shape[0]) for j in range(Y.shape[1])]

    def value(i, j):
        return X[0, i, j].item() if 0 <= i < X.shape[1] and 0 <= j < X.shape[2] else 0.0

    for step in taken:
        window = torch.tensor([[value(i, j) for j in step.columns] for i in step.rows], dtype=X.dtype)
        assert (window * K[0]).sum() == Y[step.output]


@few
@given(problems())
def test_cells(problem):
    """As many cells as input, padding and output have; those of the padding dashed; those under the kernel filled."""
    X, K, options = problem
    (c, h, w), (ph, pw) = X.shape, options["padding"]
    fig = figure(X, K, **options, show=[(0, 0)])
    cells = fig.axes[0].findobj(Rectangle)
    outlines = [cell for cell in cells if cell.get_facecolor()[3] == 0 and cell.get_edgecolor()[3] > 0 and cell.axes.patch is not cell]
    filled = [cell for cell in cells if cell.get_alpha() == 0.35]
    dashed = [cell for cell in outlines if cell.get_linestyle() != "-" and cell.get_linestyle() != "solid"]
    padded = c * (h + 2 * ph) * (w + 2 * pw)
    output = conv.output_size((h, w), tuple(K.shape[1:]), **options)
    assert len(outlines) == padded + output[0] * output[1]
    assert len(dashed) == padded - X.numel()
    assert len(filled) == K.numel() + 1
    plt.close("all")


def test_one_size_for_both_axes():
    X, K = torch.arange(25.0).reshape(5, 5), torch.ones(2, 2)
    options = {"stride": 2, "padding": 1, "dilation": 2}
    pairs = {name: (value, value) for name, value in options.items()}
    assert steps((5, 5), 2, **options) == steps((5, 5), (2, 2), **pairs)
    one, two = ([texts(ax) for ax in figure(X, K, **given).axes if ax.get_title()] for given in (options, pairs))
    assert one == two and len(one) == 9


def test_chosen_steps_are_drawn_in_the_order_given():
    X, K = torch.arange(9.0).reshape(3, 3), torch.ones(2, 2)
    panels = [ax.get_title() for ax in figure(X, K, show=[(1, 0), (0, 1)]).axes]
    assert panels == ["Y[1, 0]", "Y[0, 1]"]


def test_numbers():
    X, K = torch.tensor([[-1.0, 0.123456, 1234.0]]), torch.tensor([[-0.5]])
    written = {text.get_gid(): text.get_text() for text in figure(X, K, show=[(0, 0)]).axes[0].texts}
    assert written == {"x-0-0-0": "−1", "x-0-0-1": "0.123", "x-0-0-2": "1234", "k-0-0-0": "×−0.5", "y-0-0": "0.5"}


def test_it_can_be_shown_with_the_sites_fonts():
    X, K = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0)), torch.ones(2, 2, 2)
    fig = figure(X, K, padding=1, stride=2)
    assert fig.get_size_inches()[0] <= 8
    assert draw.show(fig, "两个输入通道").svg.startswith("<svg")


@pytest.mark.parametrize(
    ("X", "K", "options", "message"),
    [
        ((3, 3), (1, 2, 2), {}, r"X and K must both have shape \(h, w\) or both \(c_i, h, w\); got \(3, 3\) and \(1, 2, 2\)"),
        ((9,), (2,), {}, r"got \(9,\) and \(2,\)"),
        ((2, 3, 3), (3, 2, 2), {}, r"X has 2 channels, K takes 3"),
        ((3, 3), (4, 2), {}, r"the kernel spans 4 elements"),
        ((3, 3), (2, 2), {"stride": 0}, r"stride must be at least 1; got 0"),
        ((3, 3), (2, 2), {"show": [(0, 2)]}, r"show must name elements of the output, of shape \(2, 2\); got \(0, 2\)"),
        ((3, 3), (2, 2), {"show": []}, r"show must name at least one element of the output; got none"),
    ],
)
def test_what_does_not_fit_is_refused(X, K, options, message):
    with pytest.raises(ValueError, match=message):
        figure(torch.ones(X), torch.ones(K), **options)
    assert not plt.get_fignums()


def test_docstring():
    assert doctest.testmod(draw_convolution) == (0, 6)
