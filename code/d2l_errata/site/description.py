"""What search engines and messengers show of a page: its first paragraph."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

#: Search engines show no more.
LONGEST = 150


def first_paragraph(doctree: nodes.document) -> str:
    """Text of the first paragraph that is the page's own, cut after a sentence where it is long."""
    own = (node for node in doctree.findall(nodes.paragraph) if "d2l-book-link" not in node["classes"])
    text = " ".join(next(own, nodes.paragraph()).astext().split())
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST]
    return cut[: cut.rfind("。") + 1] or cut[:-1] + "…"


def describe(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    text = first_paragraph(doctree) if doctree else ""
    description = escape(text or context["docstitle"])
    context["metatags"] = context.get("metatags", "") + f'\n    <meta name="description" content="{description}" />'


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", describe)
