"""Where pages compute: CUDA, then MPS, then the CPU, or what ``D2L_ERRATA_DEVICE`` says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def device() -> torch.device:
    """The device that pages compute on.

    The environment variable ``D2L_ERRATA_DEVICE`` (``cpu``, ``cuda``, ``cuda:1``, ``mps``) wins over what is there.

    Raises:
        RuntimeError: the variable names a device that this machine, or this build of PyTorch, does not have.
    """
    import torch

    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    present[:0] = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    wanted = os.environ.get("D2L_ERRATA_DEVICE", "").strip() or present[0].split(":")[0]
    if wanted not in {*present, *(name.split(":")[0] for name in present)}:
        raise RuntimeError(f"D2L_ERRATA_DEVICE is {wanted!r}; this machine has {', '.join(present)}")
    return torch.device(wanted)
