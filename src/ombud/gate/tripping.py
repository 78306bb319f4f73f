"""What is written down when a breaker trips: the finding, its case, and the brake that every gate heeds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import ombud
from ombud.gate.breakers import DAYS, LEAST, SHARE, STOPPED_AT, USUAL
from ombud.model.findings import Explanation, Finding, Reason
from ombud.model.ids import derived_id
from ombud.records import apps, brakes, cases, findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from ombud.gate.breakers import Trip

__all__ = ["SLOWED_FOR", "finding_of", "write_down"]

SLOWED_FOR = timedelta(days=1)
"""How long an app stays slowed, unless it goes on."""
_SETTINGS = {"stopped_at": STOPPED_AT, "usual": USUAL, "days": DAYS, "least": LEAST, "share": SHARE}
_QUERY = """\
SELECT count(DISTINCT person) AS people FROM reads
WHERE app = $app AND happened_at > $since AND happened_at <= $until AND {which}"""
_WHICH = {
    "walk": "decision <> 'refused' AND through IS NOT NULL",
    "sweep": "decision = 'refused' AND reason IN ('no-consent', 'not-a-friend')",
    "bulk": "decision <> 'refused'",
}
_INNOCENT = {
    "walk": ("automation", "A feature that works while nobody is there, such as reminders of birthdays, reads alike."),
    "sweep": ("automation", "A broken list of people in the app, or one from another platform, is asked for alike."),
    "bulk": ("news-burst", "An app that became popular within the hour reads alike."),
}


def finding_of(trip: Trip, name: str) -> Finding:
    """Return the finding that a trip is."""
    at = datetime.fromtimestamp(trip.at, UTC)
    code, sentence = _INNOCENT[trip.sign]
    since = at - timedelta(hours=trip.hours)
    return Finding(
        id=derived_id("finding", "breakers", trip.app, trip.sign, trip.state, at.date()),
        says="anomalous",
        subject_kind="app",
        subject=trip.app,
        title=f"{name} read like a crawler: {trip.people:,} people, {trip.users:,} users.",
        score=trip.ratio,
        q=None,
        calibration="None: the score is a ratio of people to users, no probability.",
        reasons=[Reason(trip.sentence), Reason(f"It was {trip.state} at once; people who use it were not asked.")],
        explanations=[
            Explanation(code, sentence, "unknown"),
            Explanation(
                "shared-tool", "Uses of the app that the platform did not report look like reads unseen.", "unknown"
            ),
        ],
        rows=[],
        query=_QUERY.format(which=_WHICH[trip.sign]),
        tool="breakers",
        tool_version=ombud.__version__,
        settings=_SETTINGS | {"app": trip.app, "since": since.isoformat(), "until": at.isoformat()},
        found_at=at,
        detail={"people": trip.people, "users": trip.users, "hours": trip.hours, "sign": trip.sign},
    )


def write_down(tx: Connection, trips: Sequence[Trip]) -> list[Finding]:
    """Keep a finding for each trip, open its case, and slow or stop the app on every gate."""
    out = []
    for trip in trips:
        made = finding_of(trip, apps.get(tx, trip.app).name)
        findings.save(tx, made)
        cases.open_for(tx, made.id, "app", made.title)
        until = made.found_at + SLOWED_FOR if trip.state == "slowed" else None
        brakes.pull(tx, trip.app, trip.state, trip.sentence, finding_id=made.id, until=until)
        out.append(made)
    return out
