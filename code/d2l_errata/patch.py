"""Write the registry's corrections into a copy of the book, or take them out again: all of them, or nothing."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from .audit import by_file, read
from .bookcopy import Copy, Document, Span, Unreadable
from .registry import Anchor, Erratum


class PatchError(ValueError):
    """The copy cannot be changed as asked, and was not changed; the message has a line for each problem."""


@dataclass(frozen=True)
class Change:
    """What becomes of one file."""

    document: Document
    text: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What is to be done to a copy.

    Attributes:
        changes: the files to be replaced.
        already: errata for which nothing is to be done.
        moved: errata of which neither text is there: left as they are.
        absent: errata whose file the copy does not have.
    """

    changes: tuple[Change, ...]
    already: tuple[str, ...]
    moved: tuple[str, ...]
    absent: tuple[str, ...]


def plan(copy: Copy, errata: Iterable[Erratum], *, ids: Collection[str] = (), kinds: Collection[str] = (), reverse: bool = False) -> Plan:
    """Work out what to write, without writing anything.

    Args:
        copy: the copy.
        errata: the whole registry: also what is not to be written tells texts apart.
        ids: only these errata; each must be there to be written.
        kinds: only errata of these kinds.
        reverse: put the book's text back where ours stands.

    Raises:
        PatchError: a file cannot be read, an erratum's text stands there several times, two of them overlap, an erratum
            that was asked for by id has moved or is absent, or what would be written could not be undone.
    """
    errata = tuple(errata)
    chosen = {entry.id for entry in errata if (not ids or entry.id in ids) and (not kinds or entry.kind in kinds)}
    files = {file: anchors for file, anchors in by_file(errata, copy.edition).items() if chosen & anchors.keys()}
    states = {id: "absent" for anchors in files.values() for id in anchors if id in chosen}
    changes: list[Change] = []
    problems: list[str] = []
    for file, anchors in files.items():
        try:
            document = copy.read(file)
            if document is None:
                continue
            text, seen, faults = _edit(document, anchors, chosen, reverse)
            if not faults and text != document.text:
                faults = _lasting(document, text, anchors, chosen, reverse)
        except Unreadable as error:
            seen, faults = dict.fromkeys(chosen & anchors.keys(), "unreadable"), [str(error)]
        else:
            if text != document.text:
                changes.append(Change(document, text, tuple(id for id, state in seen.items() if state == "edited")))
        states |= seen
        problems += faults
    for id in sorted(chosen.intersection(ids)):
        if id not in states:
            problems.append(f"{id}: not about this edition ({copy.edition})")
        elif states[id] == "absent":
            problems.append(f"{id}: the copy does not have its file")
        elif states[id] == "moved":
            problems.append(f"{id}: neither the book's text nor ours is there")
    if problems:
        raise PatchError("\n".join(problems))
    groups = {state: tuple(id for id in states if states[id] == state) for state in ("already", "moved", "absent")}
    return Plan(tuple(changes), **groups)


def _edit(
    document: Document, anchors: Mapping[str, Anchor], chosen: Collection[str], reverse: bool
) -> tuple[str, dict[str, str], list[str]]:
    """The text of a document with the chosen errata written; the state of each (edited, already or moved); what is wrong."""
    edits: list[tuple[Span, str, str]] = []
    states: dict[str, str] = {}
    problems: list[str] = []
    for id, reading in read(document, anchors).items():
        if id not in chosen:
            continue
        state, (old, new) = reading.state, (anchors[id].find, anchors[id].replace)
        spans = reading.find
        if reverse:
            spans, old, new = reading.replace, new, old
        if state != ("fixed" if reverse else "standing") or not spans:
            states[id] = "moved" if state == "moved" else "already"
        elif len(spans) > 1:
            problems.append(f"{id}: stands {len(spans)} times in {document.name}: {_short(old)}")
        else:
            states[id] = "edited"
            edits.append((spans[0], new, id))
    edits.sort()
    for (one, _, a), (other, _, b) in pairwise(edits):
        if other.start < one.end:
            problems.append(f"{a} and {b} overlap in {document.name}: leave one of them out")
    pieces, position = [], 0
    for span, new, _ in edits:
        pieces += [document.text[position : span.start], span.write(new)]
        position = span.end
    return "".join([*pieces, document.text[position:]]), states, problems


