"""`ombud audit freeze` and `ombud audit frozen`: the people an app affected, exact and committed to on the ledger."""

from __future__ import annotations

import getpass
from typing import Annotated

import msgspec
import typer

from ombud.audit.dossier import freeze as freezing
from ombud.cli.moments import moment_of
from ombud.cli.publishing import bring_to_ledger
from ombud.cli.shell import shell_of
from ombud.records import frozen_sets, outbox

__all__ = ["add_to"]

frozen_app = typer.Typer(help="Sets of affected people that were frozen.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to `ombud audit`."""
    app.command()(freeze)
    app.add_typer(frozen_app, name="frozen")


def freeze(
    ctx: typer.Context,
    app: Annotated[str, typer.Argument(help="The app, as imported.")],
    *,
    reason: Annotated[str, typer.Option(help="What the set is frozen for; it is kept with it.")],
    since: Annotated[str | None, typer.Option(help="Reads from when on; from its first if unset.")] = None,
    until: Annotated[str | None, typer.Option(help="Reads before when; to its last if unset.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who freezes it.", show_default="you")] = None,
) -> None:
    """Write down exactly who was affected by an app, and put a commitment to it on the ledger."""
    shell = shell_of(ctx)
    lake = shell.lake()
    done = freezing.freeze(lake, app, reason, by or getpass.getuser(), moment_of(since), moment_of(until))
    if done.new:
        bring_to_ledger(shell, lake)
    with lake.records.read() as tx:
        index = outbox.index_of(tx, done.set.outbox)
    shell.document({"id": done.set.id, "new": done.new, "ledger": index, **_public(done.set)})
    item = done.set
    if not done.new:
        shell.say(f"The very same people are frozen already, on {item.frozen_at:%Y-%m-%d}: {item.id}.")
        return
    shell.say(
        f"{item.people:,} people are frozen as {item.id}: {item.direct:,} by their own consent, {item.via:,} through a"
        " friend. The ledger has a commitment, and no number of people."
    )


@frozen_app.command("list")
def list_(
    ctx: typer.Context, app: Annotated[str | None, typer.Option("--app", help="Those of one app alone.")] = None
) -> None:
    """List the sets, newest first."""
    shell = shell_of(ctx)
    with shell.records() as records, records.read() as tx:
        found = frozen_sets.every(tx) if app is None else frozen_sets.of_app(tx, app)
        places = [outbox.index_of(tx, one.outbox) for one in found]
    lines = [{"id": one.id, "ledger": place, **_public(one)} for one, place in zip(found, places, strict=True)]
    shell.document({"frozen": lines})
    rows = [
        (one.id, one.app, one.people, f"{one.frozen_at:%Y-%m-%d %H:%M}", place, one.reason)
        for one, place in zip(found, places, strict=True)
    ]
    shell.table("Frozen sets", ("set", "app", "people", "frozen (UTC)", "entry", "reason"), rows, (2,))


@frozen_app.command()
def verify(ctx: typer.Context, id: Annotated[str, typer.Argument(help="The set.")]) -> None:  # noqa: A002 - its name to users
    """Compute a set's root again from rows and salts, and hold it against the ledger; exits with 1 if it differs."""
    shell = shell_of(ctx)
    found = freezing.verify(shell.lake(), id)
    shell.document(found)
    place = "which waits for the ledger" if found.ledger is None else f"which is the ledger's entry {found.ledger:,}"
    erased = f"; {found.erased:,} erased since, their commitments stand" if found.erased else ""
    if found.ok:
        shell.say(f"{found.people:,} people{erased}. Rows and salts lead to the root {found.root[:16]}..., {place}.")
    for problem in found.problems:
        shell.say(problem)
    shell.exit_code = 0 if found.ok else 1


def _public(item: frozen_sets.FrozenSet) -> dict[str, object]:
    """Return what is shown of a set: not the seed, which belongs to its rows."""
    told = msgspec.to_builtins(item)
    return {name: value for name, value in told.items() if name not in {"id", "pad_seed", "outbox"}}
