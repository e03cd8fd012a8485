"""Search, as readers use it: what they type finds the page that has it, as they type, from any page, and without a server."""

import random
import shutil
from pathlib import Path

import pytest
import yaml
from d2l_errata.registry import sections
from d2l_errata.site.search import read_passages, split

QUERIES = yaml.safe_load(Path(__file__).with_name("queries.yaml").read_text(encoding="utf-8"))
INDEX = ("searchindex.js", "language_data.js")


#: Addresses of the book's sections by what is written in the list.
ADDRESSES = {section.slug.removesuffix("/index").rpartition("/")[2]: section.slug for section in sections().values()}


#: The search dialog: the theme's name for it, and that of its older release, which Python 3.10 gets.
DIALOG = ":is(#pst-search-dialog, .search-button__search-container)"


@pytest.fixture
def requests(page):
    """Addresses that the page asks for, in order."""
    seen = []
    page.on("request", lambda request: seen.append(request.url))
    return seen


@pytest.fixture
def ask(page):
    """Type a question into the dialog; the answers' addresses with their texts, best first."""

    def ask(query):
        field = page.locator(f"{DIALOG} input[name=q]")
        if not field.is_visible():
            page.keyboard.press("Control+k")
        field.fill(query)
        page.wait_for_function(f"(query) => document.querySelector('{DIALOG} .d2l-answers').dataset.query === query", arg=query)
        links = page.locator(f"{DIALOG} .d2l-answers a")
        return links.evaluate_all("(links) => links.map((link) => [link.pathname.slice(1), link.innerText])")

    return ask


def test_the_list_is_long_enough():
    assert len(QUERIES) >= 60 and len({query["q"] for query in QUERIES}) == len(QUERIES)


def test_every_query_finds_its_pages(page, site, ask):
    page.goto(site.address + "chapter_preliminaries/lookup-api.html")
    missed, late = [], []
    for query in QUERIES:
        answers = [address.removesuffix(".html") for address, _ in ask(query["q"])]
        wanted = {ADDRESSES[name] for name in [query["first"], *query.get("found", [])]}
        missed += [(query["q"], name) for name in sorted(wanted - set(answers))]
        late += [(query["q"], answers[:3])] if ADDRESSES[query["first"]] not in answers[:3] else []
    assert missed == []
    assert len(late) <= 0.05 * len(QUERIES), late


def test_nothing_is_loaded_until_search_is_used(page, site, requests, ask):
    page.goto(site.address + "chapter_preliminaries/lookup-api.html", wait_until="load")
    files = (*INDEX, "searchtools.js", "_search/")
    assert not [url for url in requests if any(name in url for name in files)]
    ask("动量法")
    for name in INDEX:
        assert len([url for url in requests if name in url]) == 1
    # Each file once, however much is typed.
    ask("动量法收敛")
    scripts = page.evaluate("() => [...document.scripts].map((script) => script.src).filter(Boolean)")
    assert len(scripts) == len(set(scripts))


def test_answers_come_while_a_name_is_typed(page, site):
    page.goto(site.address + "chapter_optimization/momentum.html")
    page.keyboard.press("Control+k")
    for more, typed in (("get_d", "get_d"), ("ummies", "get_dummies")):
        page.locator(f"{DIALOG} input[name=q]").press_sequentially(more)
        page.locator(f"{DIALOG} .d2l-answers[data-query={typed}] a").first.wait_for()
        assert "get_dummies" in page.locator(f"{DIALOG} .d2l-answers li").first.inner_text()


def test_an_answer_shows_its_passage_and_leads_to_its_heading(page, site, ask):
    # From a page in a folder: addresses are relative to the site.
    page.goto(site.address + "chapter_preliminaries/pandas.html")
    ask("谱半径")
    first = page.locator(f"{DIALOG} .d2l-answers a").first
    assert "谱半径" in first.locator("p mark").all_inner_texts()
    heading = first.locator("strong").inner_text()
    first.click()
    page.wait_for_url("**/chapter_optimization/momentum.html#*")
    assert heading in page.locator(":target").inner_text()


