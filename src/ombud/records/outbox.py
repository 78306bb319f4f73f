"""What waits to be written to the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, select, update

from ombud.model import clock
from ombud.records.tables import ledger_outbox

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Entry", "append", "pending", "published"]


class Entry(msgspec.Struct, frozen=True):
    """One row for the ledger: its number here, its type, and its content without personal data."""

    id: int
    type: str
    payload: dict[str, Any]
    created_at: datetime


def append(tx: Connection, type: str, payload: dict[str, Any]) -> int:  # noqa: A002 - the ledger's word
    """Queue a row for the ledger, in the transaction of what it is about; return its number."""
    row = {"type": type, "payload": payload, "created_at": clock.now()}
    return int(tx.execute(insert(ledger_outbox).values(row).returning(ledger_outbox.c.id)).scalar_one())


def pending(tx: Connection, limit: int = 1000) -> list[Entry]:
    """Return the oldest rows that are not in the ledger yet, oldest first."""
    t = ledger_outbox
    query = select(t.c.id, t.c.type, t.c.payload, t.c.created_at).where(t.c.published_at.is_(None))
    return [Entry(*row) for row in tx.execute(query.order_by(t.c.id).limit(limit))]


def published(tx: Connection, indexes: dict[int, int]) -> None:
    """Note that the rows (keys) are in the ledger at these indexes (values)."""
    now = clock.now()
    for entry, index in indexes.items():
        change = update(ledger_outbox).where(ledger_outbox.c.id == entry, ledger_outbox.c.published_at.is_(None))
        tx.execute(change.values(published_at=now, ledger_index=index))
