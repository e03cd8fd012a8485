"""What a page loads besides its text, kept light: no script stops the page from being shown, scripts that no page uses are
not loaded, and of the theme's icons (a font of 150 kB and a script of 1.5 MB) there are only those that pages show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from jinja2.ext import Extension
from sphinx.application import Sphinx

from . import styles
from .formula_fonts import keep

#: Scripts of Sphinx and of extensions for what the site does otherwise (search, solutions) or does not have (tabs).
UNUSED = ("doctools.js", "sphinx_highlight.js", "translations.js", "design-tabs.js", "language_data.js")
#: What the theme's scripts ask for of Sphinx's documentation_options.js. Pages' other inline scripts add to it.
OPTIONS = {"VERSION": "", "BUILDER": "html"}

#: In the theme's list of its files: style sheets (see styles.py) and what is loaded early without need, the script that
#: draws icons, and scripts that would stop the page.
MACROS = (
    (re.compile(r"<link [^>]*>"), ""),
    (re.compile(r"<script[^>]*fontawesome[^>]*></script>"), ""),
    (re.compile(r"<script src="), "<script defer src="),
)
#: In the theme's layout: the page is shown in the reader's theme at once, not when a script has run.
THEME = (
    'localStorage.getItem("theme") || "{{ default_mode }}"',
    '{light: "light", dark: "dark"}[document.documentElement.dataset.mode] '
    '|| (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")',
)

#: In the theme's scripts, what costs a page of ten thousand elements more than it is worth. One lays out every box to see
#: which ones scroll; reading.js waits until they are shown. One looks for notes in the margin, of which there are none.
SPARED = {
    "pydata-sphinx-theme.js": re.compile(r'"complete"===document\.readyState\?(\w+)\(\):window\.addEventListener\("load",\1\)'),
    "sphinx-book-theme.js": re.compile(r'document\.querySelectorAll\((\w+)\.join\(", "\)\)\.forEach\(\((\w+)=>\{\w+\.observe\(\2\)\}\)\)'),
}

#: Signs of icons in a style sheet, written as they are or as numbers: all are in the area for private use.
SIGN = re.compile(r"[\ue000-\uf8ff]|\\[ef][0-9a-f]{3}")


class LightTemplates(Extension):
    """Changes the theme's templates when they are read."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        if name and name.endswith("webpack-macros.html"):
            for pattern, replacement in MACROS:
                source = pattern.sub(replacement, source)
        return source.replace(*THEME)


def in_templates(app: Sphinx) -> None:
    if app.builder.format == "html":
        app.builder.templates.environment.add_extension(LightTemplates)


def in_pages(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load scripts when the page has been read, in their order, and only those that are used."""
    scripts = context.get("script_files", [])
    scripts[:] = [script for script in scripts if Path(script.filename or "").name not in (*UNUSED, "documentation_options.js")]
    for script in scripts:
        if script.filename:
            script.attributes["defer"] = "defer"
    # The inline scripts that add to it run before any script that is loaded.
    app.add_js_file(None, body=f"const DOCUMENTATION_OPTIONS = {json.dumps(OPTIONS)};", priority=100)


def fewer_icons(app: Sphinx, exception: Exception | None) -> None:
    """Leave the icons that the site's style sheet names in the theme's fonts."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    found = SIGN.findall((static / styles.NAME).read_text(encoding="utf-8"))
    signs = {ord(sign) if len(sign) == 1 else int(sign[1:], 16) for sign in found}
    for font in static.glob("vendor/fontawesome/**/*.woff2"):
        keep(app, font, font, signs)
    # What nothing loads any more.
    unused = ("scripts/fontawesome.js*", "vendor/fontawesome/**/*.js", "vendor/fontawesome/**/*.ttf", "**/*.map")
    for path in {path for pattern in unused for path in static.glob(pattern)}:
        path.unlink()


def lighter_scripts(app: Sphinx, exception: Exception | None) -> None:
    """Take out of the theme's scripts what is :data:`SPARED`."""
    if exception or app.builder.format != "html":
        return
    for name, pattern in SPARED.items():
        script = Path(app.outdir, "_static", "scripts", name)
        if script.exists():  # a site in another theme has none
            script.write_text(pattern.sub("void 0", script.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", in_templates)
    # After those that add scripts.
    app.connect("html-page-context", in_pages, priority=900)
    # After the style sheet has been written.
    app.connect("build-finished", fewer_icons, priority=900)
    app.connect("build-finished", lighter_scripts)
