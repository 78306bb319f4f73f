"""`ombud cases`: the cases, and one of them."""

from __future__ import annotations

from typing import Annotated

import typer

from ombud.cli.shell import plain, shell_of
from ombud.model.errors import UsageError
from ombud.records import cases as case_records
from ombud.records import findings

__all__ = ["add_to"]

cases_app = typer.Typer(help="List cases and show one.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(cases_app, name="cases")


@cases_app.command("list")
def list_(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only cases in this state: open, waiting, decided, closed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
) -> None:
    """List the cases, newest first."""
    shell = shell_of(ctx)
    if state is not None and state not in case_records.STATES:
        raise UsageError(f"A case cannot be `{state}`.", hint=f"It is {', '.join(case_records.STATES)}.")
    with shell.records().read() as tx:
        found = case_records.listing(tx, state=state, limit=limit)
        total = case_records.count(tx, state=state)
    shell.document({"cases": found, "total": total})
    shell.table(
        f"{total:,} {'case' if total == 1 else 'cases'}" if total else _none(state),
        ("case", "kind", "state", "title"),
        [(case.number, case.kind, case.state, case.title) for case in found],
        (0,),
    )


def _none(state: str | None) -> str:
    if state is not None:
        return f"No case is {state}."
    return "No case yet. `ombud detect networks` opens one for each network it finds."


@cases_app.command("show")
def show(ctx: typer.Context, number: Annotated[int, typer.Argument(help="The case's number.")]) -> None:
    """Show one case with its findings and what was considered."""
    shell = shell_of(ctx)
    with shell.records().read() as tx:
        case = case_records.by_number(tx, number)
        held = [findings.get(tx, finding) for finding in case.finding_ids]
        history = case_records.history(tx, case.id)
    shell.document({"case": case, "findings": held, "history": history})
    shell.say(f"[bold]Case {case.number}[/] · {plain(case.kind)} · {case.state}", markup=True)
    shell.say(case.title)
    for finding in held:
        shell.say("")
        shell.say(f"{finding.says} · q at most {finding.q:.2g}" if finding.q is not None else finding.says)
        for reason in finding.reasons:
            shell.say(f"  – {reason.sentence}" + (f"  ({reason.figure})" if reason.figure else ""))
        shell.table(
            "What speaks against it",
            ("applies", "explanation"),
            [(one.applies, one.sentence) for one in finding.explanations],
        )
