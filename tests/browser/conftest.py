"""One Chromium and one server of the built site for all browser tests."""

import os
import runpy
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
HTML = HERE.parents[1] / "book" / "_build" / "html"
CHROMIUM = runpy.run_path(str(HERE / "chromium.py"))
SERVER = runpy.run_path(str(HERE / "server.py"))
LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config, items):
    if os.environ.get("BROWSER") != "none":
        return
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.skip(reason="BROWSER=none"))
    config.stash[LEFT_OUT] = len(ours)


def pytest_terminal_summary(terminalreporter, config):
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"BROWSER=none: {left_out} browser tests were left out", yellow=True)


@pytest.fixture(scope="session")
def site():
    if not (HTML / "index.html").exists():
        pytest.fail("the site is not built: run `make site`")
    with SERVER["serving"](HTML) as server:
        yield server


@pytest.fixture(scope="session")
def launch():
    """Start a Chromium, given a playwright."""
    path = CHROMIUM["find"]()
    if path is None:
        pytest.fail(CHROMIUM["HOW"], pytrace=False)
    # Names other than the site's own do not resolve: what a page asks for elsewhere fails, as it does for an offline
    # reader. (Playwright's own routing would switch the browser's cache off.) The rest keeps Chromium itself quiet, and
    # working in containers.
    quiet = ("background-networking", "component-update", "default-apps", "sync", "gpu", "dev-shm-usage")
    arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", *(f"--disable-{what}" for what in quiet)]
    return lambda playwright: playwright.chromium.launch(executable_path=path, args=arguments)


@pytest.fixture(scope="session")
def browser(launch):
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture(scope="session")
def context(browser):
    """A desktop in daylight, shared by the tests that use the site as a reader does."""
    with browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light", locale="zh-CN") as context:
        # What is not there will not come; only loading may take long.
        context.set_default_timeout(10_000)
        context.set_default_navigation_timeout(60_000)
        yield context


@pytest.fixture
def page(context):
    with context.new_page() as page:
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []


@pytest.fixture(scope="session")
def open_page(site):
    """Open a page of the site, and wait until it is as it will be: its fonts move what is below them."""

    def open_page(page, name):
        page.goto(site.address + name)
        page.evaluate("async () => { await document.fonts.ready; }")

    return open_page
