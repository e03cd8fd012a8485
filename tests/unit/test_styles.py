"""The one style sheet of the site: put together from many, without the rules that no page can need."""

import pytest
from d2l_errata.site.styles import needed, text, version

WORDS = {"note", "dark", "wide"}


@pytest.mark.parametrize(
    "css, kept",
    [
        (".note{color:red}", ".note{color:red}"),
        (".unused{color:red}", ""),
        (".note .unused{color:red}", ""),
        (".unused,.note>p{color:red}", ".note>p{color:red}"),
        ("#wide.note{color:red}", "#wide.note{color:red}"),
        ("#unused{color:red}", ""),
        (".note:not(.unused){color:red}", ".note:not(.unused){color:red}"),
        ("p,:root{--unused:#unused}", "p,:root{--unused:#unused}"),
        ("@media print{.note{color:red}.unused{color:red}}", "@media print{ .note{color:red} }"),
        ("@media print{@supports (color:red){.unused{color:red}}}", ""),
        ("@font-face{font-family:unused}", "@font-face{font-family:unused}"),
        ("/*! licence *//* unused */p{}", "/*! licence */ p{}"),
    ],
)
def test_rules_that_can_apply_are_kept(css, kept):
    assert needed(css, WORDS).split() == kept.split()


def test_imports_stand_in_their_places_and_addresses_lead_to_the_same_files(tmp_path):
    (tmp_path / "styles").mkdir()
    (tmp_path / "base.css").write_text("@charset \"UTF-8\";p{background:url('a.png')}", encoding="utf-8")
    sheet = "@import url('../base.css');q{background:url(../fonts/b.woff2);mask:url(\"data:image/svg+xml,x\")}"
    (tmp_path / "styles" / "theme.css").write_text(sheet, encoding="utf-8")
    assert text(tmp_path, "styles/theme.css") == (
        'p{background:url("a.png")}q{background:url("fonts/b.woff2");mask:url("data:image/svg+xml,x")}'
    )


def test_the_version_follows_the_sheets(tmp_path):
    (tmp_path / "a.css").write_text("p{}", encoding="utf-8")
    before = version([tmp_path])
    assert before == version([tmp_path])
    (tmp_path / "a.css").write_text("q{}", encoding="utf-8")
    assert before != version([tmp_path])
