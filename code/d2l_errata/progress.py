"""A progress bar for what takes long: a download, a training run."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def progress_bar(*, bytes: bool = False, visible: bool = True, console: Console | None = None) -> Progress:
    """A :class:`rich.progress.Progress` on standard error, for a ``with`` statement.

    Nothing is shown where nothing can be redrawn: in a file, a pipe, or a notebook without ipywidgets.

    Args:
        bytes: what is counted are bytes, shown as MB; else steps, shown as ``3/10``.
        visible: ``False`` shows nothing and costs nothing.
        console: where to show it instead.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    # rich takes every notebook for one that has ipywidgets, and warns where it has not.
    console = console or Console(stderr=True, force_jupyter=None if find_spec("ipywidgets") else False)
    counts = [DownloadColumn(), TransferSpeedColumn()] if bytes else [MofNCompleteColumn()]
    columns = [TextColumn("{task.description}"), BarColumn(), *counts, TimeRemainingColumn()]
    shown = visible and (console.is_terminal or console.is_jupyter)
    return Progress(*columns, console=console, disable=not shown)
