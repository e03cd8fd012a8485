"""The map of the book and the chapters' cards on the title page say what the pages and the registry have."""

import re

import pytest
from d2l_errata.registry import errata, sections


@pytest.fixture(scope="module")
def rows(pages):
    """Cells of each row of the map, by the section's address."""
    return {row["id"]: row.select("td") for row in pages["reference/map.html"].select("table.d2l-map tbody tr")}


@pytest.fixture(scope="module")
def facts(pages):
    """Of each section, counted here: whether its page is there, its errata, its exercises with a solution, its status."""
    facts = {}
    for section in sections().values():
        page = pages.get(f"{section.slug}.html")
        known = [entry.id for entry in errata() if entry.section == section.number]
        solved = {int(re.search(r"[0-9]+$", node["id"])[0]) for node in page.select(".solution[id^=sol-]")} if page else set()
        cards = {node["id"] for node in page.select(".d2l-erratum")} if page else set()
        done = solved >= set(range(1, section.exercises + 1)) and cards >= set(known)
        facts[section.slug] = (page is not None, len(known), len(solved), "尚无" if page is None else "完成" if done else "进行中")
    return facts


def test_every_section_of_the_book_has_a_row_in_its_chapter(pages, rows):
    assert list(rows) == [section.slug for section in sections().values()]
    for section in sections().values():
        link = rows[section.slug][0].a
        assert (link["href"], link.get_text()) == (section.url, f"{section.number} {section.title}")
        assert rows[section.slug][0].find_parent("section")["id"] == f"chapter-{section.number.partition('.')[0]}"


def test_rows_lead_to_the_pages_there_are(rows, facts):
    for slug, (page, *_) in facts.items():
        link = rows[slug][1].a
        assert (link["href"] if link else None) == (f"../{slug}.html" if page else None)
    assert {True, False} == {page for page, *_ in facts.values()}


def test_rows_count_errata_and_exercises(rows, facts):
    for section in sections().values():
        page, faults, solved, _ = facts[section.slug]
        assert rows[section.slug][2].get_text() == (str(faults) if page else "—"), section.slug
        assert rows[section.slug][3].get_text() == (f"{solved}/{section.exercises}" if section.exercises else "—"), section.slug


def test_rows_tell_the_status(rows, facts):
    assert {slug: cells[4].get_text() for slug, cells in rows.items()} == {slug: status for slug, (*_, status) in facts.items()}


def total(facts, slugs):
    """What is said of these sections."""
    counted = [sum(facts[slug][n] for slug in slugs) for n in range(3)]
    asked = sum(section.exercises for section in sections().values() if section.slug in slugs)
    return f"笔记 {counted[0]}/{len(slugs)} 节，勘误 {counted[1]} 条，练习 {counted[2]}/{asked} 题"


def test_the_map_sums_up(pages, facts):
    assert total(facts, list(facts)) in pages["reference/map.html"].article.get_text()


def test_the_title_page_has_a_card_for_each_chapter_with_pages(pages, facts):
    cards = pages["index.html"].select("ul.d2l-chapters > li")
    chapters = {}
    for section in sections().values():
        chapters.setdefault(section.number.partition(".")[0], []).append(section)
    expected = [chapter for chapter in chapters.values() if any(facts[section.slug][0] for section in chapter)]
    assert len(cards) == len(expected)
    for card, chapter in zip(cards, expected):
        opening = chapter[0]
        name = card.select_one(".d2l-chapter a")
        to_opening = f"{opening.slug}.html" if facts[opening.slug][0] else f"reference/map.html#chapter-{opening.number}"
        assert (name.get_text(), name["href"]) == (f"{opening.number} {opening.title}", to_opening)
        slugs = [section.slug for section in chapter]
        assert card.select_one(".d2l-tally").get_text() == total(facts, slugs)
        done = sum(facts[slug][3] == "完成" for slug in slugs)
        assert (card.progress["value"], card.progress["max"]) == (str(done), str(len(slugs)))
        links = {link["href"]: link.get_text() for link in card.select(":scope > ul a")}
        assert links == {f"{s.slug}.html": f"{s.number} {s.title}" for s in chapter[1:] if facts[s.slug][0]}
