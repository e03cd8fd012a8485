"""Errata on the pages: the ``{erratum}`` card, the table of all errata, and the data published with the site."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from ..registry import FOLDER, Erratum, UnknownErratum, editions, errata, erratum, schema, sections
from ..verdict import MIME
from . import retell
from .execution import executed_notebook, versions

KINDS = {"math": "数学", "code": "代码", "number": "数值", "prose": "行文", "translation": "翻译", "drift": "版本变化"}
SEVERITIES = {"wrong": "错误", "misleading": "误导", "cosmetic": "瑕疵"}
EDITIONS = {"zh": "中文版", "en": "英文版"}


@dataclass(frozen=True)
class Evidence:
    """What a build has seen of an erratum."""

    card: str | None = None
    """Page with its card."""
    verdict: dict[str, str] | None = None
    """What the verdict recorded, where its page shows one."""
    pages: tuple[str, ...] = ()
    """Pages that show a verdict for it."""
    proofs: int = 0
    """Proofs on the page of the card."""


class evidence_state(nodes.Inline, nodes.Element):
    """Stands where the state of an erratum's evidence is told, once every page has been executed."""


class DirectiveWithMarkdown(SphinxDirective):
    """A directive that turns short Markdown texts of the registry into nodes."""

    def markdown(self, text: str) -> list[nodes.Node]:
        """Inline nodes of one line of Markdown."""
        parent = nodes.Element()
        self.state.nested_parse(StringList([text], source=self.get_source_info()[0]), self.content_offset, parent)
        first = parent.children[0] if parent.children else nodes.paragraph()
        return list(first.children) if isinstance(first, nodes.paragraph) else list(parent.children)

    def depend_on_registry(self) -> None:
        """Have the page read again when the registry changes."""
        for path in [*FOLDER.glob("*.yaml"), *FOLDER.glob("*.json")]:
            self.env.note_dependency(str(path))


class ErratumCard(DirectiveWithMarkdown):
    """``{erratum} id``: what the book says, what it should say, and on what evidence."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        try:
            entry = erratum(self.arguments[0])
        except UnknownErratum as error:
            raise self.error(str(error)) from None
        self.depend_on_registry()
        section = sections()[entry.section]
        if section.slug != self.env.docname:
            raise self.error(f"{entry.id} belongs to section {entry.section}, whose page is {section.slug}")
        cards = self.env.metadata[self.env.docname].setdefault("d2l_errata_cards", [])
        if entry.id in cards:
            raise self.error(f"{entry.id} has a card on this page already")
        cards.append(entry.id)

        card = nodes.container(classes=["d2l-erratum", f"d2l-{entry.severity}"], ids=[entry.id])
        self.env.get_domain("std").note_hyperlink_target(entry.id, self.env.docname, entry.id, entry.title)
        permalink = nodes.reference("", "#", refuri=f"#{entry.id}", classes=["d2l-permalink"])
        permalink["reftitle"] = "本条勘误的永久链接"
        title = nodes.paragraph("", "", *self.markdown(entry.title), nodes.Text(" "), permalink, classes=["d2l-title"])
        badges = [KINDS[entry.kind], SEVERITIES[entry.severity], *(EDITIONS[key] for key in entry.editions)]
        labels = [nodes.inline("", badge, classes=["d2l-badge"]) for badge in badges]
        spaced = [node for label in labels for node in (label, nodes.Text(" "))]
        card += [title, nodes.paragraph("", "", *spaced, classes=["d2l-badges"])]

        fields = nodes.field_list(classes=["d2l-fields"])
        rows = [
            ("位置", [*self.markdown(entry.where), nodes.Text("（"), *_sources(entry), nodes.Text("）")]),
            ("书中", self.markdown(entry.book)),
            ("更正", self.markdown(entry.fixed)),
        ]
        if entry.origin:
            # A quotation may run over a line break of the source.
            rows.append(("原文", [nodes.Text("“"), *self.markdown(" ".join(entry.origin.split())), nodes.Text("”")]))
        if entry.message:
            rows.append(("信息", [n for text in entry.message for n in (nodes.literal("", text), nodes.Text(" "))]))
        if entry.since:
            rows.append(("始于", [nodes.Text("、".join(f"{name} {release}" for name, release in entry.since.items()))]))
        if entry.upstream:
            rows.append(("上游", [node for report in entry.upstream for node in (_report(report), nodes.Text(" "))]))
        rows.append(("证据", [evidence_state(id=entry.id)]))
        for name, content in rows:
            body = nodes.field_body("", nodes.paragraph("", "", *content))
            fields += nodes.field("", nodes.field_name("", name), body)
        card += fields
        return [card]


def _sources(entry: Erratum) -> list[nodes.Node]:
    """Links to the line of each edition's source where the erratum stands."""
    links: list[nodes.Node] = []
    for key, anchor in entry.editions.items():
        edition = editions()[key]
        line = anchor_lines().get(entry.id, {}).get(key)
        uri = f"https://github.com/{edition.repository}/blob/{edition.commit}/{anchor.file}" + (f"?plain=1#L{line}" if line else "")
        links += [nodes.Text("、")] if links else []
        links.append(nodes.reference("", f"{EDITIONS[key]}源文件" + (f"第 {line} 行" if line else ""), refuri=uri))
    return links


