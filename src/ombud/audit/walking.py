"""Friends of installers: from one person's consent to everybody whom it opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

if TYPE_CHECKING:
    from ombud.lake import Lake

__all__ = ["Csr", "build", "friends_of", "installers_by_friend"]

Starts = NDArray[np.int64]
Friends = NDArray[np.int32] | NDArray[np.int64]
Numbers = NDArray[np.int64]

_TIES = "SELECT account, other FROM ties WHERE tie = 'friend' AND other IS NOT NULL AND account <> other"


@dataclass(frozen=True, slots=True)
class Csr:
    """Friendships, both ways: the friends of person `p` are `friends[starts[p]:starts[p + 1]]`, sorted, each once."""

    starts: Starts
    friends: Friends

    @property
    def people(self) -> int:
        """Return how many people it has room for: their numbers are below this."""
        return len(self.starts) - 1


def build(lake: Lake) -> Csr:
    """Return the friendships of the lake's `ties`."""
    with lake.duck(["ties"]) as duck:
        rows = duck.execute(_TIES).fetchnumpy()
    a, b = (np.asarray(rows[name], dtype=np.int64) for name in ("account", "other"))
    both = np.unique(np.stack([np.concatenate([a, b]), np.concatenate([b, a])]), axis=1)
    people = int(both.max()) + 1 if both.size else 0
    return Csr(np.searchsorted(both[0], np.arange(people + 1)).astype(np.int64), both[1])


def friends_of(csr: Csr, installers: BitMap) -> BitMap:
    """Return everybody who is a friend of at least one installer; an installer, too, if another is their friend."""
    return BitMap(installers_by_friend(csr, installers)[0].tolist())


def installers_by_friend(csr: Csr, installers: BitMap) -> tuple[Numbers, Numbers]:
    """Return the friends of installers, sorted, and of how many installers each is a friend."""
    lists = [csr.friends[csr.starts[p] : csr.starts[p + 1]] for p in installers if p < csr.people]
    walked = np.concatenate(lists) if lists else np.zeros(0, dtype=np.int64)
    people, counts = np.unique(walked, return_counts=True)
    return people.astype(np.int64), counts.astype(np.int64)
