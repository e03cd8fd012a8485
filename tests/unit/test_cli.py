"""The command line: what it prints, what it returns, and what it does not need."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from d2l_errata import registry
from d2l_errata.cli import explain, main

MOMENTUM = "chapter_optimization/momentum.md"


@pytest.fixture
def run(monkeypatch, book):
    """Run a command with the small registry; its result."""
    monkeypatch.setattr(registry, "_registry", lambda: {entry.id: entry for entry in book.errata})

    def run(*arguments, status=0, **options):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], **options)
        assert result.exit_code == status, result.output
        return result

    return run


def test_audit_says_where_and_sums_up(tmp_path, book, run):
    output = run("audit", book.write(tmp_path)).stdout
    lines = [line.split() for line in output.splitlines()]
    assert ["standing", "momentum-sign", f"{MOMENTUM}:4"] in lines
    assert ["absent", "pandas-dummies", "chapter_preliminaries/lookup-api.md"] in lines
    assert ["2", "drift", "1", "·", "·", "1"] in lines
    assert ["all", "8", "0", "0", "1"] in lines
    assert "动手学深度学习（第二版） (zh), markdown, no commit" in output
    assert "2 more errata of the registry are not about this edition" in output


def test_audit_names_the_commit(tmp_path, book, run):
    book.write(tmp_path)
    for command in (["init", "-q"], ["-c", "user.name=a", "-c", "user.email=a", "commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()
    assert f"commit {commit[:12]}, not that of the registry" in run("audit", tmp_path).stdout
    assert json.loads(run("audit", tmp_path, "--json").stdout)["commit"] == commit


def test_audit_as_json(tmp_path, book, run):
    content = json.loads(run("audit", book.write(tmp_path, "notebook", "en"), "--json").stdout)
    assert (content["edition"], content["format"]) == ("en", "notebooks")
    assert content["errata"][0]["where"] == "chapter_optimization/momentum.ipynb, cell 1"


def test_audit_fails_only_on_what_it_is_told_to(tmp_path, book, run):
    path = book.write(tmp_path) / MOMENTUM
    run("audit", tmp_path)
    run("audit", tmp_path, "--fail-on", "moved")
    run("audit", tmp_path, "--fail-on", "moved", "--fail-on", "absent", status=1)
    path.write_bytes(b"\xff")
    run("audit", tmp_path)
    assert "momentum.md: not UTF-8" in run("audit", tmp_path, "--fail-on", "moved", status=1).stdout


def test_no_book_is_an_error_of_its_own(tmp_path, run):
    for command in ("audit", "patch"):
        assert "looked for chapter_preliminaries/index.md" in run(command, tmp_path, status=2).stderr
    assert "does not exist" in run("audit", tmp_path / "nowhere", status=2).stderr


def test_invalid_registry_is_an_error_without_traceback(monkeypatch, tmp_path, book, run):
    def broken():
        raise registry.RegistryError("ch11.yaml, entry 1: wrong")

    monkeypatch.setattr(registry, "_registry", broken)
    assert run("list", status=2).stderr == "Error: ch11.yaml, entry 1: wrong\n"


def test_edition_can_be_given(tmp_path, book, run):
    content = json.loads(run("audit", book.write(tmp_path), "--edition", "en", "--json").stdout)
    assert (content["edition"], content["states"]["standing"]) == ("en", 1)  # the formula is the same in both


def test_patch_says_what_it_did_and_does_it_once(tmp_path, book, run):
    before = book.bytes(book.write(tmp_path))
    first = run("patch", tmp_path)
    assert f"{MOMENTUM}: momentum-sign, momentum-lines-joined" in first.stdout
    assert "8 errata in 2 files corrected; nothing to do for 0" in first.stdout
    assert "1 absent: pandas-dummies" in first.stderr
    patched = book.bytes(tmp_path)
    assert patched != before
    assert "0 errata in 0 files corrected; nothing to do for 8" in run("patch", tmp_path).stdout
    assert book.bytes(tmp_path) == patched
    assert "8 errata in 2 files put back" in run("patch", tmp_path, "--reverse").stdout
    assert book.bytes(tmp_path) == before


def test_dry_run_and_output_leave_the_copy_alone(tmp_path, book, run):
    root = book.write(tmp_path / "copy")
    before = book.bytes(root)
    assert "8 errata in 2 files would be corrected" in run("patch", root, "--dry-run").stdout
    assert "would be" in run("patch", root, "--dry-run", "--output", tmp_path / "none.patch").stdout
    assert not (tmp_path / "none.patch").exists()
    output = tmp_path / "errata.patch"
    assert f"8 errata in 2 files in {output}" in run("patch", root, "--output", output).stdout
    assert run("patch", root, "--output", "-").stdout_bytes == output.read_bytes()
    assert book.bytes(root) == before
    subprocess.run(["git", "apply", str(output)], cwd=root, check=True, env={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    applied = book.bytes(root)
    run("patch", book.write(tmp_path / "copy"))
    assert book.bytes(root) == applied


def test_output_that_cannot_be_written(tmp_path, book, run):
    root = book.write(tmp_path / "copy")
    assert "No such file or directory" in run("patch", root, "--output", tmp_path / "no/errata.patch", status=2).stderr


def test_patch_by_id_and_kind(tmp_path, book, run):
    root = book.write(tmp_path)
    assert "3 errata in 2 files" in run("patch", root, "--ids", "momentum-sign,momentum-tab", "--ids", "pandas-mean").stdout
    assert "1 errata in 1 files" in run("patch", root, "--kind", "math", "--kind", "drift", "--reverse", "--ids", "momentum-sign").stdout
    message = run("patch", root, "--ids", "momentum-sing", status=2).stderr
    assert "no erratum has the id 'momentum-sing'; did you mean momentum-sign" in message
    assert "is not one of 'math'" in run("patch", root, "--kind", "maths", status=2).stderr


def test_refused_patch_lists_the_problems(tmp_path, book, run):
    (book.write(tmp_path) / MOMENTUM).write_bytes(b"\xff")
    result = run("patch", tmp_path, "--ids", "momentum-sign,pandas-dummies", status=1, catch_exceptions=False)
    assert result.stderr.splitlines() == [
        f"Not patched: {tmp_path}",
        f"{MOMENTUM}: not UTF-8: byte 0xff at offset 0",
        "pandas-dummies: the copy does not have its file",
    ]


def test_list_by_chapter_kind_and_text(run):
    def ids(*arguments, **options):
        return [line.split()[2] for line in run("list", *arguments, **options).stdout.splitlines()[1:]]

    assert len(ids()) == 11
    assert ids("--chapter", "2") == ["pandas-mean", "pandas-dummies"] == ids("--chapter", "2.2", "--chapter", "2.7")
    assert ids("--kind", "math", "--kind", "code") == ["momentum-sign", "momentum-code", "momentum-sign-en"]
    assert ids("\\MATHBF{Q}^{-1}", "例子") == ["momentum-sign"]
    assert ids("numeric_only") == ["pandas-mean"]
    assert ids("查阅文档") == ["pandas-dummies"]
    assert ids("no such words", status=1) == []


def test_show_prints_texts_as_they_are(monkeypatch, book, run):
    output = run("show", "momentum-sign,pandas-mean").stdout
    assert 'can only concatenate str (not "int") to str' in output and "pandas 2.0" in output
    assert "https://zh.d2l.ai/chapter_optimization/momentum.html" in output
    odd = book.entry("odd", "a", "b", upstream=("d2l-ai/d2l-zh#1",))
    object.__setattr__(odd, "fixed", "[**bold**] :smile: [red]x[/red] " + "长" * 200)
    monkeypatch.setattr(registry, "_registry", lambda: {"odd": odd})
    output = run("show", "odd").stdout
    assert "[**bold**] :smile: [red]x[/red] " + "长" * 200 in output and "d2l-ai/d2l-zh#1" in output
    assert "no erratum has the id 'none'" in run("show", "none", status=2).stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('TypeError: can only concatenate str (not "int") to str', ["pandas-mean"]),
        ("CAN ONLY CONCATENATE STR (NOT 'INT') TO STR", ["pandas-mean"]),
        ("Traceback:\n  File \"a.py\"\nTypeError: can't convert np.ndarray of type numpy.object_. The only", ["pandas-dummies"]),
        ("cannot perform reduction mean with str dtype", ["pandas-mean"]),
        ("NameError: name 'torch' is not defined", []),
        ("", []),
    ],
)  # fmt: skip
def test_explain_finds_what_is_like_the_message(run, book, text, expected):
    assert [entry.id for entry in explain(text, book.errata)] == expected
    result = run("explain", input=text, status=0 if expected else 1)
    assert all(id in result.stdout for id in expected)


def test_explain_puts_the_best_first(book, run):
    messages = {
        "e-far": "can convert object of other type",
        "e-near": "can't convert object of type",
        "e-long": "can't convert object of type a.b to c",
    }
    errata = [book.entry(id, "a", "b", kind="drift", message=(message,)) for id, message in messages.items()]
    assert [entry.id for entry in explain("can't convert object of type a.b to c", errata)] == ["e-long", "e-near", "e-far"]
    assert next(iter(explain("can't convert object of type", errata))).id == "e-near"
    assert "pandas-mean" in run("explain", "can", "only concatenate", "str not int to str").stdout
    assert "pandas-mean" in run("explain", "-", input="can only concatenate str not int to str").stdout


@pytest.mark.parametrize("command", ["", *main.commands])
def test_help_has_an_example(run, command):
    output = run(*command.split(), "--help").stdout
    assert "_D2L_ERRATA_COMPLETE" in output if not command else f"Example:  d2l-errata {command} " in output


def test_ids_are_completed(monkeypatch, run):
    environment = {
        "_D2L_ERRATA_COMPLETE": "bash_complete",
        "COMP_WORDS": "d2l-errata patch . --ids pandas-mean,pandas-d",
        "COMP_CWORD": "4",
    }
    result = CliRunner().invoke(main, prog_name="d2l-errata", env=environment)
    assert result.stdout == "plain,pandas-mean,pandas-dummies\n"


def test_nothing_heavy_is_imported():
    heavy = {"torch", "numpy", "pandas", "matplotlib", "sphinx", "docutils", "IPython", "nbformat", "jsonschema"}
    program = "import sys, d2l_errata.cli; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert "d2l_errata.patch" in modules
    assert heavy.isdisjoint(modules)
