"""Cross-correlation, pooling and receptive fields against PyTorch: values and gradients, and what is refused."""

import doctest

import pytest
import torch
from d2l_errata import conv
from d2l_errata.conv import ReceptiveField, corr2d, corr2d_multi, output_size, pool2d, receptive_field
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

F64 = torch.float64
sampled = settings(deadline=None, max_examples=60)
leads = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@st.composite
def geometries(draw, least_padding=0):
    """(n, k, padding, stride, dilation), each a pair, such that the kernel fits into the padded input."""
    axes = []
    for _ in range(2):
        k, padding, stride, dilation = (draw(st.integers(low, high)) for low, high in ((1, 4), (least_padding, 3), (1, 4), (1, 3)))
        least = max(1, dilation * (k - 1) + 1 - 2 * padding)
        axes.append((draw(st.integers(least, least + 6)), k, padding, stride, dilation))
    return tuple(zip(*axes))


def random(shape, seed, layout):
    """Random numbers of one shape: contiguous, transposed in memory, every other of a larger tensor, or expanded."""
    g = torch.Generator().manual_seed(seed)
    if layout == "transposed":
        return torch.randn((*shape[:-2], shape[-1], shape[-2]), generator=g, dtype=F64).mT
    if layout == "strided":
        return torch.randn((*shape[:-1], 2 * shape[-1]), generator=g, dtype=F64)[..., ::2]
    if layout == "expanded":
        return torch.randn((*shape[:-2], 1, shape[-1]), generator=g, dtype=F64).expand(shape)
    return torch.randn(shape, generator=g, dtype=F64)


layouts = st.sampled_from(["contiguous", "transposed", "strided", "expanded"])
seeds = st.integers(0, 2**31)


def same(ours, theirs, inputs, seed=0):
    """Equal values, and equal gradients of a random linear function of them."""
    torch.testing.assert_close(ours, theirs)
    weight = random(ours.shape, seed, "contiguous") if ours.dim() > 1 else torch.ones_like(ours)
    torch.testing.assert_close(torch.autograd.grad((ours * weight).sum(), inputs), torch.autograd.grad((theirs * weight).sum(), inputs))


def torch_conv2d(X, K, bias=None, **options):
    """conv2d for any leading axes; PyTorch itself takes one or none, and wants some images."""
    *lead, channels, h, w = X.shape
    batch = F.conv2d(X.reshape(-1, channels, h, w) if 0 not in lead else X.new_zeros(1, channels, h, w), K, bias, **options)
    return batch.reshape(*lead, *batch.shape[1:]) if 0 not in lead else batch.new_zeros(*lead, *batch.shape[1:])


@given(leads, geometries(), layouts, layouts, seeds)
@sampled
def test_corr2d(lead, geometry, x_layout, k_layout, seed):
    n, k, padding, stride, dilation = geometry
    X = random((*lead, *n), seed, x_layout).requires_grad_()
    K = random(k, seed + 1, k_layout).requires_grad_()
    options = {"padding": padding, "stride": stride, "dilation": dilation}
    ours = corr2d(X, K, **options)
    assert ours.shape == (*lead, *output_size(n, k, **options)) and ours.dtype == F64
    if 0 in lead:
        ours.sum().backward()
        assert X.grad.shape == X.shape and not K.grad.any()
    else:
        same(ours, torch_conv2d(X.unsqueeze(-3), K[None, None], **options).squeeze(-3), (X, K), seed)


@given(leads, geometries(), st.integers(1, 4), st.integers(1, 4), st.booleans(), layouts, layouts, seeds)
@sampled
def test_corr2d_multi(lead, geometry, c_i, c_o, biased, x_layout, k_layout, seed):
    n, k, padding, stride, dilation = geometry
    X = random((*lead, c_i, *n), seed, x_layout).requires_grad_()
    K = random((c_o, c_i, *k), seed + 1, k_layout).requires_grad_()
    bias = random((1, c_o), seed + 2, "contiguous")[0].requires_grad_() if biased else None
    options = {"padding": padding, "stride": stride, "dilation": dilation}
    ours, theirs = corr2d_multi(X, K, bias, **options), torch_conv2d(X, K, bias, **options)
    assert ours.shape == (*lead, c_o, *output_size(n, k, **options)) == theirs.shape
    if 0 not in lead:
        same(ours, theirs, (X, K) if bias is None else (X, K, bias), seed)


@given(geometries(), seeds)
@settings(deadline=None, max_examples=10)
def test_second_derivatives(geometry, seed):
    n, k, padding, stride, dilation = geometry
    X, K = (random(shape, seed, "contiguous").requires_grad_() for shape in (n, k))
    assert torch.autograd.gradgradcheck(lambda X, K: corr2d(X, K, padding=padding, stride=stride, dilation=dilation), (X, K))


