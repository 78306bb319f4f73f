"""Moves of the review that need two people: one proposes, another agrees or does not."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select, update

from ombud.model import clock
from ombud.model.errors import NotFoundError, RefusedError
from ombud.model.ids import random_id
from ombud.records.review_tables import review_proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["Proposal", "add", "answer", "get", "of_app", "waiting"]


class Proposal(msgspec.Struct, frozen=True):
    """One move, of one app or of many, that waits for a second person."""

    id: str
    stage: str
    """where the apps should go"""
    outcome: str | None
    """limited, suspended or banned, where they are to be acted on"""
    apps: list[str]
    reason: str
    proposed_by: str
    proposed_at: datetime
    answer: str | None
    """agreed, refused or withdrawn; null while it waits"""
    answered_by: str | None
    answered_at: datetime | None


def add(
    tx: Connection, stage: str, apps: Sequence[str], by: str, reason: str, *, outcome: str | None = None
) -> Proposal:
    """Keep a proposal; it changes nothing until somebody else agrees."""
    row = {
        "id": random_id("proposal"),
        "stage": stage,
        "outcome": outcome,
        "apps": list(apps),
        "reason": reason.strip(),
        "proposed_by": by,
        "proposed_at": clock.now(),
        "answer": None,
        "answered_by": None,
        "answered_at": None,
    }
    return Proposal(*tx.execute(insert(review_proposal).values(row).returning(*review_proposal.c)).one())


def get(tx: Connection, proposal_id: str) -> Proposal:
    """Return a proposal; `NotFoundError` when there is none."""
    row = tx.execute(select(review_proposal).where(review_proposal.c.id == proposal_id)).first()
    if row is None:
        raise NotFoundError(f"There is no proposal `{proposal_id}`.", hint="`ombud audit proposals` lists them.")
    return Proposal(*row)


def waiting(tx: Connection) -> list[Proposal]:
    """Return the proposals that wait, oldest first."""
    t = review_proposal
    query = select(t).where(t.c.answered_at.is_(None)).order_by(t.c.proposed_at, t.c.id)
    return [Proposal(*row) for row in tx.execute(query)]


def of_app(tx: Connection, app: str) -> list[Proposal]:
    """Return the proposals that wait and name an app, oldest first."""
    return [item for item in waiting(tx) if app in item.apps]


def answer(tx: Connection, proposal_id: str, by: str, word: str) -> Proposal:
    """Answer a proposal, once. `RefusedError` when somebody did already, at the same moment too."""
    get(tx, proposal_id)
    t = review_proposal
    change = update(t).where(t.c.id == proposal_id, t.c.answered_at.is_(None))
    if tx.execute(change.values(answer=word, answered_by=by, answered_at=clock.now())).rowcount != 1:
        raise RefusedError(f"The proposal `{proposal_id}` was answered already.", hint="Make another one if need be.")
    return get(tx, proposal_id)
