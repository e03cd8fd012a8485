"""On paper: the text alone, with all that is closed on the screen, on white, and nothing cut off."""

import pytest

PAGE = "chapter_preliminaries/autograd.html"
#: What there is only for the screen.
SCREEN = [
    ".bd-sidebar-primary",
    ".bd-sidebar-secondary",
    ".bd-header-article",
    ".prev-next-footer",
    ".bd-footer-content",
    "#pst-back-to-top",
    "button",
    ".copybtn",
    ".headerlink",
    ".d2l-permalink",
    ".d2l-filter",
]
#: What reaches out of the paper, or is cut off in a box that no one can scroll.
CUT = """() => [...document.querySelectorAll("article :is(pre, .katex-display, table, p, figure, svg[role=img], .output)")].filter((e) => {
    const box = e.getBoundingClientRect();
    const cut = getComputedStyle(e).overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1;
    return e.checkVisibility() && (box.right > innerWidth + 1 || cut);
}).map((e) => e.outerHTML.slice(0, 200))"""


@pytest.fixture(params=["light", "dark"])
def paper(request, browser, site):
    """Print a page of the site: the page as it is laid out for an A4 sheet."""
    width = 794 - 2 * 53  # A4 less its margins
    with browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=request.param, locale="zh-CN") as context:
        with context.new_page() as page:

            def paper(name):
                page.goto(site.address + name)
                page.emulate_media(media="print")
                page.evaluate("dispatchEvent(new Event('beforeprint'))")
                return page

            yield paper


@pytest.mark.parametrize("name", [PAGE, "reference/errata.html", "index.html"])
def test_nothing_of_the_screen_is_printed(paper, name):
    page = paper(name)
    assert page.locator("article p:visible").count() > 2
    assert {what: page.locator(f"{what}:visible").count() for what in SCREEN if page.locator(f"{what}:visible").count()} == {}
    assert page.locator("h1:visible").count() == 1


def test_all_is_open_and_closes_again(paper):
    page = paper(PAGE)
    closed = page.locator("article details:not([open])")
    assert closed.count() == 0
    contents = page.locator("details.solution > section")
    assert contents.count() >= 5 and all(content.is_visible() for content in contents.all())
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert closed.count() >= contents.count()


def test_paper_is_white(paper):
    page = paper(PAGE)
    picture = page.screenshot(path=None, full_page=False)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert picture


@pytest.mark.parametrize("name", [PAGE, "chapter_optimization/momentum.html", "chapter_preliminaries/pandas.html", "reference/errata.html"])
def test_nothing_is_cut_off(paper, name):
    assert paper(name).evaluate(CUT) == []


def test_a_pdf_has_all_pages(browser, site, tmp_path):
    with browser.new_context(locale="zh-CN", color_scheme="dark") as context, context.new_page() as page:
        page.goto(site.address + PAGE)
        closed = page.pdf(format="A4", path=tmp_path / "page.pdf")
    assert closed[:5] == b"%PDF-" and closed.count(b"/Type /Page\n") + closed.count(b"/Type /Page ") + closed.count(b"/Type /Page/") > 5
