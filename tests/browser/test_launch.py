"""The buttons to run a page: opened by the mouse and by the keyboard, inside the window, where no script runs."""

import pytest

PAGE = "chapter_optimization/momentum.html"
BUTTON, MENU = ".dropdown-launch-buttons > button", ".dropdown-launch-buttons .dropdown-menu"


@pytest.fixture(params=[1280, 360])
def still(request, browser, site):
    """A page whose scripts do not run, as wide as a desktop's and a phone's window."""
    with browser.new_context(viewport={"width": request.param, "height": 740}, java_script_enabled=False) as context:
        with context.new_page() as page:
            page.goto(site.address + PAGE)
            yield page


def is_inside(page):
    box = page.locator(MENU).bounding_box()
    return box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"]


def test_the_mouse_opens_the_menu(still):
    assert not still.locator(MENU).is_visible()
    still.locator(BUTTON).hover()
    assert still.locator(MENU).is_visible() and is_inside(still)


def test_the_keyboard_opens_the_menu_and_reaches_its_links(still):
    still.locator(BUTTON).focus()
    assert still.locator(MENU).is_visible() and is_inside(still)
    for number in range(3):
        still.keyboard.press("Tab")
        assert still.locator(f"{MENU} li:nth-child({number + 1}) a:focus").count() == 1
    still.keyboard.press("Tab")
    assert not still.locator(MENU).is_visible()


def test_download(browser, site):
    with browser.new_context(accept_downloads=True) as context, context.new_page() as page:
        page.goto(site.address + PAGE)
        page.locator(BUTTON).hover()
        with page.expect_download() as waiting:
            page.locator(f"{MENU} a[download]").click()
        assert waiting.value.suggested_filename == "momentum.ipynb"
