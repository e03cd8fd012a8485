"""The interface in Chinese: a message catalogue for what Sphinx and the theme leave in English, and replacements where a
text is not translatable, but stands in a template or the code of an extension."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from docutils import nodes
from jinja2.ext import Extension
from sphinx.application import Sphinx

LOCALE = Path(__file__).with_name("locale")

#: In templates of the theme.
TEMPLATES = {
    'title="Toggle primary sidebar"': 'title="导航栏" aria-label="导航栏"',
    'title="Toggle secondary sidebar"': 'title="本页目录" aria-label="本页目录"',
    'aria-label="Main"': 'aria-label="全站目录"',
    'aria-label="Page"': 'aria-label="本页目录"',
    'class="bd-sidebar-primary ': 'role="complementary" aria-label="侧栏" class="bd-sidebar-primary ',
    "© Copyright {{ copyright }}.": "© {{ copyright }}",
}
#: In what MyST-NB writes around hidden cells.
HIDDEN = ('aria-label="Toggle hidden content"', 'aria-label="展开或收起"')
#: The corner of a table whose rows have heads, too: no head of anything.
CORNER = re.compile(r'<th(?: class="head[^"]*")?>(?:<p></p>)?</th>')
#: In the table of contents of the whole site: the sign that opens a chapter has no name.
CHAPTER = re.compile(r"(<a [^>]*>)([^<]*)(</a>\s*<details[^>]*>\s*<summary)>")


class ChineseTemplates(Extension):
    """Replaces the texts of :data:`TEMPLATES` when a template is read."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        for english, chinese in TEMPLATES.items():
            source = source.replace(english, chinese)
        return source


def add_catalogues(app: Sphinx) -> None:
    """Add the message catalogues, compiled here: no binary has to be kept in step with its text."""
    folder = Path(app.outdir).parent / "locale" / "zh_CN" / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(LOCALE.glob("*.po")):
        with path.open("rb") as text, (folder / f"{path.stem}.mo").open("wb") as compiled:
            write_mo(compiled, read_po(text))
        app.add_message_catalog(path.stem, str(folder.parents[1]))


def in_templates(app: Sphinx) -> None:
    if app.builder.format == "html":
        app.builder.templates.environment.add_extension(ChineseTemplates)


def in_pages(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    if "body" in context:
        context["body"] = CORNER.sub("<td></td>", context["body"].replace(*HIDDEN))
    if contents := context.get("generate_toctree_html"):  # a site in another theme has none
        label = r'\1\2\3 aria-label="展开或收起：\2">'
        context["generate_toctree_html"] = lambda **options: CHAPTER.sub(label, str(contents(**options)))


def setup(app: Sphinx) -> None:
    add_catalogues(app)
    app.connect("builder-inited", in_templates)
    # After the theme has put its functions there.
    app.connect("html-page-context", in_pages, priority=900)
