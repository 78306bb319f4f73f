"""Which names stand for one and the same thing, why, and who said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from sqlalchemy import select

from ombud.model import clock
from ombud.records.tables import entity_merge
from ombud.records.upsert import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["Merge", "merges", "save_merges"]

_FIELDS = ("kind", "alias", "entity", "reason", "score", "status", "decided_by")


class Merge(msgspec.Struct, frozen=True):
    """What is held of one pair of names: `alias` is `entity`, is not, or may be."""

    kind: str
    alias: str
    entity: str
    reason: str
    score: float
    """likeness, 0 to 1"""
    status: Literal["merged", "apart", "doubtful"]
    decided_by: str | None = None
    """the person who decided; null when a tool did"""


def save_merges(tx: Connection, items: Sequence[Merge]) -> None:
    """Keep the merges. What a tool says never replaces what a person decided."""
    now = clock.now()
    rows = [msgspec.structs.asdict(item) | {"decided_at": now} for item in items]
    put(tx, entity_merge, [r for r in rows if r["decided_by"]])
    put(tx, entity_merge, [r for r in rows if not r["decided_by"]], keep=entity_merge.c.decided_by.is_not(None))


def merges(tx: Connection, kind: str, status: str | None = None) -> list[Merge]:
    """Return the merges of names of `kind`, by entity and alias."""
    query = select(*(entity_merge.c[name] for name in _FIELDS)).where(entity_merge.c.kind == kind)
    if status is not None:
        query = query.where(entity_merge.c.status == status)
    return [Merge(*row) for row in tx.execute(query.order_by(entity_merge.c.entity, entity_merge.c.alias))]
