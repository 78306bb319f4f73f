"""What the platform's own counters say went out to apps, to be held against the record of reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from ombud.model import clock
from ombud.model.errors import InputError
from ombud.records.gate_tables import egress_count
from ombud.records.upsert import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["EgressCount", "between", "count"]


class EgressCount(msgspec.Struct, frozen=True, kw_only=True):
    """What one host of the platform sent to one app in one hour; a counter that it does not keep is null."""

    host: str
    hour: datetime
    """the beginning of the hour, UTC"""
    app: str
    reads: int | None = None
    """answers that held a person's data"""
    people: int | None = None
    """distinct people"""
    fields: int | None = None
    """fields, counted again for each answer"""
    bytes: int | None = None
    source: str
    """where the number comes from"""


def count(tx: Connection, counts: Sequence[EgressCount]) -> None:
    """Keep counts; one of the same host, hour and app takes the place of the one before.

    Raises `InputError` for a moment that is no full hour, a negative count, or no count at all.
    """
    now = clock.now()
    rows = []
    for one in counts:
        numbers = [n for n in (one.reads, one.people, one.fields, one.bytes) if n is not None]
        if one.hour.astimezone(UTC) != one.hour.astimezone(UTC).replace(minute=0, second=0, microsecond=0):
            raise InputError(f"The moment {one.hour.isoformat()} is no full hour.", hint="Give the hour's beginning.")
        if not numbers or min(numbers) < 0:
            raise InputError("An egress count needs reads, people, fields or bytes, none below 0.")
        rows.append(msgspec.structs.asdict(one) | {"counted_at": now})
    put(tx, egress_count, rows)


def between(tx: Connection, start: datetime, end: datetime) -> list[EgressCount]:
    """Return the counts of the hours from `start` on and before `end`, by hour, host and app."""
    t = egress_count
    columns = [t.c[name] for name in EgressCount.__struct_fields__]
    query = select(*columns).where(t.c.hour >= start, t.c.hour < end).order_by(t.c.hour, t.c.host, t.c.app)
    return [EgressCount(**row) for row in tx.execute(query).mappings()]
