"""`ombud audit`: purposes that are stated again every year, and who has an app's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ombud.audit.review import certification, holders
from ombud.audit.review.rules import rules_of
from ombud.cli.audit_review import show_link, who
from ombud.cli.publishing import bring_to_ledger
from ombud.cli.shell import shell_of
from ombud.gate.live import FALLBACK
from ombud.gate.policy import Policy, load_policy
from ombud.gate.registry import policy_in_force
from ombud.model.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["add_to"]

_App = Annotated[str, typer.Argument(help="The app, by its id at the platform.")]
_By = Annotated[str | None, typer.Option("--by", help="Who does it: a member of staff.", show_default="you")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `ombud audit`."""
    for name, command in (
        ("due", due), ("certify", certify), ("lapse", lapse), ("holders", picture), ("learn", learn),
        ("developer", developer),
    ):  # fmt: skip
        app.command(name)(command)


def _policy(tx: Connection) -> Policy:
    return policy_in_force(tx) or load_policy(FALLBACK)


def due(
    ctx: typer.Context,
    app: Annotated[str | None, typer.Argument(help="Only this app.")] = None,
    by: _By = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Also those that still count.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask the app's developer for them, and print the link.")] = False,
) -> None:
    """List the fields whose purpose has to be stated again, or ask a developer for them."""
    shell = shell_of(ctx)
    lake = shell.lake()
    rules = rules_of(lake.workspace)
    if ask and app is None:
        raise UsageError("Say which app's developer to ask.", hint="`ombud audit due APP --ask`.")
    if ask and app is not None:
        with lake.records.begin() as tx:
            name = lake.workspace.settings.name
            sent = certification.ask(tx, app, who(by), _policy(tx), platform=name, rules=rules)
        show_link(shell, lake.workspace.settings.public_url, sent)
        bring_to_ledger(shell, lake)
        return
    with lake.records.read() as tx:
        found = certification.due(tx, _policy(tx), app=app, rules=rules, every=every)
    shell.document({"due": found})
    shell.table(
        f"{len(found):,} purpose{'' if len(found) == 1 else 's'}" if found else "No purpose is due.",
        ("app", "scope", "field", "state", "until", "purpose"),
        [(one.app, one.scope, one.field, one.state, f"{one.expires_at:%Y-%m-%d}", one.purpose or "") for one in found],
    )


def certify(
    ctx: typer.Context,
    app: _App,
    scope: Annotated[str, typer.Argument(help="The permission.")],
    field: Annotated[str, typer.Argument(help="The field that it opens.")],
    purpose: Annotated[str, typer.Option(help="What it is needed for, as the developer stated it.")],
    by: _By = None,
) -> None:
    """Write down a purpose that a developer stated in another way, such as by letter; it counts for a year."""
    shell = shell_of(ctx)
    lake = shell.lake()
    with lake.records.begin() as tx:
        made = certification.certify(
            tx, app, scope, field, purpose=purpose, by=who(by), policy=_policy(tx), rules=rules_of(lake.workspace)
        )
    shell.document(made)
    shell.say(f"The purpose of {field} for {app} counts until {made.expires_at:%Y-%m-%d}.")
    bring_to_ledger(shell, lake)


def lapse(
    ctx: typer.Context,
    app: _App,
    scope: Annotated[str, typer.Argument(help="The permission.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; it is kept with the app.")],
    by: _By = None,
) -> None:
    """Withdraw the approval of a permission of which a purpose lapsed, after its developer was asked."""
    shell = shell_of(ctx)
    lake = shell.lake()
    with lake.records.begin() as tx:
        ended = certification.withdraw_lapsed(
            tx, app, scope, by=who(by), reason=reason, policy=_policy(tx), rules=rules_of(lake.workspace)
        )
    shell.document({"app": app, "scope": scope, "withdrawn": ended})
    shell.say(f"{scope} is withdrawn from {app}. Gates follow within a second.")
    bring_to_ledger(shell, lake)


def picture(ctx: typer.Context, app: _App) -> None:
    """Show who has an app's data: its developer, and everybody it was passed on to, with how we know."""
    shell = shell_of(ctx)
    lake = shell.lake()
    found = holders.picture(lake, lake.records, app, linked=True)
    shell.document(found)
    maker = found.developer
    shell.say(f"{found.name} ({app}), made by {(maker.name or maker.developer) if maker else 'nobody knows whom'}")
    shell.table(
        f"{len(found.holders)} holder{'' if len(found.holders) == 1 else 's'}"
        if found.holders
        else "Nobody is known to have got its data.",
        ("holder", "from", "fields", "when", "still there", "how we know"),
        [
            (
                one.name,
                one.from_ or "the app",
                ", ".join(one.fields) or "not known",
                one.happened or "not known",
                one.still_held or "not known",
                "; ".join(f"{how.known_by}: {how.source}" for how in one.known),
            )
            for one in found.holders
        ],
    )
    for sentence in found.unknown:
        shell.say(sentence)
    if found.related:
        shell.table("Apps linked to it", ("app", "how"), [(one.other, one.sentence) for one in found.related])


def learn(
    ctx: typer.Context,
    app: _App,
    holder: Annotated[str, typer.Argument(help="Who got data.")],
    known_by: Annotated[str, typer.Option(help="contract, court or press.")],
    source: Annotated[str, typer.Option(help="Where that is written.")],
    fields: Annotated[str, typer.Option(help="Which fields, with commas.")] = "",
    giver: Annotated[str | None, typer.Option("--from", help="Who passed it on, when not the app.")] = None,
    happened: Annotated[str | None, typer.Option(help="When, in the words of the source.")] = None,
    by: _By = None,
) -> None:
    """Write down a holder of an app's data that was learned of by a contract, a court or the press."""
    shell = shell_of(ctx)
    lake = shell.lake()
    with lake.records.begin() as tx:
        made = holders.learn(
            tx, app, holder, known_by=known_by, source=source, by=who(by), fields=fields, from_holder=giver,
            happened=happened,
        )  # fmt: skip
    shell.document(made)
    shell.say(f"{made.holder} is a holder of the data of {app}, by {made.known_by}: {made.source}.")
    bring_to_ledger(shell, lake)


def developer(
    ctx: typer.Context, who_: Annotated[str, typer.Argument(metavar="DEVELOPER", help="The developer's id.")]
) -> None:
    """Show all apps of one developer, registered or known from logs."""
    shell = shell_of(ctx)
    lake = shell.lake()
    found = holders.developer(lake, lake.records, who_)
    shell.document(found)
    shell.table(
        f"{found.name or found.developer}: {len(found.apps)} app{'' if len(found.apps) == 1 else 's'}",
        ("app", "name", "at the gate", "review"),
        [(one.app, one.name, one.status or "not known", one.stage or "not in it") for one in found.apps],
    )
