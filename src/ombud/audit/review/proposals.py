"""Moves that take two people: acting on an app, undoing that, and looking at many apps at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ombud.audit.review import funnel
from ombud.audit.review.figures import keep_figures
from ombud.audit.review.hands import DECIDERS, MOVERS, other_person, person
from ombud.audit.review.hearing import needs_hearing
from ombud.audit.review.rules import OUTCOMES, ReviewRules, load_rules
from ombud.model.errors import InputError, RefusedError, UsageError
from ombud.records import review_progress, review_proposals
from ombud.records.review_tables import review_progress as progress_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from ombud.records.review_progress import Progress
    from ombud.records.review_proposals import Proposal

__all__ = ["REOPEN", "agree", "low_ones", "lowest", "propose_act", "propose_look", "propose_undo", "refuse"]

REOPEN = "reopened"
"""What stands in a proposal for a stage, when it is to undo what was done."""


def propose_act(tx: Connection, app: str, outcome: str, by: str, reason: str) -> Proposal:
    """Propose to limit, suspend or ban an app. Everything that stands against it is said now, not to the second."""
    author = person(tx, by, DECIDERS)
    before = review_progress.get(tx, app)
    if outcome not in OUTCOMES:
        raise UsageError(f"Acting on an app cannot be `{outcome}`.", hint=f"Say {', '.join(OUTCOMES)}.")
    if "acted on" not in funnel.MOVES[before.stage]:
        raise RefusedError(
            f"The app `{app}` is `{before.stage}` and cannot become `acted on`.",
            hint="It has to be looked at, and its developer heard, first.",
        )
    needs_hearing(tx, before, "acted on", outcome)
    _not_proposed(tx, [app])
    return review_proposals.add(tx, "acted on", [app], author, _said(reason), outcome=outcome)


def propose_undo(tx: Connection, app: str, by: str, reason: str) -> Proposal:
    """Propose to undo what was done about an app."""
    author = person(tx, by, DECIDERS)
    before = review_progress.get(tx, app)
    if before.stage != "acted on":
        raise RefusedError(f"Nothing was done about `{app}`: it is `{before.stage}`.", hint="There is nothing to undo.")
    _not_proposed(tx, [app])
    return review_proposals.add(tx, REOPEN, [app], author, _said(reason))


def lowest(tx: Connection, most: int, *, rules: ReviewRules | None = None) -> list[str]:
    """Return the apps that may be looked at together: not looked at yet, ranked, and not among the first; last first.

    An app without a rank is never among them: nobody knows that it is a low one.
    """
    rules = rules or load_rules()
    found = review_progress.listing(tx, stage="all", limit=None)
    ranked = [item.app for item in found if item.rank is not None and item.rank > rules.bulk.never_first]
    return list(reversed(ranked))[: min(most, rules.bulk.most)]


def low_ones(tx: Connection, rules: ReviewRules) -> int:
    """Return how many apps `lowest` can choose from."""
    t = progress_table
    query = select(func.count()).where(t.c.stage == "all", t.c.rank > rules.bulk.never_first)
    return int(tx.execute(query).scalar_one())


def propose_look(
    tx: Connection, apps: Sequence[str], by: str, reason: str, *, rules: ReviewRules | None = None
) -> Proposal:
    """Propose that apps of low rank were looked at, together and by their figures alone."""
    rules = rules or load_rules()
    author = person(tx, by, MOVERS)
    wanted = list(dict.fromkeys(apps))
    if not wanted:
        raise InputError(
            "No app is low enough in the ranking to be looked at with others.", hint="Look at them singly."
        )
    if len(wanted) > rules.bulk.most:
        raise RefusedError(f"{len(wanted):,} apps are too many at once.", hint=f"At most {rules.bulk.most:,}.")
    for item in (review_progress.get(tx, app) for app in wanted):
        if item.stage != "all":
            raise RefusedError(f"The app `{item.app}` is `{item.stage}` already.", hint="Leave it out.")
        if item.rank is None or item.rank <= rules.bulk.never_first:
            raise RefusedError(
                f"The app `{item.app}` is looked at by itself: its rank is {item.rank or 'not known'}.",
                hint=f"Only those ranked after the first {rules.bulk.never_first} are looked at together.",
            )
    _not_proposed(tx, wanted)
    return review_proposals.add(tx, "looked at", wanted, author, _said(reason))


def agree(tx: Connection, proposal_id: str, second: str, *, rules: ReviewRules | None = None) -> list[Progress]:
    """Do what was proposed, all of it or nothing. Raises `AccessError` when the second person is the first."""
    rules = rules or load_rules()
    item = review_proposals.get(tx, proposal_id)
    name = other_person(tx, second, item.proposed_by)
    review_proposals.answer(tx, item.id, name, "agreed")
    if item.stage == REOPEN:
        return [funnel.reopen(tx, app, item.proposed_by, item.reason, rules=rules, second=name) for app in item.apps]
    many = len(item.apps) > 1
    moved = [
        funnel.move(
            tx, app, item.stage, item.proposed_by, item.reason,
            rules=rules, second=name, outcome=item.outcome, figures=not many,
        )
        for app in item.apps
    ]  # fmt: skip
    if many:
        keep_figures(tx)
    return moved


def refuse(tx: Connection, proposal_id: str, by: str, reason: str) -> Proposal:
    """Refuse a proposal, or take one's own back; each app's history says so."""
    item = review_proposals.get(tx, proposal_id)
    name = person(tx, by, MOVERS if by.strip().casefold() == item.proposed_by.casefold() else DECIDERS)
    word = "withdrawn" if name == item.proposed_by else "refused"
    answered = review_proposals.answer(tx, item.id, name, word)
    for app in item.apps:
        review_progress.add_line(tx, app, word, name, f"{_said(reason)} (It was proposed: {item.reason})")
    return answered


def _not_proposed(tx: Connection, apps: Sequence[str]) -> None:
    """Refuse a second proposal about an app of which one waits."""
    taken = {app: item.id for item in review_proposals.waiting(tx) for app in item.apps}
    for app in apps:
        if app in taken:
            raise RefusedError(
                f"The proposal `{taken[app]}` about `{app}` waits already.", hint="Somebody has to answer that first."
            )


def _said(reason: str) -> str:
    if not reason.strip():
        raise InputError("A proposal needs a reason.", hint="Say why in a sentence.")
    return reason.strip()