def anchor_lines() -> dict[str, dict[str, int]]:
    """Line of each anchor in its file, as ``tests/upstream`` found it in the recorded snapshots."""
    anchors = json.loads((FOLDER / "anchors.json").read_text(encoding="utf-8"))
    return {id: {key: seen["line"] for key, seen in found.items()} for id, found in anchors.items()}


def _report(report: str) -> nodes.reference:
    repository, number = report.split("#")
    return nodes.reference("", report, refuri=f"https://github.com/{repository}/issues/{number}")


class ErrataTable(DirectiveWithMarkdown):
    """``{errata-table}``: all errata, one row each."""

    columns = (("勘误", 22), ("节", 6), ("类别", 8), ("程度", 6), ("版本", 10), ("书中", 18), ("更正", 18), ("证据", 12))

    def run(self) -> list[nodes.Node]:
        self.depend_on_registry()
        retell.mark(self.env)
        table = nodes.table(classes=["d2l-errata-table"])
        group = nodes.tgroup(cols=len(self.columns))
        group += [nodes.colspec(colwidth=width) for _, width in self.columns]
        names = [nodes.entry("", nodes.paragraph("", name)) for name, _ in self.columns]
        body = nodes.tbody("", *(self.row(entry) for entry in errata()))
        group += [nodes.thead("", nodes.row("", *names)), body]
        table += group
        return [table]

    def row(self, entry: Erratum) -> nodes.row:
        uri = self.env.app.builder.get_relative_uri(self.env.docname, sections()[entry.section].slug)
        link = nodes.reference("", "", *self.markdown(entry.title), refuri=f"{uri}#{entry.id}", internal=True)
        cells: list[list[nodes.Node]] = [
            [link],
            [nodes.Text(entry.section)],
            [nodes.Text(KINDS[entry.kind])],
            [nodes.Text(SEVERITIES[entry.severity])],
            [nodes.Text("、".join(EDITIONS[key] for key in entry.editions))],
            self.markdown(entry.book),
            self.markdown(entry.fixed),
            [evidence_state(id=entry.id)],
        ]
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells))


def collect_verdicts(app: Sphinx, doctree: nodes.document) -> None:
    """Note the verdicts that the page's cells have shown, and how many proofs it has."""
    env = app.env
    meta = env.metadata[env.docname]
    meta["d2l_errata_proofs"] = sum(1 for node in doctree.findall(nodes.Element) if node.tagname == "proof_node")
    if not (hasattr(env, "nb_metadata") and env.nb_metadata.get(env.docname, {}).get("exec_data")):
        return
    meta["d2l_errata_versions"] = versions()
    outputs = [o for cell in nbformat.read(executed_notebook(env, env.docname), 4).cells for o in cell.get("outputs", [])]
    meta["d2l_errata_verdicts"] = [o["data"][MIME] for o in outputs if MIME in o.get("data", {})]


def gathered(env: BuildEnvironment) -> dict[str, Evidence]:
    """What all pages show of each erratum, by id."""
    found: dict[str, Evidence] = {}
    for docname, meta in sorted(env.metadata.items()):
        for seen in meta.get("d2l_errata_verdicts", ()):
            before = found.get(seen["id"], Evidence())
            found[seen["id"]] = Evidence(before.card, dict(seen), (*before.pages, docname), before.proofs)
        for id in meta.get("d2l_errata_cards", ()):
            before = found.get(id, Evidence())
            found[id] = Evidence(docname, before.verdict, before.pages, meta["d2l_errata_proofs"])
    return found


