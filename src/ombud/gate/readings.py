"""What apps read, from the lake: of one app without its people, and of one person by app.

A read counts where fields went out (`allowed` or `reduced`); `refused` ones are
counted apart. What a gate has put on record reaches the lake when its journal
is emptied, so the last minutes may be missing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.lake.faults import duck_faults

if TYPE_CHECKING:
    import duckdb

    from ombud.lake import Lake

__all__ = [
    "AppDay",
    "AppReadings",
    "FieldCount",
    "PersonApp",
    "PersonReading",
    "PersonReadings",
    "ReasonCount",
    "WindowUse",
    "lines_of_person",
    "readings_of_app",
    "readings_of_person",
]

_DAYS = """
SELECT date_trunc('day', happened_at) AS day,
       count(*) FILTER (decision <> 'refused') AS reads,
       count(DISTINCT person) FILTER (decision <> 'refused') AS people,
       count(*) FILTER (decision <> 'refused' AND through IS NOT NULL) AS through_friends,
       CAST(coalesce(sum(len(fields)) FILTER (decision <> 'refused'), 0) AS BIGINT) AS fields,
       count(*) FILTER (decision = 'refused') AS refused
FROM reads WHERE app = $app AND happened_at >= $since AND happened_at < $until
GROUP BY ALL ORDER BY day
"""
"""One row a day (UTC) on which the app asked for anything."""

_FIELDS = """
SELECT field, purpose, count(*) AS reads, count(DISTINCT person) AS people
FROM (SELECT unnest(fields) AS field, purpose, person FROM reads
      WHERE app = $app AND happened_at >= $since AND happened_at < $until AND decision <> 'refused')
GROUP BY ALL ORDER BY reads DESC, field, purpose
"""
"""One row a field and purpose that went out."""

_PEOPLE = """
SELECT count(DISTINCT person), count(DISTINCT person) FILTER (through IS NOT NULL),
       count(DISTINCT coalesce(through, person))
FROM reads WHERE app = $app AND happened_at >= $since AND happened_at < $until AND decision <> 'refused'
"""
"""People read about, those of them through a friend, and those by whose consent."""

_REASONS = """
SELECT CASE WHEN contains(reason, ':') THEN split_part(reason, ':', 1) ELSE reason END AS first_reason, count(*) AS n
FROM reads WHERE app = $app AND happened_at >= $since AND happened_at < $until
             AND decision IN ('refused', 'reduced') AND reason IS NOT NULL
GROUP BY ALL ORDER BY n DESC, first_reason
"""
"""One row a first reason for which something was refused."""

_LATEST = """
SELECT count(DISTINCT person) FILTER (happened_at >= date_trunc('hour', $until::TIMESTAMPTZ)),
       count(DISTINCT person),
       coalesce(sum(len(fields)) FILTER (happened_at >= date_trunc('hour', $until::TIMESTAMPTZ)), 0),
       coalesce(sum(len(fields)), 0)
FROM reads WHERE app = $app AND happened_at >= date_trunc('day', $until::TIMESTAMPTZ)
             AND happened_at <= $until AND decision <> 'refused'
"""
"""People and fields in the hour and the day (UTC) of `until`, as budgets count them."""

_MINE = """
SELECT n.name AS app, count(*) FILTER (decision <> 'refused') AS reads,
       count(*) FILTER (decision = 'refused') AS refused,
       count(*) FILTER (decision <> 'refused' AND r.through IS NOT NULL) AS through_friends,
       min(r.happened_at) AS first, max(r.happened_at) AS last,
       list_sort(list_distinct(flatten(list(r.fields) FILTER (decision <> 'refused')))) AS fields,
       list_sort(list_distinct(list(r.purpose) FILTER (decision <> 'refused'))) AS purposes
FROM reads AS r LEFT JOIN app_ids AS n ON n.id = r.app
WHERE r.person = $person AND r.happened_at >= $since AND r.happened_at < $until
GROUP BY n.name ORDER BY last DESC, app
"""
"""One row an app that asked for anything about the person."""

_LINES = """
SELECT r.read, n.name AS app, r.happened_at, r.fields, r.purpose, r.decision, r.reason, r.through IS NOT NULL AS friend,
       r.policy, b.ledger_index, b.outbox
FROM reads AS r LEFT JOIN app_ids AS n ON n.id = r.app LEFT JOIN batches AS b ON b.batch = r.batch
WHERE r.person = $person AND r.happened_at >= $since AND r.happened_at < $until AND n.name IS NOT DISTINCT FROM $app
ORDER BY r.happened_at DESC, r.read LIMIT $limit OFFSET $offset
"""
"""One row a request of one app for the person's data, newest first."""


class AppDay(msgspec.Struct, frozen=True):
    """What an app read on one day (UTC)."""

    day: datetime
    reads: int
    """requests by which something went out"""
    people: int
    """distinct people it was about"""
    through_friends: int
    """reads by the consent of somebody else"""
    fields: int
    """fields that went out, counted again for each read"""
    refused: int
    """requests by which nothing went out"""


