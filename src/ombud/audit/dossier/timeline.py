"""What one app read, over time: by day, by field and purpose, by country, under each policy."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ombud.audit.dossier.inquiry import Number
from ombud.records import policies

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.audit.dossier.inquiry import Inquiry

__all__ = [
    "Change", "Country", "Day", "FieldRead", "PolicyUse", "Timeline", "timeline",
]  # fmt: skip

_DAYS = """
SELECT date_trunc('day', happened_at) AS day, count(*) FILTER (went) AS reads,
       count(DISTINCT person) FILTER (went) AS people, count(DISTINCT person) FILTER (went AND via) AS through_friends,
       count(*) FILTER (NOT went) AS refused
FROM mine GROUP BY ALL ORDER BY day
"""
_FIELDS = """
SELECT field, purpose, count(*) AS reads, count(DISTINCT person) AS people,
       count(DISTINCT person) FILTER (via) AS through_friends, min(happened_at) AS first, max(happened_at) AS last
FROM (SELECT unnest(fields) AS field, purpose, person, via, happened_at FROM mine WHERE went)
GROUP BY ALL ORDER BY people DESC, field, purpose
"""
_COUNTRIES = """
SELECT coalesce(a.region, '') AS country, count(*) AS people, CAST(sum(m.reads) AS BIGINT) AS reads
FROM (SELECT person, count(*) AS reads FROM mine WHERE went GROUP BY person) AS m
LEFT JOIN (SELECT account, min(region) AS region FROM accounts GROUP BY account) AS a ON a.account = m.person
GROUP BY ALL ORDER BY people DESC, country
"""
_POLICIES = """
SELECT "policy" AS hash, min(happened_at) AS first, max(happened_at) AS last, count(*) FILTER (went) AS reads,
       count(DISTINCT person) FILTER (went) AS people, count(DISTINCT person) FILTER (went AND via) AS through_friends,
       count(*) FILTER (NOT went) AS refused
FROM mine GROUP BY ALL ORDER BY first, hash
"""
_AROUND = """
SELECT count(DISTINCT person) FROM mine
WHERE went AND happened_at >= CAST('{start}' AS TIMESTAMPTZ) AND happened_at < CAST('{end}' AS TIMESTAMPTZ)
"""
AROUND = timedelta(days=30)
"""How long before and after a policy is compared."""


class Day(msgspec.Struct, frozen=True):
    """One day (UTC) on which the app asked for anything."""

    day: datetime
    reads: int
    people: int
    """distinct people read about on that day"""
    through_friends: int
    """those of them read through a friend"""
    refused: int


class FieldRead(msgspec.Struct, frozen=True):
    """One field that went out for one purpose."""

    field: str
    purpose: str | None
    """null when none was given"""
    reads: int
    people: int
    through_friends: int
    first: datetime
    last: datetime


class Country(msgspec.Struct, frozen=True):
    """People of one country or region, as the platform describes them."""

    country: str
    """empty when it is not known"""
    people: int
    reads: int


class PolicyUse(msgspec.Struct, frozen=True):
    """What was read under one policy."""

    hash: str | None
    """null for reads of a log that names none"""
    name: str | None
    first: datetime
    last: datetime
    reads: int
    people: int
    through_friends: int
    refused: int


class Change(msgspec.Struct, frozen=True):
    """A policy that came into force in the time, and people read in the thirty days on either side of it."""

    name: str
    hash: str
    at: datetime
    before: Number
    after: Number


class Timeline(msgspec.Struct, frozen=True):
    """What was read, over time."""

    days: list[Day]
    days_total: Number
    """reads, summed over the days"""
    busiest: Day | None
    """the day with most people"""
    fields: list[FieldRead]
    fields_total: Number
    """reads of a field, summed"""
    countries: list[Country]
    countries_total: Number
    """people, summed"""
    policies: list[PolicyUse]
    policies_total: Number
    """reads, summed"""
    changes: list[Change]


def timeline(asked: Inquiry, tx: Connection) -> Timeline:
    """Return what the app read by day, field and purpose, country and policy."""
    days, days_total = asked.table("reads by day", "reads", _DAYS, "reads")
    fields, fields_total = asked.table("reads by field and purpose", "reads of a field", _FIELDS, "reads")
    countries, countries_total = asked.table("people by country", "people", _COUNTRIES, "people", "accounts")
    used, policies_total = asked.table("reads by policy", "reads", _POLICIES, "reads")
    history = policies.history(tx)
    names = {one.hash: one.name for one in history}
    by_day = [Day(**row) for row in days]
    return Timeline(
        days=by_day,
        days_total=days_total,
        busiest=max(by_day, key=lambda day: (day.people, day.reads), default=None),
        fields=[FieldRead(**row) for row in fields],
        fields_total=fields_total,
        countries=[Country(**row) for row in countries],
        countries_total=countries_total,
        policies=[PolicyUse(name=names.get(row["hash"]), **row) for row in used],
        policies_total=policies_total,
        changes=[
            _change(asked, one)
            for one in reversed(history)
            if asked.span.since < one.active_from < asked.span.until
        ],
    )  # fmt: skip


def _change(asked: Inquiry, one: policies.PolicyVersion) -> Change:
    at = one.active_from

    def people(words: str, start: datetime, end: datetime) -> Number:
        select = _AROUND.format(start=start.isoformat(), end=end.isoformat())
        return asked.count(f"people read in 30 days {words} {one.name} came on {at:%Y-%m-%d %H:%M}", "people", select)

    return Change(one.name, one.hash, at, people("before", at - AROUND, at), people("after", at, at + AROUND))
