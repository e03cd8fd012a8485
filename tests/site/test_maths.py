"""Formulas on the built pages: all of them set by KaTeX, with MathML inside, and nothing left of another way."""

import hashlib
import re

import pytest
from d2l_errata.site.formula_fonts import FONTS
from d2l_errata.site.maths import KATEX
from fontTools.ttLib import TTFont


@pytest.fixture(scope="module")
def formulas(pages):
    """Every formula of every page, with the name of the page."""
    return [(name, formula) for name, soup in pages.items() for formula in soup.find_all(class_="math")]


def has(node, name, **attributes):
    return node is not None and node.name == name and all(node.get(key) == value for key, value in attributes.items())


def test_every_formula_is_katex_with_mathml_inside(formulas):
    assert len(formulas) > 1000
    for name, formula in formulas:
        where = f"{name}: {formula.get_text()[:60]}"
        katex = formula.find_all(class_="katex")
        assert len(katex) == 1, where
        assert (katex[0].parent["class"] == ["katex-display"]) == (formula.name == "div"), where
        mathml, html = katex[0].children
        assert has(mathml.math, "math", display="block" if formula.name == "div" else None), where
        assert has(mathml.math.semantics.annotation, "annotation", encoding="application/x-tex"), where
        assert mathml.math.semantics.annotation.get_text().strip(), where
        assert has(html, "span", **{"class": ["katex-html"], "aria-hidden": "true"}) and html.find(class_="katex-base"), where


def test_every_katex_is_a_formula_and_none_has_an_error(html, pages, formulas):
    written = sum((html / name).read_text(encoding="utf-8").count('class="katex"') for name in pages)
    assert written == len(formulas)
    assert not [name for name, formula in formulas if formula.find(class_="katex-error") or formula.find("merror")]


@pytest.mark.parametrize(
    "place", ["h3", "toc-entry", "d2l-erratum", "d2l-errata-table", "theorem", "proof", "exercise", "solution", "td", "li"]
)
def test_formulas_stand_everywhere(formulas, place):
    assert any(place == node.name or place in node.get("class", ()) for _, formula in formulas for node in formula.parents)


def test_numbered_formulas_are_referred_to_by_their_number(pages, formulas):
    numbers = {formula["id"]: formula.find(class_="eqno").get_text() for _, formula in formulas if formula.get("id")}
    assert len(numbers) >= 20
    assert all(re.match(r"\(\d+(\.\d+)*\)", number) for number in numbers.values()), numbers
    links = [link for soup in pages.values() for link in soup.find_all("a", href=re.compile("#equation-"), class_="reference")]
    assert len(links) >= 10
    assert not [link for link in links if not numbers[link["href"].partition("#")[2]].startswith(link.get_text())]


def test_only_pages_with_formulas_load_the_script_that_copies_them(pages, formulas):
    file = "_static/katex/copy-tex.min.js"
    loads = [name for name, soup in pages.items() for node in soup.find_all("script") if file in node.get("src", "")]
    assert loads == sorted({name for name, _ in formulas})
    assert len({name for name, _ in formulas}) < len(pages)


def test_style_sheet_and_script_are_those_whose_digests_are_recorded(html):
    recorded = [line.split("  ") for line in (KATEX / "SHA256SUMS").read_text(encoding="ascii").splitlines()]
    sums = {path.removeprefix("static/"): digest for digest, path in recorded if path.startswith("static/")}
    served = {path.relative_to(html / "_static").as_posix(): path for path in (html / "_static" / "katex").rglob("*") if path.is_file()}
    assert served.keys() == sums.keys()
    changed = {name for name, path in served.items() if hashlib.sha256(path.read_bytes()).hexdigest() != sums[name]}
    assert changed == {name for name in sums if name.endswith(".woff2")}


@pytest.fixture(scope="module")
def fonts(html):
    return {path.name: (TTFont(path), TTFont(KATEX / "static" / FONTS / path.name)) for path in (html / "_static" / FONTS).iterdir()}


def test_fonts_have_all_signs_that_pages_show(fonts, formulas):
    shown = {ord(sign) for _, formula in formulas for sign in formula.find(class_="katex-html").get_text()}
    for name, (font, whole) in fonts.items():
        assert font.getBestCmap().keys() >= whole.getBestCmap().keys() & shown, name


def test_fonts_are_light_and_have_a_name_of_their_own(html, fonts):
    common = [f"KaTeX_{name}.woff2" for name in ("Main-Regular", "Math-Italic", "Main-Bold", "AMS-Regular")]
    assert sum((html / "_static" / FONTS / name).stat().st_size for name in common) < 50_000
    for name, (font, _) in fonts.items():
        names = {record.nameID: str(record) for record in font["name"].names}
        assert "SIL Open Font License" in names[13], name
        assert not [names[id] for id in (1, 3, 4, 6) if "KaTeX_" in names[id]], name


def test_nothing_is_left_of_mathjax(html, pages):
    assert not [path for path in html.rglob("*") if "mathjax" in path.name.lower()]
    assert not [name for name in pages if "mathjax" in (html / name).read_text(encoding="utf-8").lower()]


def test_searching_finds_formulas_as_they_are_written(html):
    """Once, as TeX: not what KaTeX has made of them."""
    texts = [path.read_text(encoding="utf-8") for path in (html / "_search").rglob("*.js")]
    assert any(r"\\mathbf" in text for text in texts)
    assert not [text[:60] for text in texts if "katex-" in text or "\u200b" in text]


def test_titles_of_windows_are_text(pages):
    assert not [name for name, soup in pages.items() if re.search("[\u200b<]", soup.title.get_text())]