class FieldCount(msgspec.Struct, frozen=True):
    """How often one field went out for one purpose."""

    field: str
    purpose: str | None
    reads: int
    people: int


class ReasonCount(msgspec.Struct, frozen=True):
    """How often something was refused for a reason, the first where there were several."""

    reason: str
    requests: int


class WindowUse(msgspec.Struct, frozen=True):
    """What budgets count, in the hour and the day of a moment."""

    people_an_hour: int
    people_a_day: int
    fields_an_hour: int
    fields_a_day: int


class AppReadings(msgspec.Struct, frozen=True):
    """What one app read in a time."""

    since: datetime
    until: datetime
    people: int
    """distinct people it read about"""
    through_friends: int
    """those of them about whom it read through a friend"""
    consenting: int
    """people by whose consent it read"""
    days: list[AppDay]
    fields: list[FieldCount]
    reasons: list[ReasonCount]
    latest: WindowUse

    @property
    def reads(self) -> int:
        """Return how often something went out."""
        return sum(day.reads for day in self.days)

    @property
    def refused(self) -> int:
        """Return how often nothing went out."""
        return sum(day.refused for day in self.days)


class PersonApp(msgspec.Struct, frozen=True):
    """What one app asked about a person."""

    app: str
    reads: int
    refused: int
    through_friends: int
    first: datetime
    last: datetime
    fields: list[str]
    """that went out, each once, sorted"""
    purposes: list[str]


class PersonReading(msgspec.Struct, frozen=True):
    """One request for a person's data."""

    read: str
    app: str
    at: datetime
    fields: list[str]
    """that went out; of a refused request those that were asked for"""
    purpose: str | None
    decision: str
    reason: str | None
    through_friend: bool
    """whether it came by a friend's consent; whose is the friend's own matter"""
    policy: str | None
    ledger: int | None
    """the entry that proves it; null when it is known by its row of the outbox alone, or not at all"""
    outbox: int | None


class PersonReadings(msgspec.Struct, frozen=True):
    """What was asked about a person, by app, the latest first."""

    since: datetime
    until: datetime
    apps: list[PersonApp]


def _span(since: datetime, until: datetime) -> dict[str, Any]:
    return {"since": since.astimezone(UTC), "until": until.astimezone(UTC)}


def _rows(duck: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = duck.sql(sql, params=parameters).to_arrow_table().to_pylist()
    return found


def readings_of_app(lake: Lake, app: str, since: datetime, until: datetime) -> AppReadings:
    """Return what an app read from `since` on and before `until`; an app that never asked has read nothing."""
    known = lake.ids("app", [app])[0]
    asked = {"app": -1 if known is None else known, **_span(since, until)}
    latest = {name: asked[name] for name in ("app", "until")}
    with lake.duck(["reads"]) as duck, duck_faults(lake.folder, "`reads`"):
        people, friends, consenting = duck.execute(_PEOPLE, asked).fetchall()[0]
        return AppReadings(
            since=since,
            until=until,
            people=people,
            through_friends=friends,
            consenting=consenting,
            days=[AppDay(**row) for row in _rows(duck, _DAYS, asked)],
            fields=[FieldCount(**row) for row in _rows(duck, _FIELDS, asked)],
            reasons=[ReasonCount(row["first_reason"], row["n"]) for row in _rows(duck, _REASONS, asked)],
            latest=WindowUse(*(int(value) for value in duck.execute(_LATEST, latest).fetchall()[0])),
        )


def readings_of_person(lake: Lake, person: str, since: datetime, until: datetime) -> PersonReadings:
    """Return which apps asked for a person's data, from `since` on and before `until`."""
    known = lake.ids("account", [person])[0]
    if known is None:
        return PersonReadings(since, until, [])
    with lake.duck(["reads"]) as duck, duck_faults(lake.folder, "`reads`"):
        rows = _rows(duck, _MINE, {"person": known, **_span(since, until)})
    return PersonReadings(since, until, [PersonApp(**_filled(row)) for row in rows if row["app"] is not None])


def lines_of_person(  # noqa: PLR0917 - the question and its page
    lake: Lake, person: str, app: str, since: datetime, until: datetime, limit: int = 50, offset: int = 0
) -> list[PersonReading]:
    """Return the requests of one app for a person's data, newest first."""
    known = lake.ids("account", [person])[0]
    if known is None:
        return []
    asked = {"person": known, "app": app, "limit": limit, "offset": offset, **_span(since, until)}
    with lake.duck(["reads", "batches"]) as duck, duck_faults(lake.folder, "`reads`"):
        rows = _rows(duck, _LINES, asked)
    return [
        PersonReading(
            read=row["read"],
            app=row["app"],
            at=row["happened_at"],
            fields=row["fields"],
            purpose=row["purpose"],
            decision=row["decision"],
            reason=row["reason"],
            through_friend=row["friend"],
            policy=row["policy"],
            ledger=row["ledger_index"],
            outbox=row["outbox"],
        )
        for row in rows
    ]


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose empty lists are lists."""
    lists = {name: [item for item in row[name] or [] if item is not None] for name in ("fields", "purposes")}
    return {**row, **lists}
