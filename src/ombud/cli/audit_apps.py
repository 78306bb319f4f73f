"""`ombud audit apps`: rank every app, and open a case for those that stand out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ombud.audit.people.sets import open_sets
from ombud.audit.ranking.order import Ranked, ranking_of
from ombud.audit.ranking.reported import report_apps
from ombud.audit.ranking.weights import load_weights
from ombud.cli.shell import Shell, shell_of
from ombud.lake.publisher import tell_figures

__all__ = ["add_to"]

_NO_APPS = "There are no apps to rank: import `apps`, `grants` and `reads` first."
_SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Add the command to `ombud audit`."""
    app.command()(apps)


def apps(
    ctx: typer.Context,
    limit: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Apps to list, the one to look at first first.")
    ] = 50,
    weights: Annotated[Path | None, typer.Option(help="Weights to rank by, as TOML; those that ship if none.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Rank and show; put nothing on record.")] = False,
) -> None:
    """Rank every app by what it took and how unlike others of its size and category.

    Each reason is a sentence with its number. Apps above the level get a finding and a case, once.
    """
    shell = shell_of(ctx)
    chosen = load_weights(weights)
    lake = shell.lake()
    with shell.progress() as progress:
        sets = open_sets(lake.workspace, lake, progress=progress)
        ranking, measured, scored = ranking_of(lake, lake.records, sets, weights=chosen, limit=limit, progress=progress)
        reported = None if dry_run or not scored else report_apps(lake, measured, scored, chosen)
        if reported is not None:
            tell_figures(lake.records)
    shell.document({**msgspec.to_builtins(ranking), "reported": reported})
    rows = [_row(one) for one in ranking.apps[:_SHOWN]]
    shell.table(
        f"{ranking.ranked:,} apps; {ranking.above:,} above the level of {ranking.level:g}" if rows else _NO_APPS,
        ("rank", "app", "name", "direct", "people", "at most", "score", "status"),
        rows,
        (0, 3, 4, 5, 6),
    )
    _reasons(shell, ranking.apps[:3])
    for sentence in ranking.said:
        shell.say(sentence)
    if reported is not None and ranking.above:
        shell.say(f"{reported.cases:,} cases opened, {reported.known:,} there before: `ombud cases list --kind app`.")


def _row(one: Ranked) -> tuple[object, ...]:
    people = one.people_exposed
    return one.rank, one.app, one.name, one.people_direct, people.proved, people.possible, one.score, one.status


def _reasons(shell: Shell, first: list[Ranked]) -> None:
    """Say why the first apps stand where they do."""
    for one in first:
        shell.say(f"{one.rank}. {one.app}")
        for reason in one.reasons:
            shell.say(f"   {reason}")
