"""Policies of the gate: every text that ever was in force, from when, by whom and why."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, select

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.records import changes, outbox
from ombud.records.gate_tables import policy_version

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["PolicyVersion", "activate", "by_hash", "current", "history"]


class PolicyVersion(msgspec.Struct, frozen=True):
    """One time that a policy came into force."""

    id: int
    hash: str
    name: str
    text: str
    """the policy as JSON, as it was published"""
    active_from: datetime
    author: str
    reason: str
    created_at: datetime


def activate(
    tx: Connection,
    body: dict[str, Any],
    text: str,
    author: str,
    reason: str,
    *,
    active_from: datetime | None = None,
) -> PolicyVersion:
    """Put a policy in force, now or later, and queue `body` for the ledger: it names the policy's `hash` and `name`.

    One that is in force already stays as it is. Raises `InputError` for a moment in the past, or without a reason.
    """
    now = clock.now()
    if not reason.strip() or not author.strip():
        raise InputError("A new policy needs its author and a reason.", hint="Say who and why.")
    if active_from is not None and active_from < now:
        raise InputError("A policy cannot come into force in the past.", hint="Leave `active_from` out.")
    found = current(tx)
    if active_from is None and found is not None and found.hash == body["hash"]:
        return found
    row = {"hash": body["hash"], "name": body["name"], "text": text, "active_from": active_from or now}
    row |= {"author": author.strip(), "reason": reason.strip(), "created_at": now}
    made = tx.execute(insert(policy_version).values(row).returning(*policy_version.c)).one()
    outbox.append(tx, "policy", body | {"active_from": (active_from or now).isoformat()})
    changes.next_change(tx, changes.RULES)
    return PolicyVersion(*made)


def current(tx: Connection, at: datetime | None = None) -> PolicyVersion | None:
    """Return the policy in force at a moment (now if unset): the one that came last; `None` before the first."""
    t = policy_version
    query = select(t).where(t.c.active_from <= (at or clock.now())).order_by(t.c.active_from.desc(), t.c.id.desc())
    row = tx.execute(query.limit(1)).first()
    return None if row is None else PolicyVersion(*row)


def by_hash(tx: Connection, digest: str) -> PolicyVersion:
    """Return the first time that a policy came into force; `NotFoundError` when it never did."""
    query = select(policy_version).where(policy_version.c.hash == digest).order_by(policy_version.c.id).limit(1)
    row = tx.execute(query).first()
    if row is None:
        raise NotFoundError(f"No policy with the hash {digest} was ever in force.")
    return PolicyVersion(*row)


def history(tx: Connection) -> list[PolicyVersion]:
    """Return every policy, the newest first, those that are yet to come too."""
    query = select(policy_version).order_by(policy_version.c.active_from.desc(), policy_version.c.id.desc())
    return [PolicyVersion(*row) for row in tx.execute(query)]
