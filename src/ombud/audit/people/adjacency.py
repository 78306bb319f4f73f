"""Pairs of friends as compressed rows: each person's friends beside each other, sorted, each once.

The pairs are gone through twice, once to count and once to fill, so that memory holds no second copy of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba as nb
import numpy as np

from ombud.model.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]

__all__ = ["fill", "narrowest", "rows_of", "starts_of"]

_NARROW = 1 << 31
_MOST = 1 << 32


def narrowest(people: int) -> type[np.int32 | np.int64]:
    """Return the type that holds the numbers of so many people."""
    return np.int32 if people <= _NARROW else np.int64


def starts_of(pairs: Iterable[Pairs]) -> Numbers:
    """Return where each person's row begins if every pair stands in both, and at last where all end."""
    degrees = np.zeros(1 << 16, dtype=np.int64)
    people = 0
    for a, b in pairs:
        if not len(a):
            continue
        people = max(people, int(a.max()) + 1, int(b.max()) + 1)
        if people > _MOST or min(int(a.min()), int(b.min())) < 0:
            raise RefusedError(f"Friendships are walked among at most {_MOST:,} people.")
        if people > len(degrees):
            degrees = np.concatenate([degrees, np.zeros(max(people, 2 * len(degrees)) - len(degrees), dtype=np.int64)])
        _count(a, b, degrees)
    starts = np.zeros(people + 1, dtype=np.int64)
    np.cumsum(degrees[:people], out=starts[1:])
    return starts


def fill(pairs: Iterable[Pairs], starts: Numbers, friends: Any) -> int:  # noqa: ANN401 - numbers of either width
    """Put the same pairs into rows; return how many friends are left in all when each stands once.

    `starts` are changed to where the rows begin then; the rest of `friends` means nothing.
    """
    cursor = starts[:-1].copy()
    for a, b in pairs:
        _fill(a, b, cursor, friends)
    return int(_sorted_once(starts, friends))


def rows_of(pairs: Sequence[Pairs]) -> tuple[Numbers, Any]:
    """Return rows in memory: where each begins, and the friends."""
    starts = starts_of(pairs)
    friends = np.empty(int(starts[-1]), dtype=narrowest(len(starts) - 1))
    return starts, friends[: fill(pairs, starts, friends)]


@nb.njit(cache=True)
def _count(a: Numbers, b: Numbers, degrees: Numbers) -> None:
    for n in range(a.shape[0]):
        degrees[a[n]] += 1
        degrees[b[n]] += 1


@nb.njit(cache=True)
def _fill(a: Numbers, b: Numbers, cursor: Numbers, friends: Any) -> None:  # noqa: ANN401 - of either width
    for n in range(a.shape[0]):
        friends[cursor[a[n]]] = b[n]
        cursor[a[n]] += 1
        friends[cursor[b[n]]] = a[n]
        cursor[b[n]] += 1


@nb.njit(cache=True)
def _sorted_once(starts: Numbers, friends: Any) -> int:  # noqa: ANN401 - of either width
    """Sort each person's friends and keep each once, closing the gaps; return how many are left."""
    kept = 0
    first = starts[0]
    for person in range(starts.shape[0] - 1):
        last = starts[person + 1]
        row = friends[first:last]
        row.sort()
        starts[person] = kept
        for n in range(row.shape[0]):
            if n == 0 or row[n] != row[n - 1]:
                friends[kept] = row[n]
                kept += 1
        first = last
    starts[starts.shape[0] - 1] = kept
    return kept
