"""A provisioner of Jupyter kernels that forks them from a process that has imported torch, matplotlib and pandas already."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import threading
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

#: Name of the entry point in the group ``jupyter_client.kernel_provisioners``.
NAME = "d2l-errata-fork"
LAUNCHER = "ipykernel_launcher"


class ForkedProcess:
    """A forked kernel, with the part of :class:`subprocess.Popen` that provisioners use."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int):
        self.pid = pid

    def poll(self) -> int | None:
        """``None`` while the kernel lives; its exit status is not known."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> int:
        """Wait until the kernel has ended."""
        while self.poll() is None:
            time.sleep(0.01)
        return 0

    def send_signal(self, number: int) -> None:
        """Signal the kernel, if it still lives."""
        if self.poll() is None:
            os.kill(self.pid, number)


class KernelParent:
    """The process that kernels are forked from, on this side of its pipes. It takes seconds to be ready; nothing waits for
    that until it is first used.

    Args:
        python: the Python that it runs, and so its kernels.
    """

    def __init__(self, python: str) -> None:
        command = [python, str(Path(__file__).with_name("kernel_parent.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        self._one_at_a_time = threading.Lock()
        atexit.register(self.close)
        self._is_ready = False
        self._unsafe: str | None = None

    @property
    def unsafe(self) -> str | None:
        """Why it must not be forked; ``None`` where it may."""
        with self._one_at_a_time:
            if not self._is_ready:
                line = self._process.stdout.readline()
                self._unsafe = json.loads(line)["unsafe"] if line else "the process to fork from did not start"
                self._is_ready = True
        return self._unsafe

    def fork(self, argv: list[str], cwd: str, env: dict[str, str]) -> ForkedProcess:
        """A new kernel.

        Args:
            argv: of the kernel, its name first.
            cwd: the folder it runs in.
            env: its whole environment.
        """
        with self._one_at_a_time:
            print(json.dumps({"argv": argv, "cwd": cwd, "env": env}), file=self._process.stdin, flush=True)
            return ForkedProcess(int(self._process.stdout.readline()))

    def close(self) -> None:
        """End it, and with it its kernels."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


_starting = threading.Lock()


_start = cache(KernelParent)


def kernel_parent(python: str) -> KernelParent:
    """The process of this build that runs this Python, started when it is first asked for."""
    with _starting:
        return _start(python)


class ForkProvisioner(LocalProvisioner):
    """Forks Python's kernels; all others, and where forking is not safe, are started as usual."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel."""
        if LAUNCHER not in cmd or kernel_parent(cmd[0]).unsafe:
            return await super().launch_kernel(cmd, **kwargs)
        argv = [find_spec(LAUNCHER).origin, *cmd[cmd.index(LAUNCHER) + 1 :]]
        cwd = kwargs.get("cwd") or Path.cwd()
        self.process = kernel_parent(cmd[0]).fork(argv, str(cwd), kwargs["env"])
        self.pid = self.pgid = self.process.pid
        self.cwd = cwd
        return self.connection_info
