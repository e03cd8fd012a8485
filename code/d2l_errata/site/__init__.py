"""The Sphinx extension behind the site: titles from the book, executed pages, errata as cards, a table and data."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    # Only here: executing the pages needs a few modules of this package, and not Sphinx.
    from . import (
        assets,
        bookmap,
        cards,
        coverage,
        description,
        execution,
        feed,
        formula_fonts,
        highlighting,
        interface,
        launch,
        maths,
        notebooks,
        proofs,
        retell,
        search,
        solutions,
        styles,
        titles,
    )

    # Pages are trees of hundreds of thousands of nodes, which live to the end: to look for garbage among them every 700
    # allocations takes a third of the build.
    gc.set_threshold(100_000)
    for part in (
        titles,
        maths,
        formula_fonts,
        proofs,
        solutions,
        execution,
        cards,
        coverage,
        bookmap,
        retell,
        feed,
        search,
        interface,
        highlighting,
        description,
        styles,
        assets,
        notebooks,
        launch,
    ):
        part.setup(app)
    # What pages leave in the environment travels in `env.metadata`, which Sphinx merges itself.
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
