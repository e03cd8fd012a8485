"""Which errata still stand in a copy of the book: computed from its text, never typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .bookcopy import Copy, Document, Span, Unreadable
from .registry import Anchor, Erratum, editions

#: standing: the book's text is there; fixed: ours, or a later wording of the edition that the registry records;
#: moved: neither, someone must look; absent: the copy does not have the file.
STATES = ("standing", "fixed", "moved", "absent")


@dataclass(frozen=True)
class Reading:
    """Where the two texts of an erratum stand in a document.

    Attributes:
        find: where the book's text stands.
        replace: where ours stands.
        later: whether a later wording of the edition stands somewhere.
    """

    find: tuple[Span, ...]
    replace: tuple[Span, ...]
    later: bool = False

    @property
    def state(self) -> str:
        """``standing``, ``fixed`` or ``moved``."""
        return "standing" if self.find else "fixed" if self.replace or self.later else "moved"


def read(document: Document, anchors: Mapping[str, Anchor]) -> dict[str, Reading]:
    """Where the texts of errata stand in a document.

    Texts contain each other, of one erratum (a correction that adds a sentence keeps what was there) and of several.
    So a text does not count inside a longer one of the opposite kind (the book's inside a correction, a correction's
    inside the book's); and inside one of its own kind it counts only where it is nowhere else.

    Args:
        document: a file of a copy.
        anchors: all anchors in this file, by erratum.
    """
    found = {}
    for id, anchor in anchors.items():
        # What differs only in the marks of tabs cannot be told apart in a notebook.
        find, replace = document.find(anchor.find), document.find(anchor.replace)
        found[id] = (find, replace) if find != replace else ((), ())
    every = [(span, kind, id) for id, pair in found.items() for kind, spans in enumerate(pair) for span in spans]

    def inside(span: Span) -> list[tuple[Span, int, str]]:
        return [other for other in every if other[0].start <= span.start and span.end <= other[0].end]

    readings = {}
    for id, pair in found.items():
        own, nested = ([], []), ([], [])
        for kind, spans in enumerate(pair):
            for span in spans:
                around = inside(span)
                if any(other_kind != kind and other[:2] != span[:2] for other, other_kind, _ in around):
                    continue
                (nested if any(other_id != id for _, _, other_id in around) else own)[kind].append(span)
        find, replace = own if any(own) else nested
        later = any(document.find(wording) for wording in anchors[id].later)
        readings[id] = Reading(tuple(find), tuple(replace), later)
    return readings


def by_file(errata: Iterable[Erratum], edition: str) -> dict[str, dict[str, Anchor]]:
    """The anchors in an edition: by file, and in a file by erratum."""
    files: dict[str, dict[str, Anchor]] = {}
    for entry in errata:
        if edition in entry.editions:
            files.setdefault(entry.editions[edition].file, {})[entry.id] = entry.editions[edition]
    return files


@dataclass(frozen=True)
class Row:
    """The state of one erratum in a copy.

    Attributes:
        erratum: the entry of the registry.
        state: one of :data:`STATES`.
        where: file and line (or cell), or the file only where neither text is there.
        note: what else is to be said; empty mostly.
    """

    erratum: Erratum
    state: str
    where: str
    note: str = ""


@dataclass(frozen=True)
class Audit:
    """The state of every erratum that concerns the edition of a copy.

    Attributes:
        copy: the copy.
        rows: in the registry's order.
        others: ids of the errata that have no anchor in this edition: it is right there, or does not have the passage.
    """

    copy: Copy
    rows: tuple[Row, ...]
    others: tuple[str, ...]

    def count(self, *keys: str) -> dict[tuple[str, ...], dict[str, int]]:
        """Number of errata in each state, by fields of the errata (``chapter``, ``kind``); all of them without fields."""
        groups: dict[tuple[str, ...], Counter] = {}
        for row in self.rows:
            groups.setdefault(tuple(getattr(row.erratum, key) for key in keys), Counter())[row.state] += 1
        return {group: {state: groups[group][state] for state in STATES} for group in sorted(groups, key=_order)}

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        snapshot = editions()[self.copy.edition]
        return {
            "path": str(self.copy.root),
            "edition": self.copy.edition,
            "format": self.copy.format,
            "commit": self.copy.commit,
            "registry": {"repository": snapshot.repository, "commit": snapshot.commit},
            "states": self.count().get((), dict.fromkeys(STATES, 0)),
            "summary": [{"chapter": chapter, "kind": kind, **states} for (chapter, kind), states in self.count("chapter", "kind").items()],
            "errata": [
                {
                    "id": row.erratum.id,
                    "section": row.erratum.section,
                    "kind": row.erratum.kind,
                    "severity": row.erratum.severity,
                    "state": row.state,
                    "where": row.where,
                    "note": row.note,
                }
                for row in self.rows
            ],
            "not_in_edition": list(self.others),
        }


def _order(group: tuple[str, ...]) -> list[tuple[bool, int, str]]:
    """Chapters in the book's order, 2 before 11."""
    return [(not key.isdigit(), int(key) if key.isdigit() else 0, key) for key in group]


def audit(copy: Copy, errata: Iterable[Erratum]) -> Audit:
    """See in what state the errata are in a copy. A file that cannot be read is no error: its errata are *moved*."""
    errata = tuple(errata)
    rows: dict[str, Row] = {}
    entries = {entry.id: entry for entry in errata}
    for file, anchors in by_file(errata, copy.edition).items():
        try:
            document = copy.read(file)
            readings = read(document, anchors) if document else {}
        except Unreadable as error:
            rows |= {id: Row(entries[id], "moved", file, str(error)) for id in anchors}
            continue
        for id in anchors:
            rows[id] = _row(entries[id], document, readings[id]) if document else Row(entries[id], "absent", file)
    return Audit(
        copy,
        tuple(rows[entry.id] for entry in errata if entry.id in rows),
        tuple(entry.id for entry in errata if entry.id not in rows),
    )


def _row(entry: Erratum, document: Document, reading: Reading) -> Row:
    spans = reading.find or reading.replace
    where = document.place(spans[0]) if spans else document.name
    return Row(entry, reading.state, where, f"stands {len(spans)} times" if len(spans) > 1 else "")
