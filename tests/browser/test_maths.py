"""Formulas as a reader meets them: there at once, in the site's own fonts, to be copied, and scrolled where they are wide."""

import pytest

MOMENTUM = "chapter_optimization/momentum.html"
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def momentum(page, open_page):
    open_page(page, MOMENTUM)
    # The page is shared by no test, its context is: a phone's window must not be left to the next.
    yield page
    page.set_viewport_size({"width": 1280, "height": 800})


def test_formulas_need_no_script(browser, site):
    with browser.new_context(java_script_enabled=False) as context, context.new_page() as page:
        page.goto(site.address + MOMENTUM)
        formula = page.locator("div.math .katex-html").first
        assert formula.is_visible() and formula.bounding_box()["height"] > 10
        assert "KaTeX_Main" in page.locator(".katex").first.evaluate("formula => getComputedStyle(formula).fontFamily")


def test_their_fonts_come_from_the_site(page, site, open_page):
    fonts = []
    page.on("requestfinished", lambda request: request.resource_type == "font" and fonts.append(request.url))
    open_page(page, MOMENTUM)
    states = page.evaluate("[...document.fonts].filter(({family}) => family.includes('KaTeX')).map(({family, status}) => [family, status])")
    loaded = {family for family, status in states if status == "loaded"}
    assert loaded >= {"KaTeX_Main", "KaTeX_Math"}
    assert {status for _, status in states} == {"loaded", "unloaded"}, "a font is broken, or all are loaded, needed or not"
    katex = [url for url in fonts if "KaTeX" in url]
    assert len(katex) >= len(loaded) and all(url.startswith(f"{site.address}_static/katex/fonts/") for url in katex)


#: When the page was there, and with what status and when KaTeX's fonts were fetched.
FONTS = """() => {
    const fonts = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/katex/fonts/"));
    const [{ loadEventStart }] = performance.getEntriesByType("navigation");
    return [loadEventStart, fonts.map(({ responseStatus, startTime }) => [responseStatus, startTime])];
}"""


def test_the_fonts_that_most_pages_need_are_there_for_the_next(browser, site):
    """A page without formulas fetches them when it has all that it needs itself."""
    with browser.new_context() as context, context.new_page() as page:
        page.goto(f"{site.address}reference/map.html", wait_until="networkidle")
        loaded, fonts = page.evaluate(FONTS)
    assert len(fonts) == 5 and {status for status, _ in fonts} == {200}
    assert min(start for _, start in fonts) >= loaded


#: What is on the clipboard after a reader has selected an element and copied.
COPY = """element => {
    getSelection().selectAllChildren(element);
    const clipboardData = new DataTransfer();
    element.dispatchEvent(new ClipboardEvent("copy", { clipboardData, bubbles: true, cancelable: true }));
    return clipboardData.getData("text/plain");
}"""


def test_copied_formulas_are_tex(momentum):
    paragraph = momentum.locator("p:has(> span.math + span.math)").first
    formulas = paragraph.locator("annotation").all_text_contents()
    copied = paragraph.evaluate(COPY)
    assert len(formulas) >= 2
    assert [part for part in copied.split("$")[1::2]] == formulas
    display = momentum.locator("div.math:not(:has(.eqno))").first
    assert display.evaluate(COPY).strip() == f"$${display.locator('annotation').text_content()}$$"


#: The first formula that a phone does not show whole, and that stands after a paragraph without a link.
WIDE = """() => [...document.querySelectorAll("p:not(:has(a)) + div.math .katex-display")].find(
    (box) => box.scrollWidth > box.clientWidth + 20 && box.checkVisibility(),
)"""


def test_a_wide_formula_is_scrolled_with_the_keyboard(momentum):
    momentum.set_viewport_size(PHONE)
    box = momentum.evaluate_handle(WIDE).as_element()
    assert box is not None, "no formula after a paragraph is wider than a phone"
    box.evaluate_handle("box => box.parentElement.previousElementSibling").as_element().click(position={"x": 3, "y": 10})
    momentum.keyboard.press("Tab")
    assert box.evaluate("box => box === document.activeElement")
    momentum.keyboard.press("ArrowRight")
    momentum.wait_for_function("box => box.scrollLeft > 0", arg=box)


#: Formulas that have lost their punctuation to another line, and how many have any.
PARTED = """() => {
    const line = (node) => {
        const range = document.createRange();
        range.selectNodeContents(node);
        return range.getBoundingClientRect();
    };
    const apart = (a, b) => a.bottom <= b.top || b.bottom <= a.top;
    const found = [...document.querySelectorAll("span.math")].filter((formula) => formula.checkVisibility()).flatMap((formula) => {
        const bases = formula.querySelectorAll(".katex-base");
        const ends = [[formula.firstChild, bases[0]], [formula.lastChild, bases[bases.length - 1]]];
        return ends.filter(([text]) => text.nodeType === Node.TEXT_NODE);
    });
    const parted = found.filter(([text, base]) => apart(line(text), line(base)));
    return [parted.map(([text, base]) => base.textContent + text.data), found.length];
}"""


def test_punctuation_stays_with_its_formula(momentum):
    momentum.set_viewport_size(PHONE)
    momentum.add_style_tag(content="* { content-visibility: visible !important; }")
    parted, all_of_them = momentum.evaluate(PARTED)
    assert all_of_them > 50
    assert parted == []
