"""The loop that all pages train with, against loops written out by hand."""

import copy
import io
import warnings

import pytest
import torch
from d2l_errata import draw, progress
from d2l_errata.train import History, accuracy, train
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

N, D, CLASSES = 53, 4, 3


def classification(seed=0, n=N):
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, D, generator=generator)
    return X, (X @ torch.randn(D, CLASSES, generator=generator)).argmax(1)


def mlp(seed=0, *middle):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(D, 8), nn.ReLU(), *middle, nn.Linear(8, CLASSES))


def by_hand(net, X, y, *, epochs, batch_size, lr, seed=0):
    """Losses and accuracies, example by example."""
    optimizer, generator = torch.optim.SGD(net.parameters(), lr=lr), torch.Generator().manual_seed(seed)
    losses, shares = [], []
    for _ in range(epochs):
        order, total, right = torch.randperm(len(X), generator=generator), 0.0, 0
        for start in range(0, len(X), batch_size):
            i = order[start : start + batch_size]
            output = net(X[i])
            each = nn.functional.cross_entropy(output, y[i], reduction="none")
            optimizer.zero_grad()
            each.mean().backward()
            optimizer.step()
            total += each.sum().item()
            right += (output.argmax(1) == y[i]).sum().item()
        losses.append(total / len(X))
        shares.append(right / len(X))
    return losses, shares


@settings(max_examples=25, deadline=None)
@given(batch_size=st.integers(1, N + 5), epochs=st.integers(1, 3), seed=st.integers(0, 9))
def test_history_and_parameters_are_those_of_a_loop_by_hand(batch_size, epochs, seed):
    X, y = classification()
    ours, theirs = mlp(seed), mlp(seed)
    history = train(ours, (X, y), epochs=epochs, batch_size=batch_size, lr=0.1, seed=seed, device="cpu")
    losses, shares = by_hand(theirs, X, y, epochs=epochs, batch_size=batch_size, lr=0.1, seed=seed)
    torch.testing.assert_close(history.loss, losses, rtol=1e-5, atol=1e-6)
    assert history.accuracy == shares and history.test_loss == history.test_accuracy == [] and len(history) == epochs
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b)


def test_images_can_stay_bytes():
    images = torch.randint(256, (20, D), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    y = torch.arange(20) % CLASSES
    runs = [train(mlp(), (X, y), epochs=2, batch_size=8, lr=0.1, test=(X, y), device="cpu") for X in (images, images / 255)]
    assert runs[0] == runs[1]
    net = mlp()
    assert accuracy(net, images, y) == accuracy(net, images / 255, y)


def test_every_example_weighs_the_same_in_a_last_batch_of_one():
    net = nn.Linear(1, 1)
    X, y = torch.zeros(5, 1), torch.tensor([[0.0], [0.0], [0.0], [0.0], [1.0]])
    with torch.no_grad():
        net.bias.zero_()
    history = train(net, (X, y), loss=nn.MSELoss(), epochs=1, batch_size=4, lr=0.0, device="cpu")
    assert history.loss[0] == pytest.approx(0.2)  # a mean of the batches' means would be 0.5 or 0.125


def test_regression_reaches_the_least_squares_solution():
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(64, 3, generator=generator, dtype=torch.float64)
    y = X @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64) + 3
    net = nn.Linear(3, 1, dtype=torch.float64)
    history = train(net, (X, y), loss=nn.MSELoss(), epochs=100, batch_size=16, lr=0.1, test=(X[:7], y[:7]), device="cpu")
    torch.testing.assert_close(net.weight.detach(), torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64))
    torch.testing.assert_close(net.bias.detach(), torch.tensor([3.0], dtype=torch.float64))
    assert history.accuracy == history.test_accuracy == [] and len(history.test_loss) == 100 and history.test_loss[-1] < 1e-12


def test_the_test_set_is_evaluated_after_each_epoch_in_evaluation_mode():
    X, y = classification()
    test = classification(1, 2500)  # several batches of evaluation, the last not full
    net = mlp(0, nn.Dropout(0.5), nn.BatchNorm1d(8))
    history = train(net, (X, y), epochs=2, batch_size=10, lr=0.1, test=test, device="cpu")
    net.eval()
    with torch.no_grad():
        output = net(test[0])
    assert history.test_loss[-1] == pytest.approx(nn.functional.cross_entropy(output, test[1]).item(), rel=1e-5)
    assert history.test_accuracy[-1] == (output.argmax(1) == test[1]).double().mean().item() == accuracy(net, *test)


