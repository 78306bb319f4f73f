"""`ombud gate flush`, `coverage`, `canary`, `egress`, `release`: the record of reads, and how whole it is."""

from __future__ import annotations

import getpass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ombud.cli.moments import moment_of
from ombud.cli.people_sets import keep_sets
from ombud.cli.publishing import bring_to_ledger
from ombud.cli.shell import shell_of
from ombud.gate import coverage as covering
from ombud.gate import flush as flushing
from ombud.model import clock
from ombud.model.errors import InputError
from ombud.records import apps, brakes, canary_reads
from ombud.records import egress as counters

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `ombud gate`."""
    app.command()(flush)
    app.command()(coverage)
    app.command()(canary)
    app.command()(egress)
    app.command()(release)


def flush(ctx: typer.Context) -> None:
    """Bring what gates have recorded into the lake now; the worker does it every few minutes."""
    shell = shell_of(ctx)
    lake = shell.lake()
    done = flushing.flush(lake)
    shell.document({"gates": done})
    keep_sets(shell, lake)
    if not done:
        shell.say("Nothing waits in the journals.")
        return
    shell.table("Flushed", ("gate", "batches", "reads"), [(one.host, one.batches, one.rows) for one in done], (1, 2))


def coverage(
    ctx: typer.Context,
    since: Annotated[str | None, typer.Option(help="From when; a week ago if unset.")] = None,
    until: Annotated[str | None, typer.Option(help="Until when; now if unset.")] = None,
) -> None:
    """Say how much of what left the platform is on record: canaries, the platform's counters, missing batches."""
    shell = shell_of(ctx)
    lake = shell.lake()
    end = moment_of(until) or clock.now()
    start = moment_of(since) or (end - timedelta(days=7)).replace(minute=0, second=0, microsecond=0)
    if start >= end:
        raise InputError("--since is not before --until.", hint="Give a time that has gone by between the two.")
    if flushing.flush(lake):
        keep_sets(shell, lake)
    found = covering.measure(lake, start, end)
    made = covering.publish(lake, found)
    shell.document(msgspec.to_builtins(found) | {"figures": [figure.id for figure in made]})
    for sentence in found.sentences:
        shell.say(sentence)
    lines = [line for line in found.egress if line.missing]
    if lines:
        rows = [(line.hour.isoformat(), line.app, line.counted, line.recorded, line.missing) for line in lines]
        shell.table("Not on record", ("hour", "app", "counted", "recorded", "missing"), rows, (2, 3, 4))
    bring_to_ledger(shell, lake)
    if found.gaps or found.missing_canaries or lines:
        raise typer.Exit(1)


def canary(
    ctx: typer.Context,
    app: Annotated[str, typer.Argument(help="The app that read.")],
    person: Annotated[str, typer.Argument(help="The test account that it read.")],
    field: Annotated[list[str], typer.Option("--field", help="What it asked for; may be given again.")],
    minutes: Annotated[int, typer.Option(min=1, help="Minutes until it must be on record.")] = 15,
) -> None:
    """Note a read that you just made through the platform's own path; `coverage` then looks for it."""
    shell = shell_of(ctx)
    now = clock.now()
    with shell.records() as records, records.begin() as tx:
        apps.get(tx, app)
        made = canary_reads.expect(tx, app, person, field, made_at=now, due_at=now + timedelta(minutes=minutes))
    shell.document(made)
    shell.say(f"It must be on record by {made.due_at:%H:%M} UTC.")


def egress(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with host, hour, app, and any of reads, people, fields, bytes.")],
) -> None:
    """Take in what the platform's own counters say went out, to be held against the record."""
    shell = shell_of(ctx)
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            counts = covering.egress_from_csv(lines, file.name)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {type(error).__name__}.", hint="Give a CSV file in UTF-8.") from error
    with shell.records() as records, records.begin() as tx:
        counters.count(tx, counts)
    shell.document({"counts": len(counts)})
    shell.say(f"{len(counts):,} counts taken in.")


def release(
    ctx: typer.Context,
    app: Annotated[str, typer.Argument(help="The app that a breaker slowed or stopped.")],
    reason: Annotated[str, typer.Option(help="Why it may go on, in a sentence; it is kept with the app.")],
    by: Annotated[str | None, typer.Option("--by", help="Who decides it.", show_default="you")] = None,
) -> None:
    """Let an app go on that a breaker slowed or stopped; every gate hears of it within a second."""
    shell = shell_of(ctx)
    with shell.records() as records, records.begin() as tx:
        done = brakes.release(tx, app, by or getpass.getuser(), reason)
    shell.document(done)
    shell.say(f"{app} goes on. It was {done.state} since {done.since:%Y-%m-%d %H:%M} UTC.")
