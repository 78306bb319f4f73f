"""`ombud detect`: find what acts together more than chance, fashion and habit explain."""

from __future__ import annotations

from typing import Annotated

import typer

from ombud.cli.moments import moment_of
from ombud.cli.shell import shell_of
from ombud.detect import detect_networks, record_networks
from ombud.detect.runs import save_run
from ombud.detect.traces import DEFAULT, TRACES
from ombud.detect.wording import counted
from ombud.model.errors import UsageError

__all__ = ["add_to"]

_NONE = "No network: nothing goes beyond what activity, popularity and news can explain. That clears nobody."
_NO_POSTS = "There are no posts to look at: `ombud import` brings them in."

detect_app = typer.Typer(help="Find what acts together more than chance explains.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(detect_app, name="detect")


@detect_app.callback()
def detect() -> None:
    """Find what acts together more than chance explains."""


@detect_app.command()
def networks(
    ctx: typer.Context,
    since: Annotated[str | None, typer.Option(help="Only posts from this date on (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Only posts before this date (UTC).")] = None,
    trace: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(TRACES)}; repeatable.", show_default=", ".join(DEFAULT))
    ] = None,
    fdr: Annotated[
        float | None, typer.Option(min=1e-12, max=0.5, help="Share of false networks to allow.", show_default="0.01")
    ] = None,
    *,
    record: Annotated[bool, typer.Option("--record/--no-record", help="Save findings and open a case each.")] = True,
) -> None:
    """Find networks of accounts that share the same things together, at any pace from a minute to a week.

    A network is reported when neither how active its accounts are, nor how popular the things are, nor how
    fast crowds and news make everybody, nor common interest explains it.
    """
    shell = shell_of(ctx)
    first, last = moment_of(since), moment_of(until)
    if first and last and first >= last:
        raise UsageError(f"The period ends ({until}) before it begins ({since}).", hint="Swap the two.")
    lake = shell.lake()
    with shell.progress() as progress:
        run = detect_networks(lake, since=first, until=last, traces=trace or DEFAULT, fdr=fdr, progress=progress)
        if record:
            record_networks(lake, lake.records, run)
            save_run(lake, run)
    shell.document({"networks": run.networks, "settings": run.settings, "version": run.version})
    shell.say(
        f"{counted(run.posts, 'post')} of {counted(run.accounts, 'account')};"
        f" {counted(run.groups_tested, 'group')} put to the test"
    )
    rows = [
        (len(n.accounts), f"{n.q:.1e}", ", ".join(f"{count:,} by {by}" for by, count in n.traces.items()), n.title)
        for n in run.networks
    ]
    found = "1 network" if len(rows) == 1 else f"{len(rows):,} networks"
    shell.table(
        found if rows else (_NONE if run.posts else _NO_POSTS),
        ("accounts", "q", "acts together", "finding"),
        rows,
        (0, 1),
    )
    if rows and record:
        shell.say("Each has a case: `ombud cases list`, or look at them with `ombud serve`.")
