"""What waits to be written to the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import func, insert, select, update

from ombud.model import clock
from ombud.records.tables import ledger_outbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

__all__ = ["Entry", "append", "index_of", "last", "pending", "published", "since"]


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


def since(tx: Connection, type: str, after: int) -> list[Entry]:  # noqa: A002 - the ledger's word
    """Return the rows of one type that came after the row `after`, published or not, oldest first."""
    t = ledger_outbox
    query = select(t.c.id, t.c.type, t.c.payload, t.c.created_at).where(t.c.id > after, t.c.type == type)
    return [Entry(*row) for row in tx.execute(query.order_by(t.c.id))]


def last(tx: Connection) -> int:
    """Return the number of the newest row, 0 when there is none."""
    return int(tx.execute(select(func.coalesce(func.max(ledger_outbox.c.id), 0))).scalar_one())


def index_of(tx: Connection, entry: int) -> int | None:
    """Return where on the ledger a row is; `None` while it waits, or when there is no such row."""
    found = tx.execute(select(ledger_outbox.c.ledger_index).where(ledger_outbox.c.id == entry)).scalar()
    return None if found is None else int(found)


def published(tx: Connection, indexes: dict[int, int]) -> None:
    """Note that the rows (keys) are in the ledger at these indexes (values)."""
    now = clock.now()
    for entry, index in indexes.items():
        change = update(ledger_outbox).where(ledger_outbox.c.id == entry, ledger_outbox.c.published_at.is_(None))
        tx.execute(change.values(published_at=now, ledger_index=index))


def waiting(tx: Connection) -> int:
    """Return how many rows are not in the ledger yet."""
    query = select(func.count()).select_from(ledger_outbox).where(ledger_outbox.c.published_at.is_(None))
    return int(tx.execute(query).scalar_one())


def last_published(tx: Connection, after: datetime | None = None) -> tuple[Entry, int] | None:
    """Return the row that is furthest in the ledger, and where; of those published since `after`."""
    t = ledger_outbox
    query = select(t.c.id, t.c.type, t.c.payload, t.c.created_at, t.c.ledger_index).where(t.c.ledger_index.is_not(None))
    if after is not None:
        query = query.where(t.c.published_at >= after)
    row = tx.execute(query.order_by(t.c.ledger_index.desc()).limit(1)).first()
    return None if row is None else (Entry(*row[:4]), int(row[4]))


def listing(tx: Connection, type: str) -> Iterator[tuple[Entry, int]]:  # noqa: A002 - the ledger's word
    """Yield the rows of one type that are in the ledger, with their indexes, oldest first."""
    t = ledger_outbox
    query = select(t.c.id, t.c.type, t.c.payload, t.c.created_at, t.c.ledger_index)
    for row in tx.execute(query.where(t.c.type == type, t.c.ledger_index.is_not(None)).order_by(t.c.id)):
        yield Entry(*row[:4]), int(row[4])
