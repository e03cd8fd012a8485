"""The report on what newer libraries change: verdicts that are gone, cells that fail or warn, kernels that die."""

import importlib.util
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from d2l_errata.verdict import MIME

path = Path(__file__).parents[1] / "upstream" / "drift.py"
spec = importlib.util.spec_from_file_location("drift", path)
drift = sys.modules["drift"] = importlib.util.module_from_spec(spec)  # dataclasses look their module up
spec.loader.exec_module(drift)

HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---

# 标题
"""
# What a real verdict comes to, without the seconds that importing torch takes.
VERDICT = f"""
from IPython.display import display
def verdict(id):
    display({{{MIME!r}: {{"id": id}}}}, raw=True)
"""
SHOWN = [VERDICT, 'verdict("shown")']
BROKEN = [
    'raise AssertionError("fails: the book\'s `side` holds,\\nline two")',
    'from warnings import warn\nwarn("will go", FutureWarning)',
    ":tags: [raises-exception]\nraise KeyError('meant')",
    ":tags: [remove-stderr]\nfrom warnings import warn\nwarn('meant')",
    '1 / 0; "fails"',
    'verdict("late")',
]


def page(root, slug, cells):
    """A page of these cells; the path it is written to."""
    path = root / f"{slug}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(f"\n文字。\n\n```{{code-cell}} ipython3\n{cell.strip()}\n```\n" for cell in cells), "utf-8")
    return path


def entry(id, evidence="executed", section="11.6"):
    return SimpleNamespace(id=id, section=section, evidence=evidence)


SLUG = "chapter_optimization/momentum"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """One page with a verdict and all that can go wrong in cells, executed once."""
    path = page(tmp_path_factory.mktemp("book"), SLUG, SHOWN + BROKEN)
    return {SLUG: drift.execute(path)}, path.read_text("utf-8").splitlines()


def test_cells_after_a_failing_one_are_executed(pages):
    assert pages[0][SLUG].verdicts == {"shown", "late"}


def test_faults_stand_at_the_line_of_their_cell(pages):
    found, text = pages
    faults = found[SLUG].faults
    assert [text[line - 1] for line in faults] == [BROKEN[i].splitlines()[0] for i in (0, 1, 4)]
    first, second, third = faults.values()
    assert first.startswith("AssertionError: fails: the book's `side` holds") and third == "ZeroDivisionError: division by zero"
    assert second.startswith("FutureWarning: will go")


def test_report(pages):
    found, _ = pages
    entries = [entry("shown"), entry("fails"), entry("absent"), entry("text", "source"), entry("late", section="11.5")]
    text, changed = drift.report(entries, found)
    assert changed
    gone, others = re.split(r"^## .*: \d$\n", text, flags=re.M)[1:]
    assert gone.strip().splitlines() == [
        f"- `fails` ({SLUG}.md): `ZeroDivisionError: division by zero`",
        f"- `absent` ({SLUG}.md): its page shows no verdict",
        "- `late` (chapter_optimization/minibatch-sgd.md): its page shows no verdict",
    ]
    # The division is told above; backquotes and line breaks of a message cannot leave the list.
    first, second = others.strip().splitlines()
    assert re.fullmatch(rf"- {SLUG}\.md, line \d+: `AssertionError: fails: the book's 'side' holds, line two`", first)
    assert re.fullmatch(rf"- {SLUG}\.md, line \d+: `FutureWarning: will go .*`", second)
    assert re.match(r"Executed with Python 3\.\d+\.\S+, .*\bpandas \d.*, torch \d", text)


def test_a_fault_beside_the_verdicts_is_a_change():
    text, changed = drift.report([entry("shown")], {SLUG: drift.Page(verdicts={"shown"}, faults={7: "FutureWarning: soon"})})
    assert changed and "Nothing" not in text and f"- {SLUG}.md, line 7: `FutureWarning: soon`" in text


def test_a_kernel_that_dies_is_reported(tmp_path):
    path = page(tmp_path, SLUG, [*SHOWN, "import os; os._exit(1)", 'verdict("after")'])
    found = {SLUG: drift.execute(path)}
    assert found[SLUG].verdicts == {"shown"}
    gone, others = drift.compare([entry("shown"), entry("after")], found)
    assert gone == [f"- `after` ({SLUG}.md): not executed, because an earlier cell ended the kernel"]
    assert [re.sub(r"line \d+", "line …", line) for line in others] == [f"- {SLUG}.md, line …: `DeadKernelError: Kernel died`"]


def test_a_cell_that_hangs_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(drift, "TIMEOUT", 1)
    found = drift.execute(page(tmp_path, SLUG, ["import time; time.sleep(100)", 'verdict("after")']))
    assert found.stopped
    (fault,) = found.faults.values()
    assert fault.startswith("CellTimeoutError: ") and "after 1 seconds" in fault


def test_exit_status(tmp_path, monkeypatch, capsys):
    page(tmp_path, SLUG, SHOWN)
    (tmp_path / "index.md").write_text("# 没有代码\n", "utf-8")
    page(tmp_path, "_build/copy", ["1 / 0"])
    monkeypatch.setattr(drift, "errata", lambda: (entry("shown"),))
    assert drift.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("Nothing has changed: 1 verdicts on 1 pages.\n")
    monkeypatch.setattr(drift, "errata", lambda: (entry("shown"), entry("absent")))
    monkeypatch.setattr(drift, "execute", lambda path: drift.Page({"shown"}) if path.stem == "momentum" else None)
    assert drift.main([str(tmp_path)]) == 1
    assert "- `absent`" in capsys.readouterr().out


def test_a_folder_without_pages_is_misuse(tmp_path, capsys):
    with pytest.raises(SystemExit, match=r"^2$"):
        drift.main([str(tmp_path)])
    assert "has no page with code" in capsys.readouterr().err


def test_a_long_report_fits_an_issue():
    page = drift.Page(faults={line: "很长" * 1000 for line in range(1, 1001)})
    text, changed = drift.report([entry(f"gone-{i}") for i in range(1000)], {SLUG: page})
    assert changed and len(text) < 65536 and "- … and 900 more" in text


def test_libraries_are_named_without_versions(capsys):
    assert drift.main(["--libraries"]) == 0
    names = capsys.readouterr().out.split()
    assert {"torch", "torchvision", "pandas", "matplotlib"} <= set(names) and "ruff" not in names
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)
