"""The command line: the registry as a tool, for the book's maintainers and for readers who keep a copy of it.

Nothing heavy is imported here: the command line works without PyTorch and without the site.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from rich.console import Console
from rich.table import Table

from . import audit as auditing
from . import patch as patching
from . import registry
from .bookcopy import Copy, NotTheBook, open_copy
from .registry import Erratum, RegistryError, UnknownErratum

STYLES = {"standing": "red", "fixed": "green", "moved": "yellow", "absent": "dim"}
KINDS = registry.schema()["properties"]["kind"]["enum"]
#: Share of a recorded error message's words that a pasted text must have, in the same order.
LIKENESS = 0.6


class Failure(click.ClickException):
    """What was asked for cannot be done; 1 is left to say what was found."""

    exit_code = 2


class Ids(click.ParamType):
    """Ids of errata, separated by commas."""

    name = "id,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Refuse an id that the registry does not have."""
        if isinstance(value, tuple):
            return value
        ids = tuple(filter(None, value.split(",")))
        try:
            for id in ids:
                registry.erratum(id)
        except UnknownErratum as error:
            self.fail(str(error), param, ctx)
        return ids

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the last of them."""
        before, comma, start = incomplete.rpartition(",")
        ids = (entry.id for entry in registry.errata() if entry.id.startswith(start))
        return [CompletionItem(before + comma + id) for id in ids]


def _flat(context: click.Context, parameter: click.Parameter, values: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(id for ids in values for id in ids)


path = click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
edition = click.option("--edition", type=click.Choice(["zh", "en"]), help="Do not ask the text which edition it is.")
kind = click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only this kind; may be repeated.")


class _Group(click.Group):
    """The commands in the order in which they stand here; an invalid registry is an error, not a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (NotTheBook, RegistryError) as error:
            raise Failure(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="d2l-errata")
def main() -> None:
    """Errata of Dive into Deep Learning: look them up, see which still stand in a copy of the book, and correct it.

    \b
    Completion:  eval "$(_D2L_ERRATA_COMPLETE=bash_source d2l-errata)"      (or zsh_source, fish_source)
    """


@main.command("audit", epilog="Example:  d2l-errata audit ~/src/d2l-zh --fail-on moved")
@path
@edition
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--fail-on", type=click.Choice(auditing.STATES), multiple=True, help="Exit with 1 if one is in this state; may be repeated.")
def audit_command(path: Path, edition: str | None, as_json: bool, fail_on: tuple[str, ...]) -> None:
    """See which errata still stand in PATH.

    PATH is a checkout of the book's repository, or a folder of its notebooks (PyTorch).
    An erratum is standing (the book's text is there), fixed (our text is, or a later wording of the book),
    moved (neither: someone must look), or absent (the copy does not have the file).
    """
    result = auditing.audit(open_copy(path, edition), registry.errata())
    if as_json:
        click.echo(json.dumps(result.as_dict(), ensure_ascii=False, indent=1))
    else:
        _show_audit(result)
    if any(row.state in fail_on for row in result.rows):
        sys.exit(1)


def _show_audit(result: auditing.Audit) -> None:
    rows = Table("state", "erratum", "where", "", box=None, pad_edge=False)
    for row in result.rows:
        rows.add_row(row.state, row.erratum.id, row.where, row.note, style=STYLES[row.state])
    summary = Table("chapter", "kind", *auditing.STATES, box=None, pad_edge=False)
    for column in summary.columns[2:]:
        column.justify = "right"
    for (chapter, kind), states in result.count("chapter", "kind").items():
        summary.add_row(chapter, kind, *(str(count or "·") for count in states.values()))
    for states in result.count().values():
        summary.add_row("all", "", *map(str, states.values()), style="bold")
    console = _console()
    console.print(rows)
    console.print()
    console.print(summary)
    console.print()
    console.print(_describe(result.copy))
    if result.others:
        console.print(f"{len(result.others)} more errata of the registry are not about this edition")


def _describe(copy: Copy) -> str:
    snapshot = registry.editions()[copy.edition]
    commit = "no commit"
    if copy.commit:
        commit = f"commit {copy.commit[:12]}, {'as in' if copy.commit == snapshot.commit else 'not that of'} the registry"
    return f"{snapshot.title} ({copy.edition}), {copy.format}, {commit}: {copy.root / copy.folder}"


@main.command("patch", epilog="Example:  d2l-errata patch ~/src/d2l-zh --kind math --kind code --output errata.patch")
@path
@edition
@click.option("--ids", type=Ids(), multiple=True, callback=_flat, help="Only these errata; each must be there to be corrected.")
@kind
@click.option("--reverse", is_flag=True, help="Put the book's text back.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option(
    "--output", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), help="Write a diff for git apply (- is stdout)."
)
def patch_command(
    path: Path, edition: str | None, ids: tuple[str, ...], kinds: tuple[str, ...], reverse: bool, dry_run: bool, output: Path | None
) -> None:
    """Write the corrections into PATH: all of them, or, where something is in the way, nothing.

    A file is changed where the text is, nowhere else, and --reverse gives the same bytes again.
    An erratum that has moved is left alone.
    """
    try:
        todo = patching.plan(open_copy(path, edition), registry.errata(), ids=ids, kinds=kinds, reverse=reverse)
        if output and not dry_run:
            _write_diff(patching.diff(todo.changes), output)
        elif not dry_run:
            patching.write(todo.changes)
    except patching.PatchError as error:
        click.echo(f"Not patched: {path}\n{error}", err=True)
        sys.exit(1)
    # What is said must not get into a diff on stdout.
    to_stderr = str(output) == "-" and not dry_run
    for change in todo.changes:
        click.echo(f"{change.document.name}: {', '.join(change.ids)}", err=to_stderr)
    done = sum(len(change.ids) for change in todo.changes)
    verb = ("would be " if dry_run else "") + (f"in {output}" if output and not dry_run else "put back" if reverse else "corrected")
    click.echo(f"{done} errata in {len(todo.changes)} files {verb}; nothing to do for {len(todo.already)}", err=to_stderr)
    if todo.moved:
        click.echo(f"{len(todo.moved)} moved, left alone: {', '.join(todo.moved)}", err=True)
    if todo.absent:
        click.echo(f"{len(todo.absent)} absent: {', '.join(todo.absent)}", err=True)


