"""What one build has made and the next can take over: files named by what they are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx


def made(app: Sphinx, make: Callable[[Path], object], *parts: bytes) -> Path:
    """The file that a function makes, made again only if nothing has made it of the same parts.

    Args:
        app: the build; the file is kept in its folder of doctrees.
        make: writes the file, given its path.
        parts: all that the file depends on.
    """
    folder = Path(app.doctreedir, "made")
    path = folder / hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        make(part)
        part.replace(path)  # so that a file that is there is whole
    return path
