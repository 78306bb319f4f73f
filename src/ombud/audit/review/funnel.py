"""The review of every app as a process that ends: which moves there are, who makes them, and what they wait for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select

from ombud.audit.review.figures import keep_figures, lasted
from ombud.audit.review.hands import DECIDERS, MOVERS, other_person, person
from ombud.audit.review.hearing import heard, needs_hearing
from ombud.audit.review.rules import OUTCOMES, ReviewRules, load_rules
from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError, RefusedError, UsageError
from ombud.records import apps, outbox, review_progress
from ombud.records.review_progress import ENDED, STAGES, Line, Progress, Stage
from ombud.records.review_tables import review_progress as table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["MOVES", "Funnel", "enter", "funnel", "move", "publish", "reopen", "set_deadline", "take"]

MOVES: dict[Stage, tuple[Stage, ...]] = {
    "all": ("looked at",),
    "looked at": ("questioned", "audited", "cleared"),
    "questioned": ("audited", "cleared", "acted on"),
    "audited": ("questioned", "cleared", "acted on"),
    "cleared": (),
    "acted on": (),
}
"""Where an app may go from each stage. A review that is over is opened again by `reopen` alone."""
BACK: dict[Stage, Stage] = {"cleared": "looked at", "acted on": "audited"}
"""Where `reopen` takes an app."""
_STATUS = {"limited": "under_review", "suspended": "suspended", "banned": "banned"}
"""The status at the gate that each outcome sets."""
_STRICTER = ("live", "under_review", "suspended", "banned")
"""Statuses, each stricter than the one before: acting on an app never loosens what was closed already."""


class Funnel(msgspec.Struct, frozen=True):
    """How far the review of all apps is."""

    counts: dict[str, int]
    """apps at each stage now"""
    reached: dict[str, int]
    """apps that ever were at each stage; `looked at` has all that went past it"""
    overdue: int
    by_owner: dict[str, int]
    """open apps by owner; nobody's are under an empty name"""
    since: datetime | None
    """when the first app was taken in"""
    median_days: float | None
    """from being taken in to the end, over the reviews that are over; null before the first"""
    ended: int
    """how many that median is over"""


def enter(tx: Connection, items: Sequence[Progress], by: str) -> int:
    """Take apps into the review, or give those in it their new rank; return how many are new. On the ledger as one."""
    new = review_progress.enter(tx, items, by)
    if new:
        outbox.append(tx, "review", {"action": "enter", "apps": new})
        keep_figures(tx)
    return new


def take(tx: Connection, app: str, owner: str | None, by: str) -> Progress:
    """Give an app to an owner, or to nobody."""
    author = person(tx, by, MOVERS)
    before = review_progress.get(tx, app)
    if before.stage in ENDED:
        raise RefusedError(f"The review of `{app}` is over: {before.stage}.", hint="Reopen it with a reason.")
    to = person(tx, owner, MOVERS) if owner else None
    if to == before.owner:
        return before
    made = review_progress.change(tx, app, owner=to)
    review_progress.add_line(tx, app, "taken", author, f"Now with {to}." if to else "Now with nobody.")
    return made


def set_deadline(tx: Connection, app: str, deadline: datetime, by: str, reason: str) -> Progress:
    """Set until when the present stage should be over."""
    author = person(tx, by, MOVERS)
    before = review_progress.get(tx, app)
    if before.stage in ENDED or before.stage == "all":
        raise RefusedError(f"An app that is `{before.stage}` has no deadline.", hint="Move it first.")
    if deadline <= clock.now():
        raise InputError("The deadline has passed already.", hint="Give a later day.")
    _said(reason)
    made = review_progress.change(tx, app, deadline=deadline)
    review_progress.add_line(tx, app, "deadline", author, f"By {deadline:%Y-%m-%d}: {reason.strip()}")
    return made


def move(
    tx: Connection,
    app: str,
    stage: str,
    by: str,
    reason: str,
    *,
    rules: ReviewRules | None = None,
    second: str | None = None,
    outcome: str | None = None,
    figures: bool = True,
) -> Progress:
    """Move an app to another stage; who and why are kept, and the ledger hears of it without either.

    Raises `RefusedError` for a move that there is not, or one before the developer was heard; `AccessError` when
    a role may not make it, or a second person is missing; `NotFoundError` when the app is not in the review.
    `figures` is False for one of many: whoever moves many keeps the figures once.
    """
    rules = rules or load_rules()
    before = review_progress.get(tx, app)
    target = _target(before, stage)
    author = person(tx, by, DECIDERS if target in ENDED else MOVERS)
    _said(reason)
    if (outcome is not None) != (target == "acted on"):
        raise UsageError("An outcome goes with `acted on`, and only with it.", hint=f"Say {', '.join(OUTCOMES)}.")
    hearing = None
    if target in ENDED:
        hearing = needs_hearing(tx, before, target, outcome)
    if target == "questioned" and heard(tx, before) is None:
        raise RefusedError(f"The developer of `{app}` was not asked yet.", hint=f"`ombud audit ask {app}` asks them.")
    agreed = other_person(tx, second, author) if target == "acted on" or second is not None else None
    now = clock.now()
    days = rules.deadlines.get(target)
    values = {
        "stage": target,
        "reason": reason.strip(),
        "moved_at": now,
        "deadline": now + timedelta(days=days) if days else None,
        "ended_at": now if target in ENDED else None,
        "outcome": outcome,
        "status_before": _act(tx, before, outcome, author, reason) if outcome else before.status_before,
    }
    made = review_progress.change(tx, app, **values)
    line = review_progress.add_line(
        tx, app, "moved", author, reason, stage_from=before.stage, stage_to=target, second=agreed
    )
    publish(tx, line, rules, outcome=outcome, hearing=hearing)
    if figures:
        keep_figures(tx)
    return made


