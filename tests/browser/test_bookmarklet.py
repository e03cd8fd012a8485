"""The bookmark: from a page of the book to ours, on the book's own hosts and nowhere else."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

BASE = yaml.safe_load((Path(__file__).parents[2] / "book" / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"]


@pytest.fixture
def follow(page, site):
    """Click on the bookmark on a page of the book, or of another site; the page it leads to, and what it says."""
    page.goto(site.address + "reference/map.html")
    bookmark = page.locator(".d2l-bookmarklet a").get_attribute("href")
    said = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))

    def answer(route):
        address = route.request.url
        if address.startswith(BASE):  # our site, where it is published
            route.fulfill(path=site.html / urlsplit(address.removeprefix(BASE)).path)
        else:
            route.fulfill(body="<title>书</title><p id=id2>书中的一页</p>", content_type="text/html; charset=utf-8")

    page.route(lambda address: not address.startswith(site.address), answer)

    def follow(address):
        page.goto(address)
        # What a browser does when the bookmark is clicked.
        page.evaluate("bookmark => { location.href = bookmark; }", bookmark)
        page.wait_for_timeout(300)
        page.wait_for_load_state()
        return page.url, said

    return follow


@pytest.mark.parametrize(
    "address, ours",
    [
        ("https://zh.d2l.ai/chapter_optimization/momentum.html", "chapter_optimization/momentum.html"),
        ("http://zh.d2l.ai/chapter_linear-networks/linear-regression.html?q=1#id2", "chapter_linear-networks/linear-regression.html"),
        ("https://zh-v2.d2l.ai/chapter_preliminaries/index.html", "chapter_preliminaries/index.html"),
        ("https://zh.d2l.ai/chapter_preliminaries/", "chapter_preliminaries/index.html"),
        # The English edition: the same address, and one of its own.
        ("https://d2l.ai/chapter_optimization/momentum.html", "chapter_optimization/momentum.html"),
        ("https://d2l.ai/chapter_linear-regression/index.html", "reference/map.html#chapter_linear-regression/index"),
        # No page of ours, yet or for ever.
        ("https://zh.d2l.ai/chapter_attention-mechanisms/transformer.html", "reference/map.html#chapter_attention-mechanisms/transformer"),
        ("https://zh.d2l.ai/chapter_preface/index.html", "reference/map.html#chapter_preface/index"),
    ],
)
def test_from_the_book_to_the_note(follow, address, ours):
    assert follow(address) == (BASE + ours, [])


def test_a_section_without_a_page_is_shown_in_the_map(page, follow):
    follow("https://zh.d2l.ai/chapter_attention-mechanisms/transformer.html")
    row = page.locator("table.d2l-map tr:target")
    assert "Transformer" in row.inner_text() and "尚无" in row.inner_text()


@pytest.mark.parametrize("host", ["example.org", "notd2l.ai", "zh.d2l.ai.example.org"])
def test_elsewhere_it_says_where_it_works(follow, host):
    address = f"https://{host}/chapter_optimization/momentum.html"
    stayed, said = follow(address)
    assert stayed == address and len(said) == 1 and "zh.d2l.ai" in said[0]
