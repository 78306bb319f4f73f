"""`ombud gate apps`: which apps there are, what was approved, what became of them."""

from __future__ import annotations

import getpass
from typing import Annotated

import msgspec
import typer

from ombud.cli.moments import moment_of
from ombud.cli.publishing import bring_to_ledger
from ombud.cli.shell import shell_of
from ombud.gate import registry
from ombud.gate.live import FALLBACK
from ombud.gate.policy import load_policy
from ombud.gate.wire.strict import is_plain
from ombud.model import clock
from ombud.model.errors import InputError, UsageError
from ombud.records import apps, consents, reviews

__all__ = ["add_to"]

apps_app = typer.Typer(help="Register apps, approve scopes for them, suspend and ban them.", no_args_is_help=True)
_BY = typer.Option("--by", help="Who decides it.", show_default="you")
_REASON = typer.Option(help="Why, in a sentence; it is kept with the app.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to `ombud gate`."""
    app.add_typer(apps_app, name="apps")


@apps_app.command("list")
def listed(
    ctx: typer.Context,
    query: Annotated[str | None, typer.Argument(help="A part of the name, or the id.")] = None,
    status: Annotated[str | None, typer.Option(help="live, under_review, suspended or banned.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> None:
    """List the apps with their status, reviews and people."""
    shell = shell_of(ctx)
    if status is not None and status not in apps.STATUSES:
        raise UsageError(f"No app can be `{status}`.", hint=f"Say {', '.join(apps.STATUSES)}.")
    with shell.records() as records, records.read() as tx:
        found = apps.listing(tx, status=status, query=query, limit=limit)
        total = apps.count(tx, status=status, query=query)
        approved = {one.app: [r.scope for r in reviews.of_app(tx, one.app) if _counts(r)] for one in found}
        people = {one.app: consents.count(tx, one.app) for one in found}
    shell.document(
        {
            "total": total,
            "apps": [
                {
                    "app": one.app,
                    "name": one.name,
                    "developer": one.developer,
                    "status": one.status,
                    "purposes": one.purposes,
                    "reviewed": approved[one.app],
                    "people": people[one.app],
                    "registered_at": one.registered_at,
                    "last_active_at": one.last_active_at,
                }
                for one in found
            ],
        }
    )
    rows = [
        (one.app, one.name, one.developer, one.status, ", ".join(approved[one.app]), people[one.app]) for one in found
    ]
    title = f"{total:,} apps" if total != 1 else "1 app"
    shell.table(
        title if total else "No app is registered.",
        ("app", "name", "developer", "status", "reviewed", "people"),
        rows,
        (5,),
    )


def _counts(review: reviews.Review) -> bool:
    ended = review.expires_at is not None and review.expires_at <= clock.now()
    return review.withdrawn_at is None and not ended


@apps_app.command()
def register(
    ctx: typer.Context,
    app: Annotated[str, typer.Argument(help="The app's id, as its token says it.")],
    name: Annotated[str, typer.Option(help="Its name, as people see it.")],
    developer: Annotated[str, typer.Option(help="The id of who makes it.")],
    developer_name: Annotated[str | None, typer.Option(help="The developer's name.")] = None,
    category: Annotated[str | None, typer.Option(help="What kind of app it is.")] = None,
    purpose: Annotated[list[str] | None, typer.Option(help="A purpose that it declares; repeatable.")] = None,
    at_host: Annotated[list[str] | None, typer.Option("--at", help="A host it calls from; repeatable.")] = None,
    by: Annotated[str | None, _BY] = None,
) -> None:
    """Register an app, or change what is known of it; its status stays."""
    shell = shell_of(ctx)
    lake = shell.lake()
    if not is_plain(app):
        raise InputError(
            "The app's id cannot be one: the gate refuses invisible and decomposed signs, and more than 256.",
            hint="Give the id as the app's token says it.",
        )
    item = apps.App(
        app=app,
        developer=developer,
        developer_name=developer_name,
        name=name,
        category=category,
        purposes=sorted(set(purpose or [])),
        hosts=sorted(set(at_host or [])),
        registered_at=clock.now(),
    )
    with lake.records.begin() as tx:
        known = [one for one in apps.listing(tx, query=app) if one.app == app]
        if known:
            item = _since(item, known[0])
        made = apps.register(tx, item, by or getpass.getuser())
    shell.document(made)
    shell.say(f"{made.name} ({made.app}) is {'changed' if known else 'registered'}; it is {made.status}.")
    bring_to_ledger(shell, lake)


def _since(item: apps.App, known: apps.App) -> apps.App:
    return msgspec.structs.replace(item, registered_at=known.registered_at, relay=known.relay)


@apps_app.command()
def review(
    ctx: typer.Context,
    app: Annotated[str, typer.Argument(help="The app.")],
    scope: Annotated[str, typer.Argument(help="The scope that it may use.")],
    reason: Annotated[str, _REASON],
    contract: Annotated[str | None, typer.Option(help="The signed contract, by its number or address.")] = None,
    until: Annotated[str | None, typer.Option(help="When the approval ends: 2019-05-01.")] = None,
    by: Annotated[str | None, _BY] = None,
    *,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="End the approval instead.")] = False,
) -> None:
    """Approve a scope for an app, or withdraw the approval. Gates follow within a second."""
    shell = shell_of(ctx)
    lake = shell.lake()
    author = by or getpass.getuser()
    with lake.records.read() as tx:
        known = registry.policy_in_force(tx) or load_policy(FALLBACK)
    with lake.records.begin() as tx:
        if withdraw:
            ended = reviews.withdraw(tx, app, scope, author, reason)
            shell.document({"app": app, "scope": scope, "withdrawn": ended})
        else:
            made = reviews.approve(tx, app, scope, author, reason, contract=contract, expires_at=moment_of(until))
            shell.document(made)
    shell.say(f"{scope} is {'withdrawn from' if withdraw else 'approved for'} {app}.")
    if scope not in known.scopes:
        shell.say(f"The policy in force, {known.name}, has no scope `{scope}`: it opens nothing now.")
    bring_to_ledger(shell, lake)


@apps_app.command()
def status(
    ctx: typer.Context,
    app: Annotated[str, typer.Argument(help="The app.")],
    word: Annotated[str, typer.Argument(help="live, under_review, suspended or banned.", metavar="STATUS")],
    reason: Annotated[str, _REASON],
    by: Annotated[str | None, _BY] = None,
) -> None:
    """Put an app under review, suspend, ban or free it. Gates follow within a second."""
    shell = shell_of(ctx)
    lake = shell.lake()
    with lake.records.begin() as tx:
        made = apps.set_status(tx, app, word, by or getpass.getuser(), reason)
    shell.document(made)
    shell.say(f"{made.name} ({made.app}) is {made.status}.")
    bring_to_ledger(shell, lake)
