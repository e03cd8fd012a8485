"""The feed of new errata is valid Atom and leads to the cards; the title page has the newest; every page names the feed."""

import re
from datetime import datetime
from pathlib import Path
from urllib.parse import urldefrag
from xml.etree import ElementTree

import pytest
import yaml
from d2l_errata.registry import errata, sections

ATOM = "{http://www.w3.org/2005/Atom}"
BASE = yaml.safe_load((Path(__file__).parents[2] / "book" / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"]
#: What RFC 4287 asks for, and how often; all else that may be there is among what we write.
FEED = {"id": 1, "title": 1, "updated": 1, "link": 2, "author": 1, "rights": 1}
ENTRY = {"id": 1, "title": 1, "published": 1, "updated": 1, "link": 1, "category": 1, "content": 1}


@pytest.fixture(scope="module")
def feed(html):
    return ElementTree.parse(html / "errata.xml").getroot()


def count(element):
    names = [child.tag.removeprefix(ATOM) for child in element]
    return {name: names.count(name) for name in names}


def moment(element, name):
    """A date as RFC 3339 has them, which RFC 4287 asks for."""
    text = element.findtext(ATOM + name)
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", text)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_the_feed_is_valid_atom(feed):
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    assert count(feed) == {**FEED, "entry": len(entries)} and entries
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    assert {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")} == {
        "self": f"{BASE}errata.xml", "alternate": f"{BASE}reference/errata.html",
    }  # fmt: skip
    assert feed.findtext(f"{ATOM}id") == f"{BASE}errata.xml"
    for entry in entries:
        assert count(entry) == ENTRY
        assert moment(entry, "published") <= moment(entry, "updated") <= moment(feed, "updated")
        assert entry.find(f"{ATOM}category").get("term") and entry.find(f"{ATOM}content").get("type") == "html"
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids)


def test_each_entry_is_named_by_its_permalink(feed, pages):
    by_id = {entry.id: entry for entry in errata()}
    for entry in feed.findall(f"{ATOM}entry"):
        id = entry.findtext(f"{ATOM}id")
        assert entry.find(f"{ATOM}link").get("href") == id
        page, anchor = urldefrag(id.removeprefix(BASE))
        assert "d2l-erratum" in pages[page].find(id=anchor)["class"]
        assert entry.findtext(f"{ATOM}updated") == f"{by_id[anchor].added}T00:00:00Z"


def test_the_newest_errata_are_in_the_feed_newest_first(feed):
    days = [entry.findtext(f"{ATOM}updated")[:10] for entry in feed.findall(f"{ATOM}entry")]
    assert days == sorted(days, reverse=True)
    newest = max(entry.added for entry in errata())
    assert days.count(newest) == sum(entry.added == newest for entry in errata())


def test_the_title_page_has_the_newest_errata(pages):
    links = [link["href"] for link in pages["index.html"].select("ul.d2l-newest a")]
    by_address = {f"{sections()[entry.section].slug}.html#{entry.id}": entry for entry in errata()}
    shown = [by_address[link] for link in links]
    assert 5 <= len(shown) <= 8 and len({entry.section for entry in shown}) == len(shown)
    of_section = {section: max(entry.added for entry in errata() if entry.section == section) for section in {e.section for e in errata()}}
    assert [entry.added for entry in shown] == sorted(of_section.values(), reverse=True)[: len(shown)]
    for entry, about in zip(shown, pages["index.html"].select("ul.d2l-newest .d2l-about"), strict=True):
        assert entry.added in about.get_text()


def test_every_page_names_the_feed(pages, html):
    for name, soup in pages.items():
        (link,) = soup.head.select('link[rel=alternate][type="application/atom+xml"]')
        assert (html / name).parent.joinpath(link["href"]).resolve() == (html / "errata.xml").resolve(), name


@pytest.mark.parametrize("name", ["index.html", "reference/errata.html"])
def test_the_feed_is_offered_to_readers(pages, name):
    assert [link for link in pages[name].article.select("a[href$='errata.xml']") if link.get_text()]
