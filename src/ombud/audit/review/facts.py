"""What the record shows of one app, as its developer is told: counts and fields, never a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ombud.audit.logs.sealed import limits
from ombud.gate.readings import readings_of_app
from ombud.model import clock

if TYPE_CHECKING:
    from ombud.audit.people.sets import PeopleSets
    from ombud.lake import Lake

__all__ = ["AppFacts", "facts_of", "sentences"]

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class AppFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the record shows of one app."""

    people: int = 0
    """distinct people whose data went out to it"""
    people_via: int = 0
    """of them, people who never used it: their data went out through somebody else's grant alone"""
    installers: int = 0
    """people who ever granted it anything, as far as that is on record"""
    fields: list[str] = []
    """what went out, each field once, most often read first"""
    purposes: list[str] = []
    """what for, as it said"""
    first: datetime | None = None
    last: datetime | None = None
    limits: list[str] = []
    """what the record cannot show, in sentences"""

    @property
    def amplification(self) -> float | None:
        """Return people read about for each installer; null without installers on record, or when it is below two."""
        ratio = self.people / self.installers if self.installers else 0.0
        return ratio if ratio >= 2 else None  # noqa: PLR2004 - below that there is nothing to explain


def facts_of(lake: Lake, sets: PeopleSets, app: str) -> AppFacts:
    """Return what the record shows of an app, by its id as imported; nothing for one that the lake does not know."""
    known, limited = lake.ids("app", [app])[0], limits(lake, lake.records)
    if known is None:
        return AppFacts(limits=limited)
    direct, via, installers = sets.direct(known), sets.via(known), sets.installers(known)
    read = readings_of_app(lake, app, _ALWAYS, clock.now() + timedelta(days=1))
    days = [day.day for day in read.days if day.reads]
    return AppFacts(
        people=len(direct | via),
        people_via=len(via - direct - installers),
        installers=len(installers),
        fields=list(dict.fromkeys(one.field for one in read.fields)),
        purposes=sorted({one.purpose for one in read.fields if one.purpose}),
        first=min(days, default=None),
        last=max(days, default=None),
        limits=limited,
    )


def sentences(name: str, facts: AppFacts) -> list[str]:
    """Return the facts as the developer reads them."""
    if not facts.people:
        return [f"The record shows no read of people's data by {name}.", *facts.limits]
    span = f" from {facts.first:%Y-%m-%d} to {facts.last:%Y-%m-%d}" if facts.first and facts.last else ""
    said = [f"The record shows that data about {facts.people:,} people went out to {name}{span}."]
    if facts.people_via:
        said.append(
            f"{facts.people_via:,} of them never used it, as far as the record shows: they are somebody's friends."
        )
    if facts.installers:
        said.append(f"{facts.installers:,} people allowed it something, as far as that is on record.")
    said.append(f"What went out: {', '.join(facts.fields)}.")
    said.append(
        f"The purposes it gave: {', '.join(facts.purposes)}." if facts.purposes else "It gave no purpose for any of it."
    )
    return [*said, *facts.limits]
