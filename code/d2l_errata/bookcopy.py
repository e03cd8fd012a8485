"""Reading copies of the book: checkouts of its repositories, and the folders of notebooks that are made from them.

The registry quotes the Markdown sources. How a file of a copy writes the same text differs: a checkout on Windows ends
its lines in CRLF; a notebook has no code tabs and writes text as JSON strings, one for each line. So a :class:`Document`
is the text of a file as it is, byte for byte, and :class:`Region`\\ s of it that know how text is written there. Searching
is searching for what the region would write, and so is replacing: whatever lies outside a replacement stays as it was,
and replacing back gives the same bytes again.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from .registry import editions, sections

SUFFIXES = {"markdown": ".md", "notebooks": ".ipynb"}
#: The archive of notebooks on the book's site has a folder for each framework; the registry is about this one.
FOLDERS = ("", "pytorch/")
#: The commonest word of each edition's language, and how to find it (JSON may escape it).
WORDS = {"zh": ("的", re.compile(r"的|\\u7684")), "en": ("the", re.compile(r"\bthe\b"))}


class NotTheBook(ValueError):
    """The folder is no copy of the book; the message says what was looked for."""


class Unreadable(ValueError):
    """A file of the copy is there and cannot be read; the message names the file and says why."""


class Region(NamedTuple):
    """A part of a file in which text is written in one way.

    Attributes:
        start: where it begins in the text of the file.
        end: where it ends.
        write: how text of the Markdown source is written there; empty where nothing of it is left.
    """

    start: int
    end: int
    write: Callable[[str], str]


class Span(NamedTuple):
    """Where a text stands in a file."""

    start: int
    end: int
    write: Callable[[str], str]


@dataclass(frozen=True)
class Document:
    """A file of a copy.

    Attributes:
        name: its path from the root of the copy, with slashes.
        path: where it is, links resolved.
        text: all of it: a byte order mark, line endings and JSON escapes are as in the file.
    """

    name: str
    path: Path
    text: str

    @property
    def is_notebook(self) -> bool:
        """Whether its text is JSON."""
        return self.name.endswith(SUFFIXES["notebooks"])

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Where text of the Markdown source can stand, in order: a notebook has one for each cell.

        Raises:
            Unreadable: it should be a notebook, and is none.
        """
        try:
            return tuple(_cells(self.text) if self.is_notebook else _lines(self.text))
        except ValueError as error:
            raise Unreadable(f"{self.name}: not a notebook: {error}") from error

    def find(self, text: str) -> tuple[Span, ...]:
        """Every place where a text of the Markdown source stands, overlapping ones too."""
        written = {write: write(text) for write in {region.write for region in self.regions}}
        return tuple(span for region in self.regions if written[region.write] for span in self._find(written[region.write], region))

    def _find(self, written: str, region: Region) -> Iterator[Span]:
        start = self.text.find(written, region.start, region.end)
        while start >= 0:
            # `nabla` does not stand in the JSON string "\nabla", nor `4e2d` in "\u4e2d".
            if not self.is_notebook or _UNBROKEN.fullmatch(self.text, region.start, start):
                yield Span(start, start + len(written), region.write)
            start = self.text.find(written, start + 1, region.end)

    def place(self, span: Span) -> str:
        """Where a span is, for people: file and line, or notebook and cell."""
        if self.is_notebook:
            return f"{self.name}, cell {sum(region.start <= span.start for region in self.regions)}"
        return f"{self.name}:{self.text.count(chr(10), 0, span.start) + 1}"


def _lines(text: str) -> Iterator[Region]:
    """The regions of a Markdown file: lines that follow each other and end in the same way."""
    if "\r\n" not in text:
        yield Region(0, len(text), _line_feeds)
        return
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    if not lines[-1].endswith("\n"):
        lines[-2:] = ["".join(lines[-2:])]  # It goes with the line before it.
    start = 0
    for ending, group in groupby(lines, lambda line: "\r\n" in line):
        end = start + sum(map(len, group))
        yield Region(start, end, _carriage_returns if ending else _line_feeds)
        start = end


