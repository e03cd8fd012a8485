"""The feed of new errata: which are in it, in what order, and what they say."""

import dataclasses
import re
from datetime import date, timedelta
from xml.etree import ElementTree

from d2l_errata.site.feed import DAYS, feed, in_feed, newest

SITE = "https://example.org/site/"
ATOM = "{http://www.w3.org/2005/Atom}"


def entries(book, *changes):
    return [dataclasses.replace(book.entry(f"momentum-{n}", "a", "b"), **change) for n, change in enumerate(changes)]


def ids(entries):
    return [int(entry.id.rpartition("-")[2]) for entry in entries]


def test_the_last_day_comes_first_and_of_a_day_the_gravest(book):
    first, last = {"added": "2026-11-21"}, {"added": "2026-11-26"}
    given = entries(book, first, {**last, "severity": "cosmetic"}, {**last, "severity": "wrong"}, {**last, "severity": "misleading"}, last)
    assert ids(newest(given)) == [2, 4, 3, 1, 0]


def test_the_feed_goes_back_from_its_newest_erratum_not_from_today(book):
    day = date(2001, 3, 31)
    given = entries(book, *({"added": (day - DAYS - timedelta(days=n)).isoformat()} for n in (1, 0)), {"added": day.isoformat()})
    assert ids(in_feed(given)) == [2, 1]


def test_the_feed_is_the_same_in_every_build(book):
    given = entries(book, {"added": "2026-11-21"}, {"added": "2026-11-26"})
    root = ElementTree.fromstring(feed(given, SITE))
    assert feed(given, SITE) == feed(given, SITE)
    assert root.findtext(f"{ATOM}updated") == "2026-11-26T00:00:00Z"
    # What is reworded is no news; what is added is.
    reworded = ElementTree.fromstring(feed([dataclasses.replace(entry, fixed="别的") for entry in given], SITE))
    for name in ("id", "updated"):
        assert [element.text for element in reworded.iter(ATOM + name)] == [element.text for element in root.iter(ATOM + name)]


def test_markdown_of_the_registry_becomes_html(book):
    (given,) = entries(book, {"title": r"`<b>` 与 $a_1 < \{b_2\}$", "book": "$x_1$ & *y*", "fixed": "z"})
    entry = ElementTree.fromstring(feed([given], SITE)).find(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}id") == f"{SITE}chapter_optimization/momentum.html#{given.id}"
    title, content = entry.findtext(f"{ATOM}title"), entry.findtext(f"{ATOM}content")
    assert title.startswith("11.6 动量法：<code>&lt;b&gt;</code> 与 ") and r"<code>a_1 &lt; \{b_2\}</code>" in title
    assert "<code>x_1</code>" in content and "&amp; <em>y</em>" in content
    assert re.findall("<p>(..)：", content) == ["位置", "书中", "更正"]
