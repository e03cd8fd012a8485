"""The table of all errata: whole without JavaScript; with it, its filters show what errata.json says they must."""

import json

import pytest
from d2l_errata.site.cards import EDITIONS, KINDS, SEVERITIES

TABLE = "reference/errata.html"
ROWS = "table.d2l-errata-table tbody tr"
FILTERS = ("chapter", "kind", "severity", "edition")
IDS = "rows => rows.map(row => row.querySelector('a').hash.slice(1))"


@pytest.fixture(scope="module")
def texts(browser, site):
    """Text of each row by id, as a reader without JavaScript has the table."""
    with browser.new_context(java_script_enabled=False) as context, context.new_page() as page:
        page.goto(site.address + TABLE)
        assert page.locator(".d2l-filter").count() == 0
        rows = page.locator(ROWS).all()
        assert rows and all(row.is_visible() for row in rows)
        return {row.locator("a").first.get_attribute("href").partition("#")[2]: row.text_content().lower() for row in rows}


@pytest.fixture(scope="module")
def entries(site):
    """What a row is filtered by, by id."""
    published = json.loads((site.html / "errata.json").read_text(encoding="utf-8"))["errata"]
    return {
        entry["id"]: {
            "chapter": {f"第 {entry['section'].split('.')[0]} 章"},
            "kind": {KINDS[entry["kind"]]},
            "severity": {SEVERITIES[entry["severity"]]},
            "edition": {EDITIONS[key] for key in entry["editions"]},
        }
        for entry in published
    }


@pytest.fixture(scope="module")
def opened(context, open_page):
    with context.new_page() as page:
        open_page(page, TABLE)
        yield page


@pytest.fixture
def table(opened):
    """The table with no filter set. It is loaded once: that is what takes long."""
    choose(opened, words="", **dict.fromkeys(FILTERS, ""))
    return opened


def choose(table, **values):
    for name, value in values.items():
        control = table.locator(f".d2l-filter [name={name}]")
        control.fill(value) if name == "words" else control.select_option(value)


def shown(table, entries):
    """Ids of the rows that are seen; what the page says of their number is checked on the way."""
    ids = table.locator(f"{ROWS}:visible").evaluate_all(IDS)
    assert table.locator(".d2l-filter ~ p[role=status]").inner_text() == f"共 {len(entries)} 条，显示 {len(ids)} 条"
    return ids


def fitting(entries, **values):
    return [id for id, entry in entries.items() if all(value in entry[name] for name, value in values.items())]


def test_without_javascript_the_table_is_whole(texts, entries):
    assert list(texts) == list(entries)


@pytest.mark.parametrize("name", FILTERS)
def test_each_value_shows_its_errata(table, entries, name):
    offered = table.locator(f".d2l-filter [name={name}] option").evaluate_all("options => options.map(option => option.value)")
    values = sorted({value for entry in entries.values() for value in entry[name]})
    assert offered[0] == "" and sorted(offered[1:]) == values
    for value in values:
        choose(table, **{name: value})
        assert shown(table, entries) == fitting(entries, **{name: value}) != []


@pytest.mark.parametrize("words", ["get_dummies", "GET_DUMMIES", "版本变化 pandas-", "范数"])
def test_words_show_rows_that_have_them_all(table, entries, texts, words):
    choose(table, words=words)
    wanted = words.lower().split()
    # An id counts too: readers come with one from a permalink or from the command line.
    expected = [id for id in entries if all(word in texts[id] or word in id for word in wanted)]
    assert shown(table, entries) == expected
    assert 0 < len(expected) < len(entries)


def test_filters_combine_come_to_nothing_and_go_back_to_all(table, entries, texts):
    values = {"chapter": "第 2 章", "kind": KINDS["math"], "edition": EDITIONS["en"]}
    choose(table, **values)
    both = fitting(entries, **values)
    assert shown(table, entries) == both != []
    choose(table, words=both[-1])
    assert shown(table, entries) == [id for id in both if both[-1] in id or both[-1] in texts[id]]
    choose(table, words="no erratum has this")
    assert shown(table, entries) == []
    choose(table, words="", **dict.fromkeys(values, ""))
    assert shown(table, entries) == list(entries)


def test_filters_work_from_the_keyboard(page, open_page, entries):
    open_page(page, TABLE)
    reached = []
    while "words" not in reached and len(reached) < 100:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name ?? ''"))
        if reached[-1] == "kind":
            page.keyboard.press("ArrowDown")
    assert [name for name in reached if name] == [*FILTERS, "words"]
    first = page.locator(".d2l-filter [name=kind]").input_value()
    assert shown(page, entries) == fitting(entries, kind=first)
    page.keyboard.type("no erratum has this")
    assert shown(page, entries) == []
    # The form is no form to send: Enter must not load the page anew.
    page.keyboard.press("Enter")
    assert shown(page, entries) == []


def test_a_row_leads_to_its_card(page, site, entries):
    page.goto(site.address + TABLE)
    id = list(entries)[-1]
    page.locator(f"{ROWS} a[href$='#{id}']").click()
    page.wait_for_url(f"**/*.html#{id}")
    assert page.locator(f"[id='{id}'].d2l-erratum:target").is_visible()


def test_it_is_a_table_for_screen_readers(page, open_page):
    open_page(page, TABLE)
    session = page.context.new_cdp_session(page)
    roles = [node["role"]["value"] for node in session.send("Accessibility.getFullAXTree")["nodes"] if "role" in node]
    table = page.locator("table.d2l-errata-table")
    assert roles.count("row") >= table.locator("tr").count() > 100
    assert roles.count("columnheader") >= table.locator("th").count() == 8
    explicit = "table => [...table.querySelectorAll('thead, tbody, tr, th, td')].filter((e) => !e.role).length"
    assert table.get_attribute("role") == "table" and table.evaluate(explicit) == 0
