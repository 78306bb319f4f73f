"""Friends of installers: from one person's consent to everybody whom it opened.

Friendships are kept in compressed rows beside the sets, made again when the
lake's `ties` change. They are those of all time: when one began and ended is
not in them, so what is walked is an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np
from numpy.typing import NDArray

from ombud.audit.people import friendships
from ombud.audit.people.bits import from_bits, numbers_of
from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyroaring import BitMap

    from ombud.lake import Lake

__all__ = ["Csr", "build", "friends_of", "installers_by_friend"]

Starts = NDArray[np.int64]
Friends = NDArray[np.int32] | NDArray[np.int64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Csr:
    """Friendships, both ways: the friends of person `p` are `friends[starts[p]:starts[p + 1]]`, sorted, each once."""

    starts: Starts
    friends: Friends

    @property
    def people(self) -> int:
        """Return how many people it has room for: their numbers are below this."""
        return len(self.starts) - 1


def build(lake: Lake, *, progress: Callable[[int, int | None, str], None] | None = None) -> Csr:
    """Return the friendships of the lake's `ties`: those that are kept, or made now when they do not fit."""
    return Csr(*friendships.opened(lake, progress=progress))


def friends_of(csr: Csr, installers: BitMap) -> BitMap:
    """Return everybody who is a friend of at least one installer; an installer, too, if another is their friend."""
    chosen = _within(csr, installers)
    bits = np.zeros(csr.people // 8 + 1, dtype=np.uint8)
    _whole(ok=_mark(csr.starts, csr.friends, chosen, bits))
    return from_bits(bits)


def installers_by_friend(csr: Csr, installers: BitMap) -> tuple[Numbers, Numbers]:
    """Return the friends of installers, sorted, and of how many installers each is a friend."""
    counts = np.zeros(csr.people, dtype=np.uint32)
    _whole(ok=_count(csr.starts, csr.friends, _within(csr, installers), counts))
    people = np.flatnonzero(counts)
    return people, counts[people].astype(np.int64)


def _within(csr: Csr, installers: BitMap) -> Numbers:
    """Return the installers of whom a friendship is on record, or could be."""
    numbers = numbers_of(installers)
    return numbers[: int(np.searchsorted(numbers, csr.people))]


def _whole(*, ok: bool) -> None:
    if not ok:
        raise StorageError(
            "The kept friendships are damaged.", hint="Remove the folder `sets`: it is made again from the lake."
        )


@nb.njit(cache=True)
def _mark(starts: Starts, friends: Friends, chosen: Numbers, bits: NDArray[np.uint8]) -> bool:
    """Set the bit of every friend; false when a row or a number is out of bounds."""
    people = starts.shape[0] - 1
    for n in range(chosen.shape[0]):
        first, last = starts[chosen[n]], starts[chosen[n] + 1]
        if first < 0 or last > friends.shape[0]:
            return False
        for at in range(first, last):
            person = friends[at]
            if person < 0 or person >= people:
                return False
            bits[person >> 3] |= np.uint8(1 << (person & 7))
    return True


@nb.njit(cache=True)
def _count(starts: Starts, friends: Friends, chosen: Numbers, counts: NDArray[np.uint32]) -> bool:
    """Count every friend; false when a row or a number is out of bounds."""
    for n in range(chosen.shape[0]):
        first, last = starts[chosen[n]], starts[chosen[n] + 1]
        if first < 0 or last > friends.shape[0]:
            return False
        for at in range(first, last):
            person = friends[at]
            if person < 0 or person >= counts.shape[0]:
                return False
            counts[person] += np.uint32(1)
    return True
