"""People read about by day: all of them, and those through a friend, on a shared axis."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ombud.model.findings import NetworkDetail, TimelineBin
from ombud.web.charts import timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.audit.dossier.timeline import Day
    from ombud.web.charts.timeline import Timeline

__all__ = ["draw"]


def draw(days: Sequence[Day], width: float) -> Timeline:
    """Lay out the days on `width` units. There must be one at least. Bars of joined days are sums over days."""
    bins = [
        TimelineBin(day.day, {"people": day.people, "people through a friend": day.through_friends}) for day in days
    ]
    first, last = days[0].day, days[-1].day + timedelta(days=1)
    detail = NetworkDetail(
        members=[],
        edges=[],
        traces=[],
        timeline=bins,
        timeline_unit="day",
        evidence=[],
        first=first,
        last=last,
        co_acts=0,
        expected=0.0,
        median_gap=0.0,
        members_total=0,
        edges_total=0,
    )
    return timeline.draw(detail, width)
