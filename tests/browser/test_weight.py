"""What a page loads: little, and less when the reader has been on the site before."""

import pytest

#: In bytes, packed as GitHub Pages packs them, for a page without figures: with nothing in the browser's cache, and for a
#: reader who comes from the title page.
FIRST, NEXT = 250_000, 60_000


def load(context, address):
    """Bytes that opening a page has moved. What comes from the browser's cache has not moved."""
    with context.new_page() as page:
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        sizes = []
        session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        # Fonts of the pages to come are fetched when all else has been.
        page.goto(address, wait_until="networkidle")
        return sum(sizes)


@pytest.fixture(scope="module")
def plain(site):
    """The pages without figures."""
    plain = [name for name in site.pages if "d2l-figure" not in (site.html / name).read_text(encoding="utf-8")]
    assert {"index.html", "chapter_preliminaries/lookup-api.html", "reference/map.html", "search.html"} <= {*plain}
    return plain


def test_the_first_page_is_light(browser, site, plain):
    weights = {}
    for name in plain:
        with browser.new_context() as context:
            weights[name] = load(context, site.address + name)
    assert {name: weight for name, weight in weights.items() if not 10_000 < weight < FIRST} == {}


def test_the_next_page_is_lighter(browser, site, plain):
    weights = {}
    for name in plain:
        with browser.new_context() as context:
            load(context, site.address)
            weights[name] = load(context, site.address + name)
    assert {name: weight for name, weight in weights.items() if weight >= NEXT} == {}


def test_a_page_comes_from_the_cache_when_it_is_opened_again(browser, site):
    with browser.new_context() as context:
        weights = [load(context, site.address + "chapter_preliminaries/linear-algebra.html") for _ in range(2)]
    assert weights[0] > 50_000 and weights[1] == 0
