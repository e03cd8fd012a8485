"""Titles as in the book: the section's number before them, a link to the section after them."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from ..registry import sections

logger = logging.getLogger(__name__)

#: Full-width characters and punctuation. Browsers would show a line break between two of them as a space.
WIDE = "[\u2018-\u201d\u2014\u2026\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]"
BREAK = re.compile(f"(?<={WIDE})\n(?={WIDE})")


def number_title(app: Sphinx, doctree: nodes.document) -> None:
    """Add the book's number and the link to the book, for pages that stand for a section of it."""
    section = next((s for s in sections().values() if s.slug == app.env.docname), None)
    title = next(doctree.findall(nodes.title), None)
    if section is None or title is None:
        return
    if title.astext() != section.title:
        text = f"the title is {title.astext()!r}; the book's section {section.number} is {section.title!r}"
        logger.warning(text, location=title, type="d2l_errata", subtype="title")
    title.insert(0, nodes.Text(f"{section.number} "))
    link = nodes.reference("", f"《动手学深度学习》{section.number} {section.title}", refuri=section.url, internal=False)
    line = nodes.paragraph("", "", nodes.Text("书中本节："), link, classes=["d2l-book-link"])
    title.parent.insert(title.parent.index(title) + 1, line)


def join_lines(app: Sphinx, doctree: nodes.document) -> None:
    """Take out line breaks between full-width characters, also where inline mark-up stands on either side."""
    for paragraph in list(doctree.findall(nodes.TextElement)):
        texts = [node for node in paragraph.children if isinstance(node, nodes.Text)]
        for text in texts if not isinstance(paragraph, nodes.FixedTextElement) else []:
            if "\n" not in text:
                continue
            place = paragraph.index(text)
            before = paragraph[place - 1].astext()[-1:] if place else ""
            after = paragraph[place + 1].astext()[:1] if place + 1 < len(paragraph) else ""
            joined = BREAK.sub("", before + text + after)
            paragraph[place] = nodes.Text(joined[len(before) : len(joined) - len(after)])


def setup(app: Sphinx) -> None:
    # Before Sphinx collects titles and tables of contents, which it does at priority 500.
    app.connect("doctree-read", number_title, priority=100)
    app.connect("doctree-read", join_lines, priority=100)
