"""The Sphinx extension on a site of two pages: what it refuses, and when it executes a page again."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

PACKAGE = Path(__file__).parents[2] / "code" / "d2l_errata"

CONF = """
extensions = ["myst_nb", "d2l_errata.site"]
language = "zh_CN"
root_doc = "index"
nb_execution_mode = "cache"
nb_execution_show_tb = True
myst_enable_extensions = ["dollarmath"]
"""

HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
  language: python
---

"""

INDEX = """# 首页

```{toctree}
chapter_optimization/momentum
chapter_optimization/sgd
reference/errata
```
"""

MOMENTUM = """# 动量法

第一句。
第二句，*重点*。
第三句。

```{erratum} momentum-example
```

```{code-cell} ipython3
from d2l_errata.helper import value
from d2l_errata.verdict import verdict
print("helper says", value())
verdict("momentum-example", book=lambda: False, fixed=lambda: True)
```

```{prf:theorem} 小定理
:label: thm-small

内容。
```

```{prf:proof}
显然。
```
"""

SGD = """# 随机梯度下降

```{code-cell} ipython3
from d2l_errata.other import value
print("other says", value())
```
"""

ENTRY = {
    "id": "momentum-example",
    "added": "2026-11-21",
    "section": "11.6",
    "where": "第一段",
    "title": "一个例子",
    "kind": "math",
    "severity": "wrong",
    "book": "$a + b$",
    "fixed": "$a - b$",
    "evidence": "executed",
    "editions": {"zh": {"file": "chapter_optimization/momentum.md", "find": "a", "replace": "b"}},
    "upstream": ["d2l-ai/d2l-zh#1"],
}


#: A PNG of one pixel.
PICTURE = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")


