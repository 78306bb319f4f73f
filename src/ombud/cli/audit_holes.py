"""`ombud audit holes` and `ombud audit sealed`: what old logs do not show, and what of them is certain."""

from __future__ import annotations

import typer

from ombud.audit.logs.holes import find_holes, keep
from ombud.audit.logs.sealed import limits, sealed
from ombud.cli.shell import shell_of
from ombud.lake.publisher import tell_figures

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `ombud audit`."""
    app.command("holes")(holes_)
    app.command("sealed")(sealed_)


def holes_(ctx: typer.Context) -> None:
    """List what the record of reads does not show: days without a line, missing batches, reads that cannot be.

    A hole is a sign, not a proof. Each says what it may hide, and has a figure that `ombud explain` opens.
    """
    shell = shell_of(ctx)
    lake = shell.lake()
    found = find_holes(lake)
    keep(lake, found)
    tell_figures(lake.records)
    shell.document(found)
    shell.say(found.sentences[0])
    for hole in found.holes:
        shell.say("")
        shell.say(hole.sentence)
        shell.say(hole.hides)
        shell.say(f"ombud explain {hole.figure}")
    if not found.holes:
        shell.say(found.sentences[-1])


def sealed_(ctx: typer.Context) -> None:
    """List the files that were imported or attached sealed, and what that limits."""
    shell = shell_of(ctx)
    lake = shell.lake()
    files = sealed(lake.records)
    said = limits(lake, lake.records)
    shell.document({"files": files, "limits": said})
    shell.table(
        "Sealed files" if files else "No file was sealed. `ombud import FORMAT FILE --sealed` does it.",
        ("file", "as found on", "SHA-256", "ledger", "tables"),
        [
            (one.source, f"{one.sealed_at:%Y-%m-%d}", one.sha256[:16], one.ledger, ", ".join(sorted(one.tables)))
            for one in files
        ],
        (3,),
    )
    for line in said:
        shell.say(line)
