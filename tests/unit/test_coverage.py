"""What counts as done: the page is there, every exercise is answered, every erratum has its card."""

import pytest
from d2l_errata.registry import sections
from d2l_errata.site.coverage import Coverage, chapters

MOMENTUM = sections()["11.6"]
WHOLE = {"page": True, "errata": ("a-b", "a-c"), "cards": frozenset({"a-b", "a-c"}), "answered": MOMENTUM.exercises}


@pytest.mark.parametrize(
    "lacking, status",
    [
        ({}, "完成"),
        ({"answered": MOMENTUM.exercises - 1}, "进行中"),
        ({"cards": frozenset({"a-b"})}, "进行中"),
        ({"page": False, "cards": frozenset(), "answered": 0}, "尚无"),
    ],
)
def test_status(lacking, status):
    assert Coverage(section=MOMENTUM, **{**WHOLE, **lacking}).status == status


def test_chapters_begin_with_their_opening():
    found = chapters([Coverage(section=section, **WHOLE) for section in sections().values()])
    assert list(found) == [str(number) for number in range(1, 17)]
    assert all(chapter[0].section.number == number for number, chapter in found.items())
    assert sum(map(len, found.values())) == len(sections())