class Site:
    """A small site with a package of its own, so that a test can change either."""

    def __init__(self, root):
        self.root, self.source, self.package = root, root / "source", root / "code" / "d2l_errata"
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__", "ch*.yaml"))
        self.errata(ENTRY)
        self.module("helper", 1)
        self.module("other", 1)
        for name, text in {
            "conf.py": CONF,
            "index.md": INDEX,
            "chapter_optimization/momentum.md": HEADER + MOMENTUM,
            "chapter_optimization/sgd.md": HEADER + SGD,
            "reference/errata.md": "# 全部勘误\n\n```{errata-table}\n```\n",
        }.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name, old, new):
        text = (self.source / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        self.write(name, text.replace(old, new))

    def errata(self, *entries):
        folder = self.package / "errata"
        (folder / "ch11.yaml").write_text(yaml.safe_dump(list(entries), allow_unicode=True), encoding="utf-8")
        (folder / "anchors.json").write_text(json.dumps({e["id"]: {"zh": {"line": 7}} for e in entries}), encoding="utf-8")

    def module(self, name, value):
        (self.package / f"{name}.py").write_text(f"def value():\n    return {value}\n", encoding="utf-8")

    def build(self, *options):
        """Build, warnings as errors unless there are other options; (succeeded, everything that was printed)."""
        environment = {**os.environ, "PYTHONPATH": str(self.package.parent), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
        options = options or ("-W", "--keep-going")
        command = [sys.executable, "-m", "sphinx", *options, "-b", "html", str(self.source), str(self.root / "build" / "html")]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return result.returncode == 0, result.stdout + result.stderr

    def good_build(self):
        good, log = self.build()
        assert good, log
        return log

    def refused(self):
        good, log = self.build()
        assert not good, log
        return log

    def page(self, name):
        return BeautifulSoup((self.root / "build" / "html" / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A site that has been built once, for tests that only look; the log is `built.log`."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.log = site.good_build()
    return site


@pytest.fixture
def site(built, tmp_path):
    """A copy of the built site, cache included, for tests that change it."""
    copy = Site.__new__(Site)
    copy.root = tmp_path / "copy"
    shutil.copytree(built.root, copy.root)
    copy.source, copy.package = copy.root / "source", copy.root / "code" / "d2l_errata"
    return copy


def executed(log):
    """Pages that a build executed, and pages that it took from the cache."""
    runs = re.findall(r"\[\d+/\d+\] (\S+) …(?:.|\n)*?^ {6}(cached|[\d.]+ s)$", log, re.M)
    return {page for page, how in runs if how != "cached"}, {page for page, how in runs if how == "cached"}


def test_progress(built):
    assert "[1/2] chapter_optimization/momentum …" in built.log and "[2/2] chapter_optimization/sgd …" in built.log
    assert executed(built.log) == ({"chapter_optimization/momentum", "chapter_optimization/sgd"}, set())


def test_page(built):
    page = built.page("chapter_optimization/momentum")
    assert page.h1.get_text().startswith("11.6 动量法")
    assert page.select_one(".d2l-book-link a")["href"].endswith("chapter_optimization/momentum.html")
    assert "第一句。第二句，重点。第三句。" in page.get_text()
    assert "证明" in page.select_one(".proof.admonition:not(.theorem)").get_text()
    assert "Proof" not in page.get_text()
    assert re.search(r"本页的单元格由 Python .* 执行，用时 \d+\.\d 秒", page.select_one(".d2l-run").get_text())
    card = page.find(id="momentum-example")
    for words in ("一个例子", "数学", "错误", "中文版", "第一段", "d2l-ai/d2l-zh#1", "书中不成立，更正成立", "第 7 行"):
        assert words in card.get_text()


BOTH = {"chapter_optimization/momentum", "chapter_optimization/sgd"}


def test_nothing_is_executed_again_without_reason(site):
    # In its new place Sphinx reads every page again; the outputs come from the cache.
    assert executed(site.good_build()) == (set(), BOTH)
    assert executed(site.good_build()) == (set(), set())


def test_editing_a_helper_executes_the_pages_that_use_it(site):
    site.good_build()
    site.module("helper", 2)
    assert executed(site.good_build()) == ({"chapter_optimization/momentum"}, set())
    assert "helper says 2" in site.page("chapter_optimization/momentum").get_text()
    site.module("helper", 1)
    assert executed(site.good_build()) == (set(), {"chapter_optimization/momentum"})
    assert "helper says 1" in site.page("chapter_optimization/momentum").get_text()
    # The published notebook has the outputs too, although this time nothing was executed.
    notebook = json.loads((site.root / "build" / "jupyter_execute" / "chapter_optimization" / "momentum.ipynb").read_text("utf-8"))
    assert "helper says 1" in json.dumps(notebook)


def test_editing_prose_executes_nothing(site):
    site.replace("chapter_optimization/momentum.md", "第一句", "新的一句")
    assert executed(site.good_build()) == (set(), BOTH)


FIGURE = """
```{figure} picture.png
:name: fig-numbered

说明
```
"""


def test_figures_keep_their_numbers_until_a_page_before_them_is_gone(site):
    site.write("conf.py", CONF + "numfig = True\n")
    site.replace("index.md", "{toctree}\n", "{toctree}\n:numbered:\n")
    site.write("reference/errata.md", (site.source / "reference" / "errata.md").read_text(encoding="utf-8") + FIGURE)
    (site.source / "reference" / "picture.png").write_bytes(PICTURE)

    def number(*options):
        good, log = site.build("-W", *options)
        assert good, log
        return site.page("reference/errata").select_one("#fig-numbered .caption-number").get_text().strip()

    assert number() == "图 3.1"
    # All pages are written, none is read: then figures are not counted either.
    assert number("-a") == "图 3.1"
    site.replace("index.md", "chapter_optimization/sgd\n", "")
    (site.source / "chapter_optimization" / "sgd.md").unlink()
    assert number() == "图 2.1"


def test_editing_the_registry_updates_the_pages(site):
    site.errata({**ENTRY, "title": "另一个名称"})
    assert executed(site.good_build())[0] == set()
    for name in ("chapter_optimization/momentum", "reference/errata"):
        assert "另一个名称" in site.page(name).get_text()


def test_an_entry_without_a_verdict_stops_the_build(site):
    site.replace("chapter_optimization/momentum.md", 'verdict("momentum-example", book=lambda: False, fixed=lambda: True)', "1")
    assert "momentum-example: evidence is executed, so chapter_optimization/momentum must show one verdict" in site.refused()


def test_an_entry_without_a_card_stops_the_build(site):
    site.replace("chapter_optimization/momentum.md", "```{erratum} momentum-example\n```", "")
    assert "momentum-example: no card on chapter_optimization/momentum" in site.refused()


def test_a_verdict_that_no_entry_names_stops_the_build(site):
    site.errata({**ENTRY, "id": "momentum-renamed"})
    site.replace("chapter_optimization/momentum.md", "{erratum} momentum-example", "{erratum} momentum-renamed")
    log = site.refused()
    assert "no erratum has the id 'momentum-example'" in log
    assert "chapter_optimization/momentum: a cell failed with CellExecutionError" in log


def test_a_verdict_on_a_foreign_page_stops_the_build(site):
    cell = 'from d2l_errata.verdict import verdict\nverdict("momentum-example", book=lambda: False, fixed=lambda: True)'
    site.replace("chapter_optimization/sgd.md", 'print("other says", value())', cell)
    assert "verdicts seen on: chapter_optimization/momentum, chapter_optimization/sgd" in site.refused()


def test_a_failing_verdict_stops_the_build(site):
    site.replace("chapter_optimization/momentum.md", "book=lambda: False", "book=lambda: True")
    assert "the book's side holds: not an erratum" in site.refused()


def test_a_proof_is_wanted_where_evidence_is_proved(site):
    site.errata({**ENTRY, "evidence": "proved"})
    site.replace("chapter_optimization/momentum.md", 'verdict("momentum-example", book=lambda: False, fixed=lambda: True)', "1")
    site.good_build()
    site.replace("chapter_optimization/momentum.md", "```{prf:proof}\n显然。\n```", "")
    assert "momentum-example: evidence is proved, but chapter_optimization/momentum has no proof" in site.refused()


def test_a_card_of_another_section_is_refused(site):
    site.replace("chapter_optimization/sgd.md", "# 随机梯度下降", "# 随机梯度下降\n\n```{erratum} momentum-example\n```")
    assert "momentum-example belongs to section 11.6, whose page is chapter_optimization/momentum" in site.refused()


def test_an_unknown_card_names_the_close_ids(site):
    site.replace("chapter_optimization/momentum.md", "{erratum} momentum-example", "{erratum} momentum-exampel")
    assert "no erratum has the id 'momentum-exampel'; did you mean momentum-example?" in site.refused()


def test_a_title_that_is_not_the_books_is_refused(site):
    site.replace("chapter_optimization/momentum.md", "# 动量法", "# 动量")
    assert "the title is '动量'; the book's section 11.6 is '动量法'" in site.refused()


@pytest.mark.parametrize("options", [(), ("-q",)], ids=["warnings are errors", "warnings are allowed"])
def test_formulas_with_an_error_stop_the_build(site, options):
    site.errata({**ENTRY, "book": r"$\wrong + b$"})
    site.replace("chapter_optimization/sgd.md", "# 随机梯度下降", "# 随机梯度下降\n\n第一行 $x$。\n\n$$\n\\frac{1}\n$$")
    good, log = site.build(*options)
    assert not good, log
    line = HEADER.count("\n") + 5
    assert rf"chapter_optimization/sgd, line {line}: '\\frac{{1}}': Unexpected end of input" in log
    # What comes from the registry stands in the line after the card's name.
    line = (HEADER + MOMENTUM).partition("```{erratum}")[0].count("\n") + 2
    assert rf"chapter_optimization/momentum, line {line}: '\\wrong + b': Undefined control sequence: \wrong" in log


def test_formulas_are_set_in_every_process_that_writes_pages(site):
    site.replace("index.md", "# 首页", "# 首页\n\n$x$、$a_1$")
    site.replace("chapter_optimization/sgd.md", "# 随机梯度下降", "# 随机梯度下降\n\n$y^2$\n\n$$\nz\n$$ (eq-z)\n\n由{eq}`eq-z`")
    good, log = site.build("-W", "-j", "2", "-a")
    assert good, log
    # Pages that have not changed are taken from disk, and set by processes that have not set their formulas before.
    good, log = site.build("-W", "-j", "2", "-a")
    assert good, log
    page = site.page("chapter_optimization/sgd")
    assert [a.get_text() for a in page.select("annotation")] == ["y^2", "z"]
    number = page.select_one("#equation-eq-z .eqno").get_text().removesuffix("¶")
    assert page.select_one("a.reference[href='#equation-eq-z']").get_text() == number
    assert site.page("index").select_one(".math:has(.katex)").get_text().endswith("、")


def test_an_invalid_registry_stops_the_build(site):
    site.errata({**ENTRY, "kind": "typo"})
    assert "ch11.yaml, entry 1 (momentum-example): kind must be one of" in site.refused()
