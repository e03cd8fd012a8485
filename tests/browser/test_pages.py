"""Every page, on a desktop by day and by night and on a phone at night: nothing fails, and all is there to be read, by everyone."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import sync_playwright

VIEWS = {
    "1280 px, light": ({"width": 1280, "height": 800}, "light"),
    "1280 px, dark": ({"width": 1280, "height": 800}, "dark"),
    "360 px, dark": ({"width": 360, "height": 740}, "dark"),
}
HERE = Path(__file__).parent
#: Looks at a page; its names of what it looks for are the names of the tests below.
LOOK = (HERE / "look.js").read_text(encoding="utf-8")
AXE = (HERE / "axe.js").read_text(encoding="utf-8")
#: Until the page has done what it puts off until there is time, and has seen what came of it.
IDLE = "() => new Promise((done) => requestIdleCallback(() => setTimeout(done, 50), { timeout: 2000 }))"
MATHML = "axe takes a formula for no text; screen readers read its MathML"
#: What axe is told not to mind: page, rule, selector of the elements, and why.
EXCEPTIONS = [
    ("chapter_preliminaries/calculus.html", "empty-table-header", "th:has(math)", MATHML),
    ("chapter_convolutional-neural-networks/padding-and-strides.html", "empty-table-header", "th:has(math)", MATHML),
]


def visit(context, site, name):
    """What is found on a page, by view. A page is loaded once: that is what takes long."""
    found = {}
    exceptions = [{"rule": rule if page == name else None, "selector": selector} for page, rule, selector, _ in EXCEPTIONS]
    with context.new_page() as page:
        away, errors = watch(page, site)
        page.goto(site.address + name)
        page.evaluate("async () => { await document.fonts.ready; }")
        for view in VIEWS:
            show(page, view)
            found[f"{name} at {view}"] = page.evaluate(LOOK) | {"away": away[:], "errors": errors[:]}
            away.clear()
            errors.clear()
        # Afterwards, because it takes formulas apart.
        page.evaluate(AXE_SCRIPT)
        for view in reversed(VIEWS):
            show(page, view)
            found[f"{name} at {view}"]["axe"] = page.evaluate(AXE, exceptions)
    return found


def show(page, view):
    size, theme = VIEWS[view]
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=theme)
    # The page follows the reader's system, also while it is open.
    page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
    page.evaluate(IDLE)


def watch(page, site):
    """Two lists that fill while the page is open: requests to other places, and errors."""
    away, errors = [], []
    page.on("request", lambda request: request.url.startswith((site.address, "data:")) or away.append(request.url))
    page.on("console", lambda message: message.type in ("error", "warning") and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    return away, errors


@pytest.fixture(scope="module")
def looks(site, launch):
    """Each page in each view: what look.js and axe found, and what failed meanwhile. A browser for each core."""
    waiting = SimpleQueue()
    # The long ones first, so that no browser is left alone with one of them.
    for name in sorted(site.pages, key=lambda name: -(site.html / name).stat().st_size):
        waiting.put(name)

    def work():
        found = {}
        with sync_playwright() as playwright, launch(playwright) as browser, browser.new_context(locale="zh-CN") as context:
            context.set_default_timeout(120_000)
            while True:
                try:
                    name = waiting.get_nowait()
                except Empty:
                    return found
                found |= visit(context, site, name)

    browsers = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(browsers) as pool:
        results = [pool.submit(work) for _ in range(browsers)]
        return dict(sorted(item for result in results for item in result.result().items()))


def check(lines):
    """Fail with every line, which pytest's own comparison of two lists would not show."""
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def test_no_request_leaves_the_site(looks):
    check([f"{where}: {url}" for where, look in looks.items() for url in look["away"]])


def test_every_request_is_answered(looks, site):
    check(site.failed)


def test_nothing_fails_in_the_page(looks):
    check([f"{where}: {error}" for where, look in looks.items() for error in look["errors"]])


def test_axe_finds_nothing(looks):
    check([f"{where}: {line}" for where, look in looks.items() for line in look["axe"]["found"]])


def test_every_exception_is_needed(looks):
    needed = {number for look in looks.values() for number in look["axe"]["needed"]}
    assert [EXCEPTIONS[number] for number in range(len(EXCEPTIONS)) if number not in needed] == []


@pytest.mark.parametrize(
    "what",
    [
        "permalinks",
        "only the style sheet blocks",
        "one h1",
        "language",
        "formulas",
        "formulas are seen once",
        "no TeX in the text",
        "formulas are not cut",
        "page as wide as the window",
        "wide things scroll in their own box",
        "what is large enough for a thumb",
        "menus stay in sight",
        "tables have heads",
        "reached by the keyboard",
        "icons",
        "contrast of text",
        "contrast of formulas",
        "contrast of labels",
        "contrast of lines",
        "figures are described",
        "figures have the page's ink",
        "figures have no background",
        "figures have no box of their own",
    ],
)
def test_look(looks, what):
    assert sum(look["seen"].get(what, 0) for look in looks.values()), f"{what}: there was nothing to look at"
    check([f"{where}: {line}" for where, look in looks.items() for line in look["found"].get(what, [])])
