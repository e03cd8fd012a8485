"""What a reader does on a page: follow a permalink, open a solution, search. And the README's picture of it."""

import pytest
from PIL import Image

MOMENTUM = "chapter_optimization/momentum.html"
SOLUTIONS = "chapter_preliminaries/autograd.html"
#: Whether the top of an element is seen: in the window, and nothing lies over it.
SEEN = """element => {
    const box = element.getBoundingClientRect();
    const top = document.elementFromPoint(box.left + 20, box.top + 10);
    return element.checkVisibility({visibilityProperty: true}) && element.contains(top);
}"""


def test_a_permalink_from_outside_leads_to_its_card(page, open_page):
    """The page's last card: fonts come after the browser has scrolled, and move what is below them."""
    open_page(page, MOMENTUM)
    address = page.locator(".d2l-erratum .d2l-permalink").last.get_attribute("href")
    page.goto("about:blank")
    open_page(page, MOMENTUM + address)
    # The theme may scroll smoothly.
    page.wait_for_function(f"({SEEN})(document.querySelector('.d2l-erratum:target'))")


#: Sections that wait with their layout until the page is used.
HELD = ".bd-article section > section:not(.d2l-laid-out)"


def lay_out(page):
    """Use the page, and wait until it is laid out."""
    page.keyboard.press("Shift")
    page.wait_for_function("selector => !document.querySelector(selector)", arg=HELD)


def test_sections_out_of_sight_are_laid_out_when_the_page_is_used(page, open_page):
    open_page(page, MOMENTUM)
    held = page.locator(HELD)
    all_of_them = held.count()
    assert all_of_them > 5
    assert page.locator(f"{HELD} h2").last.evaluate("heading => !heading.checkVisibility({contentVisibilityAuto: true})")
    page.mouse.wheel(0, 200)
    page.wait_for_function("selector => !document.querySelector(selector)", arg=HELD)


def test_laying_out_moves_nothing(page, open_page):
    places = """() => [...document.querySelectorAll("article :is(h2, h3, p, pre)")].map(
        (e) => Math.round(e.getBoundingClientRect().top + scrollY))"""
    open_page(page, MOMENTUM)
    # As a section is while it waits, but for what is not seen of it.
    style = page.add_style_tag(content=f"{HELD} {{ contain: layout style paint; content-visibility: visible !important; }}")
    before = page.evaluate(places)
    lay_out(page)
    style.evaluate("style => style.remove()")
    assert page.evaluate(places) == before


def test_a_link_in_the_page_leads_to_its_section(page, open_page):
    open_page(page, MOMENTUM)
    page.locator(".page-toc a").last.click()
    id = page.evaluate("location.hash.slice(1)")
    page.wait_for_function(f"id => ({SEEN})(document.getElementById(id).querySelector('h2, h3'))", arg=id)


def test_a_page_opened_again_is_where_it_was(page, open_page):
    open_page(page, MOMENTUM)
    page.evaluate("scrollTo({top: document.body.scrollHeight, behavior: 'instant'})")
    page.wait_for_function("selector => !document.querySelector(selector)", arg=HELD)
    page.locator("article h2").last.evaluate("heading => heading.scrollIntoView({behavior: 'instant'})")
    place = page.evaluate("scrollY")
    page.reload()
    page.wait_for_function("place => Math.abs(scrollY - place) < 5", arg=place)


def test_solutions_open_by_click_and_by_keyboard(page, open_page):
    open_page(page, SOLUTIONS)
    solutions = page.locator("details.solution")
    contents = page.locator("details.solution > section")
    assert solutions.count() == contents.count() >= 5
    assert not [n for n in range(contents.count()) if contents.nth(n).is_visible()]
    for visible in (True, False):
        solutions.nth(0).locator("summary").click()
        assert contents.nth(0).is_visible() == visible
    solutions.nth(1).locator("summary").focus()
    for key, visible in (("Enter", True), ("Space", False)):
        page.keyboard.press(key)
        assert contents.nth(1).is_visible() == visible, key


def test_a_link_into_a_solution_opens_it(page, open_page):
    open_page(page, SOLUTIONS)
    id = page.locator("details.solution > section [id]").last.get_attribute("id")
    page.goto("about:blank")
    open_page(page, f"{SOLUTIONS}#{id}")
    assert page.locator(f"[id='{id}']").is_visible()


#: What is to be reached by the keyboard: all that can be seen and does something.
USED = """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")].filter(
    (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest(".dropdown-menu"),
)"""
#: What has the focus: its place among what is to be reached, and whether one sees that it has it.
FOCUS = f"""() => {{
    const {{ outlineStyle, boxShadow }} = getComputedStyle(document.activeElement);
    return [({USED})().indexOf(document.activeElement), outlineStyle !== "none" || boxShadow !== "none"];
}}"""
MISSED = f"(missed) => {{ const all = ({USED})(); return missed.map((n) => all[n].outerHTML.slice(0, 150)); }}"


