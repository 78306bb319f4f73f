"""`ombud export`: one person's data, and the record of who read them, to hand over."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ombud.cli.publishing import bring_to_ledger
from ombud.cli.shell import shell_of
from ombud.gate.flush import flush
from ombud.gate.portability import export
from ombud.model.errors import UsageError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("export")(export_person)


def export_person(
    ctx: typer.Context,
    person: Annotated[str, typer.Argument(help="The account, by its id at the source; `-` reads it from stdin.")],
    to: Annotated[Path, typer.Option(help="A folder, or a file that ends in .zip; it must not be there yet.")],
    *,
    proofs: Annotated[bool, typer.Option("--proofs/--no-proofs", help="Add a proof for each read.")] = True,
) -> None:
    """Write a person's own data, and who read them when, with proofs, to a folder or zip file."""
    shell = shell_of(ctx)
    if person == "-":
        try:
            person = sys.stdin.buffer.read().decode().strip()
        except UnicodeDecodeError:
            raise UsageError("What came on stdin is not UTF-8.", hint="Give the id as it was imported.") from None
    lake = shell.lake()
    flush(lake)
    bring_to_ledger(shell, lake)
    done = export(lake, person, to, proofs=proofs)
    shell.document(done)
    shell.table("Exported", ("file", "rows"), sorted(done.tables.items()), (1,))
    shell.say(f"{done.proofs:,} reads with a proof, {done.without_proof:,} without.")
    if done.held_back:
        shell.say(f"{done.held_back:,} proofs are left out, since they would name a friend.")
    shell.say(f"Written to {done.path}. Only you can read it; hand it to the person alone.")
