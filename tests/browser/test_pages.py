"""Every page, on a desktop in daylight and on a phone at night: nothing fails, and all is there to be read."""

from pathlib import Path

import pytest

VIEWS = {
    "1280 px, light": ({"width": 1280, "height": 800}, "light"),
    "360 px, dark": ({"width": 360, "height": 740}, "dark"),
}
#: Looks at a page; its names of what it looks for are the names of the tests below.
LOOK = Path(__file__).with_name("look.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def looks(context, site, open_page):
    """Each page in each view: what look.js found, and what failed meanwhile. A page is loaded once: that is what takes long."""
    looks = {}
    for name in site.pages:
        with context.new_page() as page:
            away, errors = watch(page, site)
            open_page(page, name)
            for view, (size, theme) in VIEWS.items():
                page.set_viewport_size(size)
                page.emulate_media(color_scheme=theme)
                # The page follows the reader's system, also while it is open.
                page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
                found = page.evaluate(LOOK)
                looks[f"{name} at {view}"] = found | {"away": away[:], "errors": errors[:]}
                away.clear()
                errors.clear()
    return looks


def watch(page, site):
    """Two lists that fill while the page is open: requests to other places, and errors."""
    away, errors = [], []
    page.on("request", lambda request: request.url.startswith((site.address, "data:")) or away.append(request.url))
    page.on("console", lambda message: message.type in ("error", "warning") and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    return away, errors


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


@pytest.mark.parametrize(
    "what",
    [
        "permalinks",
        "one h1",
        "language",
        "formulas",
        "formulas are seen once",
        "no TeX in the text",
        "formulas are not cut",
        "page as wide as the window",
        "wide things scroll in their own box",
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
