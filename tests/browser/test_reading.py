"""What a reader does on a page: follow a permalink, open a solution, search. And the README's picture of it."""

import pytest
from PIL import Image

MOMENTUM = "chapter_optimization/momentum.html"
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


def test_solutions_open_by_click_and_by_keyboard(page, open_page):
    open_page(page, "chapter_preliminaries/autograd.html")
    solutions = page.locator("details.solution").all()
    contents = page.locator("details.solution > section")
    assert len(solutions) == contents.count() >= 5
    assert not [n for n in range(len(solutions)) if contents.nth(n).is_visible()]
    title = solutions[0].locator("summary")
    title.scroll_into_view_if_needed()
    for visible in (True, False):
        title.click()
        assert contents.nth(0).is_visible() == visible

    title = solutions[1].locator("summary")
    title.focus()
    page.keyboard.press("Shift+Tab")  # a browser shows the focus once the keyboard is used
    page.keyboard.press("Tab")
    assert title.evaluate("title => getComputedStyle(title).outlineStyle") != "none", "the focus is not seen"
    for key, visible in (("Enter", True), ("Space", False)):
        page.keyboard.press(key)
        assert contents.nth(1).is_visible() == visible, key


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
