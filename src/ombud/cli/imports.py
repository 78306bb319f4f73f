"""`ombud import`: bring files into the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ombud.archive.upkeep import ask_for_build
from ombud.cli.people_sets import keep_sets
from ombud.cli.publishing import bring_to_ledger
from ombud.cli.shell import Shell, shell_of
from ombud.lake.imports import FORMATS, ImportReport, import_files, suggest_mapping
from ombud.lake.imports.mapping import load_mapping
from ombud.model.errors import UsageError

__all__ = ["add_to", "show_report"]


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("import")(import_)


def import_(
    ctx: typer.Context,
    format: Annotated[str, typer.Argument(help=f"One of {', '.join(sorted(FORMATS))}.")],  # noqa: A002 - its name to users
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    table: Annotated[str | None, typer.Option(help="With `table`: the lake's table to fill.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="With `table`: TOML that says which column is which.")] = None,
    max_rejects: Annotated[int | None, typer.Option(min=0, help="Exit with 1 when more rows are rejected.")] = None,
    *,
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Old logs: put each file's hash on the ledger before it is read.")
    ] = False,
    suggest: Annotated[bool, typer.Option("--suggest-mapping", help="Propose a mapping; import nothing.")] = False,
) -> None:
    """Bring files into the lake. A row that does not fit goes to a rejects file with line and reason.

    Importing the same file again changes nothing. Stopped at any moment, run it again: it goes on.
    """
    shell = shell_of(ctx)
    if suggest:
        if len(paths) > 1:
            raise UsageError("A mapping is proposed from one file.", hint="Name one of files that are alike.")
        suggestion = suggest_mapping(paths[0], table)
        shell.document(suggestion)
        shell.say(suggestion.to_toml().rstrip("\n"))
        return
    if format == "table" and table is None and mapping is None:
        raise UsageError(
            "`ombud import table` needs --table or --mapping.", hint="`--suggest-mapping` proposes one for your file."
        )
    chosen = load_mapping(mapping) if mapping else None
    lake = shell.lake()
    with shell.progress() as progress:
        report = import_files(
            lake, format, paths, table=table, mapping=chosen, max_rejects=max_rejects, sealed=sealed, progress=progress
        )
    show_report(shell, report)
    bring_to_ledger(shell, lake)
    keep_sets(shell, lake)
    if ask_for_build(lake):
        shell.say("The ad archive is built anew by `ombud serve` or `ombud worker`; `ombud archive build` does it now.")
    if report.too_many_rejects:
        shell.exit_code = 1


def show_report(shell: Shell, report: ImportReport) -> None:
    """Print what an import took, skipped and rejected."""
    shell.document(report)
    rows = [
        (name, counts.read, counts.accepted, counts.skipped, counts.rejected, counts.flagged)
        for name, counts in report.tables.items()
    ]
    shell.table(
        f"Imported {report.format}", ("table", "read", "accepted", "skipped", "rejected", "flagged"), rows, range(1, 6)
    )
    for file in report.files:
        if file.sealed_at:
            shell.say(
                f"Sealed {Path(file.path).name} as found on {file.sealed_at:%Y-%m-%d}, SHA-256 {file.sha256[:16]}..."
            )
    if report.rejects_file:
        shell.say(f"Rejected rows, with line and reason: {report.rejects_file}")