def _write_diff(diff: bytes, output: Path) -> None:
    if str(output) == "-":
        click.echo(diff, nl=False)
        return
    try:
        output.write_bytes(diff)
    except OSError as error:
        raise Failure(f"{output}: {error.strerror}") from error


@main.command("list", epilog="Example:  d2l-errata list --chapter 11 --kind math 动量")
@click.argument("words", nargs=-1)
@click.option("--chapter", multiple=True, help="Only this chapter (11) or section (11.6); may be repeated.")
@kind
def list_command(words: tuple[str, ...], chapter: tuple[str, ...], kinds: tuple[str, ...]) -> None:
    """List the errata, or those in which (or in the title of whose section) all WORDS occur."""
    table = Table("section", "kind", "erratum", "title", box=None, pad_edge=False)
    for entry in registry.errata():
        text = json.dumps([registry.sections()[entry.section].title, entry.as_dict()], ensure_ascii=False).casefold()
        in_chapter = not chapter or entry.chapter in chapter or entry.section in chapter
        if in_chapter and (not kinds or entry.kind in kinds) and all(_quoted(word) in text for word in words):
            table.add_row(entry.section, entry.kind, entry.id, entry.title)
    if not table.row_count:
        click.echo("No erratum of the registry is like this.", err=True)
        sys.exit(1)
    _console().print(table)


def _quoted(word: str) -> str:
    """A word as it stands in JSON, so that a backslash in a formula is found."""
    return json.dumps(word, ensure_ascii=False)[1:-1].casefold()


@main.command("show", epilog="Example:  d2l-errata show momentum-link")
@click.argument("ids", type=Ids(), nargs=-1, required=True, callback=_flat)
def show_command(ids: tuple[str, ...]) -> None:
    """Show errata in full."""
    for id in ids:
        _show(registry.erratum(id))


def _show(entry: Erratum) -> None:
    section = registry.sections()[entry.section]
    table = Table(box=None, show_header=False, pad_edge=False, title=f"{entry.id}", title_justify="left", title_style="bold")
    table.add_row("title", entry.title)
    table.add_row("where", f"{section.number} {section.title}: {entry.where}")
    table.add_row("", section.url)
    table.add_row("kind", f"{entry.kind}, {entry.severity}, evidence: {entry.evidence}")
    table.add_row("book ✗", entry.book, style="red")
    table.add_row("fixed ✓", entry.fixed, style="green")
    for label, value in (("origin", entry.origin), ("fails from", _join(f"{name} {release}" for name, release in entry.since.items()))):
        if value:
            table.add_row(label, value)
    for message in entry.message:
        table.add_row("message", message)
    for edition, anchor in entry.editions.items():
        table.add_row(f"in {edition}", anchor.file)
    if entry.upstream:
        table.add_row("reported", _join(entry.upstream))
    console = _console()
    console.print(table)
    console.print()


def _join(texts: Iterable[str]) -> str:
    return ", ".join(texts)


@main.command("explain", epilog='Example:  d2l-errata explain "TypeError: can only concatenate str (not \\"int\\") to str"')
@click.argument("message", nargs=-1)
def explain_command(message: tuple[str, ...]) -> None:
    """Find the errata that explain an error MESSAGE, the best first. Without MESSAGE, or with -, standard input is read."""
    text = sys.stdin.read() if message in ((), ("-",)) else " ".join(message)
    found = explain(text, registry.errata())
    for entry in found:
        _show(entry)
    if not found:
        click.echo("No error message of the registry is like this one.", err=True)
        sys.exit(1)


def explain(text: str, errata: Iterable[Erratum]) -> list[Erratum]:
    """The errata one of whose error messages is like a text, best first.

    Args:
        text: what a reader pasted: a message, with or without the exception's name, or a whole traceback.
        errata: where to look.
    """
    pasted = _words(text)

    def likeness(message: str) -> tuple[float, int]:
        words = _words(message)
        blocks = SequenceMatcher(None, words, pasted, autojunk=False).get_matching_blocks()
        # Of two that are there completely, the longer one says more.
        return sum(block.size for block in blocks) / max(len(words), 1), len(words)

    best = [(max(map(likeness, entry.message)), entry) for entry in errata if entry.message]
    return [entry for (share, _), entry in sorted(best, key=lambda pair: pair[0], reverse=True) if share >= LIKENESS]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:\.\w+)*", text.casefold())


def _console() -> Console:
    """Texts of the book are printed as they are: its brackets are not markup, its `:label:` is no emoji."""
    # In a pipe there is no width to fit into, and a line that is cut cannot be searched.
    width = None if sys.stdout.isatty() else 1000
    return Console(markup=False, emoji=False, highlight=False, width=width)