def reopen(
    tx: Connection, app: str, by: str, reason: str, *, rules: ReviewRules | None = None, second: str | None = None
) -> Progress:
    """Open a review again that was over. What was acted on is undone, which takes a second person.

    A cleared app goes back to `looked at`, in another round: what its developer answered before counts no longer.
    One that was acted on goes back to `audited`, and gets the status back that it had at the gate, unless somebody
    changed that since.
    """
    rules = rules or load_rules()
    before = review_progress.get(tx, app)
    if before.stage not in ENDED:
        raise RefusedError(f"The review of `{app}` is not over: it is {before.stage}.", hint="Move it on.")
    author = person(tx, by, DECIDERS)
    _said(reason)
    undone = before.stage == "acted on"
    agreed = other_person(tx, second, author) if undone else None
    if undone and before.status_before and apps.get(tx, app).status == _STATUS[before.outcome or ""]:
        apps.set_status(tx, app, before.status_before, author, f"Undone: {reason.strip()}")
    target, now = BACK[before.stage], clock.now()
    values = {
        "stage": target,
        "round": before.round if undone else before.round + 1,
        "reason": reason.strip(),
        "moved_at": now,
        "deadline": now + timedelta(days=rules.deadlines[target]),
        "ended_at": None,
        "outcome": None,
        "status_before": None,
    }
    made = review_progress.change(tx, app, **values)
    line = review_progress.add_line(
        tx, app, "reopened", author, reason, stage_from=before.stage, stage_to=target, second=agreed
    )
    publish(tx, line, rules, undone=before.outcome)
    keep_figures(tx)
    return made


def publish(
    tx: Connection,
    line: Line,
    rules: ReviewRules,
    *,
    outcome: str | None = None,
    hearing: str | None = None,
    undone: str | None = None,
) -> None:
    """Queue what a line says for the ledger: the app, the stages, a commitment to the line; no name and no reason."""
    ends = line.stage_to in ENDED or line.kind == "reopened"
    body = {
        "action": line.kind,
        "app": line.app,
        "from": line.stage_from,
        "to": line.stage_to,
        "round": line.round,
        "people": 1 if line.second is None else 2,
        "rules": rules.hash,
        "line": review_progress.commitment(line),
    }
    body |= {name: word for name, word in (("outcome", outcome), ("heard", hearing), ("undone", undone)) if word}
    outbox.append(tx, "decision" if ends else "review", {"decision": f"line_{line.id}", **body} if ends else body)


def funnel(tx: Connection) -> Funnel:
    """Return how far the review of all apps is."""
    ended, days = lasted(tx)
    since = tx.execute(select(func.min(table.c.entered_at))).scalar()
    return Funnel(
        counts=review_progress.by_stage(tx),
        reached=review_progress.reached(tx),
        overdue=review_progress.count(tx, late=True),
        by_owner=review_progress.by_owner(tx),
        since=since,
        median_days=days,
        ended=ended,
    )


def _target(before: Progress, stage: str) -> Stage:
    """Return the stage if the app may go there."""
    target = next((one for one in STAGES if one == stage), None)
    if target is None:
        raise UsageError(f"There is no stage `{stage}`.", hint=f"Stages are {', '.join(STAGES)}.")
    if target not in MOVES[before.stage]:
        where = ", ".join(f"`{one}`" for one in MOVES[before.stage])
        raise RefusedError(
            f"The app `{before.app}` is `{before.stage}` and cannot become `{target}`.",
            hint=f"It can become {where}." if where else "Its review is over; reopen it with a reason.",
        )
    return target


def _act(tx: Connection, before: Progress, outcome: str, author: str, reason: str) -> str | None:
    """Set the status at the gate, unless it is stricter already; return what it was, null for an unknown app."""
    if outcome not in OUTCOMES:
        raise UsageError(f"Acting on an app cannot be `{outcome}`.", hint=f"Say {', '.join(OUTCOMES)}.")
    try:
        status = apps.get(tx, before.app).status
    except NotFoundError:
        return None  # it is known from old logs alone: there is nothing to close
    if _STRICTER.index(_STATUS[outcome]) > _STRICTER.index(status):
        apps.set_status(tx, before.app, _STATUS[outcome], author, reason)
    return status


def _said(reason: str) -> None:
    if not reason.strip():
        raise InputError("A move needs a reason.", hint="Say why in a sentence.")
