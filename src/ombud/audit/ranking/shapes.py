"""What an app's reads look like, taken over the whole time: whom it reached, through whom, and who was there.

Everything is added up over all the reads on record, never by the hour, so that a
walk that takes months weighs as much as one that takes a night.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MANY", "NEAR", "THERE", "WHOLE", "Consents", "Reads", "Shape", "shape_of"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

HOUR = 3_600
THERE = HOUR
"""Seconds around a read in which the app must have read the person whose consent it used, for them to be there."""
NEAR = 3
"""How far apart two people's numbers may lie to be neighbours."""
MANY, WHOLE = 30, 0.9
"""A circle of friends is read whole when it has so many or more of them, and this share of them was read."""
NEVER = np.iinfo(np.int64).max
_LOW = (1 << 32) - 1
_SPAN = np.int64(1 << 34)
"""more than any second since 1970, so that person and second make one number"""


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of one app, or of several taken together."""

    person: Ints
    through: Ints
    """by whose grant; -1 by the person's own, -2 by somebody's who was erased"""
    second: Ints
    """since 1970"""
    given: Bools
    """whether anything went out"""

    def __len__(self) -> int:
        return len(self.person)

    @staticmethod
    def joined(parts: Sequence[Reads]) -> Reads:
        """Return several apps' reads as one's, in order of time."""
        person, through, second = (
            np.concatenate([getattr(p, n) for p in parts]) for n in ("person", "through", "second")
        )
        given = np.concatenate([p.given for p in parts])
        order = np.argsort(second, kind="stable")
        return Reads(person[order], through[order], second[order], given[order])


@dataclass(frozen=True, slots=True)
class Consents:
    """Who ever allowed an app anything, by number, each once, and until when."""

    person: Ints
    until: Ints
    """the second in which the last of it ended; `NEVER` while any lasts"""

    def __len__(self) -> int:
        return len(self.person)

    @staticmethod
    def joined(parts: Sequence[Consents]) -> Consents:
        """Return the consents to several apps as one's: each person once, until the last ended."""
        person = np.concatenate([part.person for part in parts])
        until = np.concatenate([part.until for part in parts])
        order = np.lexsort((until, person))
        person, until = person[order], until[order]
        last = np.append(person[1:] != person[:-1], True)[: len(person)]
        return Consents(person[last], until[last])

    def until_of(self, people: Ints) -> Ints:
        """Return when each person's consent ended; -1 for somebody who never gave one."""
        if not len(self.person):
            return np.full(len(people), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.person, people), len(self.person) - 1)
        return np.where(self.person[at] == people, self.until[at], -1)


@dataclass(frozen=True, slots=True)
class Shape:
    """One app's reads (or several apps' together) in numbers: distinct people, of reads that gave something out."""

    installers: int
    """people who ever granted it anything"""
    active: int
    """of them, those whom it read by their own grant"""
    reads: int
    refused: int
    direct: int
    """people read by their own grant"""
    via: int
    """people read through somebody else's"""
    people: int
    """one way or the other"""
    pairs: int
    """pairs of installer and friend: a friend read through two installers counts twice"""
    friends: int
    """friends of its installers, counted the same way; 0 when no ties are known"""
    circles: int
    """people with many friends through whom it read any of them"""
    whole: int
    """of them, those whose friends it read nearly all"""
    absent: int
    """people read through somebody who was not using the app within an hour of it"""
    through: int
    """people by whose grant those were read"""
    ended: int
    """people read after the consent that it used had ended"""
    strangers: int
    """people asked for, given or refused, who never allowed it anything and through nobody who did"""
    steps: int
    """requests for people by their own grant, each in a later second than the one before"""
    near: int
    """of them, those for a neighbour of the one before, by number"""
    peak: int
    """people in its busiest hour"""
    days: int
    """days on which it read anything"""


def shape_of(reads: Reads, consents: Consents, degree: Ints | None) -> Shape:
    """Return the numbers of one app's reads, which are in order of time; `degree` is by person how many friends."""
    own = reads.through == -1
    direct = _distinct(reads.person[reads.given & own])
    out = reads.given & ~own
    person, through, second = reads.person[out], reads.through[out], reads.second[out]
    pairs = _distinct(through << 32 | person)
    via = _distinct(pairs & _LOW)
    pairs = pairs[pairs >= 0]
    circles, whole = _circles(pairs >> 32, degree)
    away = (through >= 0) & ~_there(reads, own, through, second)
    until = consents.until_of(np.where(own, reads.person, reads.through))
    late = reads.given & (until >= 0) & (reads.second > until)
    strange = (own | (reads.through >= 0)) & (until < 0)
    later = np.diff(reads.second[own]) > 0  # who came first within a second, many logs do not say
    steps = np.abs(np.diff(reads.person[own]))[later]
    hours = _distinct(reads.second[reads.given] // HOUR << 32 | reads.person[reads.given]) >> 32
    given = int(reads.given.sum())
    return Shape(
        installers=len(consents),
        active=int((consents.until_of(direct) >= 0).sum()),
        reads=given,
        refused=len(reads) - given,
        direct=len(direct),
        via=len(via),
        people=len(_distinct(np.concatenate([direct, via]))),
        pairs=len(pairs),
        friends=_friends(degree, consents.person),
        circles=circles,
        whole=whole,
        absent=len(_distinct(person[away])),
        through=len(_distinct(through[away])),
        ended=len(_distinct(reads.person[late])),
        strangers=len(_distinct(reads.person[strange])),
        steps=len(steps),
        near=int(((steps > 0) & (steps <= NEAR)).sum()),
        peak=_most(hours),
        days=len(_distinct(hours // 24)),
    )


def _friends(degree: Ints | None, people: Ints) -> int:
    """Return how many friends these people have, added up."""
    return 0 if degree is None else int(degree[people[people < len(degree)]].sum())


def _circles(through: Ints, degree: Ints | None) -> tuple[int, int]:
    """Return of how many people with many friends any were read, and of how many nearly all; `through` is sorted."""
    if degree is None or not len(through):
        return 0, 0
    cuts = np.flatnonzero(np.concatenate([[True], through[1:] != through[:-1], [True]]))
    person, read = through[cuts[:-1]], np.diff(cuts)
    known = person < len(degree)
    have = degree[person[known]]
    many = have >= MANY
    return int(many.sum()), int((many & (read[known] >= WHOLE * have)).sum())


def _distinct(values: Ints) -> Ints:
    """Return each value once, sorted: by sorting, which is faster here than by hashing."""
    if not len(values):
        return values
    ordered = np.sort(values)
    once: Ints = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return once


def _most(ordered: Ints) -> int:
    """Return how often the most frequent of these values stands there."""
    if not len(ordered):
        return 0
    cuts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]]))
    return int(np.diff(cuts).max())


def _there(reads: Reads, own: Bools, through: Ints, second: Ints) -> Bools:
    """Say of each read through somebody whether the app read that person's own data within an hour of it."""
    used = own & reads.given
    moments = np.sort(reads.person[used] * _SPAN + reads.second[used])
    if not len(moments):
        return np.zeros(len(through), dtype=np.bool_)
    wanted = through * _SPAN + second
    after = np.minimum(np.searchsorted(moments, wanted), len(moments) - 1)
    before = np.maximum(after - 1, 0)
    there: Bools = (np.abs(moments[after] - wanted) <= THERE) | (np.abs(moments[before] - wanted) <= THERE)
    return there
