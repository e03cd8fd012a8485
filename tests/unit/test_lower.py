"""Each kind of node as Markdown."""

import pytest
from d2l_errata.site.lower import BREAK, CODE, NotLowered, Page, lowered
from docutils import nodes
from sphinx import addnodes
from sphinx_exercise.nodes import exercise_node, solution_node
from sphinx_proof.nodes import proof_node, theorem_node

URL = "https://example.org/site/chapter/page.html"
NUMBERS = {"displaymath": {"equation-one": (4,)}, "theorem": {"thm-one": (2, 3)}, "figure": {"fig-one": (1,)}}
PAGE = Page(URL, NUMBERS, {"../cat.png": "https://example.org/site/_images/cat.png"})


def md(node):
    return lowered(node, PAGE)


def p(*children):
    return nodes.paragraph("", "", *(nodes.Text(child) if isinstance(child, str) else child for child in children))


def li(*children):
    return nodes.list_item("", *children)


def math(tex):
    return nodes.math(tex, tex)


def code(text):
    return nodes.literal(text, text)


def section(title, *children, **attributes):
    return nodes.section("", nodes.title("", title), *children, **attributes)


def rows(*texts, head=True):
    """A table of paragraphs."""
    made = [nodes.row("", *(nodes.entry("", p(cell)) for cell in row)) for row in texts]
    parts = [nodes.thead("", made.pop(0))] if head else []
    return nodes.table("", nodes.tgroup("", *parts, nodes.tbody("", *made)))


