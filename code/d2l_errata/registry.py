"""The registry of errata: one YAML list for each chapter of the book, validated against ``erratum.schema.json``."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import yaml

FOLDER = Path(__file__).parent / "errata"


class RegistryError(ValueError):
    """The registry is not valid; the message has a line for each problem: file, entry, what was expected and seen."""


class UnknownErratum(LookupError):
    """No erratum has this id."""


@dataclass(frozen=True)
class Section:
    """A section of the book (or the opening of a chapter), as in the Chinese second edition."""

    number: str
    title: str
    slug: str
    url: str
    exercises: int


@dataclass(frozen=True)
class Edition:
    """The snapshot of one edition of the book that the registry was made against."""

    title: str
    repository: str
    commit: str


@dataclass(frozen=True)
class Anchor:
    """Where an erratum stands in the sources of an edition, what should stand there, and what later commits say there."""

    file: str
    find: str
    replace: str
    later: tuple[str, ...] = ()


@dataclass(frozen=True)
class Erratum:
    """One correction of the book. The fields are those of ``erratum.schema.json``."""

    id: str
    added: str
    section: str
    where: str
    title: str
    kind: str
    severity: str
    book: str
    fixed: str
    evidence: str
    editions: dict[str, Anchor]
    origin: str | None = None
    origin_edition: str = "zh"
    upstream: tuple[str, ...] = ()
    since: dict[str, str] = field(default_factory=dict)
    message: tuple[str, ...] = ()

    @property
    def chapter(self) -> str:
        """Number of the chapter."""
        return self.section.split(".")[0]

    def as_dict(self) -> dict[str, Any]:
        """The entry as it would stand in the registry, empty optional keys left out."""
        entry = {key: value for key, value in asdict(self).items() if value not in (None, (), {})}
        if self.origin is None:
            del entry["origin_edition"]
        for key in {"upstream", "message"} & entry.keys():
            entry[key] = list(entry[key])
        for anchor in entry["editions"].values():
            anchor["later"] = list(anchor["later"])
            if not anchor["later"]:
                del anchor["later"]
        return entry


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """A safe loader (libyaml's where there is one: seven times as fast) that refuses a key given twice, as PyYAML does not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# A date stays the text it is, as in JSON.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.SafeLoader.construct_yaml_str)


@cache
def sections() -> dict[str, Section]:
    """The book's sections by number, in the book's order."""
    entries = json.loads((FOLDER / "sections.json").read_text(encoding="utf-8"))
    return {entry["number"]: Section(**entry) for entry in entries}


@cache
def editions() -> dict[str, Edition]:
    """The snapshots of the book the registry refers to, by edition (``zh``, ``en``)."""
    entries = yaml.safe_load((FOLDER / "editions.yaml").read_text(encoding="utf-8"))
    return {key: Edition(**entry) for key, entry in entries.items()}


@cache
def schema() -> dict[str, Any]:
    """JSON schema of one entry."""
    return json.loads((FOLDER / "erratum.schema.json").read_text(encoding="utf-8"))


@cache
def _validate():
    return fastjsonschema.compile(schema())


def load(folder: Path = FOLDER) -> dict[str, Erratum]:
    """Read and validate every ``ch*.yaml`` of a folder.

    Args:
        folder: where the YAML files are.

    Returns:
        The errata by id, in the order of the files and of the entries in them.

    Raises:
        RegistryError: one line for each problem found in any of the files.
    """
    found: dict[str, Erratum] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("ch*.yaml")):
        try:
            entries = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            problems.append(f"{path.name}: not readable as YAML: {error}")
            continue
        if not isinstance(entries, list):
            problems.append(f"{path.name}: expected a list of errata, saw {type(entries).__name__}")
            continue
        for number, entry in enumerate(entries, start=1):
            name = entry.get("id") if isinstance(entry, dict) else None
            place = f"{path.name}, entry {number}" + (f" ({name})" if name else "")
            faults = list(_faults(entry, path.stem))
            if name in found:
                faults.append("id is used twice; ids are unique over all files")
            problems += [f"{place}: {fault}" for fault in faults]
            if not faults:
                found[name] = _erratum(entry)
    if problems:
        raise RegistryError("\n".join(problems))
    return found


def _faults(entry: Any, stem: str) -> Iterator[str]:
    """What is wrong with one entry of the file ``stem``.yaml: the schema first, then what a schema cannot say."""
    try:
        _validate()(entry)
    except fastjsonschema.JsonSchemaValueException as error:
        expected = error.message.replace("data.", "", 1).replace("data ", "the entry ", 1)
        yield f"{expected}; saw {_short(error.value)}"
        return
    if entry["section"] not in sections():
        yield f"section must be a section of the book (2.1, 11.6, …); saw {entry['section']!r}"
    elif stem != f"ch{int(entry['section'].split('.')[0]):02}":
        yield f"section {entry['section']} belongs in ch{int(entry['section'].split('.')[0]):02}.yaml"
    try:
        date.fromisoformat(entry["added"])
    except ValueError as error:
        yield f"added must be a day of the calendar ({error}); saw {entry['added']!r}"
    kind, evidence = entry["kind"], entry["evidence"]
    if kind in {"math", "code", "number", "drift"} and evidence == "source":
        yield f"kind {kind} must have evidence executed (or proved); saw 'source'"
    if (evidence == "source") != ("origin" in entry):
        yield "evidence source needs origin, the words of the English text that decide it; other evidence has none"
    if "origin_edition" in entry and "origin" not in entry:
        yield "origin_edition says where origin stands, but there is no origin"
    for key in ("since", "message"):
        if key in entry and kind != "drift":
            yield f"{key} is for kind drift only; saw kind {kind!r}"
    for edition, anchor in entry["editions"].items():
        if anchor["find"] == anchor["replace"]:
            yield f"editions.{edition}: replace must differ from find"
        if {anchor["find"], anchor["replace"]} & set(anchor.get("later", ())):
            yield f"editions.{edition}: later is for wordings that are neither find nor replace"


def _short(value: Any) -> str:
    """A value for an error message, never longer than a line."""
    text = repr(sorted(value) if isinstance(value, dict) else value)
    return text if len(text) <= 100 else text[:99] + "…"


def _erratum(entry: dict[str, Any]) -> Erratum:
    message = entry.get("message", ())
    return Erratum(
        **{
            **entry,
            "editions": {key: Anchor(**{**anchor, "later": tuple(anchor.get("later", ()))}) for key, anchor in entry["editions"].items()},
            "upstream": tuple(entry.get("upstream", ())),
            "message": (message,) if isinstance(message, str) else tuple(message),
        }
    )


@cache
def _registry() -> dict[str, Erratum]:
    return load()


def errata() -> tuple[Erratum, ...]:
    """All errata of the registry.

    Raises:
        RegistryError: the registry is not valid.
    """
    return tuple(_registry().values())


def erratum(id: str) -> Erratum:
    """The erratum with this id.

    Raises:
        UnknownErratum: there is none; the message names the ids that come close.
        RegistryError: the registry is not valid.
    """
    try:
        return _registry()[id]
    except KeyError:
        close = difflib.get_close_matches(id, _registry(), n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise UnknownErratum(f"no erratum has the id {id!r}{hint}") from None
