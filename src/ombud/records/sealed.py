"""Sealed sources: files from before there was a gate, whose hash went on record on the day they were found."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select

from ombud.model import clock
from ombud.records import outbox
from ombud.records.sealed_tables import sealed_source

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Sealed", "every", "get", "seal"]


class Sealed(msgspec.Struct, frozen=True):
    """One sealed file. What rests on it is as found at `sealed_at`; nothing shows what was done to it before."""

    sha256: str
    """of the file as it lay there, packed or not"""
    name: str
    path: str
    """where it lay; never told outside"""
    format: str
    """the import's format, or `attached`"""
    sealed_at: datetime
    outbox: int
    """the row by which it went to the ledger"""


def seal(tx: Connection, sha256: str, *, name: str, path: str, format: str) -> Sealed:  # noqa: A002 - the command's word
    """Put a file's hash on record and in line for the ledger; a file that is sealed already keeps its day.

    The ledger is told the hash and the format: neither name nor size, which could tell whose reads they are.
    """
    known = get(tx, sha256)
    if known is not None:
        return known
    now = clock.now()
    row = outbox.append(tx, "sealed", {"sha256": sha256, "format": format, "at": now.isoformat()})
    item = Sealed(sha256, name, path, format, now, row)
    tx.execute(insert(sealed_source).values(msgspec.structs.asdict(item)))
    return item


def get(tx: Connection, sha256: str) -> Sealed | None:
    """Return the sealed file with these bytes; `None` when there is none."""
    row = tx.execute(select(sealed_source).where(sealed_source.c.sha256 == sha256)).first()
    return None if row is None else Sealed(*row)


def every(tx: Connection) -> list[Sealed]:
    """Return all sealed files, in the order they were sealed."""
    t = sealed_source
    return [Sealed(*row) for row in tx.execute(select(t).order_by(t.c.sealed_at, t.c.outbox))]
