"""Search in Chinese: what is indexed, how it is split into terms, and the files that ``search.js`` loads when a reader searches.

Two kinds of files, so that the first is small and the rest is loaded only where it is shown:

- ``searchindex.js``, Sphinx's name with a content of our own: titles, headings, errata, and for each term the pages that
  have it. Sphinx's own would be twice as large, and knows neither errata nor passages.
- ``_search/<page>.js``: the page's passages with their anchors, loaded for the few pages that an answer is drawn from.

All are scripts, because a site opened from ``file://`` may load scripts, but not data.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import IO, Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.search import SearchLanguage
from sphinx.util.docutils import SphinxDirective, new_document

from .made import made

#: Chinese characters.
HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
RUN = re.compile(rf"[{HAN}]+|[^\W{HAN}]+")

SPLITTER = r"""
/* Terms of a text, as `split` in d2l_errata/site/search.py has them. */
var splitQuery = (text) =>
  (text.toLowerCase().match(/[HAN]+|(?:(?![HAN])[\p{L}\p{N}_])+/gu) || [])
    .flatMap((run) => {
      const characters = [...run];
      if (!/[HAN]/u.test(run) || characters.length === 1) return [run];
      return characters.slice(1).map((second, i) => characters[i] + second);
    })
    .filter((term) => !/^\d+$/.test(term));
""".replace("HAN", HAN)


def split(text: str) -> list[str]:
    """Terms of a text: pairs of Chinese characters, and everything else whole, up to a dot.

    A dotted name is its parts: wherever it stands, they do. Numbers alone are left out: they are everywhere, and say nothing
    about where they stand.
    """
    terms: list[str] = []
    for run in RUN.findall(text.lower()):
        pairs = re.match(f"[{HAN}]", run) and len(run) > 1
        terms += [run[i : i + 2] for i in range(len(run) - 1)] if pairs else [run]
    return [term for term in terms if not re.fullmatch("[0-9]+", term)]


class Bigrams(SearchLanguage):
    """Sphinx's hook for a language: :func:`split` in Python, its twin for queries in JavaScript."""

    lang = "zh_CN"
    language_name = "Chinese (bigrams)"
    js_splitter_code = SPLITTER

    def split(self, input: str) -> list[str]:
        return split(input)


@dataclass
class Passage:
    """What stands under one heading: of the page, a section, a card, a theorem, an exercise or its solution."""

    anchor: str
    kind: str
    """``title``, ``heading`` or ``erratum``: the ranks of what it is headed by."""
    heading: str
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.pieces)).strip()


#: Said on every page, by the heading already, or by the pages and cards that are listed.
SKIPPED = {
    "d2l-badges", "d2l-book-link", "d2l-chapters", "d2l-errata-table", "d2l-map", "d2l-newest", "d2l-run", "d2l-permalink", "d2l-title",
}  # fmt: skip
MARKUP = re.compile(r"<(style|script|svg)\b.*?</\1>|<[^<]+?>", re.S | re.I)


def passages(doctree: nodes.document) -> list[Passage]:
    """All of a page, in order of appearance; the page itself comes first."""
    found = [Passage("", "title", "")]
    _collect(doctree, found[0], found)
    return found


def _collect(node: nodes.Node, here: Passage, found: list[Passage]) -> None:
    if isinstance(node, nodes.Text):
        here.pieces.append(node.astext())
    elif isinstance(node, nodes.raw):
        here.pieces.append(MARKUP.sub(" ", node.astext()) if "html" in node.get("format", "") else "")
    elif not isinstance(node, nodes.Invisible | nodes.math_block) and not SKIPPED & set(node.get("classes", [])):
        title = _title(node)
        if title is not None:
            here = _begin(node, title, found)
        for child in node.children:
            if child is not title:
                _collect(child, here, found)
        if not isinstance(node, nodes.Inline):
            here.pieces.append("\n")


def _title(node: nodes.Element) -> nodes.Element | None:
    """What a section, card, theorem or exercise is headed by: whatever has a title and can be linked to."""
    of = (child for child in node.children if isinstance(child, nodes.Element))
    return next((c for c in of if c.tagname.endswith("title") or "d2l-title" in c.get("classes", [])), None) if node.get("ids") else None


def _begin(node: nodes.Element, title: nodes.Element, found: list[Passage]) -> Passage:
    # A theorem's title is in brackets, a card's has its permalink after it.
    heading = title.astext().strip().removesuffix("#").strip()
    heading = heading[1:-1] if heading[:1] == "(" and heading[-1:] == ")" else heading
    if not found[0].heading:
        found[0].heading = heading
        return found[0]
    kind = "erratum" if "d2l-erratum" in node["classes"] else "heading"
    found.append(Passage(node["ids"][0], kind, heading or found[-1].heading))
    return found[-1]


