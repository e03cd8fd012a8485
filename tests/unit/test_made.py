"""Files that one build makes and the next takes over."""

from types import SimpleNamespace

import pytest
from d2l_errata.site.made import made


@pytest.fixture
def app(tmp_path):
    return SimpleNamespace(doctreedir=str(tmp_path / "doctrees"))


def test_a_file_is_made_once_of_the_same_parts(app):
    calls = []

    def make(path):
        calls.append(path)
        path.write_text(f"call {len(calls)}", encoding="utf-8")

    first, again, other = made(app, make, b"a", b"b"), made(app, make, b"a", b"b"), made(app, make, b"ab")
    assert first == again != other
    assert [path.read_text(encoding="utf-8") for path in (first, other)] == ["call 1", "call 2"]


def test_a_file_that_was_not_finished_is_made_again(app):
    def fail(path):
        path.write_text("half", encoding="utf-8")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        made(app, fail, b"a")
    assert made(app, lambda path: path.write_text("whole", encoding="utf-8"), b"a").read_text(encoding="utf-8") == "whole"
