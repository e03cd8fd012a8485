"""The notebooks that readers open: by each page, with its text, numbers, code and outputs, and with links that lead somewhere."""

import json
import re
from urllib.parse import unquote, urldefrag

import nbformat
import pytest
from d2l_errata.site.branch import write
from d2l_errata.site.notebooks import METADATA, commit, project
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

SITE = project("Homepage")
#: As JupyterLab reads it, with tables, and formulas between dollars. What is escaped stays a token of its own.
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False}).use(dollarmath_plugin, double_inline=True).disable("text_join")


@pytest.fixture(scope="module")
def lowered(html):
    """Every page's notebook, by the page's path."""
    paths = sorted(html.rglob("*.ipynb"))
    return {path.relative_to(html).with_suffix("").as_posix(): nbformat.read(path, 4) for path in paths}


@pytest.fixture(scope="module")
def texts(lowered):
    """Markdown of each notebook."""
    return {name: "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown") for name, notebook in lowered.items()}


@pytest.fixture(scope="module")
def tokens(texts):
    """The same as tokens, those inside of lines included."""
    found = {}
    for name, text in texts.items():
        blocks = MARKDOWN.parse(text)
        found[name] = [token for block in blocks for token in (block, *(block.children or ()))]
    return found


def documents(pages):
    """Pages that have a source."""
    return {name.removesuffix(".html"): soup for name, soup in pages.items() if name not in ("search.html", "genindex.html")}


def test_every_page_has_a_notebook(lowered, pages):
    assert lowered.keys() == documents(pages).keys()


def test_every_page_has_the_buttons(html, pages):
    for name, soup in documents(pages).items():
        links = soup.select(".dropdown-launch-buttons a")
        assert [link.get_text().strip() for link in links] == ["在 Colab 中运行", "在 Binder 中运行", "下载笔记本"], name
        colab, binder, download = links
        assert colab["href"] == f"https://colab.research.google.com/github/d2l-errata/d2l-errata/blob/notebooks/{name}.ipynb"
        assert binder["href"] == f"https://mybinder.org/v2/gh/d2l-errata/d2l-errata/notebooks?urlpath=lab/tree/{name}.ipynb"
        assert download.has_attr("download")
        assert (html / name).parent.joinpath(download["href"]).resolve() == html / f"{name}.ipynb"


def test_pages_without_a_source_have_no_buttons(pages):
    assert not pages["search.html"].select(".dropdown-launch-buttons")


def test_the_branch_has_the_files_that_the_buttons_name(html, lowered, tmp_path):
    binder = html.parents[2] / "binder"
    write(list(lowered), html, binder, "0" * 40, tmp_path / "branch")
    for name in lowered:
        assert (tmp_path / "branch" / f"{name}.ipynb").read_bytes() == (html / f"{name}.ipynb").read_bytes()


def test_the_first_cell_installs_the_commit_of_the_site(html, lowered):
    for name, notebook in lowered.items():
        first = notebook.cells[0]
        assert first.cell_type == "code" and first.id == "install", name
        assert f'%pip install --quiet "d2l-errata[pages] @ git+{project("Repository")}@{commit(html)}"' in first.source, name


def test_the_first_words_are_the_title(lowered, pages):
    for name, notebook in lowered.items():
        title = pages[f"{name}.html"].h1.get_text().removesuffix("#").strip()
        assert MARKDOWN.render(notebook.cells[1].source).startswith(f"<h1>{title}</h1>"), name


#: Of MyST, which no notebook application knows.
LEFT = {
    "a directive": r"^\s*(```|~~~|:::)\s*\{|^\s*:::",
    "an option of a directive": r"^\s*:[a-z-]+:( |$)",
    "a role": r"\{[a-zA-Z][\w:+-]*\}",
    "a target": r"^\s*\([\w-]+\)=\s*$",
    "a substitution": r"\{\{",
}


@pytest.mark.parametrize("what", LEFT)
def test_nothing_of_myst_is_left(tokens, what):
    found = []
    for name, of_page in tokens.items():
        # In formulas, braces are TeX's; in code, they are what is talked about.
        words = [token.content for token in of_page if token.type in ("text", "html_inline", "html_block")]
        words += [f"```{token.info}" for token in of_page if token.type == "fence"]
        found += [f"{name}: {word}" for word in words if re.search(LEFT[what], word)]
    assert found == []


def test_markdown_is_understood(tokens):
    """No mark of emphasis, code, link, table or formula is left as text, which is how CommonMark treats what it does not see as a mark."""
    found = []
    for name, of_page in tokens.items():
        words = [token.content for token in of_page if token.type == "text"]
        found += [f"{name}: {word}" for word in words if re.search(r"\*\*|`|\]\(|\$|^\| ", word)]
    assert found == []


def test_no_formula_spans_lines_of_a_quotation(texts):
    """JupyterLab would show the sign at the beginning of its second line."""
    for name, text in texts.items():
        for line in text.split("\n"):
            assert not line.startswith(">") or line.count("$$") in (0, 2), f"{name}: {line}"


