"""Whom an app reached: each count as reads on record prove it, and as the most that consents made possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ombud.audit.dossier.inquiry import Number
from ombud.audit.exposure.counts import exposure

if TYPE_CHECKING:
    from ombud.audit.dossier.inquiry import Inquiry
    from ombud.audit.people.sets import PeopleSets
    from ombud.lake import Lake

__all__ = ["Band", "Bounds", "Reach", "reach"]

_PEOPLE = "SELECT count(DISTINCT person) FROM mine WHERE went{where}"
_CONSENTING = "SELECT count(DISTINCT consenting) FROM mine WHERE went"
_RATIO = """
SELECT round(count(DISTINCT person) / nullif(count(DISTINCT consenting), 0), 2) FROM mine
WHERE went AND consenting IS NOT NULL
"""
_BANDS = """
SELECT CASE WHEN n = 1 THEN '1' WHEN n = 2 THEN '2' WHEN n <= 5 THEN '3 to 5' WHEN n <= 10 THEN '6 to 10'
       ELSE 'more than 10' END AS band, min(n) AS least, max(n) AS most, count(*) AS people
FROM (SELECT person, greatest(count(DISTINCT consenting), 1) AS n FROM mine WHERE went AND via GROUP BY person)
GROUP BY band ORDER BY least
"""


class Bounds(msgspec.Struct, frozen=True):
    """Distinct people, from below and from above."""

    proved: Number
    possible: Number
    """null value when what it takes was never imported"""
    why: str | None
    """what the upper bound rests on, or lacks"""


class Band(msgspec.Struct, frozen=True):
    """People read about through so many different friends."""

    band: str
    least: int
    most: int
    people: int


class Reach(msgspec.Struct, frozen=True):
    """Whom the app reached in the time."""

    direct: Bounds
    """by their own consent"""
    via: Bounds
    """through a friend's consent"""
    people: Bounds
    """one way or the other, each once"""
    consenting: Number
    """people by whose consent it read"""
    installers: Number
    """people who ever allowed it anything, by consents on record; of all time"""
    amplification: Number
    """people read about for each of those by whose consent"""
    through: list[Band]
    through_total: Number
    """people read through a friend, summed over the bands"""
    said: list[str]
    """what a reader must know beside the counts"""


def reach(asked: Inquiry, lake: Lake, sets: PeopleSets) -> Reach:
    """Count whom the app reached. Upper bounds are of all time: consents that were ever given."""
    found = exposure(lake, sets, asked.number_of_app)

    def bounds(name: str, where: str, possible: int | None, why: str | None) -> Bounds:
        proved = asked.count(name, "people", _PEOPLE.format(where=where))
        more = ("grants", "ties")
        least = None if possible is None else max(possible, int(proved.value or 0))
        return Bounds(proved, asked.told(f"{name}, at most", "people", least, *more), why)

    bands, through = asked.table("people by the number of friends they were read through", "people", _BANDS, "people")
    return Reach(
        direct=bounds("people read by their own consent", " AND NOT via", found.direct.possible, found.direct.why),
        via=bounds("people read through a friend", " AND via", found.via.possible, found.via.why),
        people=bounds("people read", "", found.people.possible, found.people.why),
        consenting=asked.count("people by whose consent it read", "people", _CONSENTING),
        installers=asked.told("people who ever allowed it anything", "people", found.installers, "grants"),
        amplification=asked.count("people read for each consenting person", "people", _RATIO),
        through=[Band(**row) for row in bands],
        through_total=through,
        said=list(found.said),
    )
