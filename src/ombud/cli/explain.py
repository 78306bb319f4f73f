"""`ombud explain`: where a number comes from."""

from __future__ import annotations

from typing import Annotated

import typer

from ombud.cli.shell import plain, shell_of
from ombud.records import figures

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(explain)


def explain(ctx: typer.Context, id: Annotated[str, typer.Argument(help="A figure's id, as shown beside it.")]) -> None:  # noqa: A002 - its name to users
    """Show where a number comes from: its value, its query, the files it was computed from."""
    shell = shell_of(ctx)
    with shell.records().read() as tx:
        figure = figures.get(tx, id)
    shell.document(
        {
            "id": figure.id,
            "name": figure.name,
            "value": figure.value,
            "unit": figure.unit,
            "query": figure.query,
            "parameters": figure.parameters,
            "inputs": figure.inputs,
            "ledger": figure.ledger,
        }
    )
    shell.say(f"[bold]{plain(figure.name)}[/]: {plain(str(figure.value))} {plain(figure.unit)}", markup=True)
    shell.say("")
    shell.say("Computed by")
    shell.say(figure.query)
    for name, value in figure.parameters.items():
        shell.say(f"  {name} = {value}")
    shell.table("From", ("file", "sha256"), [(file.path, file.sha256) for file in figure.inputs])
    shell.say(f"On the ledger at {', '.join(map(str, figure.ledger))}." if figure.ledger else "Not on the ledger yet.")
