"""Reviews: which scope an app may use that not every app may, who approved it, and for how long."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, or_, select, update

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.model.ids import random_id
from ombud.records import apps, outbox
from ombud.records.gate_tables import app_review

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Review", "approve", "in_force", "of_app", "withdraw"]


class Review(msgspec.Struct, frozen=True):
    """One approval of one scope for one app."""

    id: str
    app: str
    scope: str
    approved_by: str
    approved_at: datetime
    contract: str | None
    """the contract that the developer signed for it, by its number or address"""
    reason: str
    """why the app needs it"""
    expires_at: datetime | None
    withdrawn_at: datetime | None


def approve(
    tx: Connection,
    app: str,
    scope: str,
    approved_by: str,
    reason: str,
    *,
    contract: str | None = None,
    expires_at: datetime | None = None,
) -> Review:
    """Approve a scope for an app; an approval of the same scope that is in force ends with it."""
    for name, text in (("a scope", scope), ("a name: who approves", approved_by), ("a reason", reason)):
        if not text.strip():
            raise InputError(f"A review needs {name}.", hint="Fill it in.")
    now = clock.now()
    if expires_at is not None and expires_at <= now:
        raise InputError("The approval would have run out already.", hint="Give a later `expires_at`.")
    apps.get(tx, app)
    _end(tx, app, scope, now)
    row = {"id": random_id("review"), "app": app, "scope": scope, "approved_by": approved_by, "approved_at": now}
    row |= {"contract": contract, "reason": reason.strip(), "expires_at": expires_at, "withdrawn_at": None}
    made = Review(*tx.execute(insert(app_review).values(row).returning(*app_review.c)).one())
    apps.add_event(tx, app, "review", approved_by, f"{scope}: {reason.strip()}")
    until = None if expires_at is None else expires_at.isoformat()
    said = {"app": app, "action": "review", "scope": scope, "contract": contract is not None, "until": until}
    outbox.append(tx, "app", said)
    return made


def withdraw(tx: Connection, app: str, scope: str, author: str, reason: str) -> int:
    """End the approvals of a scope; return how many there were. `NotFoundError` when there was none."""
    if not reason.strip():
        raise InputError("Withdrawing an approval needs a reason.", hint="Say why in a sentence.")
    apps.get(tx, app)
    ended = _end(tx, app, scope, clock.now())
    if not ended:
        raise NotFoundError(f"The app `{app}` has no approval for `{scope}` in force.")
    apps.add_event(tx, app, "withdrawn", author, f"{scope}: {reason.strip()}")
    outbox.append(tx, "app", {"app": app, "action": "withdraw", "scope": scope})
    return ended


def of_app(tx: Connection, app: str) -> list[Review]:
    """Return every approval that the app ever had, newest first."""
    query = select(app_review).where(app_review.c.app == app)
    return [Review(*row) for row in tx.execute(query.order_by(app_review.c.approved_at.desc(), app_review.c.id))]


def in_force(tx: Connection, at: datetime | None = None) -> list[Review]:
    """Return the approvals that count at a moment (now if unset), by app and scope."""
    t, moment = app_review, at or clock.now()
    counts = (
        t.c.approved_at <= moment,
        or_(t.c.expires_at.is_(None), t.c.expires_at > moment),
        or_(t.c.withdrawn_at.is_(None), t.c.withdrawn_at > moment),
    )
    return [Review(*row) for row in tx.execute(select(t).where(*counts).order_by(t.c.app, t.c.scope, t.c.id))]


def _end(tx: Connection, app: str, scope: str, now: datetime) -> int:
    t = app_review
    open_ = or_(t.c.expires_at.is_(None), t.c.expires_at > now)
    change = update(t).where(t.c.app == app, t.c.scope == scope, t.c.withdrawn_at.is_(None), open_)
    return tx.execute(change.values(withdrawn_at=now)).rowcount
