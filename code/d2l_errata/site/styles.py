"""One style sheet for the whole site, with the rules that its pages can need: a browser shows nothing before it has them all."""

from __future__ import annotations

import hashlib
import posixpath
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import tinycss2
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from .digest import everything
from .formula_fonts import page_files
from .made import made

NAME = "site.css"
#: A style sheet that another one loads, and any other file.
IMPORT = re.compile(r"@import\s+(?:url\()?[\"']?([^\"')]+)[\"']?\)?\s*;")
ADDRESS = re.compile(r"url\(\s*[\"']?(?![a-z]+:|#)([^\"')]+?)[\"']?\s*\)")
WORD = re.compile(r"[\w-]+")
#: At-rules that have rules inside.
GROUPS = {"media", "supports", "layer", "container"}


def text(static: Path, name: str) -> str:
    """A style sheet of the site, with those it imports in their places and with addresses as seen from the folder of all.

    Args:
        static: the folder of all.
        name: the sheet's path in it.
    """
    folder = posixpath.dirname(name)

    def at(path: str) -> str:
        return posixpath.normpath(posixpath.join(folder, path))

    css = (static / name).read_text(encoding="utf-8").replace('@charset "UTF-8";', "")
    css = ADDRESS.sub(lambda found: f'url("{at(found[1])}")', IMPORT.sub(lambda found: f"@import '{found[1]}';", css))
    return IMPORT.sub(lambda found: text(static, at(found[1])), css)


def needed(css: str, words: set[str]) -> str:
    """The rules of a style sheet that can apply where only the given words are used as classes and ids.

    Args:
        css: the style sheet.
        words: classes and ids; other words do no harm.
    """
    return "".join(_needed(tinycss2.parse_stylesheet(css, skip_whitespace=True), words))


def _needed(rules: list[Any], words: set[str]) -> Iterator[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [selector for selector in _selectors(rule.prelude) if _names(selector) <= words]
            if selectors:
                yield ",".join(tinycss2.serialize(s).strip() for s in selectors) + "{" + tinycss2.serialize(rule.content).strip() + "}\n"
        elif rule.type == "at-rule" and rule.lower_at_keyword in GROUPS and rule.content is not None:
            inside = "".join(_needed(tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True), words))
            if inside:
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{\n{inside}}}\n"
        elif rule.type == "comment":
            # Licences begin like this.
            yield f"/*{rule.value}*/\n" if rule.value.startswith("!") else ""
        else:
            yield rule.serialize() + "\n"


def _selectors(prelude: list[Any]) -> list[list[Any]]:
    selectors: list[list[Any]] = [[]]
    for token in prelude:
        if token == ",":
            selectors.append([])
        else:
            selectors[-1].append(token)
    return selectors


def _names(selector: list[Any]) -> set[str]:
    """Classes and ids that an element must have; what stands in brackets, as after ``:not``, is left out."""
    classes = {name.value for dot, name in pairwise(selector) if dot == "." and name.type == "ident"}
    return classes | {token.value for token in selector if token.type == "hash"}


def users(out: Path) -> Iterator[str]:
    """The pages and scripts of a site, in which classes and ids are used."""
    for path in (*page_files(out), *sorted((out / "_static").rglob("*.js"))):
        yield path.read_text(encoding="utf-8")


def theme_sheets(app: Sphinx) -> list[str]:
    """Style sheets that the theme's templates name themselves."""
    macros = [Path(folder, "static", "webpack-macros.html") for folder in app.builder.theme.get_theme_dirs()]
    return [
        name for path in macros if path.exists() for name in re.findall(r"pathto\('_static/([^']+\.css)'", path.read_text(encoding="utf-8"))
    ]


def version(folders: list[Path]) -> str:
    """What changes when a style sheet of the site or of a library may have.

    Args:
        folders: where the site has its own; those of libraries change with their versions.
    """
    sheets = [path.read_bytes() for folder in folders for path in sorted(folder.rglob("*.css"))]
    return hashlib.sha256(b"".join([everything().encode(), *sheets])).hexdigest()[:8]


def one_for_all(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Have the page load the one sheet in place of those it lists."""
    listed = sorted(context["css_files"], key=lambda sheet: sheet.priority)
    sheets = theme_sheets(app) + [posixpath.relpath(sheet.filename, "_static") for sheet in listed]
    before = getattr(app, "d2l_errata_sheets", sheets)
    if sheets != before:
        raise ExtensionError(f"all pages must have the same style sheets; {pagename} differs in {sorted(set(sheets) ^ set(before))}")
    if not hasattr(app, "d2l_errata_sheets"):
        app.d2l_errata_sheets = sheets
        app.d2l_errata_sheets_version = version([Path(app.confdir, folder) for folder in app.config.html_static_path])
    context["css_files"].clear()
    context["style_sheet"] = context["pathto"](f"_static/{NAME}", resource=True) + f"?v={app.d2l_errata_sheets_version}"


def write(app: Sphinx, exception: Exception | None) -> None:
    # Where no page was out of date, none was asked for its sheets, and the one there is still right.
    if exception or not hasattr(app, "d2l_errata_sheets"):
        return
    out = Path(app.outdir)
    css = "".join(text(out / "_static", name) for name in app.d2l_errata_sheets)
    texts = list(users(out))

    def make(path: Path) -> None:
        words = set().union(*map(WORD.findall, texts))
        path.write_text(needed(css, words), encoding="utf-8")

    shutil.copyfile(made(app, make, css.encode(), *(text.encode() for text in texts)), out / "_static" / NAME)


def setup(app: Sphinx) -> None:
    # After those that add style sheets.
    app.connect("html-page-context", one_for_all, priority=900)
    # After the theme has written the colours of code.
    app.connect("build-finished", write, priority=800)
