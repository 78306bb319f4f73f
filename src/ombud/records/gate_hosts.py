"""Gates: which there are, when each was last heard of, and how far its record has come."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select, update

from ombud.model import clock
from ombud.model.errors import NotFoundError
from ombud.records.gate_tables import gate_host

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["GateHost", "beat", "every", "flushed", "get", "start"]


class GateHost(msgspec.Struct, frozen=True):
    """One gate: a process that decides and records reads."""

    host: str
    started_at: datetime
    seen_at: datetime
    sequence: int
    """number of its latest batch, as it said itself"""
    flushed: int
    """number of its latest batch that is in the lake"""
    rows: int
    """reads of it that are in the lake"""
    policy: str | None
    """hash of the policy it decides by"""


def start(tx: Connection, host: str) -> GateHost:
    """Note that a gate began; return it, with what it had reached before."""
    now = clock.now()
    changed = update(gate_host).where(gate_host.c.host == host).values(started_at=now, seen_at=now)
    if not tx.execute(changed).rowcount:
        row = {"host": host, "started_at": now, "seen_at": now, "sequence": 0, "flushed": 0, "rows": 0}
        tx.execute(insert(gate_host).values(row))
    return get(tx, host)


def beat(tx: Connection, host: str, sequence: int, policy: str | None) -> None:
    """Note that a gate lives, the number of its latest batch (which never goes back), and its policy."""
    here = gate_host.c.host == host
    tx.execute(update(gate_host).where(here).values(seen_at=clock.now(), policy=policy))
    tx.execute(update(gate_host).where(here, gate_host.c.sequence < sequence).values(sequence=sequence))


def flushed(tx: Connection, host: str, sequence: int, rows: int) -> bool:
    """Note that all batches up to `sequence` are in the lake, `rows` reads more; `False` when they were already.

    To be called in the transaction that makes those reads visible, so that no batch is there twice.
    """
    if tx.execute(select(gate_host.c.host).where(gate_host.c.host == host)).first() is None:
        start(tx, host)
    here = (gate_host.c.host == host, gate_host.c.flushed < sequence)
    done = tx.execute(update(gate_host).where(*here).values(flushed=sequence, rows=gate_host.c.rows + rows)).rowcount
    tx.execute(
        update(gate_host).where(gate_host.c.host == host, gate_host.c.sequence < sequence).values(sequence=sequence)
    )
    return done == 1


def get(tx: Connection, host: str) -> GateHost:
    """Return the gate; `NotFoundError` when it never began."""
    row = tx.execute(select(gate_host).where(gate_host.c.host == host)).first()
    if row is None:
        raise NotFoundError(f"No gate `{host}` ever began here.")
    return GateHost(*row)


def every(tx: Connection) -> list[GateHost]:
    """Return all gates, by name."""
    return [GateHost(*row) for row in tx.execute(select(gate_host).order_by(gate_host.c.host))]
