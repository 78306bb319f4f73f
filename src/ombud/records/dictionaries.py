"""The next free number of each dictionary (and of the cases)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from ombud.records.tables import counter
from ombud.records.upsert import insert_new

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["advance", "next_id", "reserve"]


def next_id(tx: Connection, kind: str) -> int:
    """Return the number that the next new name of `kind` will get; it starts at 0. Takes nothing."""
    found = tx.execute(select(counter.c.next).where(counter.c.name == _key(kind))).scalar()
    return 0 if found is None else int(found)


def advance(tx: Connection, kind: str, n: int) -> int:
    """Take `n` numbers of `kind` and return the first; others wait until this transaction ends."""
    return reserve(tx, _key(kind), n)


def reserve(tx: Connection, name: str, n: int, start: int = 0) -> int:
    """Take `n` numbers of the counter `name`, which begins at `start`; without gaps if the transaction ends well."""
    if n < 0:
        raise ValueError(n)
    insert_new(tx, counter, [{"name": name, "next": start}])
    taken = update(counter).where(counter.c.name == name).values(next=counter.c.next + n).returning(counter.c.next)
    return int(tx.execute(taken).scalar_one()) - n


def _key(kind: str) -> str:
    return f"dictionary/{kind}"
