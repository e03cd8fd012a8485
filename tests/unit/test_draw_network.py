"""Diagrams of networks: what they say is what the network does."""

import doctest
import re

import pytest
import torch
from d2l_errata import draw_network as module
from d2l_errata.draw_network import draw_network
from d2l_errata.nets import lenet
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn


def test_docstring():
    failed, attempted = doctest.testmod(module)
    assert not failed and attempted


def layers(figure):
    """The alternative text, layer by layer."""
    return re.search("从上到下：(.*)。共", figure.alt)[1].split("；")


def test_lenet():
    figure = draw_network(lenet(), torch.zeros(3, 1, 28, 28), alt="尺寸逐渐变小。")
    assert figure.alt.startswith("尺寸逐渐变小。从上到下：") and figure.alt.endswith("。共 61,706 个参数。")
    assert layers(figure) == [
        "输入 1×28×28",
        "卷积层 5×5，填充 2，接 Sigmoid，输出 6×28×28，参数 156",
        "平均汇聚层 2×2，输出 6×14×14",
        "卷积层 5×5，接 Sigmoid，输出 16×10×10，参数 2,416",
        "平均汇聚层 2×2，输出 16×5×5",
        "展平，输出 400",
        "全连接层，接 Sigmoid，输出 120，参数 48,120",
        "全连接层，接 Sigmoid，输出 84，参数 10,164",
        "全连接层，输出 10，参数 850",
    ]
    assert figure.alt in figure.svg


@settings(max_examples=15, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.integers(0, 2),
    channels=st.integers(1, 9),
)
def test_shapes_and_settings(kernel, stride, padding, channels):
    net = nn.Sequential(nn.Conv2d(2, channels, kernel, stride=stride, padding=padding), nn.Flatten(), nn.LazyLinear(3))
    x = torch.zeros(1, 2, 7, 6)
    _, convolution, flat, dense = layers(draw_network(net, x, alt="图。"))
    assert convolution.startswith(f"卷积层 {kernel[0]}×{kernel[1]}，")
    assert (f"填充 {padding}" in convolution) == (padding > 0)
    assert ("步幅" in convolution) == (stride != (1, 1))
    if stride[0] != stride[1]:
        assert f"步幅 {stride[0]}×{stride[1]}" in convolution
    shape = net[0](x).shape
    assert f"输出 {shape[1]}×{shape[2]}×{shape[3]}" in convolution
    assert flat.endswith(str(shape.numel())) or shape[2:] == (1, 1)
    assert f"参数 {sum(p.numel() for p in net[2].parameters()):,}" in dense


def test_pooling_shows_what_is_unusual():
    def described(pool):
        return layers(draw_network(nn.Sequential(pool), torch.zeros(1, 1, 9, 9), alt="图。"))[1]

    assert described(nn.MaxPool2d(3)) == "最大汇聚层 3×3，输出 1×3×3"
    assert described(nn.MaxPool2d(3, stride=2, padding=1)) == "最大汇聚层 3×3，步幅 2，填充 1，输出 1×5×5"
    assert described(nn.MaxPool2d((3, 2), stride=(3, 2))) == "最大汇聚层 3×2，输出 1×3×4"


@pytest.mark.parametrize(
    ("layer", "shape", "said"), [(nn.Conv1d(1, 2, 3), (1, 1, 7), "Conv1d 3"), (nn.Conv3d(1, 2, 3), (1, 1, 4, 4, 4), "Conv3d 3×3×3")]
)
def test_usual_settings_of_any_dimension_are_left_out(layer, shape, said):
    x = torch.zeros(shape)
    described = layers(draw_network(nn.Sequential(layer), x, alt="图。"))[1]
    assert described.startswith(f"{said}，输出 {'×'.join(map(str, layer(x).shape[1:]))}，")


def test_a_first_layer_that_keeps_the_shape_is_a_layer():
    assert layers(draw_network(nn.Sequential(nn.ReLU(), nn.Tanh()), torch.zeros(1, 4), alt="图。")) == ["输入 4", "ReLU，接 Tanh，输出 4"]


def test_each_output_is_drawn_to_scale():
    figure = draw_network(nn.Sequential(nn.AvgPool2d((1, 2))), torch.zeros(1, 1, 10, 20), alt="图。")
    boxes = re.findall(r"M ([\d.]+) ([\d.]+) L ([\d.]+) ([\d.]+) L ([\d.]+) ([\d.]+) L ([\d.]+) ([\d.]+) z", figure.svg)
    sizes = [(float(b[2]) - float(b[0]), float(b[3]) - float(b[5])) for b in boxes]
    (w, h), (half, same) = [size for size in sizes if size[1] > 0][-2:]
    assert w == pytest.approx(72 * 0.55 * module.GLYPH, rel=0.1)  # points: the largest fills its column
    assert w == pytest.approx(2 * h, abs=0.05) and half == pytest.approx(h, abs=0.05) and same == pytest.approx(h, abs=0.05)


def test_networks_that_are_no_chain_are_refused():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.a(x) + self.b(x)

    with pytest.raises(ValueError, match="net is a Sum; only chains of"):
        draw_network(Sum(), torch.zeros(1, 2), alt="图。")
    with pytest.raises(ValueError, match=r"^1 is a Sum"):
        draw_network(nn.Sequential(nn.Linear(2, 2), Sum()), torch.zeros(1, 2), alt="图。")
