"""`ombud audit`: the review of every app, from being taken in to its end."""

from __future__ import annotations

import getpass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ombud.audit.people.sets import open_sets
from ombud.audit.review import funnel as moves
from ombud.audit.review import proposals, questionnaire
from ombud.audit.review.enrolling import known_apps
from ombud.audit.review.facts import facts_of
from ombud.audit.review.figures import figure_ids
from ombud.audit.review.rules import rules_of
from ombud.cli.publishing import bring_to_ledger
from ombud.cli.shell import Shell, shell_of
from ombud.model import clock
from ombud.model.errors import UsageError
from ombud.records import questionnaires, review_progress, review_proposals

if TYPE_CHECKING:
    from ombud.lake import Lake
    from ombud.records.review_progress import Progress

__all__ = ["add_to"]

_App = Annotated[str, typer.Argument(help="The app, by its id at the platform.")]
_By = Annotated[str | None, typer.Option("--by", help="Who does it: a member of staff.", show_default="you")]
_Why = Annotated[str, typer.Option("--reason", help="Why, in a sentence; it is kept and cannot be changed.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `ombud audit`."""
    for name, command in (
        ("enrol", enrol), ("funnel", funnel), ("review", review), ("take", take), ("look", look), ("ask", ask),
        ("answers", answers), ("audited", audited), ("clear", clear), ("act", act), ("reopen", reopen),
        ("proposals", waiting), ("agree", agree), ("refuse", refuse), ("withdraw", withdraw),
    ):  # fmt: skip
        app.command(name)(command)


def who(by: str | None) -> str:
    """Return who does it: the name given, else this machine's user."""
    return by or getpass.getuser()


def enrol(ctx: typer.Context, by: _By = None) -> None:
    """Take every app that is registered or known from logs into the review; those in it get their new rank."""
    shell = shell_of(ctx)
    lake = shell.lake()
    with shell.progress() as progress:
        found = known_apps(lake, progress=progress)
    with lake.records.begin() as tx:
        new = moves.enter(tx, found, who(by))
    shell.document({"apps": len(found), "new": new, "ranked": sum(item.rank is not None for item in found)})
    shell.say(f"{_apps(len(found))}, {new:,} of them new in the review.")
    bring_to_ledger(shell, lake)


def funnel(ctx: typer.Context) -> None:
    """Show how many apps came how far, what is late, and who has them."""
    shell = shell_of(ctx)
    with shell.records().read() as tx:
        found = moves.funnel(tx)
        late = review_progress.overdue(tx)
        silent = questionnaires.listing(tx, kind="review", silent=True)
    shell.document(
        {
            "stages": [
                {"stage": stage, "reached": found.reached[stage], "now": found.counts[stage]} for stage in found.counts
            ],
            "since": found.since,
            "ended": found.ended,
            "median_days": found.median_days,
            "overdue": [{"app": one.app, "stage": one.stage, "deadline": one.deadline} for one in late],
            "silent": [{"app": one.app, "due_at": one.due_at} for one in silent],
            "owners": found.by_owner,
            "figures": figure_ids(),
        }
    )
    if found.since is None:
        shell.say("No app is in the review. `ombud audit enrol` takes them in.")
        return
    shell.table(
        f"{_apps(found.reached['all'])} in the review, since {found.since:%Y-%m-%d}",
        ("stage", "came so far", "there now"),
        [(stage, found.reached[stage], found.counts[stage]) for stage in found.counts],
        (1, 2),
    )
    if found.median_days is not None:
        shell.say(f"{found.ended:,} reviews are over; the median took {found.median_days:g} days.")
    if late:
        shell.say(f"Late: {', '.join(one.app for one in late[:20])}{' ...' if len(late) > 20 else ''}")  # noqa: PLR2004 - a line
    if silent:
        shell.say(f"Did not answer in time: {', '.join(one.app for one in silent)}")


def review(ctx: typer.Context, app: _App) -> None:
    """Show where one app's review stands, and its history."""
    shell = shell_of(ctx)
    with shell.records().read() as tx:
        item = review_progress.get(tx, app)
        lines = review_progress.history(tx, app)
    shell.document({"progress": item, "history": lines})
    _said(shell, item)
    for line in item.signals:
        shell.say(f"  – {line}")
    shell.table(
        "History",
        ("when", "who", "what", "why"),
        [
            (
                f"{line.happened_at:%Y-%m-%d}",
                line.author if line.second is None else f"{line.author}, {line.second}",
                f"{line.kind} to {line.stage_to}" if line.stage_to else line.kind,
                line.text,
            )
            for line in lines
        ],
    )


def take(
    ctx: typer.Context,
    app: _App,
    owner: Annotated[str | None, typer.Option(help="Who has it from now on.", show_default="whoever does it")] = None,
    by: _By = None,
    *,
    nobody: Annotated[bool, typer.Option("--nobody", help="Give it back.")] = False,
) -> None:
    """Take an app, give it to somebody, or give it back."""
    shell, lake = _open(ctx)
    with lake.records.begin() as tx:
        item = moves.take(tx, app, None if nobody else owner or who(by), who(by))
    _done(shell, item)


def look(
    ctx: typer.Context,
    reason: _Why,
    app: Annotated[str | None, typer.Argument(help="The app; leave it out with --lowest.")] = None,
    lowest: Annotated[int | None, typer.Option(min=1, help="Propose it for so many apps of lowest rank.")] = None,
    by: _By = None,
) -> None:
    """Say that an app was looked at; of many of low rank at once, somebody else has to agree."""
    shell, lake = _open(ctx)
    if (app is None) is (lowest is None):
        raise UsageError("Name an app, or say how many with --lowest.", hint="One of the two.")
    rules = rules_of(lake.workspace)
    with lake.records.begin() as tx:
        if app is not None:
            item = moves.move(tx, app, "looked at", who(by), reason, rules=rules)
        else:
            chosen = proposals.lowest(tx, lowest or 0, rules=rules)
            made = proposals.propose_look(tx, chosen, who(by), reason, rules=rules)
    if app is None:
        _proposed(shell, made)
        return
    _done(shell, item)
    bring_to_ledger(shell, lake)


def ask(
    ctx: typer.Context,
    app: _App,
    question: Annotated[list[str] | None, typer.Option(help="A question of your own; repeatable.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=365, help="Days to answer.", show_default="the rules'")] = None,
    by: _By = None,
    *,
    again: Annotated[bool, typer.Option("--again", help="Make another link for questions that wait.")] = False,
) -> None:
    """Ask an app's developer, and print the link to send to them: it is kept nowhere."""
    shell, lake = _open(ctx)
    workspace = lake.workspace
    rules = rules_of(workspace)
    if again:
        with lake.records.begin() as tx:
            waits = [one for one in questionnaires.of_app(tx, app) if one.state == "open"]
            if not waits:
                raise UsageError(f"No question to the developer of `{app}` waits.", hint="Ask without --again.")
            sent = questionnaire.renew(tx, waits[0].id, who(by))
    else:
        facts = facts_of(lake, open_sets(workspace, lake), app)
        due = sent_by(days)
        with lake.records.begin() as tx:
            sent = questionnaire.ask(
                tx, app, who(by), facts, platform=workspace.settings.name, rules=rules, due_at=due,
                more=question or [],
            )  # fmt: skip
    show_link(shell, workspace.settings.public_url, sent)
    bring_to_ledger(shell, lake)


def sent_by(days: int | None) -> datetime | None:
    """Return the deadline so many days from now; None for the rules' own."""
    return None if days is None else clock.now() + timedelta(days=days)


def show_link(shell: Shell, public_url: str | None, sent: questionnaire.Sent) -> None:
    """Print the link of questions that were sent."""
    item, address = sent.questionnaire, questionnaire.link(public_url, sent.token)
    shell.document({"questionnaire": item.id, "link": address, "questions": item.questions, "due_at": item.due_at})
    number = len(item.questions)
    shell.say(
        f"{number} {'question' if number == 1 else 'questions'}, to be answered by {item.due_at:%Y-%m-%d %H:%M} UTC:"
    )
    shell.say(f"  {address}")
    if public_url is None:
        shell.say("Put the address in front under which developers reach this installation (`public_url`).")


def answers(ctx: typer.Context, app: _App) -> None:
    """Show what an app's developer was asked and answered."""
    shell = shell_of(ctx)
    with shell.records().read() as tx:
        review_progress.get(tx, app)
        asked = [(one, questionnaires.answers(tx, one.id)) for one in questionnaires.of_app(tx, app)]
    shell.document(
        {
            "app": app,
            "asked": [{"questionnaire": one, "state": one.state, "answers": given} for one, given in asked],
        }
    )
    if not asked:
        shell.say(f"The developer of {app} was not asked. `ombud audit ask {app}` asks them.")
    for one, given in asked:
        newest = questionnaires.present(given)
        shell.say(f"{one.kind} {one.id}: {one.state}, to be answered by {one.due_at:%Y-%m-%d}")
        shell.table("", ("question", "answer"), [(q.text, newest.get(q.code, "no answer")) for q in one.questions])


def withdraw(ctx: typer.Context, app: _App, reason: _Why, by: _By = None) -> None:
    """Take back the questions to an app's developer that wait; their silence then leads to nothing."""
    shell, lake = _open(ctx)
    with lake.records.begin() as tx:
        waits = [one for one in questionnaires.of_app(tx, app) if one.state == "open"]
        if not waits:
            raise UsageError(f"No question to the developer of `{app}` waits.", hint="There is nothing to withdraw.")
        item = questionnaire.withdraw(tx, waits[0].id, who(by), reason)
    shell.document(item)
    shell.say(f"The questions {item.id} are withdrawn.")
    bring_to_ledger(shell, lake)


def audited(ctx: typer.Context, app: _App, reason: _Why, by: _By = None) -> None:
    """Say that an app was audited."""
    _move(ctx, app, "audited", reason, by)


def clear(ctx: typer.Context, app: _App, reason: _Why, by: _By = None) -> None:
    """End the review of an app: nothing is left to explain."""
    _move(ctx, app, "cleared", reason, by)


def act(
    ctx: typer.Context,
    app: _App,
    outcome: Annotated[str, typer.Argument(help="limited, suspended or banned.")],
    reason: _Why,
    by: _By = None,
) -> None:
    """Propose to act on an app; nothing happens until somebody else agrees."""
    shell, lake = _open(ctx)
    with lake.records.begin() as tx:
        made = proposals.propose_act(tx, app, outcome, who(by), reason)
    _proposed(shell, made)


def reopen(ctx: typer.Context, app: _App, reason: _Why, by: _By = None) -> None:
    """Open a review again; where that undoes something, somebody else has to agree."""
    shell, lake = _open(ctx)
    with lake.records.begin() as tx:
        acted = review_progress.get(tx, app).stage == "acted on"
        if acted:
            made = proposals.propose_undo(tx, app, who(by), reason)
        else:
            item = moves.reopen(tx, app, who(by), reason, rules=rules_of(lake.workspace))
    if acted:
        _proposed(shell, made)
        return
    _done(shell, item)
    bring_to_ledger(shell, lake)


def waiting(ctx: typer.Context) -> None:
    """List what waits for a second person."""
    shell = shell_of(ctx)
    with shell.records().read() as tx:
        found = review_proposals.waiting(tx)
    shell.document({"proposals": found})
    rows = [
        (one.id, one.outcome or one.stage, one.apps[0] if len(one.apps) == 1 else f"{len(one.apps):,} apps",
         one.proposed_by, one.reason)
        for one in found
    ]  # fmt: skip
    title = f"{len(found)} {'proposal waits' if len(found) == 1 else 'proposals wait'}" if found else "Nothing waits."
    shell.table(title, ("proposal", "what", "app", "by", "why"), rows)


def agree(
    ctx: typer.Context, proposal: Annotated[str, typer.Argument(help="The proposal's id.")], by: _By = None
) -> None:
    """Agree to what somebody else proposed: it is done at once, all of it or nothing."""
    shell, lake = _open(ctx)
    with lake.records.begin() as tx:
        moved = proposals.agree(tx, proposal, who(by), rules=rules_of(lake.workspace))
    shell.document({"moved": moved})
    for item in moved[:20]:
        _said(shell, item)
    if len(moved) > 20:  # noqa: PLR2004 - a screenful
        shell.say(f"... {len(moved):,} apps in all.")
    bring_to_ledger(shell, lake)


def refuse(
    ctx: typer.Context,
    proposal: Annotated[str, typer.Argument(help="The proposal's id.")],
    reason: _Why,
    by: _By = None,
) -> None:
    """Refuse what somebody else proposed, or take one's own proposal back."""
    shell, lake = _open(ctx)
    with lake.records.begin() as tx:
        made = proposals.refuse(tx, proposal, who(by), reason)
    shell.document(made)
    shell.say(f"The proposal {made.id} is {made.answer}.")


def _apps(number: int) -> str:
    return f"{number:,} {'app' if number == 1 else 'apps'}"


def _open(ctx: typer.Context) -> tuple[Shell, Lake]:
    shell = shell_of(ctx)
    return shell, shell.lake()


def _move(ctx: typer.Context, app: str, stage: str, reason: str, by: str | None) -> None:
    shell, lake = _open(ctx)
    with lake.records.begin() as tx:
        item = moves.move(tx, app, stage, who(by), reason, rules=rules_of(lake.workspace))
    _done(shell, item)
    bring_to_ledger(shell, lake)


def _done(shell: Shell, item: Progress) -> None:
    shell.document(item)
    _said(shell, item)


def _said(shell: Shell, item: Progress) -> None:
    owner = f", with {item.owner}" if item.owner else ""
    until = f", by {item.deadline:%Y-%m-%d}" if item.deadline else ""
    outcome = f" ({item.outcome})" if item.outcome else ""
    shell.say(f"{item.name} ({item.app}): {item.stage}{outcome}{owner}{until}.")


def _proposed(shell: Shell, made: review_proposals.Proposal) -> None:
    shell.document(made)
    what = made.apps[0] if len(made.apps) == 1 else _apps(len(made.apps))
    shell.say(f"Proposed: {made.outcome or made.stage}, {what}. Somebody else agrees with:")
    shell.say(f"  ombud audit agree {made.id}")