@pytest.mark.parametrize("name", ["index.html", "chapter_preliminaries/lookup-api.html", "reference/errata.html"])
def test_the_keyboard_reaches_everything(page, open_page, name):
    open_page(page, name)
    # Boxes that scroll get their tab stops when they are laid out.
    lay_out(page)
    page.add_style_tag(content="* { content-visibility: visible !important; }")
    page.evaluate("() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)))")
    count = page.evaluate(f"({USED})().length")
    assert count > 20
    reached, unseen = set(), []
    for _ in range(count + 40):  # some are in menus, which open when they are reached
        page.keyboard.press("Tab")
        place, seen = page.evaluate(FOCUS)
        reached.add(place)
        if place >= 0 and not seen:
            unseen.append(page.evaluate("document.activeElement.outerHTML.slice(0, 150)"))
    assert page.evaluate(MISSED, sorted({*range(count)} - reached)) == []
    assert unseen == [], "the focus is not seen"


def test_the_first_tab_leads_to_the_text(page, open_page):
    open_page(page, SOLUTIONS)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main-content"


@pytest.fixture
def phone(browser, site):
    """A page on a phone, in its middle."""
    with browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, locale="zh-CN") as context:
        context.set_default_timeout(10_000)
        with context.new_page() as page:
            page.goto(site.address + SOLUTIONS)
            page.evaluate("scrollTo({top: document.body.scrollHeight / 2, behavior: 'instant'})")
            yield page


def test_the_thumb_reaches_the_menu(phone):
    phone.locator(".primary-toggle").tap()
    phone.locator(".bd-docs-nav a[href$='ndarray.html']:visible").tap()
    phone.wait_for_url("**/chapter_preliminaries/ndarray.html")


def test_the_thumb_reaches_the_contents_of_the_page(phone):
    phone.locator(".secondary-toggle").tap()
    link = phone.locator(".page-toc a:visible").first
    address = link.get_attribute("href")
    link.tap()
    phone.wait_for_url(f"**/{SOLUTIONS}{address}")


def test_the_thumb_reaches_the_search(phone):
    phone.locator(".bd-header-article .search-button").tap()
    phone.locator("input[name=q]:visible").fill("get_dummies")
    phone.locator(".d2l-answers a:visible").first.tap()
    phone.wait_for_url("**/chapter_preliminaries/pandas.html*")


#: What would move: by itself, or slowly from one state to another.
MOVES = """() => [document.documentElement, ...document.querySelectorAll("*")].filter((e) =>
    [null, "::before", "::after"].some((part) => {
        const { animationName, transitionDuration, scrollBehavior } = getComputedStyle(e, part);
        return animationName !== "none" || transitionDuration.split(", ").some((time) => time !== "0s") || scrollBehavior === "smooth";
    }),
).map((e) => e.outerHTML.slice(0, 100))"""


def test_nothing_moves_for_who_wants_that(browser, site):
    with browser.new_context(reduced_motion="reduce") as context, context.new_page() as page:
        page.goto(site.address + "chapter_preliminaries/lookup-api.html")
        assert page.evaluate(MOVES) == []
        page.emulate_media(reduced_motion="no-preference")
        assert page.evaluate(MOVES) != []


#: A card and the verdict after it that fit into the window, the tallest pair of the page: where its top must be scrolled to.
PAIR = """() => {
    const top = (e) => e.getBoundingClientRect().top + scrollY;
    const bottom = (e) => e.getBoundingClientRect().bottom + scrollY;
    const pairs = [...document.querySelectorAll(".d2l-erratum")].map((card) => {
        const names = [...document.querySelectorAll("table.d2l-verdict")].filter((v) => v.caption.textContent.trim() === card.id);
        return { id: card.id, top: top(card), height: names.length ? bottom(names[0]) - top(card) : Infinity };
    });
    return pairs.filter(({ height }) => height < innerHeight - 80).sort((a, b) => b.height - a.height)[0];
}"""


def test_screenshot(page, site, open_page):
    """Written into the site, for the README."""
    open_page(page, MOMENTUM)
    lay_out(page)
    pair = page.evaluate(PAIR)
    if pair is None:
        pytest.fail("no erratum's card and verdict fit into one window")
    page.evaluate("top => scrollTo({top, behavior: 'instant'})", pair["top"] - 64)
    path = site.html / "_static" / "screenshot.png"
    page.screenshot(path=path)
    assert page.locator(f"[id='{pair['id']}']").evaluate(SEEN)
    with Image.open(path) as image:
        assert (image.format, image.size) == ("PNG", (1280, 800))
        assert len(image.convert("RGB").getcolors(1280 * 800)) > 100
