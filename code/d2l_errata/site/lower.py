"""A page's nodes as the Markdown that Colab, Kaggle and Jupyter show: one function for each kind of node.

They are taken after Sphinx has resolved everything, so that numbers and references are those of the page:

>>> lowered(nodes.paragraph("", "", nodes.Text("设 "), nodes.math("", "a"), nodes.Text(" 为正。")), Page("https://…/page.html"))
'设 $a$ 为正。'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from urllib.parse import urljoin

from docutils import nodes
from sphinx import addnodes
from sphinx.locale import admonitionlabels, get_translation
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node, solution_node
from sphinx_jupyterbook_latex.nodes import HiddenCellNode
from sphinx_proof.nodes import NODE_TYPES, proof_node, unenumerable_node

#: Where one cell ends and the next begins.
BREAK = "\f"
#: Stands before the index of a code cell, between two breaks.
CODE = "\0"

THEOREMS = (*NODE_TYPES.values(), unenumerable_node)
EXERCISES = (exercise_node, exercise_enumerable_node)
#: Set as quotations. JupyterLab looks for formulas first, and would take the ``>`` of a second line for a part of one.
QUOTED = (*THEOREMS, proof_node, nodes.Admonition, nodes.block_quote)
TABLES = (nodes.entry, nodes.field)


class NotLowered(ValueError):
    """There is no Markdown for a kind of node."""


@dataclass(frozen=True)
class Page:
    """What is known of a page besides its nodes.

    Attributes:
        url: its address on the site.
        numbers: by kind of what is numbered and by id, as Sphinx numbers them.
        images: file names in the site's folder of images, by address in the source.
    """

    url: str
    numbers: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)

    def number(self, kind: str, node: nodes.Element) -> str:
        """Number of a theorem, equation, figure or table; empty where it has none."""
        of_kind = self.numbers.get(kind, {})
        return next((".".join(map(str, of_kind[id])) for id in node["ids"] if id in of_kind), "")


@singledispatch
def lowered(node: nodes.Node, page: Page) -> str:
    """Markdown of a node: of a part of a line, or of one or more blocks.

    Raises:
        NotLowered: it is of a kind that has no function below.
    """
    raise NotLowered(f"no Markdown for {type(node).__name__}: add a function for it to d2l_errata/site/lower.py; saw {str(node)[:200]}")


def inline(children: Iterable[nodes.Node], page: Page) -> str:
    """Parts of one line."""
    return "".join(lowered(child, page) for child in children)


def blocks(children: Iterable[nodes.Node], page: Page) -> str:
    """Blocks, with an empty line between each two."""
    texts = (lowered(child, page).strip("\n") for child in children)
    return "\n\n".join(text for text in texts if text)


def quote(text: str) -> str:
    """Blocks as a quotation.

    Raises:
        NotLowered: there is a cell in it, which could not be told from what is around it.
    """
    if BREAK in text:
        raise NotLowered(f"a cell or a heading must not stand inside a box that becomes a quotation; saw {text[:200]!r}")
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def indented(text: str, by: int) -> str:
    """All lines but the first moved to the right."""
    return re.sub(r"\n(?=[^\n])", "\n" + " " * by, text)


def within(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    """Whether a node stands somewhere in one of these kinds."""
    while (node := node.parent) is not None:
        if isinstance(node, kinds):
            return True
    return False


def brackets(title: str) -> str:
    """A name in full-width brackets, where it stands in brackets at the end of a title."""
    return re.sub(r" ?\((.*)\)$", r"（\1）", title.strip())


# --- parts of a line


@lowered.register
def text(node: nodes.Text, page: Page) -> str:
    """Text, with what Markdown would take for its own escaped. A dollar has no escape that JupyterLab respects."""
    line = re.sub(r"(?<=[，。、；：！？）》」』”])\n", "", node.astext()).replace("\n", " ").replace("$", "＄")
    line = re.sub(r"[\\`*_\[\]~]", r"\\\g<0>", line).replace("&", "&amp;").replace("<", "&lt;")
    return line.replace("|", r"\|") if within(node, TABLES) else line


def _marked(node: nodes.Element, page: Page, mark: str, tag: str) -> str:
    """Between two marks, where Markdown sees them in any surroundings; otherwise as HTML.

    In 「**句。**下一句」, for one, the second mark has punctuation before it, so that CommonMark takes it for an opening one.
    """
    content = inline(node.children, page)
    if content[:1].isalnum() and content[-1:].isalnum():
        return f"{mark}{content}{mark}"
    return f"<{tag}>{content}</{tag}>" if content else ""


@lowered.register
def strong(node: nodes.strong, page: Page) -> str:
    return _marked(node, page, "**", "strong")


@lowered.register
def emphasis(node: nodes.emphasis, page: Page) -> str:
    return _marked(node, page, "*", "em")


@lowered.register
def literal(node: nodes.literal, page: Page) -> str:
    """Code in a line, between as many backticks as it takes."""
    code = " ".join(node.astext().split("\n"))
    longest = max(map(len, re.findall("`+", code)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    code = code.replace("|", r"\|") if within(node, TABLES) else code
    return f"{fence}{space}{code}{space}{fence}"


@lowered.register
def math(node: nodes.math, page: Page) -> str:
    """A formula in a line. In a table, a bar would end the cell."""
    tex = _one_line(node.astext())
    if within(node, TABLES):
        tex = tex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
    return f"${tex}$"


def _one_line(tex: str) -> str:
    lines = (re.sub(r"(?<!\\)%.*", "", line).strip() for line in tex.split("\n"))
    return " ".join(line for line in lines if line)


@lowered.register
def reference(node: nodes.reference, page: Page) -> str:
    """A link; what leads to another place of the site leads to the site, and so does what a notebook must not run."""
    target = node.get("refuri") or "#" + node["refid"]
    target = "" if target.startswith("javascript:") else target
    url = urljoin(page.url, target).replace("(", "%28").replace(")", "%29").replace(" ", "%20")
    return f"[{inline(node.children, page)}]({url})"


@lowered.register(nodes.inline)
@lowered.register(nodes.abbreviation)
@lowered.register(nodes.title_reference)
def part(node: nodes.Element, page: Page) -> str:
    """What the page only sets in another style."""
    return inline(node.children, page)


@lowered.register
def superscript(node: nodes.superscript, page: Page) -> str:
    return f"<sup>{inline(node.children, page)}</sup>"


@lowered.register
def subscript(node: nodes.subscript, page: Page) -> str:
    return f"<sub>{inline(node.children, page)}</sub>"


@lowered.register
def raw(node: nodes.raw, page: Page) -> str:
    """HTML, with links that lead to the site."""
    if "html" not in node.get("format", "").split():
        return ""
    return re.sub(r'((?:href|src)=")([^"]*)', lambda link: link[1] + urljoin(page.url, link[2]), node.astext())


@lowered.register
def image(node: nodes.image, page: Page) -> str:
    """A picture, where the site has it."""
    return f"![{node.get('alt', '')}]({page.images.get(node['uri'], urljoin(page.url, node['uri']))})"


@lowered.register
def footnote_reference(node: nodes.footnote_reference, page: Page) -> str:
    return f"<sup>{reference(node, page)}</sup>"


@lowered.register(nodes.target)
@lowered.register(nodes.comment)
@lowered.register(nodes.substitution_definition)
@lowered.register(addnodes.highlightlang)
@lowered.register(HiddenCellNode)
def nothing(node: nodes.Element, page: Page) -> str:
    """What is not shown on the page either."""
    return inline(node.children, page) if isinstance(node, nodes.target) else ""


# --- blocks


@lowered.register(nodes.document)
@lowered.register(nodes.compound)
def document(node: nodes.Element, page: Page) -> str:
    """What only holds blocks together."""
    return blocks(node.children, page)


def _depth(node: nodes.Node) -> int:
    """How many headings stand over a node."""
    depth = 0
    while (node := node.parent) is not None:
        depth += isinstance(node, nodes.section) and isinstance(next(iter(node.children), None), nodes.title)
    return depth


@lowered.register
def section(node: nodes.section, page: Page) -> str:
    """A section begins a cell, so that it can be folded; what a box calls a section has no heading."""
    return blocks(node.children, page)


@lowered.register
def title(node: nodes.title, page: Page) -> str:
    return _heading(_depth(node), inline(node.children, page))


def _heading(level: int, content: str) -> str:
    return f"{BREAK}{'#' * min(level, 6)} {content}"


@lowered.register
def paragraph(node: nodes.paragraph, page: Page) -> str:
    """A paragraph in one line, of which the beginning cannot be taken for that of a list, a heading or a quotation."""
    content = inline(node.children, page).strip()
    return re.sub(r"^(\d+)(?=[.)](?:\s|$))", r"\1\\", re.sub(r"^(?=[#>+=-])", r"\\", content))


@lowered.register
def list_of_pages(node: addnodes.compact_paragraph, page: Page) -> str:
    """A part of a table of contents: the name of the part and a list, or one page."""
    if any(isinstance(child, nodes.Sequential) for child in node.children):
        return "\n\n".join(
            f"<strong>{inline(child.children, page)}</strong>" if isinstance(child, nodes.title) else lowered(child, page)
            for child in node.children
        )
    return paragraph(node, page)


@lowered.register
def math_block(node: nodes.math_block, page: Page) -> str:
    r"""An equation, with its number as a ``\tag``."""
    number = page.number("displaymath", node) if node.get("number") else ""
    tag = rf"\tag{{{number}}}" if number else ""
    tex = node.astext().strip()
    tex = tex if node.get("nowrap") else f"$$\n{tex}\n{tag}\n$$"
    return _one_line(tex) if within(node, (*QUOTED, *TABLES)) else re.sub(r"\n\s*\n", "\n", tex)


@lowered.register
def literal_block(node: nodes.literal_block, page: Page) -> str:
    """Code that is shown but not executed, such as what is included from the package."""
    language = node.get("language", "").replace("ipython3", "python").replace("default", "").replace("none", "")
    code = node.astext().rstrip("\n")
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
    return f"{fence}{language}\n{code}\n{fence}"


@lowered.register
def container(node: nodes.container, page: Page) -> str:
    """A code cell, an erratum's card, or blocks."""
    if node.get("nb_element") == "cell_code":
        return f"{BREAK}{CODE}{node['cell_index']}{BREAK}"
    if "d2l-erratum" in node["classes"]:
        return card(node, page)
    # The footer says how long the page took, which is not the same in two builds.
    return "" if "d2l-run" in node["classes"] else blocks(node.children, page)


