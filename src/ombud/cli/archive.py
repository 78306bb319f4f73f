"""`ombud archive`: the public ad archive."""

from __future__ import annotations

import typer

from ombud.archive import build_archive, open_archive
from ombud.cli.shell import shell_of

__all__ = ["add_to"]

archive_app = typer.Typer(help="Build the public ad archive and show its totals.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(archive_app, name="archive")


@archive_app.command()
def build(ctx: typer.Context) -> None:
    """Build the archive anew from the lake. It is done by itself when the lake has newer ads."""
    shell = shell_of(ctx)
    with shell.progress() as progress:
        build_archive(shell.lake(), progress)
    totals(ctx)


@archive_app.command()
def totals(ctx: typer.Context) -> None:
    """Show the archive's totals."""
    shell = shell_of(ctx)
    with shell.progress() as progress:
        found = open_archive(shell.lake(), progress).totals()
    shell.document(found)
    rows: list[tuple[str, object]] = [("ads", found.ads), ("pages", found.pages)]
    rows += [(f"spent, {m.currency or 'not stated'}", f"{m.amount:,} ({m.ads:,} ads)") for m in found.spend]
    shell.table("The ad archive", ("", ""), [*rows, ("impressions", found.impressions), ("clicks", found.clicks)], (1,))
