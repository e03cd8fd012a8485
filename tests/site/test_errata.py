"""Errata on the built site: cards, table, data."""

import json

import jsonschema
import pytest
from d2l_errata.registry import editions, errata, sections
from d2l_errata.site.cards import EDITIONS, KINDS, SEVERITIES
from d2l_errata.verdict import MIME


@pytest.fixture(scope="module")
def published(html):
    return json.loads((html / "errata.json").read_text(encoding="utf-8"))


def test_published_data_fit_the_published_schema(html, published):
    schema = json.loads((html / "errata.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(published, schema)
    del published["errata"][0]["book"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(published, schema)


def test_published_data_are_the_registry(html):
    published = json.loads((html / "errata.json").read_text(encoding="utf-8"))
    added = ("page", "verdict")
    assert [{k: v for k, v in entry.items() if k not in added} for entry in published["errata"]] == [e.as_dict() for e in errata()]
    assert {key: edition["commit"] for key, edition in published["editions"].items()} == {k: e.commit for k, e in editions().items()}


def test_each_permalink_leads_to_its_card(published, pages):
    for entry in published["errata"]:
        page, _, anchor = entry["page"].partition("#")
        card = pages[page].find(id=anchor)
        assert "d2l-erratum" in card["class"]
        assert card.select_one(".d2l-permalink")["href"] == f"#{anchor}"
        for words in (KINDS[entry["kind"]], SEVERITIES[entry["severity"]], *(EDITIONS[key] for key in entry["editions"])):
            assert words in card.get_text()
        assert [link["href"] for link in card.select("a[href*='/blob/']")]


def test_evidence_is_what_the_notebook_shows(published, notebooks):
    for entry in published["errata"]:
        outputs = [o for cell in notebooks.get(sections()[entry["section"]].slug, {"cells": []})["cells"] for o in cell.get("outputs", [])]
        seen = [o["data"][MIME] for o in outputs if o.get("data", {}).get(MIME, {}).get("id") == entry["id"]]
        if entry["evidence"] == "executed":
            assert len(seen) == 1, entry["id"]
            assert entry["verdict"]["book"] == seen[0]["book"] and "torch" in entry["verdict"]["with"]
        else:
            assert not seen and "verdict" not in entry


def test_the_table_has_every_erratum(pages):
    table = pages["reference/errata.html"].select_one("table.d2l-errata-table")
    links = [row.select_one("a")["href"] for row in table.select("tbody tr")]
    assert links == [f"../{sections()[e.section].slug}.html#{e.id}" for e in errata()]
    for row, entry in zip(table.select("tbody tr"), errata(), strict=True):
        cells = [cell.get_text() for cell in row.select("td")]
        assert cells[1:4] == [entry.section, KINDS[entry.kind], SEVERITIES[entry.severity]]
        assert ("成立" in cells[7]) == (entry.evidence == "executed")


def test_verdicts_are_shown_on_their_pages(published, pages):
    for entry in published["errata"]:
        shown = pages[entry["page"].partition("#")[0]].select("table.d2l-verdict caption")
        assert ([c.get_text() for c in shown].count(entry["id"]) == 1) == (entry["evidence"] == "executed")
