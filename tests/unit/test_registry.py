"""The registry: what is valid loads, what is not is refused with file, entry, what was expected and what was seen."""

import copy
import json

import pytest
import yaml
from d2l_errata import registry
from d2l_errata.registry import RegistryError, UnknownErratum, errata, erratum, load

ENTRY = {
    "id": "momentum-example",
    "added": "2026-11-21",
    "section": "11.6",
    "where": "第一段",
    "title": "例子",
    "kind": "math",
    "severity": "wrong",
    "book": "$a$",
    "fixed": "$b$",
    "evidence": "executed",
    "editions": {"zh": {"file": "chapter_optimization/momentum.md", "find": "a", "replace": "b"}},
}


def refused(folder, *entries, name="ch11.yaml"):
    """The message with which these entries are refused."""
    (folder / name).write_text(yaml.safe_dump(list(entries), allow_unicode=True), encoding="utf-8")
    with pytest.raises(RegistryError) as caught:
        load(folder)
    return str(caught.value)


def changed(**changes):
    entry = copy.deepcopy(ENTRY)
    for key, value in changes.items():
        if value is None:
            del entry[key]
        else:
            entry[key] = value
    return entry


def test_valid_entry_loads(tmp_path):
    (tmp_path / "ch11.yaml").write_text(yaml.safe_dump([ENTRY]), encoding="utf-8")
    (found,) = load(tmp_path).values()
    assert found.as_dict() == ENTRY
    assert found.chapter == "11"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kinds": "math"}, ["kinds"]),
        ({"evidence": None}, ["must contain", "evidence"]),
        ({"editions": {}}, ["editions", "at least 1"]),
        ({"added": None}, ["must contain", "added"]),
        ({"added": "2026-11"}, ["added must match pattern", "'2026-11'"]),
        ({"added": "2026-11-31"}, ["added must be a day of the calendar", "'2026-11-31'"]),
        ({"section": "11.99"}, ["section of the book", "'11.99'"]),
        ({"section": "2.1"}, ["belongs in ch02.yaml"]),
        ({"kind": "typo"}, ["kind must be one of", "math", "drift", "'typo'"]),
        ({"severity": "bad"}, ["severity must be one of", "misleading", "'bad'"]),
        ({"id": "Momentum"}, ["id must match pattern", "'Momentum'"]),
        ({"evidence": "source", "origin": "words"}, ["kind math must have evidence executed", "'source'"]),
        ({"kind": "translation", "evidence": "source"}, ["needs origin"]),
        ({"origin": "words"}, ["needs origin", "other evidence has none"]),
        ({"origin_edition": "en"}, ["there is no origin"]),
        ({"since": {"pandas": "2.0"}}, ["since is for kind drift only", "'math'"]),
        ({"kind": "drift", "since": {"pandas": "two"}}, ["since.pandas must match pattern", "'two'"]),
        ({"editions": {"zh": {"file": "a.md", "find": "x", "replace": "x"}}}, ["editions.zh", "replace must differ from find"]),
        ({"editions": {"zh": {"file": "a.md", "find": "x", "replace": ""}}}, ["replace", "longer than or equal to 1"]),
        ({"editions": {"zh": {"file": "a.md", "find": "x", "replace": "y", "later": ["y"]}}}, ["editions.zh", "neither find nor replace"]),
        ({"editions": {"de": {"file": "a.md", "find": "x", "replace": "y"}}}, ["editions", "de"]),
        ({"upstream": ["d2l-zh 12"]}, ["upstream[0] must match pattern", "'d2l-zh 12'"]),
    ],
)
def test_invalid_entry_is_refused(tmp_path, changes, expected):
    message = refused(tmp_path, changed(**changes))
    assert message.startswith(f"ch11.yaml, entry 1 ({changes.get('id', ENTRY['id'])}): ")
    for words in expected:
        assert words in message


def test_a_date_may_be_written_without_quotes(tmp_path):
    text = yaml.safe_dump([ENTRY], allow_unicode=True).replace("'2026-11-21'", "2026-11-21")
    assert "added: 2026-11-21\n" in text
    (tmp_path / "ch11.yaml").write_text(text, encoding="utf-8")
    (found,) = load(tmp_path).values()
    assert found.added == "2026-11-21"


def test_duplicate_id_over_two_files(tmp_path):
    (tmp_path / "ch02.yaml").write_text(yaml.safe_dump([changed(section="2.1")]), encoding="utf-8")
    assert refused(tmp_path, ENTRY) == "ch11.yaml, entry 1 (momentum-example): id is used twice; ids are unique over all files"


def test_every_problem_is_named(tmp_path):
    lines = refused(tmp_path, changed(kind="typo"), changed(id="momentum-other", severity="bad")).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["ch11.yaml, entry 1 (momentum-example)", "ch11.yaml, entry 2 (momentum-other)"]


def test_what_is_no_list_of_mappings_is_refused(tmp_path):
    assert "entry 1: the entry must be object; saw 'text'" in refused(tmp_path, "text")
    (tmp_path / "ch11.yaml").write_text("id: a\n", encoding="utf-8")
    with pytest.raises(RegistryError, match=r"ch11.yaml: expected a list of errata, saw dict"):
        load(tmp_path)


def test_unreadable_yaml_is_refused_with_its_line(tmp_path):
    (tmp_path / "ch11.yaml").write_text("- id: a\n  id: b\n", encoding="utf-8")
    with pytest.raises(RegistryError, match=r"(?s)ch11.yaml: not readable as YAML: key 'id' given twice.*line 2"):
        load(tmp_path)
    (tmp_path / "ch11.yaml").write_bytes(b"- id: \xff\n")
    with pytest.raises(RegistryError, match=r"ch11.yaml: not readable"):
        load(tmp_path)


def test_wrong_id_names_the_close_ones():
    known = errata()[0].id
    assert erratum(known) is errata()[0]
    with pytest.raises(UnknownErratum, match=f"no erratum has the id '{known}x'; did you mean .*{known}"):
        erratum(known + "x")
    with pytest.raises(UnknownErratum, match=r"no erratum has the id 'zzz'$"):
        erratum("zzz")


def test_sections_are_the_books():
    sections = list(registry.sections().values())
    assert len(sections) == len({s.slug for s in sections}) == len(json.loads((registry.FOLDER / "sections.json").read_text("utf-8")))
    assert registry.sections()["11.6"].slug == "chapter_optimization/momentum"


def test_messages_may_be_one_or_several(tmp_path):
    for message, expected in (("one", ("one",)), (["one", "two"], ("one", "two"))):
        (tmp_path / "ch11.yaml").write_text(yaml.safe_dump([changed(kind="drift", message=message)]), encoding="utf-8")
        (found,) = load(tmp_path).values()
        assert found.message == expected


def test_later_wordings(tmp_path):
    anchor = {"file": "a.md", "find": "a", "replace": "b", "later": ["c", "d"]}
    (tmp_path / "ch11.yaml").write_text(yaml.safe_dump([changed(editions={"zh": anchor})]), encoding="utf-8")
    (found,) = load(tmp_path).values()
    assert found.editions["zh"].later == ("c", "d")
    assert found.as_dict()["editions"] == {"zh": anchor}
