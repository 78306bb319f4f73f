"""Sets of affected people that were frozen: what commits to each, never who is in it."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, insert, select

from ombud.model.errors import NotFoundError
from ombud.records.frozen_tables import frozen_set

__all__ = ["FrozenSet", "add", "every", "get", "of_app"]


class FrozenSet(msgspec.Struct, frozen=True):
    """One frozen set: its people are in the lake's table `frozen`, its root is on the ledger."""

    id: str
    app: str
    reason: str
    author: str
    frozen_at: datetime
    since: datetime
    """reads from here on"""
    until: datetime
    """and before here"""
    people: int
    """when it was frozen; those who were erased since are still counted"""
    direct: int
    """of them, by their own consent"""
    via: int
    """of them, through a friend; some are both"""
    root: str
    """over the commitments, in hexadecimal"""
    padded: int
    pad_seed: str
    """from which the leaves without a person are derived"""
    outbox: int
    """the row of the outbox by which it went to the ledger"""


def add(tx: Connection, item: FrozenSet) -> None:
    """Keep a set; `lake.frozen` wrote its people."""
    tx.execute(insert(frozen_set).values(msgspec.structs.asdict(item)))


def get(tx: Connection, set_id: str) -> FrozenSet:
    """Return a set; `NotFoundError` when there is none of this id."""
    row = tx.execute(select(frozen_set).where(frozen_set.c.id == set_id)).first()
    if row is None:
        raise NotFoundError(f"There is no frozen set `{set_id}`.", hint="`ombud audit frozen list` lists them.")
    return FrozenSet(*row)


def of_app(tx: Connection, app: str) -> list[FrozenSet]:
    """Return the sets of an app, newest first."""
    t = frozen_set
    query = select(t).where(t.c.app == app).order_by(t.c.frozen_at.desc(), t.c.id)
    return [FrozenSet(*row) for row in tx.execute(query)]


def every(tx: Connection) -> list[FrozenSet]:
    """Return all sets, newest first."""
    t = frozen_set
    return [FrozenSet(*row) for row in tx.execute(select(t).order_by(t.c.frozen_at.desc(), t.c.id))]
