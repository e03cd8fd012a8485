"""The interface is in Simplified Chinese: buttons, tooltips, labels, and what else is not a page's own text."""

import copy
import re

import pytest
from bs4 import BeautifulSoup

#: Latin words that stay, and why.
ALLOWED = {
    "Ctrl": "the name on the key",
    "K": "the name on the key",
    "JavaScript": "a name",
    "GitHub": "a name",
    "Colab": "a name",
    "Kaggle": "a name",
    "Binder": "a name",
    "Jupyter": "a name",
    "PDF": "a name",
    "MIT": "name of a licence",
    "CC BY-SA": "name of a licence",
    "d2l-errata contributors": "the author, as in CITATION.cff",
    "d2l-errata": "name of the project",
}
#: Wording of Taiwan in characters that both scripts have.
FOREIGN = ("列印", "檔案", "程式", "軟件", "網路")
ATTRIBUTES = ("title", "aria-label", "aria-description", "aria-roledescription", "placeholder", "alt", "label", "data-bs-title")
#: Not interface: code, formulas, and headings that are shown again in menus.
CONTENT = (
    "script, style, svg, pre, code, noscript style, .math, title, article, .bd-docs-nav a, .toc-entry a, .prev-next-title, "
    "#jb-print-docs-body > h1, .breadcrumb-item, .d2l-answers"
)
#: Interface that stands inside an article.
INSIDE = "article :is(button, summary, label, .caption-number, .colon, select, option)"


def strings(soup):
    """Texts and attributes of a page that are its interface."""
    for node in soup.find_all(True):
        # What a figure shows is content, and so are the names of the pages before and after.
        if node.name not in ("svg", "img", "link"):
            yield from (node[name] for name in ATTRIBUTES if isinstance(node.get(name), str))
    for node in soup.select(INSIDE):
        yield node.get_text()
    page = copy.copy(soup.body or soup)
    for node in page.select(CONTENT):
        node.extract()
    yield from page.stripped_strings


def latin(text):
    """Latin words of a text that are not allowed."""
    for name in sorted(ALLOWED, key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", "", text)
    return re.findall(r"[A-Za-zÀ-ž]{2,}|(?<![A-Za-z])[B-HJ-Zb-z](?![A-Za-z])", text)


def traditional(text):
    """Characters of a text that GB 2312, the set of Simplified Chinese, does not have."""
    return [c for c in text if "\u4e00" <= c <= "\u9fff" and not c.encode("gb2312", "ignore")] + [w for w in FOREIGN if w in text]


def test_no_english_is_left(pages):
    found = {(text.strip()[:60], *latin(text)): name for name, soup in pages.items() for text in strings(soup) if latin(text)}
    assert found == {}


def test_no_traditional_character_is_left(pages):
    found = {(text.strip()[:60], *traditional(text)): name for name, soup in pages.items() for text in strings(soup) if traditional(text)}
    assert found == {}


def test_boxes_are_headed_in_chinese(pages):
    for name, soup in pages.items():
        for title in soup.select("article .admonition-title"):
            assert re.match(r"\s*[\u4e00-\u9fff]", title.get_text()), f"{name}: {title.get_text()[:40]}"


def test_scripts_speak_chinese(html):
    # The copy button has a translation for the language of the page.
    assert re.search(r"'zh-CN': \{\s*'copy': '复制'", (html / "_static" / "copybutton.js").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "markup, word",
    [
        ('<button title="Toggle">目录</button>', "Toggle"),
        ("<nav aria-label='Page'></nav>", "Page"),
        ("<article><summary>Show</summary></article>", "Show"),
        ("<footer><p>Last updated</p></footer>", "updated"),
        ("<kbd>Ctrl</kbd><p>Ctrls</p>", "Ctrls"),
    ],
)
def test_english_is_seen(markup, word):
    assert word in [word for text in strings(BeautifulSoup(f"<body>{markup}</body>", "html.parser")) for word in latin(text)]


def test_content_is_no_interface():
    markup = "<article><p>view</p><pre>x</pre></article><div class='toc-entry'><a>view</a></div><svg aria-label='SGD'></svg>"
    assert [word for text in strings(BeautifulSoup(f"<body>{markup}</body>", "html.parser")) for word in latin(text)] == []


def test_traditional_is_seen():
    assert traditional("列印成 PDF") == ["列印"]
    assert traditional("網頁") == ["網", "頁"]
    assert traditional("搜索本页") == []