def _lasting(document: Document, text: str, anchors: Mapping[str, Anchor], chosen: Collection[str], reverse: bool) -> list[str]:
    """What keeps an edit from being undone to the byte, or from being recognised when the same is asked for again."""
    edited = dataclasses.replace(document, text=text)
    before, _, known = _edit(document, anchors, chosen, not reverse)
    after, states, problems = _edit(edited, anchors, chosen, not reverse)
    again, _, more = _edit(edited, anchors, chosen, reverse)
    if problems := [problem for problem in problems if problem not in known] + more:
        return [f"not to be undone or repeated: afterwards, {problem}" for problem in problems]
    if after != before or again != text:
        others = ", ".join(id for id, state in states.items() if state != "edited")
        why = others or "its line endings or its JSON are uneven"
        return [f"{document.name}: not to be undone to the byte, or not to be done only once ({why})"]
    return []


def _short(text: str) -> str:
    text = repr(text)
    return text if len(text) <= 60 else text[:59] + "…"


def diff(changes: Iterable[Change]) -> bytes:
    """A unified diff of the changes, as ``git apply`` takes it in the root of the copy."""
    lines: list[str] = []
    for change in changes:
        name = change.document.name
        lines.append(f"diff --git a/{name} b/{name}\n")
        hunks = difflib.unified_diff(_split(change.document.text), _split(change.text), f"a/{name}", f"b/{name}")
        lines += [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in hunks]
    return "".join(lines).encode("utf-8")


def _split(text: str) -> list[str]:
    """Lines as Git sees them: only a line feed ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def write(changes: Iterable[Change]) -> None:
    """Replace the files, each in one step.

    Raises:
        PatchError: a file is not what it was when it was read, or cannot be replaced; every file is as it was before, unless
            the message says of one that it could not be put back.
    """
    staged: list[tuple[Change, Path]] = []
    problems: list[str] = []
    try:
        for change in changes:
            try:
                _unchanged(change.document)
                staged.append((change, _stage(change.document.path, change.text)))
            except OSError as error:
                problems.append(f"{change.document.name}: {error.strerror or error}")
        if problems:
            raise PatchError("\n".join(problems))
        replaced: list[Change] = []
        try:
            for change, temporary in staged:
                temporary.replace(change.document.path)
                replaced.append(change)
        except BaseException as error:  # Ctrl-C too must not leave half of it.
            problems = _restore(replaced)
            if not problems and not isinstance(error, OSError):
                raise
            reason = getattr(error, "strerror", None) or repr(error)
            raise PatchError("\n".join([f"{change.document.name}: {reason}", *problems])) from error
    finally:
        for _, temporary in staged:
            temporary.unlink(missing_ok=True)


def _unchanged(document: Document) -> None:
    """Refuse a file that is not there any more, is another than was read, or that nobody may write."""
    if document.path.read_bytes() != document.text.encode("utf-8"):
        raise OSError("changed while it was being worked on")
    # Replacing a file needs no permission to write it, so a read-only file would be no hindrance.
    if not document.path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise OSError("read-only")


def _stage(path: Path, text: str) -> Path:
    """Write a text beside the file that it is to replace, with that file's permissions."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
        shutil.copymode(path, temporary)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def _restore(replaced: Iterable[Change]) -> list[str]:
    """Put files back as they were read; what cannot be put back is a problem that must not go unsaid."""
    problems = []
    for change in replaced:
        try:
            temporary = _stage(change.document.path, change.document.text)
            try:
                temporary.replace(change.document.path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            problems.append(f"{change.document.name}: replaced, and could not be put back: {error.strerror or error}")
    return problems
