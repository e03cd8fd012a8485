"""New errata: the Atom feed that is published with the site, and the newest on the title page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from docutils.parsers.rst import directives
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from sphinx.application import Sphinx

from ..registry import Erratum, errata, sections
from .cards import KINDS, SEVERITIES, DirectiveWithMarkdown

NAME = "errata.xml"
TITLE = "《动手学深度学习》勘误"
ATOM = "http://www.w3.org/2005/Atom"

#: The feed goes back so far from its newest erratum: errata come many on a day, and a number of them would cut a day in two.
DAYS = timedelta(days=30)


def newest(entries: Iterable[Erratum]) -> list[Erratum]:
    """Errata by the day they were added, the last day first; of a day the gravest first, then in the book's order."""
    gravity = list(SEVERITIES)
    return sorted(sorted(entries, key=lambda entry: gravity.index(entry.severity)), key=lambda entry: entry.added, reverse=True)


def in_feed(entries: Iterable[Erratum]) -> list[Erratum]:
    """The errata of the last :data:`DAYS`, counted from the newest."""
    ordered = newest(entries)
    return [entry for entry in ordered if date.fromisoformat(ordered[0].added) - date.fromisoformat(entry.added) <= DAYS]


def _markdown() -> MarkdownIt:
    """Markdown as cards have it; formulas stay TeX, because a reader of feeds has no styles for them."""
    plain = MarkdownIt()
    plain.use(dollarmath_plugin, renderer=lambda tex, _: f"<code>{escape(tex)}</code>")
    return plain


def feed(entries: Iterable[Erratum], site: str) -> bytes:
    """The feed of new errata.

    Args:
        entries: the registry.
        site: where the site is published, with a slash at its end.
    """
    shown, markdown = in_feed(entries), _markdown()
    root = _element(None, "feed", {"xmlns": ATOM, "xml:lang": "zh-CN"})
    _element(root, "id", text=site + NAME)
    _element(root, "title", text=TITLE)
    _element(root, "updated", text=_moment(shown[0].added))
    _element(root, "link", {"rel": "self", "type": "application/atom+xml", "href": site + NAME})
    _element(root, "link", {"rel": "alternate", "type": "text/html", "href": f"{site}reference/errata.html"})
    _element(_element(root, "author"), "name", text="d2l-errata contributors")
    _element(root, "rights", text="CC BY-SA 4.0")
    for erratum in shown:
        section = sections()[erratum.section]
        permalink = f"{site}{section.slug}.html#{erratum.id}"
        entry = _element(root, "entry")
        _element(entry, "id", text=permalink)
        _element(entry, "title", {"type": "html"}, f"{section.number} {section.title}：{markdown.renderInline(erratum.title)}")
        # An erratum is dated once, when it is added: what is reworded later is no news.
        _element(entry, "published", text=_moment(erratum.added))
        _element(entry, "updated", text=_moment(erratum.added))
        _element(entry, "link", {"rel": "alternate", "type": "text/html", "href": permalink})
        _element(entry, "category", {"term": erratum.kind, "label": KINDS[erratum.kind]})
        said = {"位置": erratum.where, "书中": erratum.book, "更正": erratum.fixed}
        content = "".join(f"<p>{name}：{markdown.renderInline(text)}</p>" for name, text in said.items())
        _element(entry, "content", {"type": "html"}, content)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _element(
    parent: ElementTree.Element | None, name: str, attributes: dict[str, str] | None = None, text: str | None = None
) -> ElementTree.Element:
    element = ElementTree.Element(name, attributes or {}) if parent is None else ElementTree.SubElement(parent, name, attributes or {})
    element.text = text
    return element


def _moment(day: str) -> str:
    return f"{day}T00:00:00Z"


class NewestErrata(DirectiveWithMarkdown):
    """``{newest-errata} 6``: the newest erratum of each section, for so many sections; each leads to its card."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.depend_on_registry()
        of_section: dict[str, Erratum] = {}
        for entry in newest(errata()):
            of_section.setdefault(entry.section, entry)
        shown = list(of_section.values())[: directives.positive_int(self.arguments[0])]
        return [nodes.bullet_list("", *map(self.item, shown), classes=["d2l-newest"])]

    def item(self, entry: Erratum) -> nodes.list_item:
        """An erratum: its title, its section, the day it was added."""
        section = sections()[entry.section]
        uri = self.env.app.builder.get_relative_uri(self.env.docname, section.slug)
        link = nodes.reference("", "", *self.markdown(entry.title), refuri=f"{uri}#{entry.id}", internal=True)
        about = f"{section.number} {section.title}，{KINDS[entry.kind]}，{SEVERITIES[entry.severity]}，{entry.added}"
        return nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(" "), nodes.inline("", about, classes=["d2l-about"])))


def publish(app: Sphinx, exception: Exception | None) -> None:
    """Write the feed into the site, where there is an erratum to tell of."""
    if not exception and app.builder.format == "html" and errata():
        Path(app.outdir, NAME).write_bytes(feed(errata(), app.config.html_baseurl))


def setup(app: Sphinx) -> None:
    app.add_directive("newest-errata", NewestErrata)
    app.connect("build-finished", publish)
