"""The numbers on the page of all errata are those of the registry as it is."""

import json

from d2l_errata.audit import STATES
from d2l_errata.registry import FOLDER, errata


def test_recorded_audit_counts_the_registry():
    record = json.loads((FOLDER / "audit.json").read_text(encoding="utf-8"))
    assert [audit["edition"] for audit in record] == ["zh", "en"]
    for audit in record:
        kinds = [entry.kind for entry in errata() if audit["edition"] in entry.editions]
        recorded = {kind: sum(states[state] for state in STATES) for kind, states in audit["kinds"].items()}
        assert recorded == {kind: kinds.count(kind) for kind in kinds}, "the registry has changed: run `make audit ZH=… EN=…`"