def test_the_seed_decides_and_the_global_state_stays():
    X, y = classification()
    start = mlp(0, nn.Dropout(0.5))
    runs = []
    for before, seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(before)
        state, net = torch.get_rng_state(), copy.deepcopy(start)
        runs.append(train(net, (X, y), epochs=2, batch_size=10, lr=0.1, seed=seed, device="cpu"))
        assert torch.equal(state, torch.get_rng_state())
    assert runs[0] == runs[1] != runs[2]


def test_the_seed_of_layers_and_the_order_are_independent():
    """Dropout follows the seed, yet draws nothing from the generator of the order."""
    seen, kept = [], []
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(1, CLASSES))
    net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].flatten().int().tolist()))
    net[0].register_forward_hook(lambda module, inputs, output: kept.append((output != 0).flatten().tolist()))
    for seed in (0, 1):
        data = torch.arange(1.0, N + 1)[:, None], torch.arange(N) % CLASSES
        train(net, data, epochs=2, batch_size=N, lr=0.0, seed=seed, device="cpu")
        generator = torch.Generator().manual_seed(seed)
        assert seen[-2:] == [(torch.randperm(N, generator=generator) + 1).tolist() for _ in range(2)]
    assert kept[0] != kept[1] and kept[0] != kept[2]


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_given_back_even_after_an_error(training):
    X, y = classification()
    modes = []
    net = mlp().train(training)
    net.register_forward_hook(lambda module, *_: modes.append(module.training))
    train(net, (X, y), epochs=1, batch_size=N, lr=0.1, test=(X, y), device="cpu")
    assert modes == [True, False] and net.training is training
    accuracy(net, X, y)
    assert modes[-1] is False and net.training is training
    with pytest.raises(FloatingPointError):
        train(net, (X * torch.nan, y), epochs=1, batch_size=N, lr=0.1, device="cpu")
    assert net.training is training


def test_other_optimizers():
    X, y = classification()
    net, twin = mlp(), mlp()
    train(net, (X, y), epochs=1, batch_size=N, lr=0.01, optimizer=torch.optim.Adam, device="cpu")
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    nn.functional.cross_entropy(twin(X), y).backward()
    optimizer.step()
    for a, b in zip(net.parameters(), twin.parameters()):
        torch.testing.assert_close(a, b)


def test_no_step_waits_for_the_device(monkeypatch):
    """Numbers are read once an epoch: the count must not grow with the steps."""

    def reads(batch_size):
        count = 0

        def counted(method):
            def wrapper(*args):
                nonlocal count
                count += 1
                return method(*args)

            return wrapper

        with monkeypatch.context() as patch:
            for name in ("item", "tolist", "__bool__", "__float__", "__int__"):
                patch.setattr(torch.Tensor, name, counted(getattr(torch.Tensor, name)))
            X, y = classification()
            train(mlp(), (X, y), epochs=2, batch_size=batch_size, lr=0.1, device="cpu")
        return count

    assert 0 < reads(N) < 20
    assert reads(1) == reads(N)


def test_nan_stops_with_the_step():
    X, y = classification()
    order = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    X[order[25]] = torch.nan  # third minibatch of ten
    with pytest.raises(FloatingPointError, match="the loss is nan at step 3 of 6 of epoch 1"):
        train(mlp(), (X, y), epochs=2, batch_size=10, lr=0.1, device="cpu")
    net = nn.Linear(1, 1)
    with pytest.raises(FloatingPointError, match=r"(inf|nan) at step \d+ of 1 of epoch \d+"):
        train(net, (torch.ones(4, 1), torch.ones(4, 1)), loss=nn.MSELoss(), epochs=500, batch_size=4, lr=10.0, device="cpu")


