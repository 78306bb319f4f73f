"""How many people one app could read and did: each count as proved by the record, and as the most that was possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from pyroaring import BitMap

from ombud.audit import walking

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ombud.audit.sets import PeopleSets
    from ombud.lake import Lake

__all__ = ["Count", "Exposure", "exposure", "through_how_many"]


class Count(msgspec.Struct, frozen=True):
    """Distinct people, from below and from above."""

    proved: int
    """reads on record show so many"""
    possible: int | None
    """at most so many, by the grants on record; null when what it takes was never imported: `why` says what"""
    why: str | None = None
    """a sentence on what the upper bound rests on, or lacks"""


class Exposure(msgspec.Struct, frozen=True):
    """Whom one app reached."""

    app: int
    """its number in the dictionary `app`"""
    direct: Count
    """by their own grant"""
    via: Count
    """through a friend's grant"""
    people: Count
    """one way or the other, each once"""
    installers: int
    """people who ever granted it anything, as far as grants and consents on record say"""
    amplification: float | None
    """people proved for one installer; null without installers on record"""
    amplification_possible: float | None = None
    """people possible for one installer"""
    said: tuple[str, ...] = ()
    """what a reader must know beside the counts, in sentences"""


def exposure(lake: Lake, sets: PeopleSets, app: int) -> Exposure:
    """Return whom the app (its number) reached, and whom it could have reached."""
    direct, via, installers = sets.direct(app), sets.via(app), sets.installers(app)
    people = direct | via
    granted = bool(lake.files("grants")) or bool(installers)
    tied = bool(lake.files("ties"))
    opened = installers | direct
    friends = walking.friends_of(walking.build(lake), installers) | via if tied else BitMap()
    no_grants = "No grants on record."
    return Exposure(
        app,
        Count(len(direct), len(opened)) if granted else Count(len(direct), None, no_grants),
        Count(len(via), len(friends)) if granted and tied else Count(len(via), None, "No ties or grants on record."),
        Count(len(people), len(opened | friends)) if granted and tied else Count(len(people), None, no_grants),
        len(installers),
        len(people) / len(installers) if installers else None,
    )


def through_how_many(lake: Lake, sets: PeopleSets, app: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the friends of the app's installers, sorted, and of how many installers each is a friend."""
    return walking.installers_by_friend(walking.build(lake), sets.installers(app))