def passages_file(outdir: Path, docname: str) -> Path:
    """Where a page's passages are."""
    return outdir / "_search" / f"{docname}.js"


def write_passages(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the page's passages next to the page."""
    if app.builder.format != "html":
        return
    content = [[p.anchor, p.kind, p.heading, p.text] for p in passages(doctree)]
    path = passages_file(Path(app.outdir), docname)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"Search.setPassages({compact(docname)},{compact(content)})\n", encoding="utf-8")


def read_passages(outdir: Path, docname: str) -> list[list[str]]:
    """The passages that a build has written for a page."""
    text = passages_file(outdir, docname).read_text(encoding="utf-8")
    return json.loads(text[text.index(",") + 1 : text.rindex(")")])


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def index(pages: dict[str, list[list[str]]]) -> dict[str, Any]:
    """The index of all pages, from their passages.

    Small numbers compress well, so all is written as steps from one number to the next, one character each: a term's pages,
    and for each Chinese character the characters that follow it, counted from the most frequent.
    """
    documents, pages_of = [], {}
    for number, (docname, content) in enumerate(pages.items()):
        of_kind = {kind: [heading for _, its, heading, _ in content if its == kind] for kind in ("title", "heading", "erratum")}
        documents.append([docname, *of_kind.pop("title"), *of_kind.values()])
        for term in {term for _, _, heading, text in content for term in split(f"{heading}\n{text}")}:
            pages_of.setdefault(term, []).append(number)
    pairs = [(term + " ")[:2] for term in pages_of if re.match(f"[{HAN}]", term)]
    second = Counter(pair[1] for pair in pairs)
    letters = sorted({*"".join(pairs)}, key=lambda letter: (-second[letter], letter))
    rank = {letter: number for number, letter in enumerate(letters)}
    followers: dict[str, list[int]] = {letter: [] for letter in letters}
    for pair in pairs:
        followers[pair[0]].append(rank[pair[1]])
    han = [(first + letters[number]).strip() for first in letters for number in sorted(followers[first])]
    names = sorted(pages_of.keys() - set(han))
    return {
        "pages": documents,
        "letters": "".join(letters),
        "han": ",".join(_steps(sorted(followers[letter])) for letter in letters),
        "names": " ".join(names),
        "found": ",".join(_steps(pages_of[term]) for term in han + names),
    }


def _steps(numbers: list[int]) -> str:
    return "".join(chr(ord("0") + number - before) for before, number in zip([0, *numbers], numbers))


class IndexFile:
    """The format in which Sphinx's builder loads and dumps its index: ours, made from the passages on disk."""

    def __init__(self, app: Sphinx) -> None:
        self.app = app

    def load(self, file: IO[str]) -> dict[str, Any]:
        # Nothing to take from the last build: pages that are not written again have their passages on disk.
        empty = {key: [] for key in ("docnames", "filenames", "titles")} | {key: {} for key in ("alltitles", "terms", "titleterms")}
        return {"envversion": self.app.env.version, **empty}

    def dump(self, data: dict[str, Any], file: IO[str]) -> None:
        outdir, docnames = Path(self.app.outdir), sorted(self.app.env.all_docs)

        def make(path: Path) -> None:
            pages = {docname: read_passages(outdir, docname) for docname in docnames}
            path.write_text(f"Search.setIndex({compact(index(pages))})\n", encoding="utf-8")

        file.write(made(self.app, make, *(passages_file(outdir, name).read_bytes() for name in docnames)).read_text(encoding="utf-8"))


class SearchBox(SphinxDirective):
    """``{search-box}``: a search field of the page's own. Without JavaScript it leads to the page of the search."""

    field = """\
<form class="bd-search d2l-search-box" action="{action}" method="get">
<input class="form-control" type="search" name="q" placeholder="{text}" aria-label="{text}" autocomplete="off" spellcheck="false">
<button type="submit">搜索</button>
</form>"""

    def run(self) -> list[nodes.Node]:
        action = self.env.app.builder.get_relative_uri(self.env.docname, "search")
        text = self.config.html_theme_options["search_bar_text"]
        return [nodes.container("", nodes.raw("", self.field.format(action=action, text=escape(text)), format="html"))]


def use_own_index(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    app.builder.indexer_format = IndexFile(app)
    index_page = app.builder.index_page
    # Sphinx would look at every word of every page, for an index that is not used.
    app.builder.index_page = lambda pagename, doctree, title: index_page(pagename, new_document(""), title)


def setup(app: Sphinx) -> None:
    app.add_search_language(Bigrams)
    app.add_directive("search-box", SearchBox)
    app.config.templates_path.append(str(Path(__file__).with_name("templates")))
    app.connect("builder-inited", use_own_index)
    app.connect("doctree-resolved", write_passages)
