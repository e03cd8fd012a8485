"""One training loop for all pages: minibatches of tensors that lie in memory, any module, any loss.

>>> import torch
>>> X = torch.linspace(-1, 1, 64)[:, None]
>>> net = torch.nn.Linear(1, 1)
>>> history = train(net, (X, 2 * X), loss=torch.nn.MSELoss(), epochs=50, batch_size=16, lr=0.1)
>>> history.loss[-1] < 1e-3, len(history), history.accuracy     # no classes, so no accuracy
(True, 50, [])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from .draw import Figure

    Data = tuple[torch.Tensor, torch.Tensor]

#: Examples that go through the network at once where no gradient is needed.
EVALUATION_BATCH = 1024


@dataclass(frozen=True)
class History:
    """What a run of :func:`train` measured: one number for each epoch, or none at all.

    Attributes:
        loss: mean loss over the epoch's examples, each measured just before the step it takes part in.
        accuracy: share of the epoch's examples that were classified correctly, measured at the same time.
        test_loss: mean loss over the test set at the end of the epoch.
        test_accuracy: share of the test set that is classified correctly at the end of the epoch.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.loss)

    def plot(self, alt: str, *, log: bool = False) -> Figure:
        """The curves over the epochs: losses on the left, accuracies, where there are any, on the right.

        Args:
            alt: what the figure shows, in words.
            log: draw the losses on a logarithmic axis.

        Raises:
            ValueError: there is no ``alt``, or the history is empty.
        """
        from . import draw

        if not self.loss:
            raise ValueError("the history is empty: nothing was trained")
        panels = [("损失", self.loss, self.test_loss)]
        if self.accuracy:
            panels.append(("精度", self.accuracy, self.test_accuracy))
        fig, axes = draw.subplots(1, len(panels), figsize=(3.6 * len(panels), 2.6), squeeze=False)
        epochs = range(1, len(self) + 1)
        for ax, (name, training, testing) in zip(axes[0], panels):
            marker = "o" if len(self) == 1 else None  # a line of one point is invisible
            ax.plot(epochs, training, color="C0", marker=marker, label=f"训练{name}")
            if testing:
                ax.plot(epochs, testing, color="C1", marker=marker, linestyle="--", label=f"测试{name}")
            ax.set(xlabel="轮数", ylabel=name)
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.legend()
        if log:
            axes[0, 0].set_yscale("log")
        return draw.show(fig, alt)