def test_links_to_the_site_resolve(tokens, pages, html):
    ids = {name: {node["id"] for node in soup.find_all(id=True)} for name, soup in pages.items()}
    broken, seen = [], 0
    for name, of_page in tokens.items():
        hrefs = [token.attrs["href"] for token in of_page if token.type == "link_open"]
        hrefs += [h for t in of_page if t.type.startswith("html_") for h in re.findall(r'(?:href|src)="([^"]*)"', t.content)]
        for href in hrefs:
            assert re.match("https?:", href), f"{name}: {href} is no address outside of the notebook"
            if href.startswith(SITE):
                address, fragment = urldefrag(href.removeprefix(SITE))
                seen += 1
                if not (html / unquote(address)).exists() or (fragment and unquote(fragment) not in ids[address]):
                    broken.append(f"{name}: {href}")
    assert seen > len(tokens) and broken == []


def test_equations_have_the_numbers_of_the_page(texts, pages):
    seen = 0
    for name, text in texts.items():
        of_page = [node.get_text().strip().removesuffix("#") for node in pages[f"{name}.html"].select("article .eqno")]
        assert [f"({number})" for number in re.findall(r"\\tag\{(.*?)\}", text)] == of_page, name
        seen += len(of_page)
    assert seen


def spaceless(text):
    return re.sub(r"\s|[()（）]", "", text)


def test_theorems_have_the_numbers_and_names_of_the_page(texts, pages):
    seen = 0
    for name, text in texts.items():
        boxes = pages[f"{name}.html"].select("article .proof > .admonition-title")
        of_page = [box.select_one(".caption-number").get_text() for box in boxes]
        lines = re.findall(r"^> <strong>(.*)</strong>$", text, re.M)
        assert len(lines) == len(boxes), name
        for line, number in zip(lines, of_page, strict=True):
            assert spaceless(line).startswith(spaceless(number)), f"{name}: {line}"
        seen += len(lines)
    assert seen


def test_every_erratum_has_its_permalink(texts, pages):
    for name, text in texts.items():
        for card in pages[f"{name}.html"].select(".d2l-erratum"):
            assert text.count(f"]({SITE}{name}.html#{card['id']}) |") == 1, f"{name}: {card['id']}"


def test_exercises_and_solutions_have_headings(texts, pages):
    for name, text in texts.items():
        soup = pages[f"{name}.html"]
        assert len(re.findall(r"^#+ 练习（", text, re.M)) == len(soup.select("article .exercise")), name
        assert len(re.findall(r"^#+ 解答", text, re.M)) == len(soup.select("article .solution")), name


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def test_code_and_outputs_are_those_of_the_build(lowered, notebooks):
    for name, built in notebooks.items():
        kept = [cell for cell in code(built) if "remove-cell" not in cell["metadata"].get("tags", ())]
        for cell, mine in zip(kept, code(lowered[name])[1:], strict=True):
            assert source(cell) == mine.source
            assert bool(cell["outputs"]) == bool(mine.outputs)
            data = [{key: value for key, value in o.get("data", {}).items() if key != "text/html"} for o in mine.outputs]
            for output, kept_data in zip((o for o in cell["outputs"] if "data" in o), (d for d in data if d), strict=True):
                assert output["data"].keys() - {"text/html"} == kept_data.keys(), f"{name}: {mine.source}"


def test_verdicts_keep_their_data(lowered, pages):
    for name, notebook in lowered.items():
        verdicts = [o for cell in code(notebook) for o in cell.outputs if any("verdict+json" in mime for mime in o.get("data", ()))]
        assert len(verdicts) == len(pages[f"{name}.html"].select("table.d2l-verdict")), name


def test_figures_are_images(lowered, pages):
    """JupyterLab shows no SVG of a notebook that it has not executed itself."""
    for name, notebook in lowered.items():
        html = ["".join(o["data"].get("text/html", "")) for cell in code(notebook) for o in cell.outputs if "data" in o]
        assert not [text for text in html if "<svg" in text], name
        images = [text for text in html if text.startswith('<img src="data:image/svg+xml;base64,')]
        assert len(images) == len(pages[f"{name}.html"].select("figure.d2l-figure")), name


def test_hidden_code_is_hidden(lowered):
    seen = 0
    for name, notebook in lowered.items():
        for cell in code(notebook):
            hidden = "hide-input" in cell.metadata.get("tags", ())
            assert cell.metadata.get("jupyter", {}).get("source_hidden", False) == hidden, name
            seen += hidden
    assert seen


def test_nothing_tells_when_a_notebook_was_executed(lowered):
    for name, notebook in lowered.items():
        assert notebook.metadata == METADATA, name
        for cell in notebook.cells:
            assert cell.metadata.keys() <= {"tags", "jupyter"}, name
        assert "本页的单元格由" not in json.dumps(notebook, ensure_ascii=False), name


def test_notebooks_are_valid_and_cells_have_ids_of_their_own(lowered):
    for notebook in lowered.values():
        nbformat.validate(notebook)
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)
