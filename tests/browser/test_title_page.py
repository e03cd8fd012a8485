"""The title page's search field: answers as you type, leads on with Enter, and leads somewhere without JavaScript."""

import pytest

FIELD = ".d2l-search-box input[name=q]"
ANSWERS = "article .d2l-answers a"


@pytest.fixture
def title(page, open_page):
    open_page(page, "index.html")
    return page


def test_answers_come_as_you_type(title):
    title.locator(FIELD).press_sequentially("动量法")
    title.locator(ANSWERS).first.wait_for()
    assert "chapter_optimization/momentum.html" in title.locator(ANSWERS).first.get_attribute("href")


def test_the_keyboard_leads_to_the_field_and_through_its_answers(title):
    title.keyboard.press("Control+k")
    assert title.locator(FIELD).evaluate("field => field === document.activeElement")
    title.keyboard.type("动量法")
    title.locator(ANSWERS).first.wait_for()
    title.keyboard.press("ArrowDown")
    assert title.locator(ANSWERS).first.evaluate("link => link === document.activeElement")


@pytest.mark.parametrize("how", ["Enter", "button"])
def test_the_field_leads_to_the_page_of_the_search(title, how):
    title.locator(FIELD).fill("动量法")
    title.keyboard.press("Enter") if how == "Enter" else title.locator(".d2l-search-box button").click()
    title.wait_for_url("**/search.html?q=*")
    title.locator(".bd-search-container .d2l-answers a").first.wait_for()


def test_without_javascript_the_field_leads_to_what_can_be_read(browser, site):
    with browser.new_context(java_script_enabled=False) as context, context.new_page() as page:
        page.goto(site.address)
        page.locator(FIELD).fill("动量法")
        page.locator(".d2l-search-box button").click()
        page.wait_for_url("**/search.html?q=*")
        links = [link.get_attribute("href") for link in page.locator(".bd-search-container noscript a").all()]
        assert links == ["reference/errata.html", "reference/map.html"]
