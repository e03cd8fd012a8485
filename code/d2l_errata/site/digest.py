"""What a page's outputs depend on besides its own cells: the part of the package it uses, the libraries, the device.

Jupyter Book's execution cache looks at the cells alone, so it would show stale outputs after an edit of the package
(MyST-NB#299). The digest computed here goes into what the cache compares.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from ..data import fashion_mnist_folder
from ..registry import Erratum

PACKAGE = Path(__file__).parents[1]


@cache
def imported(source: str, root: Path = PACKAGE, within: tuple[str, ...] = ()) -> frozenset[Path]:
    """Modules of the package that a piece of Python imports, wherever in it the imports stand.

    Args:
        source: Python source; lines that only IPython understands (``%`` or ``!`` first) are passed over.
        root: folder of the package.
        within: names of the package and subpackages the source stands in, outermost first, for relative imports.

    Returns:
        Files of the modules, packages' ``__init__.py`` on the way to them included.
    """
    python = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    found: set[Path] = set()
    for node in ast.walk(ast.parse(python)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(within[: len(within) - node.level + 1]) if node.level else []
            base += (node.module or "").split(".") if node.module else []
            names = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for name in names:
            if name[:1] == [root.name]:
                found |= set(_files(name[1:], root))
    return frozenset(found)


def _files(parts: list[str], root: Path) -> Iterator[Path]:
    """``__init__.py`` files and modules that ``import root.parts`` reads; parts that name no module are objects in one."""
    folder = root
    yield folder / "__init__.py"
    for part in parts:
        if (module := folder / f"{part}.py").is_file():
            yield module
            return
        folder = folder / part
        if not (folder / "__init__.py").is_file():
            return
        yield folder / "__init__.py"


def closure(source: str, root: Path = PACKAGE) -> set[Path]:
    """Modules of the package that a piece of Python imports, directly or through others of the package."""
    todo, seen = set(imported(source, root)), set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            within = (root.name, *path.relative_to(root).parts[:-1])
            todo |= imported(path.read_text(encoding="utf-8"), root, within)
    return seen


def page_digest(source: str, errata: Iterable[Erratum], root: Path = PACKAGE) -> str:
    """A digest of everything besides its cells that decides what a page prints.

    Args:
        source: the page's code cells, joined.
        errata: the registry; of it a verdict reads the id and the messages of its own entry, so only these count.
        root: folder of the package.

    Returns:
        16 hexadecimal digits.
    """
    files = sorted(closure(source, root))
    texts = [source, *(path.read_text(encoding="utf-8") for path in files)]
    # Fonts, schemas and other data count where the page or a module names them.
    data = [path for path in _data(root) if any(f'"{path.name}"' in text for text in texts)]
    used = [(e.id, e.message) for e in errata if f'"{e.id}"' in source or f"'{e.id}'" in source]
    parts = [environment(), json.dumps(used)]
    for path in files + data:
        parts += [path.relative_to(root).as_posix(), _content(path)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _data(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.*") if path.suffix not in {".py", ".pyc"})


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def everything(root: Path = PACKAGE) -> str:
    """A digest of all that pages can depend on besides themselves: while it is the same, no page's digest has changed."""
    files = sorted(path for path in root.rglob("*.*") if path.suffix != ".pyc")
    names = [path.relative_to(root).as_posix() for path in files]
    return hashlib.sha256("\n".join([environment(), *names, *map(_content, files)]).encode()).hexdigest()[:16]


@cache
def environment() -> str:
    """Python, every installed library with its version, what decides the device, and the data sets, as one line."""
    # The names of these folders say it; to read what is in them would take as long as to build an unchanged site.
    libraries = sorted({path.name for folder in sys.path for path in Path(folder).glob("*-info")})
    # Whether there is a GPU is read off these: asking torch would cost its import in every build.
    devices = [os.environ.get(name, "") for name in ("D2L_ERRATA_DEVICE", "CUDA_VISIBLE_DEVICES")]
    devices.append(str(has_gpu_driver()))
    data = sorted(path.name for path in fashion_mnist_folder().glob("*"))
    return json.dumps([sys.version_info[:2], sys.platform, libraries, devices, data])


def has_gpu_driver() -> bool:
    """Whether this Linux has a driver that PyTorch's GPU code could use: NVIDIA's, AMD's, or Windows' own under WSL."""
    return any(Path("/dev", name).exists() for name in ("nvidiactl", "kfd", "dxg"))