def _line_feeds(text: str) -> str:
    return text


def _carriage_returns(text: str) -> str:
    return text.replace("\n", "\r\n")


_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[^u])")
_UNBROKEN = re.compile(rf"(?:[^\\]|{_ESCAPE.pattern})*")
_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def _cells(text: str) -> Iterator[Region]:
    """The regions of a notebook: the source of each of its cells, as it stands in the JSON text."""
    opening = _SPACE.match(text, int(text.startswith("\ufeff"))).end()
    notebook = json.loads(text[opening:])
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError("expected a JSON object with a list of cells (nbformat 4)")
    cells = [start for key, start, _ in _members(text, opening) if key == "cells"][-1]  # as json reads a key given twice
    # The quotes or the brackets around a source stay outside.
    sources = [
        (text[start] == "[", start + 1, end - 1)
        for _, cell, _ in _members(text, cells)
        if text[cell] == "{"
        for key, start, end in _members(text, cell)
        if key == "source" and text[start] in '["'
    ]
    escape = _escape("".join(text[start:end] for _, start, end in sources))
    separator = _separator([text[start:end] for is_list, start, end in sources if is_list])

    @cache
    def string(source: str) -> str:
        return escape(_without_tabs(source))

    @cache
    def strings(source: str) -> str:
        # Split where nbformat splits: after each line feed. An escaped backslash followed by an n is no line feed.
        return _ESCAPE.sub(lambda match: match[0] + f'"{separator}"' * (match[0] == r"\n"), string(source))

    for is_list, start, end in sources:
        yield Region(start, end, strings if is_list else string)


def _members(text: str, opening: int) -> Iterator[tuple[str | None, int, int]]:
    """Key (``None`` in an array), start and end of each member of the valid JSON object or array that opens there."""
    position = _SPACE.match(text, opening + 1).end()
    while text[position] not in "]}":
        key = None
        if text[opening] == "{":
            key, colon = _decode(text, position)
            position = _SPACE.match(text, _SPACE.match(text, colon).end() + 1).end()
        _, end = _decode(text, position)
        yield key, position, end
        position = _SPACE.match(text, end).end()
        if text[position] == ",":
            position = _SPACE.match(text, position + 1).end()


def _escape(sources: str) -> Callable[[str], str]:
    """How the program that wrote the sources of a notebook escapes text in JSON: Jupyter hardly, others all but ASCII."""
    escaped = {chr(int(code, 16)) for code in _ESCAPE.findall(sources) if code}
    ascii_only = sources.isascii() and any(character > "\x7f" for character in escaped)
    # Colab's, for HTML's sake.
    html = str.maketrans({character: f"\\u{ord(character):04x}" for character in escaped & set("<>&'=")})
    return lambda text: json.dumps(text, ensure_ascii=ascii_only)[1:-1].translate(html)


def _separator(sources: list[str]) -> str:
    """What stands between the strings of a source, from an array that has several, or else from how an array begins."""
    between = (re.search(r'\\n"(\s*,\s*)"', source) for source in sources)
    before = (re.match(r'\s*(?=")', source) for source in sources)
    return next((match[1] for match in between if match), None) or "," + next((match[0] for match in before if match), "")


_MARK = r"(?::(?:begin|end)_tab:|#\s*@tab\b|%%tab\b|```)[^\n]*"


def _without_tabs(text: str) -> str:
    """What d2lbook leaves of a text in the notebook for one framework: the marks of tabs go, and the fences around cells.

    Only at the ends: with text on both sides they bound a cell, and there is no such text in any one cell of the notebook.
    """
    return re.sub(rf"\A(?:{_MARK}(?:\n+|\Z))+|(?:(?:\A|\n+){_MARK})+\n*\Z", "", text)


