"""What pages load, and what search engines are told of them."""

import re

from d2l_errata.site.description import LONGEST


def test_a_page_has_one_style_sheet(html, pages):
    for name, soup in pages.items():
        sheets = [link["href"] for link in soup.find_all("link", rel="stylesheet")]
        assert len(sheets) == 1 and re.search(r"_static/site\.css\?v=[0-9a-f]{8}$", sheets[0]), f"{name}: {sheets}"
    assert 50_000 < (html / "_static" / "site.css").stat().st_size < 250_000


def test_no_script_stops_a_page(pages):
    for name, soup in pages.items():
        scripts = soup.find_all("script", src=True)
        assert scripts and [script["src"] for script in scripts if not script.has_attr("defer")] == [], name
        assert not soup.find_all("link", rel="preload"), name


def test_icons_are_few(html):
    assert not [*html.rglob("*fontawesome*.js")]
    fonts = [*html.glob("_static/vendor/fontawesome/**/*.woff2")]
    assert fonts and sum(font.stat().st_size for font in fonts) < 15_000
    assert not [*html.glob("_static/vendor/fontawesome/**/*.ttf")]


def test_the_theme_does_not_lay_out_the_whole_page(html):
    assert "void 0" in (html / "_static" / "scripts" / "pydata-sphinx-theme.js").read_text(encoding="utf-8")[-100:]


def test_every_page_is_described(pages):
    descriptions = {
        name: [meta["content"] for meta in soup.find_all("meta", attrs={"name": "description"})] for name, soup in pages.items()
    }
    for name, found in descriptions.items():
        assert len(found) == 1 and 10 <= len(found[0]) <= LONGEST, f"{name}: {found}"
    texts = [found[0] for name, found in descriptions.items() if name != "search.html"]
    assert len(set(texts)) == len(texts)


def test_ids_are_given_once(pages):
    for name, soup in pages.items():
        ids = [node["id"] for node in soup.select("article [id]")]
        assert sorted({id for id in ids if ids.count(id) > 1}) == [], name