def train(
    net: torch.nn.Module,
    data: Data,
    *,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    epochs: int,
    batch_size: int,
    lr: float,
    optimizer: Callable[..., torch.optim.Optimizer] | None = None,
    test: Data | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = False,
) -> History:
    """Train ``net`` by minibatch gradient descent.

    The run depends on the parameters, the arguments and ``seed`` alone, and leaves the global random state as it was:
    the order of the examples has a generator of its own, and layers that draw numbers (dropout) draw from a fork of the
    global generator that starts at ``seed`` too. ``net`` is trained in place, in training mode and on ``device``, and is
    left in the mode and on the device in which it came.

    The mean loss and the accuracy of an epoch weight every example equally, whatever the size of the last minibatch.
    They are read from the device once an epoch, not once a step.

    Args:
        net: module with initialised parameters.
        data: inputs ``X`` of shape (n, …) and targets ``y`` of shape (n, …), as :func:`d2l_errata.data.batches` takes them.
            ``y`` of an integer type are classes: the output must then have one column for each class.
        loss: takes the output and the targets of a minibatch, returns their mean loss, a scalar tensor; by default
            :func:`torch.nn.functional.cross_entropy`.
        epochs: passes over ``data``.
        batch_size: examples in a minibatch; the last one of an epoch may have fewer.
        lr: learning rate.
        optimizer: called as ``optimizer(parameters, lr=lr)``; by default :class:`torch.optim.SGD`.
        test: inputs and targets to evaluate on after each epoch.
        seed: of the order of the examples, and of what the layers draw.
        device: where to compute; by default :func:`d2l_errata.device.device`.
        progress: show a bar, where there is a terminal or a notebook to show it in.

    Returns:
        Losses and, for classes, accuracies of all epochs.

    Raises:
        ValueError: lengths of inputs and targets differ, there are no examples, ``epochs`` or ``batch_size`` is not
            positive, a class is not among the output's columns, the output would be broadcast against the targets,
            or ``loss`` is not a scalar.
        FloatingPointError: the loss became nan or infinite; the message says at which step.
    """
    import torch

    from .data import batches
    from .device import device as default_device
    from .progress import progress_bar

    for name, count in {"epochs": epochs, "batch_size": batch_size}.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1; got {count}")
    for name, pair in {"data": data, "test": test}.items():
        if pair is not None:
            _check_lengths(name, *pair)
    loss = loss or torch.nn.functional.cross_entropy
    device = torch.device(device) if device is not None else default_device()
    home, mode = _device_of(net), net.training
    X, y = (tensor.to(device) for tensor in data)
    test = test and tuple(tensor.to(device) for tensor in test)
    order = torch.Generator().manual_seed(seed)
    history, first = History(), True

    forked = torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
    with forked, progress_bar(visible=progress) as bar:
        # Not torch.manual_seed, which would seed all GPUs, also those whose state is not put back.
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        net.to(device)
        steps = (optimizer or torch.optim.SGD)(net.parameters(), lr=lr)
        task = bar.add_task("训练", total=epochs * -(-len(y) // batch_size))
        try:
            for epoch in range(1, epochs + 1):
                net.train()
                losses, sizes, correct = [], [], []
                for X_batch, y_batch in batches(X, y, batch_size, generator=order):
                    output = net(X_batch)
                    if first:
                        _check_output("data", output, y_batch, y)
                    mean = loss(output, y_batch)
                    if first and mean.numel() != 1:
                        raise ValueError(f"loss must return the minibatch's mean, a scalar; got shape {tuple(mean.shape)}")
                    first = False
                    steps.zero_grad()
                    mean.backward()
                    steps.step()
                    losses.append(mean.detach().reshape(()))
                    sizes.append(len(y_batch))
                    if _is_classes(y):
                        correct.append((output.argmax(1) == y_batch).sum())
                    bar.advance(task)
                history.loss.append(_mean(losses, sizes, epoch))
                if correct:
                    history.accuracy.append(torch.stack(correct).sum().item() / y.numel())
                if test:
                    test_loss, test_accuracy = _evaluate("test", net, *test, loss)
                    history.test_loss.append(test_loss)
                    if test_accuracy is not None:
                        history.test_accuracy.append(test_accuracy)
        finally:
            net.train(mode)
            if home is not None:
                net.to(home)
    return history


def accuracy(net: torch.nn.Module, X: torch.Tensor, y: torch.Tensor) -> float:
    """Share of the examples that ``net``, in evaluation mode, classifies correctly.

    Args:
        net: module whose output has shape (n, classes, …).
        X: inputs, shape (n, …).
        y: classes, integers, shape (n, …).

    Raises:
        ValueError: lengths differ, there are no examples, or a class is not among the output's columns.
        TypeError: ``y`` is not of an integer type.
    """
    _check_lengths("the data", X, y)
    if not _is_classes(y):
        raise TypeError(f"accuracy needs classes, y of an integer type; got {y.dtype}")
    _, share = _evaluate("the data", net, X, y, loss=None)
    return share


def _evaluate(
    name: str, net: torch.nn.Module, X: torch.Tensor, y: torch.Tensor, loss: Callable | None
) -> tuple[float | None, float | None]:
    """Mean loss, where there is one, and accuracy, where there are classes, of ``net`` in evaluation mode."""
    import torch

    from .data import batches

    mode, home = net.training, _device_of(net)
    losses, sizes, correct = [], [], []
    net.eval()
    try:
        with torch.no_grad():
            for X_batch, y_batch in batches(X, y, EVALUATION_BATCH, shuffle=False):
                X_batch, y_batch = (tensor.to(home or tensor.device) for tensor in (X_batch, y_batch))
                output = net(X_batch)
                if not sizes:
                    _check_output(name, output, y_batch, y)
                if loss is not None:
                    losses.append(loss(output, y_batch).reshape(()))
                if _is_classes(y):
                    correct.append((output.argmax(1) == y_batch).sum())
                sizes.append(len(y_batch))
    finally:
        net.train(mode)
    mean = _weighted(torch.stack(losses), sizes) if losses else None
    return mean, torch.stack(correct).sum().item() / y.numel() if correct else None


def _mean(losses: list[torch.Tensor], sizes: list[int], epoch: int) -> float:
    """The epoch's mean loss; the one moment at which its losses leave the device.

    Raises:
        FloatingPointError: one of them is not finite.
    """
    import torch

    values = torch.stack(losses)
    bad = (~values.isfinite()).nonzero()
    if len(bad):
        step = bad[0].item()
        raise FloatingPointError(
            f"the loss is {values[step].item()} at step {step + 1} of {len(values)} of epoch {epoch}: "
            "a smaller learning rate, or inputs that are finite, may help"
        )
    return _weighted(values, sizes)


def _weighted(means: torch.Tensor, sizes: Iterable[int]) -> float:
    """Mean over all examples of means over minibatches, in double precision."""
    sizes = list(sizes)
    return sum(mean * size for mean, size in zip(means.tolist(), sizes)) / sum(sizes)


def _device_of(net: torch.nn.Module) -> torch.device | None:
    """Where the parameters lie; ``None`` where there are none."""
    return next((parameter.device for parameter in net.parameters()), None)


def _is_classes(y: torch.Tensor) -> bool:
    return not (y.is_floating_point() or y.is_complex())


def _check_lengths(name: str, X: torch.Tensor, y: torch.Tensor) -> None:
    if len(X) != len(y):
        raise ValueError(f"{name}: {len(X)} inputs and {len(y)} targets; there must be one target for each input")
    if not len(X):
        raise ValueError(f"{name}: there are no examples")


def _check_output(name: str, output: torch.Tensor, y_batch: torch.Tensor, y: torch.Tensor) -> None:
    """What PyTorch finds late (on a GPU, as an assertion without a line) or never."""
    if _is_classes(y):
        if output.dim() != y.dim() + 1:
            raise ValueError(
                f"{name}: for classes of shape {tuple(y_batch.shape)} the output has shape {tuple(output.shape)}; (n, classes) is needed"
            )
        low, high, classes = y.min().item(), y.max().item(), output.shape[1]
        if low < 0 or high >= classes:
            raise ValueError(f"{name}: labels run from {low} to {high}; the output has {classes} columns, for labels 0 to {classes - 1}")
    elif output.numel() == y_batch.numel() and output.shape != y_batch.shape:
        raise ValueError(f"{name}: the output has shape {tuple(output.shape)}, the targets {tuple(y_batch.shape)}; they would be broadcast")