@pytest.mark.parametrize(
    "text, markdown",
    [
        ("甲。\n乙", "甲。乙"),  # a browser would show the break as a space
        ("one\ntwo", "one two"),
        ("a*b_c`d`", r"a\*b\_c\`d\`"),
        ("[x](y)", r"\[x\](y)"),
        ("~~x~~ \\alpha", r"\~\~x\~\~ \\alpha"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("$5", "＄5"),  # JupyterLab takes \$ for the beginning of a formula
        ("1. x", "1\\. x"),
        ("12) x", "12\\) x"),
        ("1.5 倍", "1.5 倍"),
        ("# x", r"\# x"),
        ("- x", r"\- x"),
        ("> x", r"\> x"),
    ],
)
def test_text(text, markdown):
    assert md(p(text)) == markdown


@pytest.mark.parametrize(
    "content, markdown",
    [
        ("允许", "**允许**"),
        ("允许。", "<strong>允许。</strong>"),  # in 「**允许。**的」 CommonMark sees no emphasis
        ("（甲）", "<strong>（甲）</strong>"),
        ("", ""),
    ],
)
def test_strong(content, markdown):
    assert md(nodes.strong("", content)) == markdown


def test_emphasis():
    assert md(nodes.emphasis("", "等变")) == "*等变*"
    assert md(nodes.emphasis("", "等变。")) == "<em>等变。</em>"
    assert md(nodes.strong("", "", math("x"), nodes.Text(" 大"))) == "<strong>$x$ 大</strong>"


@pytest.mark.parametrize("text, markdown", [("a*b", "`a*b`"), ("a`b", "`` a`b ``"), ("a``b", "``` a``b ```"), ("x\ny", "`x y`")])
def test_code_in_a_line(text, markdown):
    assert md(code(text)) == markdown


def test_formula():
    assert md(math("a_1 < b_1")) == "$a_1 < b_1$"
    assert md(math(" a\n+ b % why\n")) == "$a + b$"
    assert md(math(r"50\%")) == r"$50\%$"


@pytest.mark.parametrize(
    "attributes, url",
    [
        ({"refid": "thm-one"}, f"{URL}#thm-one"),
        ({"refuri": "#thm-one"}, f"{URL}#thm-one"),
        ({"refuri": "other.html#x"}, "https://example.org/site/chapter/other.html#x"),
        ({"refuri": "../index.html"}, "https://example.org/site/index.html"),
        ({"refuri": "javascript:alert(1)"}, URL),
        ({"refuri": "https://zh.d2l.ai/a_(b).html"}, "https://zh.d2l.ai/a_%28b%29.html"),
    ],
)
def test_reference(attributes, url):
    assert md(nodes.reference("", "", nodes.inline("", "定理 2"), **attributes)) == f"[定理 2]({url})"


def test_html_leads_to_the_site():
    node = nodes.raw("", '<a href="../errata.json">x</a>', format="html")
    assert md(node) == '<a href="https://example.org/site/errata.json">x</a>'
    assert md(nodes.raw("", r"\newpage", format="latex")) == ""


def test_superscript_and_subscript():
    assert md(p("x", nodes.superscript("", "2"), nodes.subscript("", "i"))) == "x<sup>2</sup><sub>i</sub>"


@pytest.mark.parametrize("node", [nodes.comment("", "x"), nodes.target("", "", refid="x"), addnodes.highlightlang("", lang="python")])
def test_what_the_page_does_not_show(node):
    assert md(node) == ""


def test_sections_begin_cells():
    document = nodes.document(None, None)
    document += section("甲", p("一"), section("乙", p("二")))
    assert md(document) == f"{BREAK}# 甲\n\n一\n\n{BREAK}## 乙\n\n二"


def test_equation():
    node = nodes.math_block("a &= b \\\\\n\nc &= d", "a &= b \\\\\n\nc &= d", number=None)
    assert md(node) == "$$\na &= b \\\\\nc &= d\n$$"


def test_equation_has_its_number():
    assert md(nodes.math_block("a = b", "a = b", ids=["equation-one"], number=1)) == "$$\na = b\n\\tag{4}\n$$"


def test_equation_of_its_own_environment():
    tex = "\\begin{align}\na &= b\n\\end{align}"
    assert md(nodes.math_block(tex, tex, nowrap=True, number=None)) == tex


def test_equation_in_a_quotation_is_one_line():
    """JupyterLab looks for formulas before it looks for quotations."""
    quotation = nodes.block_quote("", p("设"), nodes.math_block("a % why\n= b", "a % why\n= b", ids=["equation-one"], number=1))
    assert md(quotation) == "> 设\n>\n> $$ a = b \\tag{4} $$"


def test_included_code():
    assert md(nodes.literal_block("x = 1\n", "x = 1\n", language="ipython3")) == "```python\nx = 1\n```"
    assert md(nodes.literal_block("```", "```", language="none")) == "````\n```\n````"


def test_code_cell():
    assert md(nodes.container("", nb_element="cell_code", cell_index=7)) == f"{BREAK}{CODE}7{BREAK}"


def test_footer_with_the_time_is_left_out():
    assert md(nodes.container("", p("用时 3 秒"), classes=["d2l-run"])) == ""


def test_erratum():
    permalink = nodes.reference("", "#", refuri="#momentum-sign")
    badges = [nodes.inline("", word) for word in ("数学", "错误")]
    fields = [("书中", p(math(r"|x| \| y"))), ("更正", p(code("a|b"), " 与 c|d")), ("证据", p("判定"))]
    made = nodes.field_list("", *(nodes.field("", nodes.field_name("", n), nodes.field_body("", body)) for n, body in fields))
    node = nodes.container("", p("符号 ", code("+"), " ", permalink), p(*badges), made, classes=["d2l-erratum"])
    assert md(node).split("\n") == [
        f"| **勘误** | [符号 `+`]({URL}#momentum-sign) |",
        "| :--- | :--- |",
        "| **类别** | 数学、错误 |",
        r"| **书中** | $\vert x\vert  \Vert  y$ |",
        r"| **更正** | `a\|b` 与 c\|d |",
        "| **证据** | 判定 |",
    ]


def test_table():
    assert md(rows(["甲", "乙"], ["1|2", "3"])).strip() == "| 甲 | 乙 |\n| :--- | :--- |\n| 1\\|2 | 3 |"


def test_table_without_a_head():
    assert md(rows(["甲", "乙"], head=False)).strip() == "|  |  |\n| :--- | :--- |\n| 甲 | 乙 |"


def test_lists():
    inner = nodes.bullet_list("", li(p("丙")))
    assert md(nodes.bullet_list("", li(p("甲")), li(p("乙"), inner))) == "- 甲\n- 乙\n\n  - 丙"
    assert md(nodes.enumerated_list("", li(p("甲")), li(p("乙")), start=9)) == "9. 甲\n10. 乙"
    loose = nodes.bullet_list("", li(p("甲"), p("一")), li(p("乙")), li())
    assert md(loose) == "- 甲\n\n  一\n\n- 乙"


def test_definitions():
    item = nodes.definition_list_item("", nodes.term("", "勘误"), nodes.definition("", p("书中的写法。")))
    assert md(nodes.definition_list("", item)) == "- **勘误**\n\n  书中的写法。"


def test_list_of_pages():
    link = addnodes.compact_paragraph("", "", nodes.reference("", "2.1 数据操作", refuri="ndarray.html"))
    node = addnodes.compact_paragraph("", "", nodes.title("", "各章"), nodes.bullet_list("", li(link)))
    assert md(node) == "<strong>各章</strong>\n\n- [2.1 数据操作](https://example.org/site/chapter/ndarray.html)"


def test_quotation():
    assert md(nodes.block_quote("", p("甲"), p("乙"), nodes.attribution("", "丙"))) == "> 甲\n>\n> 乙\n>\n> —— 丙"


def test_rubric_and_transition():
    assert md(nodes.rubric("", "书中改了多少")) == "<strong>书中改了多少</strong>"
    assert md(nodes.transition()) == "---"


def test_figure():
    picture = nodes.image(uri="../cat.png", alt="一只猫")
    node = nodes.figure("", picture, nodes.caption("", "猫"), nodes.legend("", p("说明")), ids=["fig-one"])
    assert md(node) == "![一只猫](https://example.org/site/_images/cat.png)\n\n**图 1**　猫\n\n说明"


def test_footnote():
    assert md(nodes.footnote_reference("", "1", refid="id1")) == f"<sup>[1]({URL}#id1)</sup>"
    assert md(nodes.footnote("", nodes.label("", "1"), p("注"))) == "<sup>1</sup> 注"


def test_admonitions():
    assert md(nodes.admonition("", nodes.title("", "要点"), p("甲"))) == "> <strong>要点</strong>\n>\n> 甲"
    assert md(nodes.warning("", p("甲"))).endswith("</strong>\n>\n> 甲")


def box(kind, name, *content, **attributes):
    """A theorem as sphinx-proof makes it."""
    return kind("", nodes.title("", name), nodes.section("", *content), **attributes)


def test_theorem():
    node = box(theorem_node, " (配方)", p("设 ", math("a"), "。"), realtype="theorem", countertype="theorem", ids=["thm-one"])
    kind = md(node).removeprefix("> <strong>").partition(" ")[0]
    assert kind in ("定理", "Theorem")  # in the language of the site, which is not set here
    assert md(node) == f"> <strong>{kind} 2.3（配方）</strong>\n>\n> 设 $a$。"


def test_theorem_without_name_or_number():
    node = box(theorem_node, " ", p("甲"), realtype="theorem", countertype="theorem")
    assert md(node).startswith("> <strong>") and "</strong>\n>\n> 甲" in md(node) and "（" not in md(node)


def test_proof():
    box = nodes.admonition("", p(nodes.strong("", "证明"), "　显然。"), classes=["proof"])
    assert md(proof_node("", box)) == "> **证明**　显然。"


def test_exercise_and_solution():
    link = nodes.reference("", "练习 (第 1 题)", refuri="#ex-1")
    cell = nodes.container("", nb_element="cell_code", cell_index=3)
    exercise = exercise_node("", nodes.title("", "练习 (第 1 题)"), nodes.section("", p("问？")))
    solution = solution_node("", nodes.title("", "", nodes.Text("解答"), link), nodes.section("", p("答。"), cell))
    document = nodes.document(None, None)
    document += section("练习", exercise, solution)
    assert md(document) == (f"{BREAK}# 练习\n\n{BREAK}## 练习（第 1 题）\n\n问？\n\n{BREAK}### 解答\n\n答。\n\n{BREAK}{CODE}3{BREAK}")


def test_a_cell_in_a_quotation_is_refused():
    with pytest.raises(NotLowered, match="must not stand inside a box"):
        md(nodes.admonition("", p("甲"), nodes.container("", nb_element="cell_code", cell_index=3)))


def test_an_unknown_node_is_refused():
    with pytest.raises(NotLowered, match=r"no Markdown for meta: add a function for it to d2l_errata/site/lower.py"):
        md(nodes.meta())
