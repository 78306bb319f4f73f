"""Canary reads: reads that were made on purpose, without a word to the gate, and so must be on record."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, select, update

from ombud.model import clock
from ombud.model.errors import InputError
from ombud.model.ids import random_id
from ombud.records.gate_tables import canary_read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["CanaryRead", "between", "checked", "due", "expect"]


class CanaryRead(msgspec.Struct, frozen=True):
    """One read that was made to see whether it gets on record."""

    id: str
    app: str
    person: str
    """a test account of the platform"""
    fields: list[str]
    purpose: str | None
    made_at: datetime
    due_at: datetime
    """by when it must be in the lake"""
    read: str | None
    """the read it was found as"""
    checked_at: datetime | None
    """when it was last looked for"""


def expect(
    tx: Connection,
    app: str,
    person: str,
    fields: Sequence[str],
    *,
    made_at: datetime,
    due_at: datetime,
    purpose: str | None = None,
) -> CanaryRead:
    """Note a read that was just made through the platform's own path."""
    if not fields or due_at < made_at:
        raise InputError("A canary read has a field, and is due after it was made.", hint="Give both.")
    row: dict[str, Any] = {"id": random_id("canary"), "app": app, "person": person, "fields": sorted(set(fields))}
    row |= {"purpose": purpose, "made_at": made_at, "due_at": due_at}
    return CanaryRead(*tx.execute(insert(canary_read).values(row).returning(*canary_read.c)).one())


def due(tx: Connection) -> list[CanaryRead]:
    """Return the reads that should be on record by now and were not found yet, oldest first."""
    t = canary_read
    query = select(t).where(t.c.read.is_(None), t.c.due_at <= clock.now()).order_by(t.c.made_at, t.c.id)
    return [CanaryRead(*row) for row in tx.execute(query)]


def checked(tx: Connection, found: dict[str, str | None]) -> None:
    """Note what became of canaries (keys): the read they were found as, or null."""
    now = clock.now()
    for canary, read in found.items():
        tx.execute(update(canary_read).where(canary_read.c.id == canary).values(read=read, checked_at=now))


def between(tx: Connection, start: datetime, end: datetime) -> list[CanaryRead]:
    """Return the canaries made from `start` on and before `end`, oldest first."""
    t = canary_read
    query = select(t).where(t.c.made_at >= start, t.c.made_at < end).order_by(t.c.made_at, t.c.id)
    return [CanaryRead(*row) for row in tx.execute(query)]
