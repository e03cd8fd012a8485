"""Networks and their traces: against the formulas, PyTorch's own counter and the numbers of the book."""

import doctest
import itertools
import math

import pytest
import torch
from d2l_errata import nets
from d2l_errata.nets import lenet, trace, xavier
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sizes = st.integers(1, 4)


def test_docstring():
    failed, attempted = doctest.testmod(nets)
    assert not failed and attempted


def numbers(layers, name):
    return [getattr(layer, name) for layer in layers]


def total(layers, name):
    return sum(numbers(layers, name))


def test_lenet_is_the_books():
    net = lenet()
    layers = trace(net, torch.zeros(2, 1, 28, 28))
    activations = ["Conv2d", "Sigmoid", "AvgPool2d"]
    assert numbers(layers, "kind") == [*activations * 2, "Flatten", *["Linear", "Sigmoid"] * 2, "Linear"]
    maps = [(6, 28, 28), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 10, 10), (16, 5, 5)]
    assert numbers(layers, "shape") == [(2, *shape) for shape in [*maps, (400,), (120,), (120,), (84,), (84,), (10,)]]
    assert total(layers, "parameters") == sum(p.numel() for p in net.parameters()) == 61706
    assert total(layers, "multiplications") == 2 * 416520


def test_lenet_refuses_larger_images():
    with pytest.raises(RuntimeError, match="576 and 400x120"):
        lenet()(torch.zeros(1, 1, 32, 32))


def test_lenet_takes_other_activations_and_pools():
    net = lenet(nn.ReLU, nn.MaxPool2d)
    kinds = numbers(trace(net, torch.zeros(1, 1, 28, 28)), "kind")
    assert kinds.count("ReLU") == 4 and kinds.count("MaxPool2d") == 2 and "Sigmoid" not in kinds
    wide = lenet(pool=lambda size: nn.LPPool2d(3, size))
    assert wide[2].norm_type == 3 and isinstance(wide[1], nn.Sigmoid)
    assert net[1] is not net[4]


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(1, 3), sizes, sizes, st.integers(0, 2), sizes, st.integers(1, 2), st.booleans())
def test_counts_of_convolutions(n, c, groups, out, k, p, s, d, bias):
    conv = nn.Conv2d(c * groups, out * groups, (k, k + 1), stride=s, padding=p, dilation=d, groups=groups, bias=bias)
    x = torch.zeros(n, c * groups, 9, 12)
    (layer,) = trace(conv, x)
    h, w = (math.floor((size + 2 * p - d * (m - 1) - 1) / s) + 1 for size, m in ((9, k), (12, k + 1)))
    assert layer.shape == (n, out * groups, h, w)
    assert layer.parameters == out * groups * (c * k * (k + 1) + bias)
    assert layer.multiplications == n * out * groups * h * w * c * k * (k + 1)


@settings(max_examples=20, deadline=None)
@given(lead=st.lists(sizes, max_size=2), a=sizes, b=sizes, bias=st.booleans())
def test_counts_of_dense_layers(lead, a, b, bias):
    (layer,) = trace(nn.Linear(a, b, bias=bias), torch.zeros(*lead, a))
    assert layer == nets.Layer("", layer.module, (*lead, b), a * b + b * bias, math.prod(lead) * a * b)


@settings(max_examples=20, deadline=None)
@given(n=sizes, widths=st.lists(sizes, min_size=2, max_size=4), k=st.integers(1, 3), dense=sizes)
def test_against_torch(n, widths, k, dense):
    convolutions = [nn.Sequential(nn.Conv2d(a, b, k), nn.Tanh()) for a, b in itertools.pairwise(widths)]
    net = nn.Sequential(*convolutions, nn.Flatten(), nn.LazyLinear(dense))
    x = torch.zeros(n, widths[0], 9, 8)
    layers = trace(net, x)
    with FlopCounterMode(display=False) as counter:
        y = net(x)
    assert layers[-1].shape == y.shape
    assert 2 * total(layers, "multiplications") == counter.get_total_flops()
    assert total(layers, "parameters") == sum(p.numel() for p in net.parameters())
    assert all(net.get_submodule(layer.name) is layer.module for layer in layers)


def test_conv1d_and_conv3d():
    assert trace(nn.Conv1d(2, 3, 2), torch.zeros(5, 2, 7))[0].multiplications == 5 * 3 * 6 * 2 * 2
    assert trace(nn.Conv3d(1, 2, 2), torch.zeros(1, 1, 3, 3, 3))[0].multiplications == 2 * 8 * 8


def test_shared_parameters_count_once():
    layer, other = nn.Linear(3, 3), nn.Linear(3, 3)
    other.weight = layer.weight
    layers = trace(nn.Sequential(layer, layer, other), torch.zeros(1, 3))
    assert numbers(layers, "parameters") == [12, 0, 3]
    assert numbers(layers, "multiplications") == [9, 9, 9]
    assert numbers(layers, "name") == ["0", "0", "2"]


def test_order_is_that_of_the_calls():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.first, self.unused = nn.Linear(2, 1), nn.Linear(3, 2), nn.Linear(1, 1)

        def forward(self, x):
            return self.last(torch.relu(self.first(x)))

    assert numbers(trace(Backwards(), torch.zeros(1, 3)), "name") == ["first", "last"]


def test_the_network_is_left_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Dropout(0.5), nn.Flatten())
    net[0].eval()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert not trace(net, torch.ones(1, 1, 4, 4, requires_grad=True))[-1].module._forward_hooks
    assert torch.equal(torch.get_rng_state(), before)
    assert [module.training for module in net.modules()] == [True, False, True, True]
    assert all(p.requires_grad for p in net.parameters())
    with pytest.raises(RuntimeError, match="expected input"):
        trace(net, torch.zeros(1, 2, 4, 4))
    assert net[1].training and not net[0]._forward_hooks


def test_no_gradients_are_recorded():
    class Watch(nn.Module):
        def forward(self, x):
            assert not x.requires_grad and not torch.is_grad_enabled() and not self.training
            return x

    trace(nn.Sequential(nn.Linear(2, 2), Watch()), torch.zeros(1, 2))
    assert torch.is_grad_enabled()


def test_unknown_layers_are_refused():
    with pytest.raises(TypeError, match=r"multiplications of 1 \(BatchNorm1d\) are not known; those of Linear, Conv1d, Conv2d"):
        trace(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), torch.zeros(3, 2))

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.scale = nn.Linear(2, 2), nn.Parameter(torch.ones(2))

        def forward(self, x):
            return self.inner(x) * self.scale

    with pytest.raises(TypeError, match="Scaled"):
        trace(Scaled(), torch.zeros(1, 2))


@pytest.mark.parametrize("layer", [nn.Linear(200, 300), nn.Conv2d(20, 30, (3, 5))])
def test_xavier(layer):
    torch.manual_seed(0)
    bias = layer.bias.detach().clone()
    nn.init.zeros_(layer.weight)
    nn.Sequential(layer, nn.BatchNorm2d(3)).apply(xavier)
    area = layer.weight[0, 0].numel()
    bound = math.sqrt(6 / (area * sum(layer.weight.shape[:2])))
    assert 0.99 * bound < layer.weight.abs().max() <= bound
    torch.testing.assert_close(layer.weight.var().item(), bound**2 / 3, rtol=0.05, atol=0)
    assert torch.equal(layer.bias, bias)
