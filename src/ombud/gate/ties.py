"""Who is whose friend, for reads through a friend's consent."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from ombud.model.compiling import kernel

__all__ = ["Ties", "tied"]

Ints = NDArray[np.int64]


@kernel
def tied(starts: Ints, friends: Ints, person: int, other: int) -> bool:
    """Say whether `other` is among the sorted friends of `person`."""
    if person < 0 or person + 1 >= starts.shape[0]:
        return False
    low, high = starts[person], starts[person + 1]
    end = high
    while low < high:
        middle = (low + high) // 2
        if friends[middle] < other:
            low = middle + 1
        else:
            high = middle
    return bool(low < end and friends[low] == other)


class Ties:
    """Friendships by dense ids, both ways: 8 bytes a direction and 8 a person."""

    def __init__(self, a: Ints, b: Ints, people: int) -> None:
        """Take pairs of friends in any order, and how many people there are."""
        both = np.stack([np.concatenate([a, b]), np.concatenate([b, a])]).astype(np.int64)
        both = both[:, np.lexsort((both[1], both[0]))]
        self.friends: Ints = np.ascontiguousarray(both[1])
        self.starts: Ints = np.searchsorted(both[0], np.arange(people + 1)).astype(np.int64)
        self._friends = self.friends.data
        self._starts = self.starts.data

    def __contains__(self, pair: tuple[int, int]) -> bool:
        """Say whether two people are friends."""
        person, other = pair
        if not 0 <= person < len(self._starts) - 1:
            return False
        low, high = self._starts[person], self._starts[person + 1]
        at = bisect_left(self._friends, other, low, high)
        return at < high and self._friends[at] == other
