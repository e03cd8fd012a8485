"""Formulas, set by KaTeX while the site is built: pages need no script for them, and a formula with an error is no page.

KaTeX is JavaScript. It runs in an engine inside this process, so that a build needs no Node.js and leaves no process behind.
"""

from __future__ import annotations

import atexit
import os
import re
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.locale import _
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

KATEX = Path(__file__).with_name("katex")

#: What KaTeX would only warn of, or show in red, is an error too.
RENDER = """
const refuse = (text) => { throw new katex.ParseError(text); };
globalThis.console = { warn: (text) => refuse(text.replace(/^LaTeX-incompatible input .*?: /, "")) };
const trust = ({ command }) => refuse(`${command} is not allowed`);
const render = (tex, displayMode) => {
  try {
    return { html: katex.renderToString(tex, { displayMode, strict: "warn", trust }) };
  } catch (error) {
    if (!(error instanceof katex.ParseError)) throw error;
    const place = error.position === undefined ? "" : ` (character ${error.position + 1})`;
    return { error: error.rawMessage.toWellFormed() + place };
  }
};
"""

NAMESPACE = re.compile(r' xmlns="[^"]*"')
CLASSES = re.compile(r' class="([^"]*)"')
STYLE = re.compile(r' style="[^"]*"')
#: Decimals after the second (a hundredth of an em is a fifth of a pixel), and the semicolon at the end.
SPARE = re.compile(r'(?<=\.\d\d)\d+(?=em)|;(?=")')
#: Signs in an element of their own that has no style.
BARE = re.compile(r"<span>([^<]*)</span>")
#: Where a formula in a line may be broken, KaTeX ends a part and begins another.
BREAK = re.compile(r'(?<=</span>)(?=<span class="katex-base">)')
#: Punctuation that stays on the line of the formula before or after which it stands.
OPENING = re.compile(r"[(\[（《〈「『【“‘]+$")
CLOSING = re.compile(r"^[)\].,:;!?%）》〉」』】”’，。、：；？！…]+")


class FormulaError(ValueError):
    """KaTeX cannot set a formula."""


@cache
def _engine(process: int) -> MiniRacer:
    """KaTeX, ready to run. Each process has its own: an engine does not survive a fork."""
    engine = MiniRacer()
    # It runs in a thread. Left to the end of the interpreter, its destructor waits for that thread for ever.
    atexit.register(_close, process)
    engine.eval((KATEX / "katex.min.js").read_text(encoding="utf-8"))
    engine.eval(RENDER)
    return engine


def _close(process: int) -> None:
    if process == os.getpid():
        _engine(process).close()


@cache
def rendered(tex: str, display: bool) -> str:
    """HTML of a formula, with MathML inside.

    Args:
        tex: the formula, without dollars.
        display: whether it stands on a line of its own.

    Raises:
        FormulaError: KaTeX does not know what is in it.
    """
    result = _engine(os.getpid()).call("render", tex, display)
    if "error" in result:
        raise FormulaError(result["error"])
    html = light(result["html"])
    return html if display else BREAK.sub("<wbr>", html)


def light(html: str) -> str:
    """What KaTeX has written, without what a browser does not need: on a page with hundreds of formulas, that weighs."""
    html = BARE.sub(r"\1", CLASSES.sub(_styled, NAMESPACE.sub("", html)))
    return STYLE.sub(lambda style: SPARE.sub("", style[0]), html)


def _styled(classes: re.Match[str]) -> str:
    names = [name for name in classes[1].split() if name in styled_classes()]
    return f' class="{" ".join(names)}"' if names else ""


@cache
def styled_classes() -> frozenset[str]:
    """Classes that a style sheet has rules for, KaTeX's or the site's own."""
    sheet = (KATEX / "static" / "katex" / "katex.min.css").read_text(encoding="utf-8")
    return frozenset(re.findall(r"\.(-?[A-Za-z_][\w-]*)", re.sub(r"url\([^)]*\)", "", sheet))) | {"cjk_fallback"}


def render_node(node: nodes.math | nodes.math_block) -> str:
    """HTML of a formula of a page."""
    return rendered(node.astext().strip(), isinstance(node, nodes.math_block))


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    before, after = (self.encode(node.get(side, "")) for side in ("before", "after"))
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate") + before + render_node(node) + after + "</span>")
    raise nodes.SkipNode


def visit_display(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", "", CLASS="math notranslate"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append(render_node(node) + "</div>\n")
    raise nodes.SkipNode


def formulas(node: nodes.Element) -> list[nodes.math | nodes.math_block]:
    """All formulas in a part of a page."""
    return list(node.findall(lambda child: isinstance(child, nodes.math | nodes.math_block)))


def try_formulas(app: Sphinx, doctree: nodes.document) -> None:
    """Note the formulas of a page that KaTeX cannot set, to tell them all at once."""
    wrong = []
    for node in formulas(doctree):
        try:
            render_node(node)
        except FormulaError as error:
            wrong.append(f"{app.env.docname}, line {node.line}: {node.astext().strip()!r}: {error}")
    app.env.metadata[app.env.docname]["d2l_errata_formulas"] = wrong


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Stop the build where a formula cannot be set."""
    lines = [line for _, meta in sorted(env.metadata.items()) for line in meta.get("d2l_errata_formulas", ())]
    if lines:
        raise ExtensionError("KaTeX cannot set these formulas:\n  " + "\n  ".join(lines))


def take_punctuation(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give the punctuation around a formula to it: a browser would break the line in between."""
    for formula in doctree.findall(nodes.math):
        parent, place = formula.parent, formula.parent.index(formula)
        for side, step, pattern in (("before", -1, OPENING), ("after", 1, CLOSING)):
            text = parent[place + step] if 0 <= place + step < len(parent) else None
            found = pattern.search(text) if isinstance(text, nodes.Text) else None
            if found:
                formula[side] = found[0]
                parent[place + step] = nodes.Text(pattern.sub("", text))


def add_files(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Have a page with formulas load the script that copies them as TeX."""
    if doctree is not None and formulas(doctree):
        app.add_js_file("katex/copy-tex.min.js", loading_method="defer")


def plain_title(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Leave a formula in a page's title as TeX where only text can stand, in the title of the window."""
    title = app.env.titles.get(pagename)
    if title is not None and formulas(title):
        context["title"] = escape(title.astext())


def serve_files(app: Sphinx) -> None:
    app.config.html_static_path.append(str(KATEX / "static"))
    app.add_css_file("katex/katex.min.css")


def setup(app: Sphinx) -> None:
    # Sphinx takes the only renderer besides its own (MathJax), so it needs no choice in the configuration.
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_display, None))
    app.connect("builder-inited", serve_files)
    app.connect("doctree-read", try_formulas)
    app.connect("env-check-consistency", check)
    # After the search has taken the page's text.
    app.connect("doctree-resolved", take_punctuation, priority=900)
    app.connect("html-page-context", add_files)
    app.connect("html-page-context", plain_title)