def test_title_heading_erratum_text_is_the_order(page, site):
    page.goto(site.address + "chapter_preliminaries/lookup-api.html")
    page.evaluate(
        """() => {
          const page = (name, title, kind, heading, text) => [name, [["", "title", title, ""], ["a", kind, heading, text]]];
          const pages = [
            page("text", "一", "heading", "丙", "谈起量子纠缠"), page("erratum", "二", "erratum", "量子纠缠有误", ""),
            page("heading", "三", "heading", "量子纠缠的代价", ""), page("title", "量子纠缠", "heading", "丁", "")];
          const index = pages.map(([name, [title, [, kind, heading]]]) =>
            [name, title[2], kind === "heading" ? [heading] : [], kind === "erratum" ? [heading] : []]);
          // Stands for what a site with these pages loads.
          const load = Element.prototype.append;
          HTMLHeadElement.prototype.append = function (node) {
            if (!node.src || node.src.includes("language_data")) return load.call(this, node);
            if (node.src.includes("searchindex"))
              Search.setIndex({ pages: index, letters: "子纠缠量", han: "1,2,,0", names: "", found: "0111,0111,0111," });
            else Search.setPassages(...pages.find(([name]) => node.src.endsWith(`_search/${name}.js`)));
            node.onload();
          };
        }"""
    )
    page.keyboard.press("Control+k")
    page.locator(f"{DIALOG} input[name=q]").fill("量子纠缠")
    page.locator(f"{DIALOG} .d2l-answers a").nth(3).wait_for()
    links = page.locator(f"{DIALOG} .d2l-answers a").evaluate_all("(links) => links.map((link) => link.pathname.slice(1, -5))")
    assert links == ["title", "heading", "erratum", "text"]


def test_enter_leads_to_a_page_with_the_same_answers(page, site, ask):
    page.goto(site.address + "chapter_preliminaries/pandas.html")
    answers = ask("torch.norm 弃用")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    page.locator(".bd-search-container .d2l-answers a").first.wait_for()
    links = page.locator(".bd-search-container .d2l-answers a")
    assert links.evaluate_all("(links) => links.map((link) => [link.pathname.slice(1), link.innerText])") == answers


def test_keyboard_goes_through_the_answers(page, site, ask):
    page.goto(site.address + "chapter_preliminaries/lookup-api.html")
    ask("广播机制")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    focused = f"() => [...document.querySelectorAll('{DIALOG} .d2l-answers a')].indexOf(document.activeElement)"
    assert page.evaluate(focused) == 1
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused) == 0
    page.keyboard.press("ArrowUp")
    assert page.evaluate("() => document.activeElement.name") == "q"


def test_nothing_found_is_said(page, site, ask):
    page.goto(site.address + "chapter_preliminaries/lookup-api.html")
    assert ask("鸡尾酒") == []
    assert "没有找到" in page.locator(f"{DIALOG} [role=status]").inner_text()


def test_markup_in_a_question_or_a_passage_stays_text(page, site, ask):
    page.goto(site.address + "chapter_preliminaries/lookup-api.html")
    ask("<img src=x onerror=alert(1)> <built-in method")
    assert page.locator(f"{DIALOG} .d2l-answers img").count() == 0


def test_search_works_from_a_folder(page, site, ask, tmp_path):
    copy = tmp_path / "site"
    shutil.copytree(site.html, copy)
    page.goto((copy / "chapter_preliminaries" / "pandas.html").as_uri())
    assert any("momentum.html" in address for address, _ in ask("动量法"))


def test_both_sides_split_alike(page, site):
    """The splitter in JavaScript is the one in Python, on everything the site says and on what could be typed."""
    page.goto(site.address + "chapter_preliminaries/lookup-api.html")
    page.add_script_tag(url=site.address + "_static/language_data.js")
    said = [passage[3] for path in (site.html / "_search").rglob("*.js")
            for passage in read_passages(site.html, path.relative_to(site.html / "_search").with_suffix("").as_posix())]  # fmt: skip
    signs = "的梯度秩〇 ..__aZβ½éπ²９ＡÅ1-(（，\n'‘"
    typed = ["".join(random.Random(seed).choices(signs, k=12)) for seed in range(2000)]
    texts = said + typed + [query["q"] for query in QUERIES]
    assert page.evaluate("(texts) => texts.map(splitQuery)", texts) == [split(text) for text in texts]
