"""Sessions of extraction: runs of reads without a pause of half an hour, each with its speed, key and network."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ombud.audit.dossier.inquiry import Number

if TYPE_CHECKING:
    from ombud.audit.dossier.inquiry import Inquiry

__all__ = ["LISTED", "Session", "Sessions", "sessions"]

LISTED = 20
"""How many of the largest are listed."""

RUNS = """marked AS (
  SELECT person, consenting, via, happened_at, "key", network,
         coalesce(happened_at - lag(happened_at) OVER w > INTERVAL 30 MINUTE, true) AS starts FROM mine
  WHERE went WINDOW w AS (PARTITION BY "key" ORDER BY happened_at)
), runs AS (
  SELECT *, sum(CAST(starts AS INTEGER)) OVER (PARTITION BY "key" ORDER BY happened_at, starts DESC
         ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run FROM marked
)"""
"""Each read with the run that it belongs to: half an hour without a read ends one; each key has runs of its own."""
SESSIONS = """
SELECT "key", min(happened_at) AS first, max(happened_at) AS last, count(*) AS reads,
       count(DISTINCT person) AS people, count(DISTINCT person) FILTER (via) AS through_friends,
       count(DISTINCT consenting) AS consenting, count(DISTINCT network) AS networks, min(network) AS network
FROM runs GROUP BY "key", run ORDER BY people DESC, first, "key" LIMIT {limit}
"""
_COUNT = 'SELECT count(*) FROM (SELECT DISTINCT "key", run FROM runs)'


class Session(msgspec.Struct, frozen=True):
    """One run of reads by one key."""

    first: datetime
    last: datetime
    reads: int
    people: int
    through_friends: int
    consenting: int
    """people by whose consent it read"""
    key: str | None
    """thumbprint of the key; null when the log does not say"""
    networks: int
    """distinct networks it called from, as keyed hashes; 0 when the log does not say"""
    network: str | None
    """the network, when there was one"""

    @property
    def minutes(self) -> float:
        """Return how long it took, a minute at least."""
        return max((self.last - self.first).total_seconds() / 60, 1.0)

    @property
    def people_a_minute(self) -> float:
        """Return how fast it was."""
        return self.people / self.minutes


class Sessions(msgspec.Struct, frozen=True):
    """All sessions, the largest listed."""

    total: Number
    listed: list[Session]
    """most people first"""
    listed_people: Number
    """people, summed over those listed"""


def sessions(asked: Inquiry) -> Sessions:
    """Return the app's sessions; an app without a read has none."""
    asked.put_aside("runs", RUNS)
    total = asked.count("sessions", "sessions", _COUNT, ctes=RUNS)
    rows, people = asked.table(
        "people in the largest sessions", "people, summed", SESSIONS.format(limit=LISTED), "people", ctes=RUNS
    )
    listed = [
        Session(**{**row, "network": row["network"] if row["networks"] == 1 else None})
        for row in rows
    ]  # fmt: skip
    return Sessions(total, listed, people)
