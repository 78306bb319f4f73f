"""`ombud evaluate`: hold a detector, ours or yours, against labels."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ombud.cli.shell import Shell, shell_of, writing
from ombud.detect import Rate, evaluate_networks, labelling_sheet, read_networks, read_truth
from ombud.model.errors import UsageError
from ombud.records import findings

__all__ = ["add_to"]

evaluate_app = typer.Typer(help="Hold a detector, ours or yours, against labels.", no_args_is_help=True)

_SEED = 1


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(evaluate_app, name="evaluate")


@evaluate_app.callback()
def evaluate() -> None:
    """Hold a detector, ours or yours, against labels."""


@evaluate_app.command()
def networks(
    ctx: typer.Context,
    truth: Annotated[Path | None, typer.Option(help="CSV: account,group (empty: ordinary) or account,label.")] = None,
    found: Annotated[
        Path | None,
        typer.Option("--networks", help="JSON of networks to judge, of any tool; the recorded findings if none."),
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write a blind sheet to label here, and stop.")] = None,
    size: Annotated[int, typer.Option(min=2, max=100_000, help="Accounts on the sheet.")] = 100,
) -> None:
    """Measure precision, recall and F1 of networks, each with its 95 % interval.

    `--networks FILE` takes the document of `ombud detect networks --json`, or the same shape from your own script.
    `--sheet FILE` writes accounts to label, drawn by hash and blind to what was found.
    """
    shell = shell_of(ctx)
    if (truth is None) == (sheet is None):
        raise UsageError("Say either --truth or --sheet.", hint="--sheet FILE writes one to fill for --truth.")
    chosen = read_networks(found) if found else _recorded(shell)
    if sheet is not None:
        text = labelling_sheet(shell.lake(), chosen, size)
        with writing(sheet):
            sheet.write_text(text, encoding="utf-8", newline="")
        shell.document({"sheet": str(sheet), "accounts": len(list(csv.reader(io.StringIO(text)))) - 1})
        shell.say(f"{sheet} waits for labels: 1 for coordinated, 0 for not, empty for unsure.")
        return
    assert truth is not None  # noqa: S101 - told apart above
    result = evaluate_networks(chosen, read_truth(truth), np.random.default_rng(_SEED))
    shell.document(result)
    shell.table(
        f"{result.n:,} labelled accounts, {result.found:,} of them in networks",
        ("", "value", "95 % interval"),
        [(name, _value(rate), _interval(rate)) for name, rate in _rates(result.precision, result.recall, result.f1)],
        (1,),
    )
    if result.unlabelled:
        shell.say(f"{result.unlabelled:,} accounts in networks have no label and count for nothing.")


def _recorded(shell: Shell) -> list[list[str]]:
    with shell.records().read() as tx:
        rows = findings.listing(tx, says="coordinated", subject_kind="network", limit=100_000)
        return [[member["account"] for member in findings.get(tx, row.id).detail["members"]] for row in rows]


def _rates(precision: Rate, recall: Rate, f1: Rate) -> list[tuple[str, Rate]]:
    return [("precision", precision), ("recall", recall), ("F1", f1)]


def _value(rate: Rate) -> str:
    return "nothing to divide by" if rate.value is None else f"{rate.value:.3f}"


def _interval(rate: Rate) -> str:
    return "–" if rate.low is None or rate.high is None else f"{rate.low:.3f} to {rate.high:.3f}"
