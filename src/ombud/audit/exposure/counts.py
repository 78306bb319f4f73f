"""How many people one app could read and did: each count as the record proves it, and as the most that was possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ombud.audit.exposure.opening import openings
from ombud.audit.people import walking
from ombud.lake.engines.duckdb import DuckEngine
from ombud.lake.engines.sql import queries
from ombud.lake.faults import duck_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pyroaring import BitMap

    from ombud.audit.exposure.opening import Opening
    from ombud.audit.people.sets import PeopleSets
    from ombud.audit.people.walking import Csr
    from ombud.lake import Lake

__all__ = ["Count", "Exposure", "exposure", "exposures", "through_how_many"]

_NO_GRANTS = "No grant or consent for it is on record, so nobody can say whom it could have read."
_NO_TIES = "Friendships were never imported, so nobody can say whom it could have read through friends."
_NO_POLICY = (
    "Grants were in force at a time for which no policy is on record: all friends of these people are counted, whether"
    " the platform opened them then or not."
)
_BY_POLICY = "By the policies on record, all friends whom the grants opened are counted."
_EARLY = "are dated before the app was registered; they count"
_CLOSED = "The policies on record opened nothing of friends to these grants."


class Count(msgspec.Struct, frozen=True):
    """Distinct people, from below and from above."""

    proved: int
    """reads on record show so many"""
    possible: int | None
    """at most so many, by the grants and friendships on record; null when what it takes was never imported"""
    why: str | None = None
    """a sentence on what the upper bound rests on, or what is missing for one"""


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
    direct_without_grant: int = 0
    """people read as if by their own grant of whom no grant is on record"""
    through_without_grant: int = 0
    """people by whose grant others were read, of whom no grant is on record"""
    reads_before_app: int = 0
    """reads dated before the app was registered; their people are counted"""
    said: tuple[str, ...] = ()
    """what a reader must know beside the counts, in sentences"""


def exposure(lake: Lake, sets: PeopleSets, app: int, *, csr: Csr | None = None) -> Exposure:
    """Return whom the app (its number) reached, and whom it could have reached.

    What the record proves holds as far as the log does: a log has holes, so it is
    a lower bound. The upper bound takes every grant as used to the full. `csr` are
    the lake's friendships, where the caller has them open already.
    """
    return next(exposures(lake, sets, [app], csr=csr))


def exposures(lake: Lake, sets: PeopleSets, apps: Sequence[int], *, csr: Csr | None = None) -> Iterator[Exposure]:
    """Yield the exposure of each app, in their order; grants and reads are gone through once for all of them."""
    if not apps:
        return
    early = _early(lake, min(apps), max(apps))
    tied = bool(lake.files("ties"))
    opened = openings(lake, apps) if tied else {}
    csr = (csr or walking.build(lake)) if tied else None
    for app in apps:
        yield _exposure(sets, app, csr, opened.get(app), early.get(app, (0, 0)))


def _exposure(sets: PeopleSets, app: int, csr: Csr | None, opened: Opening | None, early: tuple[int, int]) -> Exposure:
    direct, via, installers = sets.direct(app), sets.via(app), sets.installers(app)
    people = direct | via
    bare_direct, bare_through = direct - installers, sets.givers(app) - installers
    beyond = sets.unnumbered(app)
    count = len(installers) + beyond
    if not count:
        direct_count = Count(len(direct), None, _NO_GRANTS)
        via_count, people_count = Count(len(via), None, _NO_GRANTS), Count(len(people), None, _NO_GRANTS)
    else:
        own = installers | direct
        direct_count = Count(len(direct), len(own) + beyond)
        if csr is not None and opened is not None:
            friends, why = _friends(csr, opened, installers, bare_through)
            via_count = Count(len(via), len(friends | via), why)
            people_count = Count(len(people), len(own | friends | via) + beyond, why)
        else:
            via_count, people_count = Count(len(via), None, _NO_TIES), Count(len(people), None, _NO_TIES)
    return Exposure(
        app,
        direct_count,
        via_count,
        people_count,
        count,
        len(people) / count if count else None,
        people_count.possible / count if count and people_count.possible is not None else None,
        len(bare_direct),
        len(bare_through),
        early[0],
        tuple(_said(len(bare_direct), len(bare_through), *early, beyond)),
    )


def through_how_many(lake: Lake, sets: PeopleSets, app: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the friends of the app's installers, sorted, and of how many installers each is a friend."""
    return walking.installers_by_friend(walking.build(lake), sets.installers(app))


def _said(bare_direct: int, bare_through: int, early: int, early_people: int, beyond: int) -> Iterator[str]:
    """Yield what a reader must know beside the counts."""
    if bare_direct:
        was = "was" if bare_direct == 1 else "were"
        yield f"{_people(bare_direct)} {was} read as by their own grant, but no grant of theirs is on record."
    if bare_through:
        yield f"The grants of {_people(bare_through)} were used to read others, but no such grant is on record."
    if early:
        reads = "1 read" if early == 1 else f"{early:,} reads"
        are = "is dated before the app was registered; it counts" if early == 1 else _EARLY
        yield f"{reads} of {_people(early_people)} {are}."
    if beyond:
        consent = "consents" if beyond == 1 else "consent"
        yield f"{_people(beyond)} {consent} to it of whom the lake knows nothing, so not their friends either."


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _early(lake: Lake, first: int, last: int) -> dict[int, tuple[int, int]]:
    """Return how many reads of each app are dated before it was registered, and of how many people."""
    if not lake.files("apps") or not lake.files("reads"):
        return {}
    with lake.duck(["reads", "apps"]) as duck, duck_faults(lake.folder, "`reads`"):
        found = DuckEngine(duck, queries("ombud.audit.exposure")).run(
            "reads_before_apps", first_app=first, last_app=last
        )
    return {row["app"]: (row["reads"], row["people"]) for row in found.to_pylist()}


def _friends(csr: Csr, opened: Opening, installers: BitMap, bare: BitMap) -> tuple[BitMap, str]:
    """Return whom the grants opened through friends, and what that rests on.

    Whoever's grant was used without being on record stands with those of whom no policy says anything.
    """
    unsaid = opened.unsaid | bare
    friends = walking.friends_of(csr, opened.friends | unsaid)
    if opened.users:
        friends |= walking.friends_of(csr, opened.users) & installers
    if unsaid:
        return friends, _NO_POLICY
    return friends, _BY_POLICY if opened.friends or opened.users else _CLOSED