def test_the_device_of_the_environment(monkeypatch):
    monkeypatch.setenv("D2L_ERRATA_DEVICE", "cuda:77")
    with pytest.raises(RuntimeError, match="D2L_ERRATA_DEVICE is 'cuda:77'"):
        train(mlp(), classification(), epochs=1, batch_size=8, lr=0.1)
    monkeypatch.setenv("D2L_ERRATA_DEVICE", "cpu")
    train(mlp(), classification(), epochs=1, batch_size=8, lr=0.1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same_history_and_the_module_back():
    X, y = classification()
    on_cpu, on_gpu = mlp(), mlp()
    expected = train(on_cpu, (X, y), epochs=2, batch_size=10, lr=0.1, test=(X, y), device="cpu")
    state = torch.cuda.get_rng_state()
    history = train(on_gpu, (X, y), epochs=2, batch_size=10, lr=0.1, test=(X, y), device="cuda")
    torch.testing.assert_close(history.loss, expected.loss, rtol=1e-4, atol=1e-5)
    assert all(parameter.device.type == "cpu" for parameter in on_gpu.parameters())
    assert torch.equal(state, torch.cuda.get_rng_state())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1; got 0"),
        ({"batch_size": 0}, "at least 1; got 0"),
        ({"data": (torch.zeros(3, D), torch.zeros(2, dtype=torch.long))}, "data: 3 inputs and 2 targets"),
        ({"data": (torch.zeros(0, D), torch.zeros(0, dtype=torch.long))}, "data: there are no examples"),
        ({"test": (torch.zeros(3, D), torch.zeros(2, dtype=torch.long))}, "test: 3 inputs and 2 targets"),
        ({"data": (torch.zeros(2, D), torch.tensor([0, 3]))}, "data: labels run from 0 to 3; the output has 3 columns, for labels 0 to 2"),
        ({"data": (torch.zeros(2, D), torch.tensor([-1, 0]))}, "data: labels run from -1 to 0"),
        ({"test": (torch.zeros(2, D), torch.tensor([0, 9]))}, "test: labels run from 0 to 9"),
        ({"data": (torch.zeros(2, D), torch.tensor([[0], [1]]))}, r"classes of shape \(2, 1\) the output has shape \(2, 3\)"),
        ({"loss": nn.CrossEntropyLoss(reduction="none")}, r"a scalar; got shape \(8,\)"),
    ],
)
def test_errors_say_what_was_seen(change, message):
    arguments = {"data": classification(), "epochs": 1, "batch_size": 8, "lr": 0.1, "device": "cpu"} | change
    net = mlp()
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(ValueError, match=message):
        train(net, arguments.pop("data"), **arguments)
    assert "test" in change or all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_silent_broadcasting_is_refused():
    X = torch.zeros(6, 1)
    with (
        warnings.catch_warnings(),
        pytest.raises(ValueError, match=r"output has shape \(6, 1\), the targets \(6,\); they would be broadcast"),
    ):
        warnings.simplefilter("ignore")
        train(nn.Linear(1, 1), (X, torch.zeros(6)), loss=nn.MSELoss(), epochs=1, batch_size=6, lr=0.1, device="cpu")


def test_accuracy_refuses():
    X, y = classification()
    with pytest.raises(TypeError, match=r"integer type; got torch\.float32"):
        accuracy(mlp(), X, y.float())
    with pytest.raises(ValueError, match="53 inputs and 52 targets"):
        accuracy(mlp(), X, y[1:])
    with pytest.raises(ValueError, match="labels run from 0 to 7"):
        accuracy(mlp(), X, y.clone().fill_(0).index_fill_(0, torch.tensor([3]), 7))


def test_a_module_without_parameters_can_be_evaluated():
    X = torch.eye(4)
    assert accuracy(nn.Identity(), X, torch.tensor([0, 1, 2, 0])) == 0.75


def test_classes_on_more_axes():
    """One class for each pixel, as in segmentation."""
    y = torch.tensor([[[0, 1], [1, 1]]])
    X = torch.stack([1.0 - y, y.float()], 1)
    X[0, :, 0, 0] = X[0, :, 0, 0].flip(0)
    assert accuracy(nn.Identity(), X, y) == 0.75


def test_plot():
    figure = History([1.0, 0.5], [0.2, 0.4], [1.1, 0.7], [0.1, 0.3]).plot("两轮里损失下降，精度上升", log=True)
    assert isinstance(figure, draw.Figure) and figure.alt.startswith("两轮")
    one = History([1.0]).plot("只有一轮")
    assert len(one.svg) < len(figure.svg)
    with pytest.raises(ValueError, match="the history is empty"):
        History().plot("无")
    with pytest.raises(ValueError, match="alt"):
        History([1.0]).plot("")


def test_progress_is_shown_on_a_terminal_only(capsys, monkeypatch):
    from rich.console import Console

    X, y = classification()
    train(mlp(), (X, y), epochs=1, batch_size=8, lr=0.1, progress=True, device="cpu")
    assert capsys.readouterr() == ("", "")
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80, _environ={})
    original = progress.progress_bar
    monkeypatch.setattr(progress, "progress_bar", lambda **options: original(**options, console=terminal))
    train(mlp(), (X, y), epochs=2, batch_size=8, lr=0.1, progress=True, device="cpu")
    assert "训练" in terminal.file.getvalue() and "14/14" in terminal.file.getvalue()
    terminal.file = io.StringIO()
    train(mlp(), (X, y), epochs=2, batch_size=8, lr=0.1, device="cpu")
    assert terminal.file.getvalue() == ""
