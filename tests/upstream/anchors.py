"""Check the registry against the book's real files, and record that it was checked.

`find` must occur exactly once in its file, and `origin` at least once in the English text, at the commits named in
``editions.yaml``; and all corrections together must be such that they can be written, recognised, and taken out again.
What was found goes into ``anchors.json``: the line, and a digest of the texts that were checked, so that the unit tests
notice, without the book at hand, an entry that has changed since.

    anchors.py --zh CHECKOUT --en CHECKOUT           write anchors.json
    anchors.py --zh CHECKOUT --en CHECKOUT --check   only compare with it
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from d2l_errata.bookcopy import Document
from d2l_errata.patch import PatchError, plan
from d2l_errata.registry import FOLDER, Erratum, editions, errata

RECORD = FOLDER / "anchors.json"


def digest(entry: Erratum, edition: str) -> str:
    """Digest of what an entry says about the text of one edition, the formulas shown on its card included."""
    anchor = entry.editions[edition]
    commits = [editions()[key].commit for key in sorted(editions())]
    said = [entry.book, entry.fixed, anchor.file, anchor.find, anchor.replace, entry.origin, entry.origin_edition]
    return hashlib.sha256(json.dumps([commits, said]).encode()).hexdigest()[:16]


def read(checkout: Path, edition: str, file: str) -> str | None:
    """A file of the book at the recorded commit, or ``None`` where that has no such file."""
    command = ["git", "-C", str(checkout), "show", f"{editions()[edition].commit}:{file}"]
    result = subprocess.run(command, capture_output=True, check=False)
    return result.stdout.decode("utf-8") if result.returncode == 0 else None


@dataclass(frozen=True)
class Snapshot:
    """The book at the recorded commit, to be read as a copy of the book is."""

    checkout: Path
    edition: str

    def read(self, file: str) -> Document | None:
        text = read(self.checkout, self.edition, file)
        return None if text is None else Document(file, Path(file), text)


def origin_file(entry: Erratum) -> tuple[str, str]:
    """Edition and file in which ``origin`` must stand."""
    if entry.origin_edition == "en":
        return "en", entry.editions["zh"].file
    return "zh", entry.editions["zh"].file.replace(".md", "_origin.md")


def look(checkouts: dict[str, Path]) -> tuple[dict, list[str]]:
    """What stands where, and every anchor that does not."""
    record: dict[str, dict] = {}
    problems = []
    for entry in errata():
        for edition, anchor in entry.editions.items():
            text = read(checkouts[edition], edition, anchor.file)
            count = text.count(anchor.find) if text is not None else 0
            if count != 1:
                seen = "the file does not exist" if text is None else f"it occurs {count} times"
                problems.append(f"{entry.id}: find must occur exactly once in {edition}:{anchor.file}; {seen}")
                continue
            line = text[: text.index(anchor.find)].count("\n") + 1
            record.setdefault(entry.id, {})[edition] = {"line": line, "digest": digest(entry, edition)}
        if entry.origin:
            edition, file = origin_file(entry)
            # A quotation may run over a line break of the source.
            text = " ".join((read(checkouts[edition], edition, file) or "").split())
            if " ".join(entry.origin.split()) not in text:
                problems.append(f"{entry.id}: origin does not occur in {edition}:{file}")
    for edition, checkout in checkouts.items():
        try:
            plan(Snapshot(checkout, edition), errata())
        except PatchError as error:
            problems += [f"{edition}: {problem}" for problem in str(error).splitlines()]
    return record, problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for edition in ("zh", "en"):
        parser.add_argument(f"--{edition}", type=Path, required=True, help=f"checkout of {editions()[edition].repository}")
    parser.add_argument("--check", action="store_true", help="compare with the record instead of writing it")
    arguments = parser.parse_args()
    checkouts = {"zh": arguments.zh, "en": arguments.en}
    for edition, checkout in checkouts.items():
        command = ["git", "-C", str(checkout), "cat-file", "-e", editions()[edition].commit]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            name = editions()[edition]
            parser.error(f"--{edition} {checkout} must be a checkout of {name.repository} that has the commit {name.commit}")
    record, problems = look(checkouts)
    if arguments.check and not problems and record != json.loads(RECORD.read_text(encoding="utf-8")):
        problems.append(f"{RECORD.name} is not what the book's files give: run `make anchors`")
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    if not arguments.check:
        RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(record)} errata, {sum(map(len, record.values()))} anchors: each stands exactly once in the book's files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