@dataclass(frozen=True)
class Copy:
    """A copy of the book.

    Attributes:
        root: the folder, links resolved; no file outside it is read or written.
        folder: where in it the chapters are: nowhere deeper, or in ``pytorch/``.
        edition: ``zh`` or ``en``.
        format: ``markdown`` or ``notebooks``.
        commit: what is checked out, where the folder is a Git work tree.
    """

    root: Path
    folder: str
    edition: str
    format: str
    commit: str | None

    def read(self, file: str) -> Document | None:
        """The document that holds a file of the book's repository, or ``None`` where the copy has none.

        Raises:
            Unreadable: it leads out of the copy, is not encoded in UTF-8, or is no notebook where it should be one.
        """
        if self.format == "notebooks":
            file = re.sub(r"\.md$", SUFFIXES["notebooks"], file)
        name = self.folder + file
        path = _inside(self.root, name)
        content = _read(path, name)
        # d2lbook leaves an empty file where a section has nothing for a framework.
        if content is None or (not content and path.suffix == SUFFIXES["notebooks"]):
            return None
        try:
            document = Document(name, path, content.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise Unreadable(f"{name}: not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}") from error
        document.regions  # noqa: B018 (what is no notebook is refused here, not by whoever searches it first)
        return document


def _inside(root: Path, name: str) -> Path:
    """The file of this name with links resolved; one outside the root is refused."""
    try:
        path = (root / name).resolve()
    except (OSError, RuntimeError) as error:  # A loop of links is a RuntimeError before Python 3.13.
        raise Unreadable(f"{name}: {error}") from error
    if not path.is_relative_to(root):
        raise Unreadable(f"{name}: a link out of {root}, to {path}")
    return path


def _read(path: Path, name: str) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror}") from error


def open_copy(path: Path, edition: str | None = None) -> Copy:
    """Recognise a copy of the book by what is in it.

    Args:
        path: a checkout of the book's repository, or a folder of its notebooks.
        edition: ``zh`` or ``en``, where the text is not to be asked.

    Raises:
        NotTheBook: it has none of the book's sections, or their text is in neither language.
    """
    root = path.resolve()
    kinds = {
        (folder, format): [name for section in sections().values() if (root / (name := folder + section.slug + suffix)).is_file()]
        for folder in FOLDERS
        for format, suffix in SUFFIXES.items()
    }
    (folder, format), names = max(kinds.items(), key=lambda kind: len(kind[1]))
    if not names:
        slugs = [section.slug for section in sections().values()]
        repositories = " or ".join(edition.repository for edition in editions().values())
        raise NotTheBook(
            f"{path} is not a copy of the book: expected a checkout of {repositories}, or the folder of notebooks that the book's "
            f"site offers; looked for {slugs[1]}.md, {slugs[1]}.ipynb and the other {len(slugs) - 1} sections, there and in pytorch/"
        )
    return Copy(root, folder, edition or _edition(root, names), format, _commit(root))


def _edition(root: Path, names: list[str]) -> str:
    """The edition whose language these files are in."""
    text = ""
    for name in names[:8]:
        try:
            text += (_read(_inside(root, name), name) or b"").decode("utf-8", "replace")
        except Unreadable:  # Whoever needs the file will say so.
            continue
    counts = {edition: len(pattern.findall(text)) for edition, (_, pattern) in WORDS.items()}
    edition = max(counts, key=counts.get)
    if counts[edition] <= 3 * min(counts.values()):
        seen = " and ".join(f"{WORDS[key][0]!r} {count} times" for key, count in counts.items())
        raise NotTheBook(f"{root}: neither clearly Chinese nor clearly English: {', '.join(names[:8])} have {seen}; name the edition")
    return edition


def _commit(root: Path) -> str | None:
    """What is checked out in a Git work tree; a repository further up is not the book's."""
    git = root / ".git"
    if not git.exists():
        return None
    try:
        result = subprocess.run(["git", "--git-dir", str(git), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:  # Git is not installed.
        return None
    return result.stdout.strip() if result.returncode == 0 else None
