"""The book's networks, and what a network does layer by layer, read off a run of it.

>>> import torch
>>> for layer in trace(lenet(), torch.zeros(1, 1, 28, 28))[:3]:
...     print(layer.kind, layer.shape, layer.parameters, layer.multiplications)
Conv2d (1, 6, 28, 28) 156 117600
Sigmoid (1, 6, 28, 28) 0 0
AvgPool2d (1, 6, 14, 14) 0 0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn


def lenet(activation: Callable[[], nn.Module] | None = None, pool: Callable[[int], nn.Module] | None = None) -> nn.Sequential:
    """The LeNet of section 6.6: two convolutions and three dense layers for images of shape (n, 1, 28, 28), ten classes.

    Args:
        activation: makes the module after each layer but the last; ``nn.Sigmoid`` by default, as in the book.
        pool: makes the pooling layer for a window size (here 2, which is the stride as well); ``nn.AvgPool2d`` by default.
    """
    from torch import nn

    activation, pool = activation or nn.Sigmoid, pool or nn.AvgPool2d
    return nn.Sequential(
        *(nn.Conv2d(1, 6, kernel_size=5, padding=2), activation(), pool(2)),
        *(nn.Conv2d(6, 16, kernel_size=5), activation(), pool(2)),
        nn.Flatten(),
        *(nn.Linear(16 * 5 * 5, 120), activation()),
        *(nn.Linear(120, 84), activation()),
        nn.Linear(84, 10),
    )


def xavier(module: nn.Module) -> None:
    """Draw the weights of a dense or convolutional layer from Xavier's uniform distribution: ``net.apply(xavier)``.

    As in the book's ``train_ch6``, biases and other modules stay as they are.
    """
    from torch import nn

    if isinstance(module, _weighted()):
        nn.init.xavier_uniform_(module.weight)


@dataclass(frozen=True)
class Layer:
    """One call of one module.

    Attributes:
        name: of the module in the network, as ``net.get_submodule`` takes it.
        module: the module itself.
        shape: of its output, batch included.
        parameters: how many numbers it learns; those that an earlier layer has already counted are left out.
        multiplications: of a weight with an entry of its input, padding included, in this call (so for the whole batch).
    """

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    parameters: int
    multiplications: int

    @property
    def kind(self) -> str:
        """Name of the module's class."""
        return type(self.module).__name__


def trace(net: nn.Module, x: torch.Tensor) -> list[Layer]:
    """Run ``net(x)`` and list what its modules did, in the order of the calls.

    Listed are modules without submodules and modules that hold parameters themselves. Functions that are called outside
    any such module, such as ``torch.relu``, do not show. The network runs in evaluation mode without gradients and is
    left as it was.

    Raises:
        TypeError: a module has parameters, but is no dense or convolutional layer: its multiplications are not known.
    """
    import torch

    layers, counted = [], set()

    def record(name: str, module: nn.Module, output: torch.Tensor) -> None:
        own = list(module.parameters(recurse=False))
        if own and not isinstance(module, _weighted()):
            known = ", ".join(kind.__name__ for kind in _weighted())
            raise TypeError(f"the multiplications of {name} ({type(module).__name__}) are not known; those of {known} are")
        new = {parameter: parameter.numel() for parameter in own if parameter not in counted}
        counted.update(new)
        products = output.numel() * module.weight[0].numel() if own else 0
        layers.append(Layer(name, module, tuple(output.shape), sum(new.values()), products))

    modes = {module: module.training for module in net.modules()}
    hooks = [
        module.register_forward_hook(lambda module, _, output, name=name: record(name, module, output))
        for name, module in net.named_modules()
        if not any(True for _ in module.children()) or any(True for _ in module.parameters(recurse=False))
    ]
    try:
        with torch.no_grad():
            net.eval()(x)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    return layers


def _weighted() -> tuple[type[nn.Module], ...]:
    """The layers of which every output entry is a product of the input with ``weight[i]``."""
    from torch import nn

    return nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d