def card(node: nodes.container, page: Page) -> str:
    """An erratum as a table: its name with the permalink, what it is, and the fields of the card."""
    name, badges, fields = node.children
    permalink = name.children[-1]
    link = reference(nodes.reference("", "", *(child.deepcopy() for child in name.children[:-1]), refuri=permalink["refuri"]), page)
    kinds = "、".join(badge.astext() for badge in badges.findall(nodes.inline))
    rows = [("勘误", link.replace(" ]", "]")), ("类别", kinds)]
    rows += [(item[0].astext(), _cell(item[1], page)) for item in fields.findall(nodes.field)]
    return _table([[f"**{name}**", content] for name, content in rows])


def _cell(node: nodes.Element, page: Page) -> str:
    """Content of a cell of a table: in one line."""
    return "<br>".join(blocks([child], page).replace("\n", " ").strip() for child in node.children)


def _table(rows: list[list[str]]) -> str:
    """Rows, the first of them as the head."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + " :--- |" * len(rows[0]), *body])


@lowered.register
def table(node: nodes.table, page: Page) -> str:
    """A table; one without a head gets an empty one, which Markdown wants."""
    rows = [[_cell(entry, page) for entry in row.children] for row in node.findall(nodes.row)]
    if not next(iter(node.findall(nodes.thead)), None):
        rows.insert(0, [""] * len(rows[0]))
    return blocks([child for child in node.children if isinstance(child, nodes.title)], page).replace(BREAK, "") + "\n\n" + _table(rows)


@lowered.register
def bullet_list(node: nodes.bullet_list, page: Page) -> str:
    return _items(node, page, ["- "] * len(node.children))


@lowered.register
def enumerated_list(node: nodes.enumerated_list, page: Page) -> str:
    first = node.get("start", 1)
    return _items(node, page, [f"{number}. " for number in range(first, first + len(node.children))])


def _items(node: nodes.Element, page: Page, marks: list[str]) -> str:
    texts = (blocks(item.children, page) for item in node.children)
    # Lists of pages come from Sphinx with items that have nothing in them.
    items = [mark + indented(text, len(mark)) for mark, text in zip(marks, texts, strict=True) if text]
    short = all(isinstance(child, nodes.Sequential) for item in node.children for child in item.children[1:])
    return ("\n" if short else "\n\n").join(items)


@lowered.register
def definition_list(node: nodes.definition_list, page: Page) -> str:
    """Terms in bold, their definitions below them."""
    return "\n\n".join("- " + indented(blocks(item.children, page), 2) for item in node.children)


@lowered.register
def term(node: nodes.term, page: Page) -> str:
    return f"**{inline(node.children, page)}**"


@lowered.register
def definition(node: nodes.definition, page: Page) -> str:
    return blocks(node.children, page)


@lowered.register
def block_quote(node: nodes.block_quote, page: Page) -> str:
    return quote(blocks(node.children, page))


@lowered.register
def attribution(node: nodes.attribution, page: Page) -> str:
    return f"—— {inline(node.children, page)}"


@lowered.register
def rubric(node: nodes.rubric, page: Page) -> str:
    return f"<strong>{inline(node.children, page)}</strong>"


@lowered.register
def transition(node: nodes.transition, page: Page) -> str:
    return "---"


@lowered.register
def footnote(node: nodes.footnote, page: Page) -> str:
    label, *content = node.children
    return f"<sup>{label.astext()}</sup> {blocks(content, page)}"


@lowered.register
def figure(node: nodes.figure, page: Page) -> str:
    """A picture, and under it its number and what is said about it."""
    picture, *words = node.children
    captions = [inline(word.children, page) for word in words if isinstance(word, nodes.caption)]
    number = page.number("figure", node)
    label = f"**图 {number}**" if number else ""
    said = "　".join(part for part in (label, *captions) if part)
    legend = [word for word in words if isinstance(word, nodes.legend)]
    return "\n\n".join(part for part in (lowered(picture, page), said, *(blocks(part.children, page) for part in legend)) if part)


@lowered.register
def admonition(node: nodes.Admonition, page: Page) -> str:
    """A note, a warning, or a box with a heading of its own."""
    children = list(node.children)
    if children and isinstance(children[0], nodes.title):
        heading = inline(children.pop(0).children, page)
    else:
        heading = str(admonitionlabels.get(node.tagname, ""))
    return quote("\n\n".join(part for part in (f"<strong>{heading}</strong>" if heading else "", blocks(children, page)) if part))


def theorem(node: nodes.Element, page: Page) -> str:
    """A theorem or one of its kin, headed by its kind, its number and its name."""
    kind = get_translation("proof")(node["realtype"].title())
    number = page.number(node.get("countertype", ""), node)
    name, *content = node.children
    heading = f"{kind} {number}".strip() + brackets(inline(name.children, page))
    return quote(f"<strong>{heading}</strong>\n\n{blocks(content, page)}")


for _kind in THEOREMS:
    lowered.register(_kind)(theorem)


@lowered.register
def proof(node: proof_node, page: Page) -> str:
    """A proof; the word stands in its first line."""
    (box,) = node.children
    return quote(blocks(box.children, page))


def exercise(node: nodes.Element, page: Page) -> str:
    """An exercise, under a heading of its own."""
    name, *content = node.children
    heading = f"{inline(name.children, page).strip()} {page.number('exercise', node)}".strip()
    return _heading(_depth(node) + 1, brackets(heading)) + "\n\n" + blocks(content, page)


for _kind in EXERCISES:
    lowered.register(_kind)(exercise)


@lowered.register
def solution(node: solution_node, page: Page) -> str:
    """A solution, under a heading, so that it can be folded; there are cells in it."""
    name, *content = node.children
    heading = inline((child for child in name.children if isinstance(child, nodes.Text)), page).strip()
    return _heading(_depth(node) + 2, heading) + "\n\n" + blocks(content, page)
