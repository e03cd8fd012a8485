"""From a page's cells to those of its notebook, and what the first cell does."""

import base64
import json
import re
from types import SimpleNamespace

import pytest
from d2l_errata.draw import Figure
from d2l_errata.site import notebooks
from d2l_errata.site.lower import BREAK, CODE, Page
from d2l_errata.site.notebooks import code_cell, install_cell, notebook, page_url, with_ids, write
from docutils import nodes
from IPython.core.inputtransformer2 import TransformerManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 90" role="img" aria-label="误差 &quot;下降&quot;"><path /></svg>'


def cell(*tags, outputs=(), **metadata):
    return new_code_cell("x = 1", outputs=list(outputs), execution_count=3, metadata={**metadata, **({"tags": list(tags)} if tags else {})})


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def test_code_is_unchanged_and_outputs_are_kept():
    made = code_cell(cell(outputs=[stream("1\n"), new_output("execute_result", {"text/plain": "2"}, execution_count=3)]))
    assert made.source == "x = 1" and made.execution_count == 3
    assert [output.output_type for output in made.outputs] == ["stream", "execute_result"]


@pytest.mark.parametrize(
    "tag, hidden",
    [
        ("hide-input", {"source_hidden": True}),
        ("hide_input", {"source_hidden": True}),
        ("remove-input", {"source_hidden": True}),  # the cells below need it
        ("hide-output", {"outputs_hidden": True}),
        ("hide-cell", {"source_hidden": True, "outputs_hidden": True}),
    ],
)
def test_hidden_cells(tag, hidden):
    made = code_cell(cell(tag, outputs=[stream("1\n")]))
    assert made.metadata == {"tags": [tag], "jupyter": hidden} and made.outputs


@pytest.mark.parametrize("tag", ["remove-cell", "remove_cell"])
def test_removed_cells(tag):
    assert code_cell(cell(tag)) is None


def test_removed_outputs():
    made = code_cell(cell("remove-output", outputs=[stream("1\n")]))
    assert made.outputs == [] and "jupyter" not in made.metadata


def test_times_are_left_out():
    made = code_cell(cell("hide-input", execution={"iopub.execute_input": "2030-01-01"}, collapsed=True))
    assert made.metadata.keys() == {"tags", "jupyter"}


def test_the_built_cell_is_not_changed():
    built = cell("hide-input", "remove-output", outputs=[stream("1\n")], execution={})
    before = json.dumps(built)
    code_cell(built)
    assert json.dumps(built) == before


def test_prints_come_in_one_piece():
    outputs = [stream("a\n"), stream("b\n"), stream("!", "stderr"), stream("c\n"), new_output("display_data", {"text/plain": "d"})]
    made = code_cell(cell(outputs=outputs)).outputs
    assert [(o.get("name"), o.get("text")) for o in made] == [("stdout", "a\nb\n"), ("stderr", "!"), ("stdout", "c\n"), (None, None)]


def test_a_figure_becomes_an_image():
    data = Figure(SVG, "误差下降")._repr_mimebundle_()
    made = code_cell(cell(outputs=[new_output("display_data", data)])).outputs[0].data
    source, label, width = re.match(
        r'<img src="data:image/svg\+xml;base64,(.*?)" alt="(.*?)" width="(\d+)" style="background-color: white; max-width: 100%">$',
        made["text/html"],
    ).groups()
    assert base64.b64decode(source).decode() == SVG
    assert label == "误差 &quot;下降&quot;" and width == "400"  # 300 points
    assert made["text/plain"] == "误差下降"


def test_other_html_is_kept():
    data = {"text/html": "<table></table>", "application/vnd.d2l-errata.verdict+json": {"id": "a"}}
    assert code_cell(cell(outputs=[new_output("display_data", data)])).outputs[0].data == data


def test_ids_depend_on_the_cell_alone():
    first, second, third = new_markdown_cell("甲"), new_markdown_cell("乙"), new_markdown_cell("甲")
    ids = [made.id for made in with_ids([first, second, third])]
    assert len(set(ids)) == 3
    assert [made.id for made in with_ids([second, first])] == [ids[1], ids[0]]
    assert next(with_ids([new_code_cell("甲")])).id != ids[0]


