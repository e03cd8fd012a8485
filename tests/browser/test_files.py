"""The site as files: unpacked from a zip into a folder with a difficult name, and opened without a server."""

import shutil
import zipfile

import pytest

#: The search dialog: the theme's name for it, and that of its older release.
DIALOG = ":is(#pst-search-dialog, .search-button__search-container)"
FONTS = "async () => { await document.fonts.ready; return [...document.fonts].map(({ family, status }) => [family, status]); }"


@pytest.fixture(scope="module")
def folder(site, tmp_path_factory):
    packed = shutil.make_archive(str(tmp_path_factory.mktemp("zip") / "site"), "zip", site.html)
    folder = tmp_path_factory.mktemp("files") / "勘误 与补充"
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def opened(page, folder):
    """Open a page of the folder, where nothing may be missing or come from elsewhere."""
    problems = []
    page.on("request", lambda request: request.url.startswith((folder.as_uri(), "data:")) or problems.append(request.url))
    # "Aborted" is what was still loading when the reader went on to another page; a missing file fails otherwise.
    page.on("requestfailed", lambda request: request.failure == "net::ERR_ABORTED" or problems.append((request.url, request.failure)))
    page.on("console", lambda message: message.type in ("error", "warning") and problems.append(message.text))

    def opened(name):
        page.goto((folder / name).as_uri())
        return page

    yield opened
    assert problems == []


def test_every_page_opens(opened, site):
    for name in site.pages:
        page = opened(name)
        assert page.locator("h1:visible").count() == 1, name
        assert page.locator("h1:visible").evaluate("heading => getComputedStyle(heading).marginTop") != "21.44px", f"{name} has no style"


def test_fonts_are_there(opened):
    states = opened("chapter_optimization/momentum.html").evaluate(FONTS)
    assert "error" not in {status for _, status in states}
    assert {family for family, status in states if status == "loaded"} >= {"KaTeX_Main", "KaTeX_Math"}


def test_links_lead_from_page_to_page(opened, folder):
    page = opened("index.html")
    page.locator("a[href$='chapter_preliminaries/autograd.html']:visible").first.click()
    page.wait_for_url(f"{folder.as_uri()}/chapter_preliminaries/autograd.html")
    page.locator(".prev-next-footer .right-next").click()
    page.wait_for_url(f"{folder.as_uri()}/chapter_preliminaries/probability.html")


def test_search_answers(opened, folder):
    page = opened("chapter_preliminaries/ndarray.html")
    page.keyboard.press("Control+k")
    page.locator(f"{DIALOG} input[name=q]").fill("get_dummies")
    page.locator(f"{DIALOG} .d2l-answers a").first.click()
    page.wait_for_url(f"{folder.as_uri()}/chapter_preliminaries/pandas.html*")


def test_the_table_is_filtered(opened):
    page = opened("reference/errata.html")
    rows = page.locator("table.d2l-errata-table tbody tr:visible")
    all_of_them = rows.count()
    page.locator(".d2l-filter [name=words]").fill("get_dummies")
    assert 0 < rows.count() < all_of_them


def test_a_solution_opens(opened):
    page = opened("chapter_preliminaries/autograd.html")
    solution = page.locator("details.solution").first
    solution.locator("summary").click()
    assert solution.locator("section").is_visible()
