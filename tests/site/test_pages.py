"""Every page: links resolve, nothing comes from elsewhere, titles and exercises are the book's."""

import copy
import re
from urllib.parse import unquote, urldefrag

import pytest
from d2l_errata.registry import sections

#: Slugs of the book's sections that have a page here.
SECTIONS = {section.slug: section for section in sections().values()}


def book_pages(pages):
    return {name: (SECTIONS[name.removesuffix(".html")], soup) for name, soup in pages.items() if name.removesuffix(".html") in SECTIONS}


def test_the_pages_of_this_edition_are_there(pages):
    numbers = {section.number for section, _ in book_pages(pages).values()}
    whole = {number for number in (section.number for section in SECTIONS.values()) if number.split(".")[0] in {"2", "3", "6"}}
    assert numbers >= whole | {"11.6"} and len(whole) == 8 + 8 + 7


def test_title_is_the_books_with_its_number_and_link(pages):
    for name, (section, soup) in book_pages(pages).items():
        heading = soup.h1.get_text().removesuffix("#").strip()
        assert heading == f"{section.number} {section.title}", name
        assert soup.select_one(".d2l-book-link a")["href"] == section.url, name


def test_language_is_chinese(pages):
    assert {soup.html["lang"] for soup in pages.values()} == {"zh-CN"}


def targets(soup):
    return {node["id"] for node in soup.find_all(id=True)} | {node["name"] for node in soup.find_all("a", attrs={"name": True})}


def test_internal_links_resolve(html, pages):
    ids = {name: targets(soup) for name, soup in pages.items()}
    broken = []
    for name, soup in pages.items():
        for link in soup.select("a[href]"):
            address, fragment = urldefrag(link["href"])
            if re.match(r"[a-z]+:", address) or link["href"] == "#":
                continue
            path = (html / name).parent.joinpath(unquote(address)).resolve() if address else (html / name)
            if path.is_dir():
                path /= "index.html"
            target = path.relative_to(html).as_posix() if path.is_relative_to(html) else None
            if target is None or not path.exists() or (fragment and target in ids and unquote(fragment) not in ids[target]):
                broken.append(f"{name}: {link['href']}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(pages):
    loads = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
    found = []
    for name, soup in pages.items():
        for tag, attribute in loads.items():
            found += [f"{name}: {node[attribute]}" for node in soup.find_all(tag, attrs={attribute: re.compile(r"^(https?:)?//")})]
        for node in soup.find_all("link", href=re.compile(r"^(https?:)?//")):
            if not {"canonical", "author", "license"} & set(node.get("rel", [])):
                found.append(f"{name}: {node['href']}")
    assert found == []


def test_style_sheets_load_nothing_from_elsewhere(html):
    sheets = [path for path in html.rglob("*.css") if re.search(r"(@import|url\()\s*[\"']?(https?:)?//", path.read_text(encoding="utf-8"))]
    assert sheets == []


def test_references_are_resolved(pages):
    for name, soup in pages.items():
        assert not soup.select(".problematic, .system-message"), name
        # What Sphinx cannot number it writes as a link or a label with ??.
        assert not [link for link in soup.select("a.reference, span.caption-number") if link.get_text().strip().endswith("??")], name


def test_no_markup_is_left_in_the_text(pages):
    for name, soup in pages.items():
        article = copy.copy(soup.find("article") or soup)
        for code in article.select("pre, code"):
            code.extract()
        text = article.get_text()
        for sign in ("{prf:ref}", "{eq}", "{glue:", "{doc}", ":label:", "```", "**"):
            assert sign not in text, f"{name}: {sign}"


def test_every_exercise_of_the_book_is_answered_with_a_check(pages, notebooks):
    for name, (section, soup) in book_pages(pages).items():
        for number in range(1, section.exercises + 1):
            label = f"{name.split('/')[-1].removesuffix('.html')}-{number}"
            exercise = [node for node in soup.select(".exercise[id]") if re.fullmatch(rf"ex-[a-z-]+-{number}", node["id"])]
            assert exercise, f"{label}: no exercise"
            solution = soup.find(id=exercise[0]["id"].replace("ex-", "sol-", 1))
            assert solution is not None and "solution" in solution["class"], f"{label}: no solution"
            code = " ".join(cell.get_text() for cell in solution.select(".cell_input"))
            assert re.search(r"\b(assert|assert_close|close|verdict)\b", code), f"{label}: nothing is checked in its solution"


def test_figures_have_alternative_text(pages):
    for name, soup in pages.items():
        article = soup.find("article") or soup
        for figure in article.select("figure.d2l-figure svg"):
            assert figure["role"] == "img" and len(figure["aria-label"]) >= 15, f"{name}: {figure.get('aria-label')}"
        for image in article.select("img"):
            assert image.get("alt", "").strip(), f"{name}: {image['src']}"


def test_every_executed_page_says_how_it_was_executed(pages, notebooks):
    assert notebooks
    for name in notebooks:
        run = pages[f"{name}.html"].select_one(".d2l-run").get_text()
        versions = r"Python 3\.\d+\.\d+、torch \d+\.\d+\.\d+、(CPU|CUDA|MPS)"
        assert re.search(versions + r" 执行，用时 \d+\.\d 秒；版本 [0-9a-f]{7,}\+?。", run), f"{name}: {run}"


def test_pages_with_cells_are_executed(pages, notebooks):
    for name, soup in pages.items():
        if soup.select(".cell_input"):
            assert name.removesuffix(".html") in notebooks


def test_notebooks_have_their_outputs_and_no_stderr(notebooks):
    for name, notebook in notebooks.items():
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        assert all(cell["execution_count"] for cell in cells), name
        assert any(cell["outputs"] for cell in cells), name
        assert not [o for cell in cells for o in cell["outputs"] if o.get("name") == "stderr" or o["output_type"] == "error"], name


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX"])
def test_nothing_is_left_to_do(pages, word):
    # Text by text: the signs of a formula, side by side, may spell anything.
    assert not [name for name, soup in pages.items() for text in soup.strings if word in text]
