"""Formulas: what KaTeX sets and what it refuses, and that no process is needed for it."""

import hashlib
import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from d2l_errata.site import maths
from d2l_errata.site.maths import KATEX, FormulaError, light, rendered
from docutils import nodes

STATIC = KATEX / "static" / "katex"


def parsed(tex, display=False):
    return BeautifulSoup(rendered(tex, display), "html.parser")


@pytest.mark.parametrize(
    "tex, mathml",
    [
        (r"\mathbf{x}^\top", "msup"),
        (r"\frac{\partial f}{\partial x}", "mfrac"),
        (r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}", "mtable"),
        (r"\begin{aligned} a &= b \\ &= c \end{aligned}", "mtable"),
        (r"|x| = \begin{cases} x & x \ge 0 \\ -x & x < 0 \end{cases}", "mtable"),
        (r"a = b \tag{1}", "mtable"),
        (r"\boldsymbol{\alpha} \in \mathbb{R}^n", "mi"),
        (r"\text{中文 } x", "mtext"),
        (r"\operatorname*{argmin}_x f(x)", "munder"),
        (r"\underbrace{a + b}_{c}", "munder"),
        (r"\substack{i \\ j} \xrightarrow{n} \left\lVert \sqrt[3]{x} \right\rVert", "mroot"),
    ],
)
def test_a_formula_is_set_twice_for_the_eye_and_as_mathml_with_its_tex(tex, mathml):
    soup = parsed(tex, display=True)
    assert soup.select_one(f".katex-display > .katex > .katex-mathml > math[display=block] > semantics {mathml}")
    assert soup.select_one('annotation[encoding="application/x-tex"]').get_text() == tex
    assert soup.select_one(".katex > .katex-html[aria-hidden=true] > .katex-base")


def test_in_a_line_it_is_not_displayed():
    assert not parsed("x").select(".katex-display, math[display]")


@pytest.mark.parametrize(
    "tex, message",
    [
        (r"\frac{1}", "expected '}' (character 9)"),
        (r"\undefined x", r"Undefined control sequence: \undefined (character 1)"),
        (r"\left( x", r"\right"),
        (r"\begin{align} a", r"\end"),
        (r"\eqref{a}", r"\eqref"),
        ("x 中", "[unicodeTextInMathMode]"),
        (r"a \\ b", "[newLineInDisplayMode]"),
        ("x % y", "[commentAtEnd]"),
        (r"\text{🙂}", "[unknownSymbol]"),
        (r"\href{https://example.org}{x}", r"\href is not allowed"),
        (r"\includegraphics{x.png}", r"\includegraphics is not allowed"),
    ],
)
def test_what_katex_does_not_know_or_warns_of_is_an_error(tex, message):
    with pytest.raises(FormulaError, match=re.escape(message)):
        rendered(tex, True)


def test_a_formula_is_set_once():
    maths.rendered.cache_clear()
    assert rendered("a_1", False) is rendered("a_1", False)
    assert rendered("a_1", False) != rendered("a_1", True)
    assert (maths.rendered.cache_info().misses, maths.rendered.cache_info().hits) == (2, 2)


def test_lines_break_where_katex_ends_a_part():
    assert rendered("a = b + c", False).count("</span><wbr><span") == 2
    assert "<wbr>" not in rendered("a = b + c", True)


def test_light_leaves_what_is_seen_and_read():
    katex = (
        '<span class="katex"><math xmlns="http://www.w3.org/1998/Math/MathML"><annotation>\\kern0.12345em;</annotation></math>'
        '<span class="mord mathnormal" style="height:0.6833em;top:-3.14159em;"><span class="mord"><span class="mord">x</span></span>'
        '<span class="mord cjk_fallback">中</span></span></span>'
    )
    assert light(katex) == (
        '<span class="katex"><math><annotation>\\kern0.12345em;</annotation></math>'
        '<span class="mathnormal" style="height:0.68em;top:-3.14em"><span>x</span><span class="cjk_fallback">中</span></span></span>'
    )


def test_what_is_rendered_is_light():
    assert not re.search(r'xmlns=|"mord|\d\.\d{3,}em', rendered(r"\frac{a}{b} = \sqrt{c_1^2}", True))


def test_no_process_is_started():
    """In a Python of its own: children of the tests' process would not count."""
    code = """
import sys
def refuse(event, arguments):
    if event in ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "os.exec"):
        raise AssertionError(f"{event}: {arguments}")
sys.addaudithook(refuse)
from d2l_errata.site.maths import rendered
print(rendered("x^2", False).count("<msup>"))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (result.stdout, result.stderr, result.returncode) == ("1\n", "", 0)


def _in_child(queue):
    queue.put((os.getpid(), rendered("\\text{in a child}", False)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_an_engine_does_not_have_to_survive_a_fork():
    """Sphinx writes pages in forked processes, after it has written the first one in its own."""
    rendered("x", False)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    try:
        process, html = queue.get(timeout=60)
        child.join(timeout=60)
        assert (process != os.getpid(), child.exitcode) == (True, 0)
    finally:
        child.kill()
    assert html == rendered("\\text{in a child}", False)


def held(*children):
    """What a paragraph says after its formulas have taken the punctuation around them."""
    document = nodes.Element("", nodes.paragraph("", "", *children))
    maths.take_punctuation(None, document, "page")
    return [(node.get("before", ""), node.get("after", "")) if isinstance(node, nodes.math) else node.astext() for node in document[0]]


def test_punctuation_stays_with_its_formula():
    x, y = nodes.math("", "x"), nodes.math("", "y")
    assert held(nodes.Text("令（"), x, nodes.Text("、"), y, nodes.Text("），则")) == ["令", ("（", "、"), "", ("", "），"), "则"]
    assert held(nodes.math("", "x"), nodes.Text(" 是，"), nodes.strong("", "。")) == [("", ""), " 是，", "。"]


def test_vendored_files_are_those_whose_digests_are_recorded():
    sums = dict(line.split("  ")[::-1] for line in (KATEX / "SHA256SUMS").read_text(encoding="ascii").splitlines())
    assert sums == {path: hashlib.sha256((KATEX / path).read_bytes()).hexdigest() for path in sums}
    ours = {"README.md", "SHA256SUMS", "vendor.py"}
    files = {path.relative_to(KATEX).as_posix() for path in KATEX.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert files == sums.keys() | ours


def test_the_style_sheet_names_the_vendored_fonts_and_nothing_else():
    named = re.findall(r"url\(([^)]*)\)", (STATIC / "katex.min.css").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(path.relative_to(STATIC).as_posix() for path in STATIC.glob("fonts/*"))
    assert len(named) == 20 and {Path(name).suffix for name in named} == {".woff2"}


def test_the_version_is_the_one_that_is_said():
    engine = maths._engine(os.getpid())
    assert (KATEX / "README.md").read_text(encoding="utf-8").startswith(f"# KaTeX {engine.eval('katex.version')}\n")