@given(geometries(), seeds)
@sampled
def test_inputs_are_not_changed_and_nothing_is_shared(geometry, seed):
    n, k, padding, stride, dilation = geometry
    X, K = random(n, seed, "contiguous"), random(k, seed + 1, "contiguous")
    before = X.clone(), K.clone()
    corr2d(X, K, padding=padding, stride=stride, dilation=dilation).fill_(7)
    for mode in ("max", "avg", "min"):
        pool2d(X, n, mode).fill_(7)
    assert torch.equal(X, before[0]) and torch.equal(K, before[1])


def test_one_integer_stands_for_both_axes():
    X, K = random((2, 9, 11), 0, "contiguous"), random((2, 3), 1, "contiguous")
    assert torch.equal(corr2d(X, K, stride=2, padding=1, dilation=2), corr2d(X, K, stride=(2, 2), padding=(1, 1), dilation=(2, 2)))
    assert output_size((9, 11), 3) == output_size((9, 11), (3, 3)) == (7, 9)
    assert output_size(9, 3) == 7


@given(st.integers(0, 12), st.integers(1, 5), st.integers(0, 4), st.integers(1, 5), st.integers(1, 4))
@sampled
def test_output_size_counts_positions(n, k, padding, stride, dilation):
    padded = range(-padding, n + padding)
    positions = [i for i in padded[::stride] if i + dilation * (k - 1) in padded]
    if positions:
        assert output_size(n, k, padding=padding, stride=stride, dilation=dilation) == len(positions)
    else:
        with pytest.raises(ValueError, match="the kernel spans"):
            output_size(n, k, padding=padding, stride=stride, dilation=dilation)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64, torch.bool])
def test_integers_do_not_wrap_around(dtype):
    X, K = torch.full((3, 3), 127).to(dtype), torch.full((2, 2), 3).to(dtype)
    Y = corr2d(X, K)
    assert Y.dtype == torch.int64
    assert Y.tolist() == [[4 * int(X[0, 0]) * int(K[0, 0])] * 2] * 2


def test_types_are_promoted():
    X = torch.ones(3, 3, dtype=torch.uint8)
    assert corr2d(X, torch.ones(2, 2)).dtype == torch.float32
    assert corr2d(X.float(), torch.ones(2, 2, dtype=F64)).dtype == F64
    assert corr2d(X.float(), torch.ones(2, 2, dtype=torch.int64)).dtype == torch.float32


@given(leads, geometries(), layouts, st.booleans(), seeds)
@sampled
def test_pool2d(lead, geometry, layout, overlapping, seed):
    n, k, padding, stride, _ = geometry
    padding = tuple(min(p, k // 2) for p, k in zip(padding, k))
    n = tuple(max(n, k) for n, k in zip(n, k))
    stride = stride if overlapping else None
    X = random((*lead, *n), seed, layout).requires_grad_()
    flat = X.reshape(-1, 1, *n) if 0 not in lead else X.new_zeros(1, 1, *n)
    for mode, theirs in (
        ("max", F.max_pool2d(flat, k, stride, padding)),
        ("avg", F.avg_pool2d(flat, k, stride, padding)),
        ("min", -F.max_pool2d(-flat, k, stride, padding)),
    ):
        ours = pool2d(X, k, mode, stride=stride, padding=padding)
        assert ours.shape == (*lead, *theirs.shape[-2:])
        if 0 in lead:
            continue
        if layout == "expanded" and mode != "avg":  # equal elements: which of them gets the gradient is not fixed
            torch.testing.assert_close(ours, theirs.reshape(ours.shape))
        else:
            same(ours, theirs.reshape(ours.shape), X, seed)


def test_pool2d_of_integers():
    X = torch.tensor([[250, 255], [0, 5]], dtype=torch.uint8)
    assert pool2d(X, 2).item() == 255 and pool2d(X, 2).dtype == torch.uint8
    assert pool2d(X, 2, "min", stride=1, padding=1).tolist() == [[250, 250, 255], [0, 0, 5], [0, 0, 5]]
    assert pool2d(-X.long(), 2, stride=1, padding=1).max() == 0  # padding is lower than any element
    mean = pool2d(X, 2, "avg")
    assert mean.item() == 127.5 and mean.dtype == torch.get_default_dtype()


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.integers(1, 2)), max_size=3), st.integers(8, 12))
@sampled
def test_receptive_field_by_gradients(layers, n):
    x = torch.ones(1, 1, n, dtype=F64, requires_grad=True)
    y = x
    for k, stride, padding, dilation in layers:
        if dilation * (k - 1) + 1 > y.shape[-1] + 2 * padding:
            return
        y = F.conv1d(y, torch.ones(1, 1, k, dtype=F64), stride=stride, padding=padding, dilation=dilation)
    field = receptive_field(layers)
    for i in range(y.shape[-1]):
        (gradient,) = torch.autograd.grad(y[0, 0, i], x, retain_graph=True)
        seen = gradient[0, 0].nonzero()[:, 0].tolist()
        assert set(seen) <= set(field.inputs(i, n))
        if not any(padding for _, _, padding, _ in layers):  # then the first and the last position are seen
            assert seen[0] == field.inputs(i, n)[0] == field.start + i * field.jump
            assert seen[-1] == field.inputs(i, n)[-1] and seen[-1] - seen[0] + 1 == field.size


