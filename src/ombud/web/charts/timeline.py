"""The time line of a network's co-acts: one lane a trace on a shared axis, so that no colour has to be told apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.model.findings import NetworkDetail, TimelineBin

__all__ = ["Bar", "Lane", "Tick", "Timeline", "draw", "steps"]

LANE, HEAD, AXIS = 58.0, 22.0, 26.0
_THINNEST = 2.5
"""A bar narrower than this many units cannot be seen; bins are joined until bars are wider."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The co-acts of one span of time."""

    x: float
    y: float
    width: float
    height: float
    value: int
    start: datetime


@dataclass(frozen=True, slots=True)
class Lane:
    """One trace: its bars stand on `base`."""

    trace: str
    total: int
    top: float
    base: float
    largest: int
    """the value of its highest bar, which is as tall as the lane"""
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the time axis; labels that would run over the edge hang inwards."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Shapes in a box of `width` by `height`."""

    width: float
    height: float
    lanes: list[Lane]
    ticks: list[Tick]
    bin_seconds: float


def draw(detail: NetworkDetail, width: float) -> Timeline:
    """Lay out the time line on `width` units; lanes in order of their totals, each on a scale of its own."""
    unit = 3600.0 if detail.timeline_unit == "hour" else 86_400.0
    bins = sorted(detail.timeline, key=lambda item: item.start)
    start = bins[0].start if bins else detail.first
    end = (bins[-1].start if bins else detail.last) + timedelta(seconds=unit)
    span = (end - start).total_seconds()
    joined = _joined(span, unit, width)
    sums = _sums(bins, start, joined)
    totals = {trace: sum(values.values()) for trace, values in sums.items()}
    per_second = width / span
    lanes = []
    for row, trace in enumerate(sorted(totals, key=lambda name: (-totals[name], name))):
        top = row * (LANE + HEAD)
        base = top + HEAD + LANE
        largest = max(sums[trace].values())
        bars = []
        for slot, value in sorted(sums[trace].items()):
            height = max(1.0, LANE * value / largest)
            x = slot * joined * per_second
            wide = min(joined * per_second, width - x)
            bars.append(
                Bar(
                    round(x, 1),
                    round(base - height, 1),
                    round(max(1.5, wide - min(1.0, wide / 4)), 1),
                    round(height, 1),
                    value,
                    start + timedelta(seconds=slot * joined),
                )
            )
        lanes.append(Lane(trace, totals[trace], top, base, largest, bars))
    height = len(lanes) * (LANE + HEAD) + AXIS
    ticks = [_tick(moment, start, per_second, width, span) for moment in steps(start, end, max(2, int(width // 110)))]
    return Timeline(width, height, lanes, ticks, joined)


def _joined(span: float, unit: float, width: float) -> float:
    """Return the seconds that one bar covers: whole bins, at least as wide as can be seen."""
    per_bin = width * unit / span
    together = 1
    while per_bin * together < _THINNEST:
        together += 1
    return unit * together


def _sums(bins: Sequence[TimelineBin], start: datetime, joined: float) -> dict[str, dict[int, int]]:
    """Sum co-acts by trace and bar."""
    sums: dict[str, dict[int, int]] = {}
    for item in bins:
        slot = int((item.start - start).total_seconds() // joined)
        for trace, value in item.co_acts.items():
            if value > 0:
                lane = sums.setdefault(trace, {})
                lane[slot] = lane.get(slot, 0) + value
    return sums


def steps(start: datetime, end: datetime, most: int) -> list[datetime]:
    """Return at most `most` round moments between `start` and `end`: years, months, days or hours."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    for months in (1, 2, 3, 6, 12, 24, 60, 120):
        if months == 1 and (end - start) < timedelta(days=62):
            for hours in (1, 3, 6, 12, 24, 48, 96, 168, 336):
                found = _every(start, end, hours)
                if len(found) <= most:
                    return found
        found = _monthly(start, end, months)
        if len(found) <= most:
            return found
    return [start]


def _every(start: datetime, end: datetime, hours: int) -> list[datetime]:
    moment = start.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    while moment < end:
        if moment >= start:
            found.append(moment)
        moment += timedelta(hours=hours)
    return found


def _monthly(start: datetime, end: datetime, months: int) -> list[datetime]:
    found: list[datetime] = []
    count = start.year * 12 + start.month - 1
    count -= count % months
    while True:
        moment = datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
        if moment >= end:
            return found
        if moment >= start:
            found.append(moment)
        count += months


def _tick(moment: datetime, start: datetime, per_second: float, width: float, span: float) -> Tick:
    x = (moment - start).total_seconds() * per_second
    if span > 86_400 * 400:
        label = f"{moment:%b %Y}" if moment.month > 1 else f"{moment.year}"
    elif moment.hour or span < 86_400 * 3:
        label = f"{moment.day} {moment:%b %H:%M}"
    elif span < 86_400 * 62:
        label = f"{moment.day} {moment:%b}"
    else:
        label = f"{moment:%b %Y}" if moment.month == 1 else f"{moment:%B}"
    near = 40
    anchor = "end" if x > width - near else "start"
    return Tick(round(x, 1), label, anchor)
