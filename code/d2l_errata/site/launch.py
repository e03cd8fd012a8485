"""Buttons to run a page: its notebook in Colab, in Binder's JupyterLab, or to take along.

The theme's own open a notebook beside the page's source, where there is none (jupyter-book#752).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from .notebooks import project

#: The branch that has the notebooks, each at its page's path.
BRANCH = "notebooks"


@dataclass(frozen=True)
class Place:
    """Where a notebook can be opened.

    Attributes:
        text: of the button.
        url: what it leads to.
        icon: a picture of the theme's, or one of its font's signs.
        download: whether the link is to a file to be kept.
    """

    text: str
    url: str
    icon: str
    download: bool = False


def places(docname: str) -> list[Place]:
    """Where the notebook of a page can be opened; the file itself lies next to the page.

    >>> [place.url.rpartition("/")[2] for place in places("chapter_optimization/momentum")]
    ['momentum.ipynb', 'momentum.ipynb', 'momentum.ipynb']
    """
    repository, path = urlsplit(project("Repository")).path.strip("/"), quote(f"{docname}.ipynb")
    return [
        Place("在 Colab 中运行", f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/{path}", "images/logo_colab.png"),
        Place("在 Binder 中运行", f"https://mybinder.org/v2/gh/{repository}/{BRANCH}?urlpath=lab/tree/{path}", "images/logo_binder.svg"),
        Place("下载笔记本", path.rpartition("/")[2], "fas fa-download", download=True),
    ]


def add_places(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Tell the template; pages without a source, such as the search, have no notebook."""
    context["launch_places"] = places(pagename) if doctree is not None else []


def add_buttons(app: Sphinx, config: Config) -> None:
    """Put the buttons before the theme's own."""
    if config.html_theme == "sphinx_book_theme":
        config.html_theme_options["article_header_end"] = ["launch.html", "article-header-buttons.html"]


def setup(app: Sphinx) -> None:
    app.connect("config-inited", add_buttons)
    app.connect("html-page-context", add_places)
