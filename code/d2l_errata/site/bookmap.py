"""The book, section by section, with what the site has for each: a table for each chapter, and cards for the title page.

All of it is counted (:mod:`.coverage`), so it is written when every page has been read.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

from ..registry import sections
from . import bookmarklet, retell
from .cards import DirectiveWithMarkdown
from .coverage import DONE, NONE, UNDER_WAY, Coverage, chapters, coverage

COLUMNS = (("书中的节", 34), ("笔记", 15), ("勘误", 15), ("练习", 16), ("状态", 20))
STATUS_CLASSES = {DONE: "d2l-done", UNDER_WAY: "d2l-under-way", NONE: "d2l-none"}


class told_last(nodes.General, nodes.Element):
    """Stands where facts of all pages are told, once every page is read; ``tell`` says which."""


class BookMap(DirectiveWithMarkdown):
    """``{book-map}``: every section of the book, in a table for each chapter."""

    def run(self) -> list[nodes.Node]:
        self.depend_on_registry()
        found = [nodes.paragraph("", "", told_last(tell="totals"))]
        for number, section in sections().items():
            if "." not in number:
                part = nodes.section(ids=[f"chapter-{number}"], names=[f"chapter-{number}"])
                part += [nodes.title("", f"{number} {section.title}"), told_last(tell="table", chapter=number)]
                found.append(part)
        return found


class ChapterCards(DirectiveWithMarkdown):
    """``{chapter-cards}``: the chapters that have pages, each with its progress and its pages."""

    def run(self) -> list[nodes.Node]:
        self.depend_on_registry()
        return [told_last(tell="cards")]


class Bookmarklet(DirectiveWithMarkdown):
    """``{bookmarklet}``: a link to be dragged among the bookmarks."""

    def run(self) -> list[nodes.Node]:
        self.depend_on_registry()
        return [nodes.paragraph("", "", told_last(tell="bookmarklet"), classes=["d2l-bookmarklet"])]


class Facts:
    """Writes the facts as nodes of the page ``docname``."""

    def __init__(self, app: Sphinx, docname: str) -> None:
        self.app, self.docname = app, docname
        self.chapters = chapters(coverage(app.env))

    def link(self, text: str, docname: str, anchor: str = "") -> nodes.reference:
        """A link to a page of the site."""
        uri = self.app.builder.get_relative_uri(self.docname, docname) + (anchor and f"#{anchor}")
        return nodes.reference("", text, refuri=uri, internal=True)

    def totals(self) -> nodes.Node:
        """All there is, in a sentence."""
        found = [each for chapter in self.chapters.values() for each in chapter]
        return nodes.inline("", "全书（每章的开头也算一节）：", *tally(found), nodes.Text("。"))

    def table(self, chapter: str) -> nodes.Node:
        """A chapter's sections, a row each."""
        table = nodes.table(classes=["d2l-map", "colwidths-given"])
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=width) for _, width in COLUMNS]
        head = nodes.row("", *(nodes.entry("", nodes.paragraph("", name)) for name, _ in COLUMNS))
        group += [nodes.thead("", head), nodes.tbody("", *map(self.row, self.chapters[chapter]))]
        table += group
        return table

    def row(self, its: Coverage) -> nodes.row:
        """What there is for a section. The bookmarklet leads to rows, by the address of the section."""
        section = its.section
        title = f"{section.number} {section.title}"
        cells: list[nodes.Node] = [
            nodes.reference("", title, refuri=section.url, internal=False),
            self.link(section.number, section.slug) if its.page else nodes.Text("—"),
            nodes.Text(str(len(its.errata)) if its.page else "—"),
            nodes.Text(f"{its.answered}/{section.exercises}" if section.exercises else "—"),
            nodes.inline("", its.status, classes=[STATUS_CLASSES[its.status]]),
        ]
        row = nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))
        row["ids"] = [section.slug]
        return row

    def cards(self) -> nodes.Node:
        """The chapters that have pages, a card each."""
        found = (self.card(number, chapter) for number, chapter in self.chapters.items() if any(its.page for its in chapter))
        return nodes.bullet_list("", *found, classes=["d2l-chapters"])

    def card(self, number: str, chapter: list[Coverage]) -> nodes.list_item:
        """A chapter: its name, how far it is, its pages."""
        opening, done = chapter[0], sum(its.status == DONE for its in chapter)
        name = f"{number} {opening.section.title}"
        link = self.link(name, opening.section.slug) if opening.page else self.link(name, "reference/map", f"chapter-{number}")
        bar = f'<progress max="{len(chapter)}" value="{done}" aria-label="第 {number} 章完成 {done}/{len(chapter)} 节"></progress>'
        pages = [nodes.list_item("", nodes.paragraph("", "", self.page(its))) for its in chapter if its.page and its is not opening]
        return nodes.list_item(
            "",
            nodes.paragraph("", "", link, classes=["d2l-chapter"]),
            nodes.raw("", bar, format="html"),
            nodes.paragraph("", "", *tally(chapter), classes=["d2l-tally"]),
            nodes.bullet_list("", *pages),
        )

    def bookmarklet(self) -> nodes.Node:
        """The bookmark, which knows the sections that have a page."""
        pages = [its.section.slug for chapter in self.chapters.values() for its in chapter if its.page]
        uri = bookmarklet.address(self.app.config.html_baseurl, pages)
        return nodes.reference("", bookmarklet.NAME, refuri=uri, internal=True)

    def page(self, its: Coverage) -> nodes.reference:
        """Link to a section's page."""
        return self.link(f"{its.section.number} {its.section.title}", its.section.slug)


def tally(found: list[Coverage]) -> list[nodes.Node]:
    """How many of these sections have a page, how many errata they have, and how many exercises are answered."""
    answered, asked = sum(its.answered for its in found), sum(its.section.exercises for its in found)
    pages, faults = sum(its.page for its in found), sum(len(its.errata) for its in found)
    facts = (f"笔记 {pages}/{len(found)} 节，", f"勘误 {faults} 条，", f"练习 {answered}/{asked} 题")
    return [nodes.inline("", fact, classes=["d2l-fact"]) for fact in facts]


def tell(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the facts where they are told."""
    places = list(doctree.findall(told_last))
    facts = Facts(app, docname) if places else None
    for place in places:
        arguments = {key: place[key] for key in ("chapter",) if key in place}
        place.replace_self(getattr(facts, place["tell"])(**arguments))


def note_places(app: Sphinx, doctree: nodes.document) -> None:
    if any(True for _ in doctree.findall(told_last)):
        retell.mark(app.env)


def setup(app: Sphinx) -> None:
    app.add_node(told_last)
    app.add_directive("book-map", BookMap)
    app.add_directive("bookmarklet", Bookmarklet)
    app.add_directive("chapter-cards", ChapterCards)
    app.connect("doctree-read", note_places)
    app.connect("doctree-resolved", tell)
