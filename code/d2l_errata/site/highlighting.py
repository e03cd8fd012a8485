"""Code with fewer elements: what looks like the text around it, such as names and punctuation, needs none of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import IO, Any

from pygments.formatters import HtmlFormatter
from pygments.style import Style
from pygments.styles import get_style_by_name
from pygments.token import Token, _TokenType
from sphinx.application import Sphinx


def plain(styles: Iterable[type[Style]]) -> frozenset[_TokenType]:
    """Kinds of tokens that each of the styles shows like text."""
    alike = (frozenset(kind for kind, look in style if look == style.style_for_token(Token.Text)) for style in styles)
    return frozenset.intersection(*alike)


class SparingFormatter(HtmlFormatter):
    """HTML in which text and what looks like it is not marked up.

    Args:
        plain: the kinds of tokens that look like text.
        options: as of :class:`pygments.formatters.HtmlFormatter`.
    """

    def __init__(self, plain: frozenset[_TokenType], **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain

    def format(self, tokensource: Iterator[tuple[_TokenType, str]], outfile: IO[str]) -> None:
        super().format(((Token.Text if kind in self._plain else kind, value) for kind, value in tokensource), outfile)


def use_sparing_formatter(app: Sphinx) -> None:
    options = app.config.html_theme_options
    names = [options[name] for name in ("pygments_light_style", "pygments_dark_style") if name in options]
    if app.builder.format == "html" and names:
        app.builder.highlighter.formatter = partial(SparingFormatter, plain(map(get_style_by_name, names)))


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", use_sparing_formatter)
