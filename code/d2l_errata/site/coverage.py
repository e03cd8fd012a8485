"""What the site has for each section of the book, counted from the pages once all of them are read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from ..registry import Section, errata, sections

DONE, UNDER_WAY, NONE = "完成", "进行中", "尚无"


@dataclass(frozen=True)
class Coverage:
    """What there is for one section of the book."""

    section: Section
    page: bool
    """Whether the site has its page."""
    errata: tuple[str, ...]
    """Ids of its errata in the registry."""
    cards: frozenset[str]
    """Ids of the errata that its page shows."""
    answered: int
    """How many of the book's exercises have a solution on its page."""

    @property
    def status(self) -> str:
        """Done: the page is there, every exercise is answered, and every erratum has its card."""
        if not self.page:
            return NONE
        return DONE if self.answered == self.section.exercises and self.cards.issuperset(self.errata) else UNDER_WAY


def note_solutions(app: Sphinx, doctree: nodes.document) -> None:
    """Note the numbers of the exercises that have a solution on a page: ``ex-why-conv-2`` is the second."""
    solutions = [node for node in doctree.findall(nodes.Element) if node.tagname == "solution_node"]
    labels = [re.fullmatch(r"ex-[a-z-]+-([0-9]+)", node["target_label"]) for node in solutions]
    app.env.metadata[app.env.docname]["d2l_errata_solutions"] = sorted({int(label[1]) for label in labels if label})


def coverage(env: BuildEnvironment) -> list[Coverage]:
    """What there is for each section, in the book's order."""
    return [_coverage(env, section) for section in sections().values()]


def _coverage(env: BuildEnvironment, section: Section) -> Coverage:
    meta = env.metadata.get(section.slug, {})
    return Coverage(
        section=section,
        page=section.slug in env.found_docs,
        errata=tuple(entry.id for entry in errata() if entry.section == section.number),
        cards=frozenset(meta.get("d2l_errata_cards", ())),
        answered=sum(1 <= number <= section.exercises for number in meta.get("d2l_errata_solutions", ())),
    )


def chapters(found: list[Coverage]) -> dict[str, list[Coverage]]:
    """Sections by the number of their chapter; the chapter's opening comes first."""
    by_number: dict[str, list[Coverage]] = {}
    for each in found:
        by_number.setdefault(each.section.number.partition(".")[0], []).append(each)
    return by_number


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", note_solutions)
