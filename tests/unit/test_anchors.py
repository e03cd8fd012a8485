"""Every anchor of the registry is one that was found exactly once in the book's own files."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from d2l_errata.registry import errata

path = Path(__file__).parents[1] / "upstream" / "anchors.py"
spec = importlib.util.spec_from_file_location("anchors", path)
anchors = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = anchors  # dataclasses look their module up there
spec.loader.exec_module(anchors)

RECORD = json.loads(anchors.RECORD.read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", errata(), ids=lambda entry: entry.id)
def test_anchor_is_as_it_was_checked(entry):
    """The book itself isn't here; its files were, when the digests were recorded."""
    recorded = {edition: seen["digest"] for edition, seen in RECORD.get(entry.id, {}).items()}
    assert recorded == {edition: anchors.digest(entry, edition) for edition in entry.editions}, (
        "book, fixed, find, replace, file or origin has changed since it was checked against the book's repositories: "
        "run `make anchors ZH=… EN=…` with checkouts of them"
    )


def test_nothing_is_recorded_for_entries_that_are_gone():
    assert RECORD.keys() == {entry.id for entry in errata()}
