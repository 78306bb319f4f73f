"""`ombud gate observe` and `breakers`: what a policy would refuse, and which apps are held back."""

from __future__ import annotations

from typing import Annotated

import typer

from ombud.cli.gate_policy import IN_FORCE, policy_named, show_replay
from ombud.cli.shell import shell_of
from ombud.gate.observe import observe as observed
from ombud.records import brakes

__all__ = ["add_to"]

_UNTIL = "a person lets it go"


def add_to(app: typer.Typer) -> None:
    """Add the commands to `ombud gate`."""
    app.command()(observe)
    app.command()(breakers)


def observe(
    ctx: typer.Context,
    policy: Annotated[str, typer.Argument(help="A file, one that ships, a hash, or `in-force`.")] = IN_FORCE,
    *,
    registered: Annotated[
        bool, typer.Option("--registered/--favoured", help="Apps as they are registered; or all in their favour.")
    ] = True,
    purpose: Annotated[str | None, typer.Option(help="The purpose of reads that a log states none for.")] = None,
    region: Annotated[str | None, typer.Option(help="The region of reads that a log states none for.")] = None,
) -> None:
    """Say what a policy would have refused of what logs say went out; the platform's read path stays as it is."""
    shell = shell_of(ctx)
    chosen = policy_named(shell, policy)
    lake = shell.lake()
    with shell.progress() as progress:
        found = observed(lake, chosen, registered=registered, purpose=purpose, region=region, progress=progress)
    shell.document(found)
    shell.say(found.sentence)
    show_replay(shell, found.replay)


def breakers(ctx: typer.Context) -> None:
    """List the apps that a breaker slowed or stopped; `ombud gate release` lets one go on."""
    shell = shell_of(ctx)
    with shell.records() as records, records.read() as tx:
        found = brakes.in_force(tx)
    shell.document({"brakes": found})
    rows = [
        (
            one.app,
            one.state,
            f"{one.since:%F %T}",
            f"{one.until:%F %T}" if one.until else _UNTIL,
            one.reason,
        )
        for one in found
    ]
    title = f"{len(rows)} held back" if rows else "No app is held back."
    shell.table(title, ("app", "is", "since (UTC)", "until", "why"), rows)
