"""The site as the build has written it."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

BOOK = Path(__file__).parents[2] / "book"
HTML = BOOK / "_build" / "html"
NOTEBOOKS = BOOK / "_build" / "jupyter_execute"


@pytest.fixture(scope="session")
def html():
    """Folder of the built site."""
    if not (HTML / "index.html").exists():
        pytest.fail("the site is not built: run `make site`")
    return HTML


@pytest.fixture(scope="session")
def pages(html):
    """Every page of the site by its address, parsed."""
    names = sorted(path.relative_to(html).as_posix() for path in html.rglob("*.html") if "_static" not in path.parts)
    return {name: BeautifulSoup((html / name).read_text(encoding="utf-8"), "html.parser") for name in names}


@pytest.fixture(scope="session")
def notebooks():
    """The notebooks that the build executed, by page."""
    found = sorted(NOTEBOOKS.rglob("*.ipynb"))
    return {path.relative_to(NOTEBOOKS).with_suffix("").as_posix(): json.loads(path.read_text(encoding="utf-8")) for path in found}
