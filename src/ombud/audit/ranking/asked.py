"""What each app was given: which fields, how much they say of a person, and for which purpose."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from ombud.audit.ranking.sensitivity import UNKNOWN, points_by_field

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from sqlalchemy import Connection

    from ombud.audit.ranking.described import Described

__all__ = ["SELDOM", "Asked", "asked_by_app"]

SELDOM = 0.25
"""A field is beyond what apps of a category read when fewer than this share of them read it."""


class Asked(msgspec.Struct, frozen=True):
    """What went out to one app. Reads are those that gave something out."""

    reads: int
    points: int
    """the points of every field that went out, added up over the reads"""
    fields: frozenset[str]
    beyond: tuple[str, ...]
    """of them, those that few apps of its category read, the most telling first"""
    beyond_points: int
    """their points, each field once and one more for each"""
    stated: int
    """reads for which it named a purpose"""
    off: int
    """of them, those for a purpose that it had not declared; none where it declared none"""
    declared: bool
    """whether it declared any purpose"""


class _Sums(msgspec.Struct):
    reads: int = 0
    points: int = 0
    stated: int = 0
    off: int = 0
    fields: set[str] = msgspec.field(default_factory=set)


def asked_by_app(
    tx: Connection, rows: pa.Table, described: Mapping[int, Described]
) -> tuple[dict[int, Asked], frozenset[str]]:
    """Return what each app was given, of rows of the query `asked_by_app`, and the fields that no catalogue knows."""
    points = points_by_field(tx)
    sums: dict[int, _Sums] = defaultdict(_Sums)
    for row in rows.to_pylist():
        if row["decision"] == "refused":
            continue
        one, reads, fields = sums[row["app"]], row["reads"], row["fields"] or []
        one.reads += reads
        one.points += reads * sum(points.get(field, UNKNOWN) for field in fields)
        one.fields.update(fields)
        purposes = described[row["app"]].purposes
        if row["purpose"] is not None:
            one.stated += reads
            one.off += reads * bool(purposes and row["purpose"] not in purposes)
    usual = _usual(sums, described)
    every = {field for one in sums.values() for field in one.fields}
    return {
        app: _asked(one, usual[described[app].category], points, bool(described[app].purposes))
        for app, one in sums.items()
    }, frozenset(every - points.keys())


def _asked(one: _Sums, usual: set[str], points: Mapping[str, int], declared: bool) -> Asked:  # noqa: FBT001 - a fact, no switch
    beyond = sorted(one.fields - usual, key=lambda field: (-points.get(field, UNKNOWN), field))
    beyond_points = sum(1 + points.get(field, UNKNOWN) for field in beyond)
    fields = frozenset(one.fields)
    return Asked(one.reads, one.points, fields, tuple(beyond), beyond_points, one.stated, one.off, declared)


def _usual(sums: Mapping[int, _Sums], described: Mapping[int, Described]) -> dict[str | None, set[str]]:
    """Return by category the fields that at least a quarter of its apps read; of a small one, of all apps."""
    counts: dict[str | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    apps: dict[str | None, int] = defaultdict(int)
    for app, one in sums.items():
        category = described[app].category
        apps[category] += 1
        for field in one.fields:
            counts[category][field] += 1
    return {
        category: {field for field, n in counts[category].items() if n >= max(SELDOM * many, 2)}
        for category, many in apps.items()
    }
