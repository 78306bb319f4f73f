"""`ombud audit app`: one app to the bone, as text, data or a PDF."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ombud.audit.dossier.report import custody, pdf
from ombud.audit.dossier.whole import Dossier, dossier, keep
from ombud.audit.people.sets import open_sets
from ombud.cli.moments import moment_of
from ombud.cli.shell import Shell, shell_of, writing
from ombud.lake.publisher import tell_figures
from ombud.records import app_audits

__all__ = ["add_to"]

_LISTED = 10


def add_to(app: typer.Typer) -> None:
    """Add the command to `ombud audit`."""
    app.command("app")(audit_app)


def audit_app(
    ctx: typer.Context,
    app: Annotated[str, typer.Argument(help="The app, as imported.")],
    *,
    since: Annotated[str | None, typer.Option(help="Reads from when on; from its first if unset.")] = None,
    until: Annotated[str | None, typer.Option(help="Reads before when; to its last if unset.")] = None,
    pdf_file: Annotated[Path | None, typer.Option("--pdf", help="Write the audit as a PDF to this file, too.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who makes it, for the PDF.", show_default="you")] = None,
) -> None:
    """Audit one app: what it read, of whom, how fast, and what would explain it. The console shows it from then on."""
    shell = shell_of(ctx)
    lake = shell.lake()
    with shell.progress() as progress:
        progress(0, None, "bringing the sets of people up to date")
        sets = open_sets(lake.workspace, lake)
        progress(0, None, "asking of the app's reads")
        made = dossier(lake, lake.records, sets, app, moment_of(since), moment_of(until))
        kept = keep(lake.records, made)
        tell_figures(lake.records)
    if pdf_file is not None:
        with lake.records.read() as tx:
            vouched = custody(tx, lake.workspace.ledger_dir, lake.workspace.settings.name, by or getpass.getuser(), app)
        with writing(pdf_file):
            _write(pdf_file, pdf(made, vouched))
    shell.document({"id": kept.id, **msgspec.to_builtins(made), "pdf": str(pdf_file) if pdf_file else None})
    _tell(shell, made, kept)
    if pdf_file is not None:
        shell.say(f"Written to {pdf_file}.")


def _write(file: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    half = file.with_name(f".{file.name}.part")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(data)
    half.replace(file)


def _tell(shell: Shell, made: Dossier, kept: app_audits.AppAudit) -> None:
    whom = made.reach
    shell.say(f"{made.headline}.")
    span = f"Reads from {made.since:%Y-%m-%d %H:%M} to {made.until:%Y-%m-%d %H:%M} UTC."
    shell.say(span if made.since < made.until else "No read of it is on record.")
    people = [("their own consent", whom.direct), ("a friend's consent", whom.via), ("either, each once", whom.people)]
    rows = [(words, one.proved.value, one.possible.value, one.proved.figure) for words, one in people]
    shell.table("People, by", ("", "proved", "possible", "figure"), rows, (1, 2))
    lines = [(one.field, one.purpose, one.reads, one.people) for one in made.time.fields]
    shell.table("What went out", ("field", "purpose", "reads", "people"), lines[:_LISTED], (2, 3))
    runs = [
        (f"{one.first:%Y-%m-%d %H:%M}", round(one.minutes), one.people, round(one.people_a_minute, 1), one.key)
        for one in made.sessions.listed[:_LISTED]
    ]
    shell.table("Largest sessions", ("began (UTC)", "minutes", "people", "people a minute", "key"), runs, (1, 2, 3))
    odd = [(one.says, one.number.value) for one in made.checks]
    shell.table("Reads that do not fit the record", ("", "count"), odd, (1,))
    if made.around.signals:
        shell.table("Beside apps like it", ("",), [(one.sentence,) for one in made.around.signals])
    shell.say(made.hindsight.sentence)
    reasons = [(one.title, one.applies, one.sentence) for one in made.innocent]
    shell.table("What would explain it innocently", ("", "holds", "by what"), reasons)
    for sentence in made.limits:
        shell.say(sentence)
    shell.say(f"{len(made.figures)} figures; `ombud explain ID` shows where each comes from. Kept as {kept.id}.")
