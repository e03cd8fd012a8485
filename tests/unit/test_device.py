"""device(): what is there, what is asked for, and what isn't there."""

import pytest
import torch
from d2l_errata.device import device


@pytest.fixture
def machine(monkeypatch):
    """Pretend that the machine has these devices and that the variable has this value."""

    def pretend(cuda=0, mps=False, wanted=None):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        if wanted is None:
            monkeypatch.delenv("D2L_ERRATA_DEVICE", raising=False)
        else:
            monkeypatch.setenv("D2L_ERRATA_DEVICE", wanted)
        return device()

    return pretend


def test_order(machine):
    assert machine() == torch.device("cpu")
    assert machine(mps=True) == torch.device("mps")
    assert machine(cuda=1, mps=True) == torch.device("cuda")


def test_variable_wins(machine):
    assert machine(cuda=2, wanted="cpu") == torch.device("cpu")
    assert machine(cuda=2, wanted="cuda:1") == torch.device("cuda:1")
    assert machine(wanted=" ") == torch.device("cpu")


@pytest.mark.parametrize("wanted", ["cuda", "mps", "cuda:2", "gpu"])
def test_absent_device(machine, wanted):
    with pytest.raises(RuntimeError, match=f"D2L_ERRATA_DEVICE is '{wanted}'; this machine has cpu$"):
        machine(wanted=wanted)
    with pytest.raises(RuntimeError, match=r"this machine has cuda:0, cuda:1, cpu$"):
        machine(cuda=2, wanted="cuda:2")
