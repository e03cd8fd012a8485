"""Code with fewer elements."""

import pytest
from bs4 import BeautifulSoup
from d2l_errata.site.highlighting import SparingFormatter, plain
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Token

CODE = "def double(x):  # comment\n    return 2 * len(x).y\n"
STYLES = ("a11y-high-contrast-light", "a11y-high-contrast-dark")


def style_with(**looks):
    """A style that shows everything alike but these kinds of tokens."""
    kinds = {getattr(Token, name): look for name, look in looks.items()}
    return type("Style", (get_style_by_name("default"),), {"styles": {Token: "#000000", **kinds}})


def test_plain_is_what_every_style_shows_like_text():
    assert Token.Name in plain([style_with()])
    assert Token.Name not in plain([style_with(), style_with(Name="bold")])
    assert Token.Punctuation in plain([style_with(), style_with(Name="bold")])


def colours(html, style):
    """Each character of highlighted code with the colour that the style gives to what it is marked up as."""
    kinds = {name: kind for kind, name in STANDARD_TYPES.items()}
    for element in BeautifulSoup(f"<pre>{html}</pre>", "html.parser").find_all(string=True):
        kind = kinds["".join(element.parent.get("class", []))]
        yield from ((char, style.style_for_token(kind if kind is not Token else Token.Text)["color"]) for char in element)


def html(formatter):
    return highlight(CODE, PythonLexer(), formatter)


@pytest.mark.parametrize("name", STYLES)
def test_all_is_coloured_as_before(name):
    style = get_style_by_name(name)
    before, after = (list(colours(html(formatter), style)) for formatter in (HtmlFormatter(nowrap=True), sparing()))
    assert before == after and len(before) == len(CODE)


def sparing():
    return SparingFormatter(plain(map(get_style_by_name, STYLES)), nowrap=True)


def test_fewer_elements():
    assert '<span class="nf">double</span>(x):' in html(sparing())
    assert '<span class="nb">len</span>(x)<span class="o">.</span>y' in html(sparing())