def problems(entries: Iterable[Erratum], found: dict[str, Evidence]) -> list[str]:
    """Where the registry and the pages do not agree: each problem in a line.

    Args:
        entries: the registry.
        found: what the pages show, as :func:`gathered` returns it.
    """
    entries = {entry.id: entry for entry in entries}
    lines = [f"{id}: a verdict on {', '.join(found[id].pages)}, but the registry has no such entry" for id in found if id not in entries]
    for id, entry in entries.items():
        evidence = found.get(id, Evidence())
        page = sections()[entry.section].slug
        if evidence.card is None:
            lines.append(f"{id}: no card on {page}: write `{{erratum}} {id}` there")
        if entry.evidence == "executed" and evidence.pages != (page,):
            seen = ", ".join(evidence.pages) or "none"
            lines.append(f"{id}: evidence is executed, so {page} must show one verdict for it; verdicts seen on: {seen}")
        if entry.evidence != "executed" and evidence.pages:
            lines.append(f"{id}: evidence is {entry.evidence}, but {', '.join(evidence.pages)} shows a verdict: make it executed")
        if entry.evidence == "proved" and not evidence.proofs:
            lines.append(f"{id}: evidence is proved, but {page} has no proof")
    return lines


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Stop the build where a page failed, or where registry and pages do not agree."""
    failed = {name: meta["d2l_errata_failed"] for name, meta in env.metadata.items() if "d2l_errata_failed" in meta}
    lines = [f"{name}: a cell failed with {error}; see the warning above" for name, error in sorted(failed.items())]
    lines += problems(errata(), gathered(env))
    if lines:
        raise ExtensionError("the errata are not proved by the pages:\n  " + "\n  ".join(lines))


def tell_evidence(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Fill in the state of the evidence."""
    places = list(doctree.findall(evidence_state))
    found = gathered(app.env) if places else {}
    for place in places:
        entry, evidence = erratum(place["id"]), found.get(place["id"], Evidence())
        place.replace_self(nodes.Text(state(entry, evidence, app.env)))


def state(entry: Erratum, evidence: Evidence, env: BuildEnvironment) -> str:
    """The state of an erratum's evidence in a sentence for readers."""
    if entry.evidence == "source":
        return "与英文原文对照"
    if entry.evidence == "proved":
        return "本站页面给出证明"
    return f"单元格判定：书中不成立，更正成立（{env.metadata[evidence.card]['d2l_errata_versions']}）"


def publish(app: Sphinx, exception: Exception | None) -> None:
    """Write ``errata.json`` and its schema into the site."""
    if exception or app.builder.format != "html":
        return
    found = gathered(app.env)
    entries = []
    for entry in errata():
        page = app.builder.get_target_uri(sections()[entry.section].slug)
        evidence = found[entry.id]
        seen = {"page": f"{page}#{entry.id}"}
        if evidence.verdict:
            verdict = {key: evidence.verdict[key] for key in ("form", "book", "fixed")}
            seen["verdict"] = {**verdict, "with": app.env.metadata[evidence.card]["d2l_errata_versions"]}
        entries.append({**entry.as_dict(), **seen})
    snapshots = {key: {"repository": e.repository, "commit": e.commit} for key, e in editions().items()}
    document = {"$schema": "errata.schema.json", "editions": snapshots, "errata": entries}
    for name, content in (("errata.json", document), ("errata.schema.json", published_schema())):
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (Path(app.outdir) / name).write_text(text + "\n", encoding="utf-8")


def published_schema() -> dict[str, Any]:
    """Schema of ``errata.json``: the registry's own, with what a build adds to each entry."""
    entry = copy.deepcopy(schema())
    definitions = entry.pop("definitions")
    text = {"type": "string"}
    entry["properties"]["page"] = {**text, "description": "Address of the card, relative to the site."}
    keys = ("form", "book", "fixed", "with")
    entry["properties"]["verdict"] = {
        "type": "object", "required": list(keys), "additionalProperties": False, "properties": {key: text for key in keys},
    }  # fmt: skip
    entry["required"].append("page")
    snapshot = {"type": "object", "required": ["repository", "commit"], "properties": {"repository": text, "commit": text}}
    return {
        "$schema": entry.pop("$schema"),
        "title": "Errata of Dive into Deep Learning",
        "type": "object",
        "required": ["editions", "errata"],
        "properties": {
            "$schema": text,
            "editions": {"type": "object", "additionalProperties": snapshot},
            "errata": {"type": "array", "items": entry},
        },
        "definitions": definitions,
    }


def setup(app: Sphinx) -> None:
    app.add_node(evidence_state)
    app.add_directive("erratum", ErratumCard)
    app.add_directive("errata-table", ErrataTable)
    app.connect("doctree-read", collect_verdicts)
    app.connect("env-check-consistency", check)
    app.connect("doctree-resolved", tell_evidence)
    app.connect("build-finished", publish)
