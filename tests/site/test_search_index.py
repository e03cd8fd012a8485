"""What a build leaves for the search: everything a page says, in files small enough to be loaded by a reader."""

import copy
import gzip
import itertools
import json
import re

import pytest
from d2l_errata.registry import errata, sections
from d2l_errata.site.search import compact, index, read_passages, split

PAGES = 120  #: sections of the book, the openings of its chapters not counted
LIMIT = 400_000
#: The index is a power of the number of pages, as there are ever fewer new words. Measured once with the book's own text,
#: from any ten of its pages to all 139: 0.86, and 0.83 from ten to all of its 69 long pages.
GROWTH = 0.86


@pytest.fixture(scope="module")
def passages(html):
    """Passages of each page, as the build has written them."""
    text = (html / "searchindex.js").read_text(encoding="utf-8")
    names = [page[0] for page in json.loads(text[text.index("(") + 1 : text.rindex(")")])["pages"]]
    return {name: read_passages(html, name) for name in names}


def size(passages):
    return len(gzip.compress(f"Search.setIndex({compact(index(passages))})\n".encode(), 9))


def test_the_index_is_made_of_the_passages(html, passages):
    assert (html / "searchindex.js").read_text(encoding="utf-8") == f"Search.setIndex({compact(index(passages))})\n"


def test_every_page_can_be_found(pages, passages):
    articles = {name.removesuffix(".html") for name, soup in pages.items() if soup.select_one("article h1")}
    assert set(passages) == articles


#: Said on every page or by the pages themselves, added by the theme, or a formula: not indexed, or not as it looks.
LEFT_OUT = (
    ".d2l-errata-table, .d2l-map, .d2l-newest, .d2l-chapters, .d2l-run, .d2l-badges, .d2l-book-link, "
    ".caption-number, .toctree-wrapper, .math, summary"
)


def test_everything_on_a_page_can_be_found(pages, passages):
    for name, content in passages.items():
        article = copy.copy(pages[f"{name}.html"].find("article"))
        for node in article.select(LEFT_OUT):
            node.replace_with(" ")
        said = {term for node in article.select("p, h1, h2, h3, h4, dt, td, pre") for term in split(node.get_text())}
        missing = said - {term for _, _, heading, text in content for term in split(f"{heading}\n{text}")}
        assert missing == set(), name


def test_every_anchor_exists(pages, passages):
    for name, content in passages.items():
        for anchor, _, heading, _ in content[1:]:
            assert pages[f"{name}.html"].find(id=anchor), f"{name}: {heading}"


def test_every_erratum_is_ranked_as_one(passages):
    kinds = {(name, anchor): kind for name, content in passages.items() for anchor, kind, _, _ in content}
    assert {kinds[sections()[entry.section].slug, entry.id] for entry in errata()} == {"erratum"}


def test_pages_load_nothing_of_it(pages):
    for name, soup in pages.items():
        loaded = " ".join(script.get("src", "") for script in soup.find_all("script"))
        assert "static/search.js" in loaded, name
        assert not re.search(r"searchindex|searchtools|language_data", loaded), name


def test_the_index_stays_small_at_120_pages(passages):
    pages = [section.slug for section in sections().values() if "." in section.number and section.slug in passages]
    expected = size(passages) * (PAGES / len(pages)) ** GROWTH
    assert expected < LIMIT, f"{len(pages)} sections have {size(passages)} bytes; {PAGES} would have {expected:.0f}"


def test_passages_of_a_page_are_light(html, passages):
    sizes = {name: len(gzip.compress((html / "_search" / f"{name}.js").read_bytes(), 9)) for name in passages}
    assert max(sizes.values()) < 40_000, sizes


def test_no_two_passages_share_an_anchor(passages):
    for name, content in passages.items():
        anchors = [anchor for anchor, *_ in content]
        assert not [a for a, b in itertools.pairwise(sorted(anchors)) if a == b], name