def test_receptive_field_with_padding_and_defaults():
    assert receptive_field([]) == ReceptiveField(1, 1, 0)
    assert receptive_field([(3,)]) == receptive_field([(3, 1, 0, 1)]) == ReceptiveField(3, 1, 0)
    vgg_block = [(3, 1, 1), (3, 1, 1), (2, 2)]
    assert receptive_field(vgg_block) == ReceptiveField(size=6, jump=2, start=-2)
    assert receptive_field([(3, 1, 1, 2)]).inputs(0, 10) == range(0, 4)
    assert receptive_field([(3, 1, 1)] * 20).inputs(0, 4) == range(4)  # never more than there is


TWO, THREE, FOUR = torch.ones(2, 2), torch.ones(3, 5, 5), torch.ones(4, 3, 3, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: corr2d(TWO, torch.ones(3, 1)), "spans 3 elements (size 3, dilation 1), more than the 2 of the padded input"),
        (lambda: corr2d(TWO, TWO, dilation=3, padding=0), "spans 4 elements (size 2, dilation 3), more than the 2"),
        (lambda: corr2d(TWO, TWO, dilation=5, padding=(2, 1)), "more than the 4 of the padded input (size 2, padding 1 on each side)"),
        (lambda: corr2d(TWO, torch.ones(0, 1)), "k must be at least 1; got 0"),
        (lambda: corr2d(TWO, TWO, stride=0), "stride must be at least 1; got 0"),
        (lambda: corr2d(TWO, TWO, stride=(1, -2)), "stride must be at least 1; got -2"),
        (lambda: corr2d(TWO, TWO, padding=-1), "padding must be at least 0; got -1"),
        (lambda: corr2d(TWO, TWO, dilation=0), "dilation must be at least 1; got 0"),
        (lambda: corr2d(TWO, TWO, stride=(1, 1, 1)), "stride must be an integer or (height, width); got (1, 1, 1)"),
        (lambda: corr2d(TWO, torch.ones(2)), "K must have shape (kh, kw); got (2,)"),
        (lambda: corr2d(torch.ones(2), TWO), "X must have shape (..., h, w); got (2,)"),
        (lambda: corr2d_multi(THREE, TWO), "K must have shape (c_o, c_i, kh, kw); got (2, 2)"),
        (lambda: corr2d_multi(TWO, FOUR), "X must have shape (..., c_i, h, w); got (2, 2)"),
        (lambda: corr2d_multi(THREE[:2], FOUR), "X has 2 channels, K takes 3: shapes (2, 5, 5) and (4, 3, 3, 3)"),
        (lambda: corr2d_multi(THREE, FOUR, torch.ones(3)), "bias must have shape (4,), one number for each output channel; got (3,)"),
        (lambda: pool2d(THREE, 2, "mean"), "mode must be 'max', 'avg' or 'min'; got 'mean'"),
        (lambda: pool2d(THREE, 2, padding=2), "padding must be at most half of size; got padding 2 for size 2"),
        (lambda: pool2d(torch.ones(2), 2), "X must have shape (..., h, w); got (2,)"),
        (lambda: pool2d(TWO, 3), "spans 3 elements"),
        (lambda: receptive_field([(3, 1), ()]), "a layer must be (k, stride, padding, dilation), the last three optional; got ()"),
        (lambda: receptive_field([(3, 0)]), "stride, dilation of at least 1 and padding of at least 0; got (3, 0)"),
    ],
)
def test_errors_say_what_was_seen(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def test_no_loop_over_positions(monkeypatch):
    """The number of operations does not grow with the picture."""
    counts = []
    for n in (5, 50):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            corr2d(torch.ones(n, n), TWO)
        counts.append(len(profile.events()))
    assert counts[0] == counts[1] > 0


def test_examples_in_the_documentation():
    assert doctest.testmod(conv).failed == 0