def page(*children):
    document = nodes.document(None, None)
    document += nodes.section("", nodes.title("", "11.6 动量法"), *children)
    return document


def code_node(index):
    return nodes.container("", nb_element="cell_code", cell_index=index)


def test_page():
    built = [new_markdown_cell("#"), cell(), new_markdown_cell("x"), cell("remove-cell")]
    children = [code_node(1), code_node(3), nodes.paragraph("", "41"), nodes.section("", nodes.title("", "勘误"))]
    made = notebook(page(*children), built, Page(page_url("a/b")), "0" * 40)
    link = "本笔记本由[网页](https://d2l-errata.github.io/d2l-errata/a/b.html)转换而来，其中的引用都链接到网站。"
    assert [c.source for c in made.cells] == [install_cell("0" * 40).source, f"# 11.6 动量法\n\n{link}", "x = 1", "41", "## 勘误"]
    assert made.metadata.kernelspec.name == "python3"


def test_the_same_page_is_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(notebook(page(code_node(0)), [cell()], Page(page_url("a/b")), "0" * 40), tmp_path / f"{name}.ipynb")
    assert (tmp_path / "one.ipynb").read_bytes() == (tmp_path / "two.ipynb").read_bytes()


def test_breaks_do_not_appear():
    made = notebook(page(code_node(0)), [cell()], Page(page_url("a/b")), "0" * 40)
    assert not [c for c in made.cells if BREAK in c.source or CODE in c.source]


class Installed:
    def __init__(self, origin):
        self.origin = origin

    def read_text(self, name):
        return self.origin


class Shell:
    """IPython, as far as magic commands need it."""

    def __init__(self):
        self.run = []

    def run_line_magic(self, name, line):
        self.run.append((name, line))


@pytest.mark.parametrize(
    "origins, installs",
    [
        ([], True),
        ([json.dumps({"vcs_info": {"vcs": "git", "commit_id": "a" * 40}})], False),
        ([json.dumps({"vcs_info": {"vcs": "git", "commit_id": "b" * 40}})], True),
        ([json.dumps({"dir_info": {"editable": True}, "url": "file:///home/reader/d2l-errata"})], False),
        ([None], True),
    ],
)
def test_first_cell_installs_unless_it_is_there(monkeypatch, origins, installs):
    monkeypatch.setattr("importlib.metadata.distributions", lambda name: [Installed(origin) for origin in origins])
    shell = Shell()
    program = TransformerManager().transform_cell(install_cell("a" * 40).source)
    exec(program, {"get_ipython": lambda: shell})
    wanted = f'"d2l-errata[pages] @ git+https://github.com/d2l-errata/d2l-errata@{"a" * 40}"'
    lines = [("pip", "uninstall -qq --yes d2l-errata"), ("pip", f"install --quiet {wanted}")]
    assert shell.run == (lines if installs else [])


def test_commit_without_a_repository(tmp_path):
    notebooks.commit.cache_clear()
    assert notebooks.commit(tmp_path) == "main"


def test_pages_that_are_not_written_again_get_the_commit_of_the_build(tmp_path, monkeypatch):
    def published(commit):
        return notebook(page(code_node(0)), [cell()], Page(page_url("a/b")), commit)

    write(published("a" * 40), tmp_path / "site" / "a/b.ipynb")
    write(published("b" * 40), tmp_path / "wanted.ipynb")
    monkeypatch.setattr(notebooks, "commit", lambda folder: "b" * 40)
    app = SimpleNamespace(
        builder=SimpleNamespace(format="html"), env=SimpleNamespace(found_docs={"a/b"}), outdir=tmp_path / "site", srcdir=tmp_path
    )
    notebooks.renew_commit(app, None)
    assert (tmp_path / "site" / "a/b.ipynb").read_bytes() == (tmp_path / "wanted.ipynb").read_bytes()
