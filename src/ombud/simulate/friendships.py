"""Who is a friend of whom, as two arrays: where each person's friends begin, and the friends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Friendships", "Ints", "join", "ranges"]

Ints = NDArray[np.int64]
Small = NDArray[np.int32]

_LOW = 0xFFFF_FFFF
_BLOCK = 4_000_000
"""pairs looked at in one step, so that memory does not grow with the walk"""


@dataclass(frozen=True, slots=True)
class Friendships:
    """A graph of friendships in compressed rows (CSR): both directions of every tie, no loops, no doubles."""

    start: Ints
    """by person, and one more: where the person's friends begin in `friend`"""
    friend: Small
    """the friends, person after person, each person's in ascending order"""

    @property
    def people(self) -> int:
        """Return how many people there are, with and without friends."""
        return len(self.start) - 1

    @property
    def ties(self) -> int:
        """Return how many friendships there are, each counted once."""
        return len(self.friend) // 2

    @property
    def degree(self) -> Ints:
        """Return by person how many friends they have."""
        return np.diff(self.start)

    def of(self, person: int) -> Small:
        """Return one person's friends."""
        return self.friend[self.start[person] : self.start[person + 1]]

    def of_all(self, people: Ints) -> tuple[Ints, Small]:
        """Return every friend of every one of `people`: the index into `people`, and the friend; one row a tie."""
        first, count = self.start[people], self.degree[people]
        return np.repeat(np.arange(len(people)), count), self.friend[ranges(first, count)]

    def reached(self, people: Ints) -> Ints:
        """Return all who are among `people` or friends of one of them, each once, in order."""
        seen = np.zeros(self.people, dtype=np.bool_)
        seen[people] = True
        reach = np.cumsum(self.degree[people])
        cuts = np.searchsorted(reach, np.arange(0, int(reach[-1]) if len(reach) else 0, _BLOCK)[1:])
        for part in np.split(people, cuts):
            seen[self.of_all(part)[1]] = True
        return np.flatnonzero(seen)

    def pairs(self) -> tuple[Ints, Small]:
        """Return every friendship once, as person and friend with the smaller number first."""
        person = np.repeat(np.arange(self.people), self.degree)
        once = person < self.friend
        return person[once], self.friend[once]

    def clustering(self, people: Ints) -> NDArray[np.float64]:
        """Return by person which share of the pairs of their friends are friends themselves; NaN below two friends.

        The local clustering coefficient of Watts and Strogatz (1998).
        """
        out = np.full(len(people), np.nan)
        marked = np.zeros(self.people, dtype=np.bool_)
        for place, person in enumerate(people.tolist()):
            mine = self.of(person)
            if len(mine) > 1:
                marked[mine] = True
                closed = int(marked[self.of_all(mine.astype(np.int64))[1]].sum())
                marked[mine] = False
                out[place] = closed / (len(mine) * (len(mine) - 1))
        return out

    def transitivity(self, people: Ints) -> float:
        """Return which share of all pairs of friends of these `people` are friends: pairs count alike, not people."""
        degree = self.degree[people].astype(np.float64)
        wedges = degree * (degree - 1)
        return float(np.nansum(self.clustering(people) * wedges) / wedges.sum())


def join(people: int, sides: Sequence[tuple[NDArray[np.integer], NDArray[np.integer]]]) -> Friendships:
    """Return the graph of all pairs in `sides`, whichever side comes first; doubles and loops are dropped."""
    keys = np.empty(2 * sum(len(one) for one, _ in sides), dtype=np.int64)
    at = 0
    for pair in sides:
        for one, other in (pair, pair[::-1]):
            part = keys[at : at + len(one)]
            np.left_shift(one, 32, out=part, dtype=np.int64)
            part |= other
            at += len(one)
    keys.sort()
    new = np.ones(len(keys), dtype=np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    new &= keys >> 32 != keys & _LOW
    keys = keys[new]
    start = np.searchsorted(keys, np.arange(people + 1) << 32)
    return Friendships(start, (keys & _LOW).astype(np.int32))


def ranges(first: Ints, count: Ints) -> Ints:
    """Return `first[i], first[i] + 1, ...` (`count[i]` numbers) for every i, one after the other."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    out: Ints = np.arange(total) + np.repeat(first - (ends - count), count)
    return out
