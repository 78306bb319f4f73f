"""`ombud explain`: where a number comes from."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ombud.cli.shell import plain, shell_of
from ombud.model.errors import UsageError
from ombud.records import figures

if TYPE_CHECKING:
    from ombud.lake import Lake
    from ombud.model.findings import Figure

__all__ = ["add_to"]

_FILES = 10
"""Files that are shown to people; the document has all."""


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(explain)


def _computed(lake: Lake, figure: Figure) -> Any:  # noqa: ANN401 - a number or a text
    """Return what the figure's query gives over the lake as it is now."""
    if not figure.query.lstrip().upper().startswith(("SELECT", "WITH")):
        raise UsageError(
            "This number comes out of a whole run, not of one query.",
            hint=f"Run it again and compare: {figure.query}",
        )
    with lake.duck() as duck:
        row = duck.execute(figure.query, figure.parameters).fetchone()
    return row[0] if row else None


def _same(stored: float | str | None, computed: Any) -> bool:  # noqa: ANN401 - a number or a text
    if isinstance(stored, str) and isinstance(computed, Decimal):
        return Decimal(stored) == computed
    return bool(stored == computed)


def explain(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="A figure's id, as shown beside it.")],  # noqa: A002 - its name to users
    *,
    again: Annotated[bool, typer.Option("--again", help="Compute it again over the lake as it is now.")] = False,
) -> None:
    """Show where a number comes from: its value, its query, the files it was computed from."""
    shell = shell_of(ctx)
    with shell.records().read() as tx:
        figure = figures.get(tx, id)
    if again:
        computed = _computed(shell.lake(), figure)
        same = _same(figure.value, computed)
        shell.document({"id": figure.id, "value": figure.value, "again": computed, "same": same})
        verdict = "the same" if same else f"it was {figure.value} when it was computed first"
        shell.say(f"{figure.name}: {computed} {figure.unit}, computed again: {verdict}.")
        shell.exit_code = 0 if same else 1
        return
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
    shown = figure.inputs[:_FILES]
    shell.say("From" if shown else "From no file of the lake.")
    for file in shown:
        shell.say(f"{file.sha256}  {file.path}")
    if len(figure.inputs) > _FILES:
        shell.say(f"... and {len(figure.inputs) - _FILES:,} more files; --json lists them all.")
    shell.say(f"On the ledger at {', '.join(map(str, figure.ledger))}." if figure.ledger else "Not on the ledger yet.")
