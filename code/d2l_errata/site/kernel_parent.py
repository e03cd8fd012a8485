"""The process that kernels are forked from: it has imported what most pages import, and done nothing else.

Run by its path, not as a module, so that nothing of this package is in the kernels' ``sys.modules``. It writes one line
when it is ready, ``{"unsafe": null}`` or the reason why it must not be forked, then for each request, a line
``{"argv": […], "cwd": "…", "env": {…}}``, the pid of the kernel. It ends when its input does, and its kernels with it.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import threading
import warnings

#: Kernels import these in no time. Only what leaves nothing behind may stand here: scikit-learn, for one, adds filters to
#: the warnings of pages that do not use it.
PRELOADED = ("ipykernel.kernelapp", "torch", "matplotlib.pyplot", "pandas")
#: The first is imported by torch when an optimizer is first used. SymPy, which comes with it, adds a filter for warnings of its
#: own; that is taken away again.
LATE = ("torch._dynamo", "torchvision")


def unsafe() -> str | None:
    """Why a fork of this process may not work, or ``None``."""
    if sys.platform not in ("linux", "darwin"):
        return f"forks of {sys.platform} are not to be trusted"
    if threading.active_count() > 1:
        return "there are threads that a fork would not have"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "a fork cannot use CUDA once its parent has"
    # Libraries with threads of their own may hang or crash after a fork: let a child try.
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        if torch is not None:
            square = torch.ones(400, 400)
            os._exit(int((square @ square).sum().item() != 400**3))
        os._exit(0)
    return "a forked child failed to compute" if os.waitpid(pid, 0)[1] else None


def become_kernel(request: dict) -> None:
    """Turn this child into a kernel as ``python -m ipykernel_launcher`` would start it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()  # the kernel's own processes are signalled with it
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"], JPY_PARENT_PID=str(os.getppid()))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)  # this process speaks on its standard output
    sys.argv = request["argv"]
    # Otherwise all kernels would draw the parent's random numbers; Python's own generator takes care of that itself.
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.seed()
    from ipykernel import kernelapp

    # It ends when its parent has. (The variable is read when ipykernel is imported, too early to count here.)
    kernelapp.launch_new_instance(parent_handle=os.getppid())


def main() -> None:
    """Answer requests until there are no more."""
    sys.path.pop(0)  # the folder of this file
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as ipykernel does
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for name in LATE:
        with warnings.catch_warnings(), contextlib.suppress(ImportError):
            importlib.import_module(name)
    print(json.dumps({"unsafe": unsafe()}), flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the kernels
    gc.freeze()  # collections in the kernels leave these objects, and so the shared memory, alone
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            become_kernel(json.loads(line))
            os._exit(0)
        print(pid, flush=True)
    os._exit(0)  # some of the libraries have much to say at a proper end


if __name__ == "__main__":
    main()
