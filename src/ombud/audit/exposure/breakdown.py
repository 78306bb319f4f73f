"""An app's exposure by country, and before and after each policy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from ombud.audit.exposure.opening import reigns
from ombud.audit.people.bits import numbers_of
from ombud.lake.engines.duckdb import DuckEngine
from ombud.lake.engines.sql import queries
from ombud.lake.faults import duck_faults
from ombud.model.schema import MOMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyroaring import BitMap

    from ombud.audit.people.sets import PeopleSets
    from ombud.lake import Lake

__all__ = ["RegionExposure", "Span", "SpanExposure", "by_region", "by_span", "policy_spans"]

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


class RegionExposure(msgspec.Struct, frozen=True):
    """People of one country or region, as accounts name it."""

    region: str | None
    """null where the account names none, or there is no account on record: see `known`"""
    known: bool
    """whether there is an account on record"""
    people: int
    direct: int
    """those of them read by their own grant"""
    via: int
    """those of them read through a friend's"""


class Span(msgspec.Struct, frozen=True):
    """A time, and what was in force in it."""

    since: datetime | None
    """null for the beginning of all time"""
    until: datetime | None
    """the first moment after it; null while it lasts"""
    policy: str | None = None
    """name and version of the policy; null when none is on record"""
    hash: str | None = None


class SpanExposure(msgspec.Struct, frozen=True):
    """What one app read in a span of time; a person read in two spans counts in both."""

    span: Span
    reads: int
    people: int
    direct: int
    via: int


def by_region(lake: Lake, sets: PeopleSets, app: int) -> list[RegionExposure]:
    """Return whom the app (its number) read, by country or region, the most people first; they add up to all."""
    exposed = _exposed(sets.direct(app), sets.via(app))
    with lake.duck(["accounts"]) as duck, duck_faults(lake.folder, "`accounts`"):
        duck.register("exposed", exposed)
        rows = DuckEngine(duck, queries("ombud.audit.exposure")).run("exposure_by_region").to_pylist()
    found = [RegionExposure(**row) for row in rows]
    return sorted(found, key=lambda one: (-one.people, one.region or "", one.known))


def policy_spans(lake: Lake) -> list[Span]:
    """Return the times of the policies on record, in order, and the time before the first of them."""
    law = reigns(lake)
    first = [Span(None, law[0].since if law else None)]
    named = [Span(one.since, one.until, f"{one.policy.name} {one.policy.version}", one.policy.hash) for one in law]
    return [*first, *named]


def by_span(lake: Lake, app: int, spans: Sequence[Span] | None = None) -> list[SpanExposure]:
    """Return what the app (its number) read in each span of time, those of the policies on record if unset.

    For logs from before there was a policy on record, give spans of your own, such as before and after a day.
    """
    spans = policy_spans(lake) if spans is None else spans
    table = pa.table(
        {
            "span": pa.array(range(len(spans)), pa.int64()),
            "since": pa.array([span.since or _BEGINNING for span in spans], MOMENT),
            "until": pa.array([span.until for span in spans], MOMENT),
        }
    )
    with lake.duck(["reads"]) as duck, duck_faults(lake.folder, "`reads`"):
        duck.register("spans", table)
        rows = DuckEngine(duck, queries("ombud.audit.exposure")).run("exposure_by_span", app=app).to_pylist()
    found = {row["span"]: row for row in rows}
    nothing = dict.fromkeys(("reads", "people", "direct", "via"), 0)
    return [
        SpanExposure(span, **{name: found.get(n, nothing)[name] for name in nothing}) for n, span in enumerate(spans)
    ]


def _exposed(direct: BitMap, via: BitMap) -> pa.Table:
    """Return one row a person: the number, and 1 where read by their own grant and through a friend's."""
    both = direct & via
    parts = [(direct - both, 1, 0), (via - both, 0, 1), (both, 1, 1)]
    columns: dict[str, Any] = {
        "person": pa.concat_arrays([pa.array(numbers_of(people), pa.int64()) for people, _, _ in parts]),
        "direct": pa.concat_arrays([pa.repeat(pa.scalar(own, pa.int64()), len(people)) for people, own, _ in parts]),
        "via": pa.concat_arrays([pa.repeat(pa.scalar(friend, pa.int64()), len(people)) for people, _, friend in parts]),
    }
    return pa.table(columns)
