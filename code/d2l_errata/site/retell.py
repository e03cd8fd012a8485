"""What a change in one page means for the others: those that tell of it are written again, and figures counted again."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector


def mark(env: BuildEnvironment) -> None:
    """Note that the page being read tells of others."""
    env.metadata[env.docname]["d2l_errata_tells"] = True


def note_removed(app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set) -> list[str]:
    app.d2l_errata_removed = bool(removed)
    return []


def keep_numbers(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Leave all numbers of sections and figures as they are where no page is read: Sphinx would load them all to count again."""
    if not docnames and not app.d2l_errata_removed:
        for listener in list(app.events.listeners["env-get-updated"]):
            if isinstance(getattr(listener.handler, "__self__", None), TocTreeCollector):
                app.disconnect(listener.id)


def to_write(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The pages to write although they may not have changed.

    The first page is always among them: where Sphinx writes no page, it does not look for new style sheets or scripts either.
    """
    last_read = max((path.stat().st_mtime_ns for path in Path(app.doctreedir).rglob("*.doctree")), default=0)

    def is_stale(docname: str) -> bool:
        page = Path(app.builder.get_outfilename(docname))
        return app.d2l_errata_removed or not page.exists() or page.stat().st_mtime_ns <= last_read

    telling = (name for name, meta in env.metadata.items() if meta.get("d2l_errata_tells"))
    return [app.config.root_doc, *filter(is_stale, telling)]


def setup(app: Sphinx) -> None:
    app.connect("env-get-outdated", note_removed)
    app.connect("env-before-read-docs", keep_numbers)
    app.connect("env-updated", to_write)
