"""The bar is there where it can be redrawn, and silent elsewhere."""

import io

import pytest
from d2l_errata import progress
from rich import console
from rich.console import Console


def drawn(to, **options):
    with progress.progress_bar(console=to, **options) as bar:
        task = bar.add_task("step", total=3)
        for _ in range(3):
            bar.advance(task)
    return to.file.getvalue()


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=80, _environ={})


def test_steps_and_bytes():
    assert "3/3" in drawn(terminal())
    assert "3/3 bytes" in drawn(terminal(), bytes=True)


def test_hidden_on_request_and_in_files():
    assert drawn(terminal(), visible=False) == ""
    assert drawn(Console(file=io.StringIO())) == ""


@pytest.mark.parametrize(("widgets", "shown"), [(None, False), (object(), True)])
def test_a_notebook_needs_ipywidgets(monkeypatch, widgets, shown):
    monkeypatch.setattr(console, "_is_jupyter", lambda: True)
    monkeypatch.setattr(progress, "find_spec", lambda name: widgets)
    assert progress.progress_bar().disable is not shown
