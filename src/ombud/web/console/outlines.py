"""What tells one network from another at a glance: who, when, what they share, and the shape of it in time."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ombud.records import findings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

__all__ = ["BARS", "Outline", "outline_of", "outlines"]

BARS = 60


class Outline(msgspec.Struct, frozen=True):
    """A network in a few words and bars; nothing of it names a person."""

    accounts: Annotated[int, Meta(description="How many members it has.")]
    platforms: Annotated[list[str], Meta(description="Where its members are, most members first.")]
    traces: Annotated[list[str], Meta(description="What they share, most joint acts first.")]
    first: Annotated[datetime, Meta(description="The first post counted.")]
    last: Annotated[datetime, Meta(description="The last one.")]
    busiest: Annotated[datetime | None, Meta(description="The start of the day or hour with most joint acts.")]
    bars: Annotated[list[int], Meta(description="Joint acts from first to last in 60 equal spans, the highest as 100.")]


class _Member(msgspec.Struct):
    platform: str | None = None


class _Trace(msgspec.Struct):
    trace: str
    co_acts: int


class _Bin(msgspec.Struct):
    start: datetime
    co_acts: dict[str, int]


class _Part(msgspec.Struct):
    """The part of a network's detail that an outline needs; the rest, most of it, is skipped unread."""

    members_total: int
    members: list[_Member]
    traces: list[_Trace]
    timeline: list[_Bin]
    first: datetime
    last: datetime


def _bars(part: _Part) -> list[int]:
    span = (part.last - part.first).total_seconds() or 1.0
    sums = [0] * BARS
    for item in part.timeline:
        place = (item.start - part.first).total_seconds() / span
        sums[min(BARS - 1, max(0, int(place * BARS)))] += sum(item.co_acts.values())
    highest = max(sums)
    return [-(-100 * value // highest) if highest else 0 for value in sums]


def _outline(part: _Part) -> Outline:
    platforms = Counter(member.platform for member in part.members if member.platform)
    joint: Counter[str] = Counter()
    for item in part.traces:
        joint[item.trace] += item.co_acts
    busiest = max(part.timeline, key=lambda item: sum(item.co_acts.values()), default=None)
    return Outline(
        accounts=part.members_total,
        platforms=[name for name, _ in platforms.most_common()],
        traces=[name for name, _ in sorted(joint.items(), key=lambda pair: (-pair[1], pair[0]))],
        first=part.first,
        last=part.last,
        busiest=busiest.start if busiest else None,
        bars=_bars(part),
    )


def outline_of(detail: str | bytes) -> Outline | None:
    """Return the outline of a finding's detail as JSON; None when it is about something else than a network."""
    try:
        return _outline(msgspec.json.decode(detail, type=_Part))
    except msgspec.DecodeError:
        return None


def outlines(tx: Connection, finding_ids: Iterable[str]) -> dict[str, Outline]:
    """Return the outlines of those findings that are about networks, by finding."""
    told = {name: outline_of(text) for name, text in findings.detail_texts(tx, finding_ids).items()}
    return {name: outline for name, outline in told.items() if outline is not None}
