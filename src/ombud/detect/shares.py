"""Shares of one trace, cut into the units that the tests count: who shared which episode of an object, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray

__all__ = ["WEEK", "Incidence", "counting_order", "incidence", "widest_slice"]

Ints = NDArray[np.int64]

WEEK = 7 * 86_400
"""The longest scale, in seconds: shares farther apart are never one act."""
_SLICES = (4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8)


@dataclass(frozen=True, slots=True)
class Incidence:
    """Who shared which episode: one row per account and episode, at the account's first share in it.

    Rows are sorted by episode, then time, then account; `starts` has one
    entry more than there are episodes. Episodes of one account are left out.
    """

    account: Ints
    time: Ints
    """seconds"""
    row: Ints
    """the index of the share in the input"""
    starts: Ints
    object: Ints
    """by episode: the object"""
    slice: int
    """the most accounts that one episode may have"""

    @property
    def width(self) -> Ints:
        """Return how many accounts each episode has."""
        return np.diff(self.starts)

    @property
    def episode(self) -> Ints:
        """Return the episode of each row."""
        return np.repeat(np.arange(len(self.object)), self.width)

    @property
    def pairs(self) -> int:
        """Return how many pairs of accounts share an episode, counted once per episode."""
        width = self.width
        return int((width * (width - 1) // 2).sum())


def incidence(account: Ints, object_: Ints, time: Ints, *, budget: int = 40_000_000) -> Incidence:
    """Cut shares into episodes.

    An *episode* is a run of shares of one object without a pause of more than
    a week. A viral one is cut into consecutive slices, as wide as the stated
    `budget` of pairs allows: cutting by rank in time never looks at who
    shared, so every test on a slice stays valid, and it costs the pairs that
    lie across a cut, never a threshold.
    """
    order = _sorted(account, object_, time)
    a, o, t = account[order], object_[order], time[order]
    fresh = np.empty(len(a), dtype=bool)
    fresh[:1] = True
    fresh[1:] = (o[1:] != o[:-1]) | (t[1:] - t[:-1] > WEEK)
    episode = np.cumsum(fresh) - 1
    first = _first_of_account(episode, a, int(a.max(initial=-1)) + 1)
    a, o, t, order, episode = a[first], o[first], t[first], order[first], episode[first]
    sizes = np.bincount(episode) if len(episode) else np.zeros(0, dtype=np.int64)
    limit = widest_slice(sizes, budget)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    rank = np.arange(len(a)) - starts[episode]
    # slices of equal size: a viral object's last slice is not a left-over of two
    slices = -(-sizes // limit)
    part = rank * slices[episode] // sizes[episode]
    cut = np.empty(len(a), dtype=bool)
    cut[:1] = True
    cut[1:] = (episode[1:] != episode[:-1]) | (part[1:] != part[:-1])
    unit = np.cumsum(cut) - 1
    keep = np.bincount(unit)[unit] > 1 if len(unit) else np.zeros(0, dtype=bool)
    a, o, t, order, unit = a[keep], o[keep], t[keep], order[keep], unit[keep]
    head = np.flatnonzero(np.diff(unit, prepend=-1))
    return Incidence(a, t, order, np.append(head, len(a)).astype(np.int64), o[head], limit)


def widest_slice(sizes: Ints, budget: int) -> int:
    """Return the widest slice under which all pairs together stay within `budget`."""
    for limit in _SLICES:
        parts = np.maximum(-(-sizes // limit), 1)
        per = sizes / parts
        if float((parts * per * (per - 1) / 2).sum()) <= budget:
            return limit
    return _SLICES[-1]


def _sorted(account: Ints, object_: Ints, time: Ints) -> Ints:
    """Return the order by object, time, account; in one packed key where the three fit into 63 bits."""
    if len(account) == 0:
        return np.empty(0, dtype=np.int64)
    start, accounts = int(time.min()), int(account.max()) + 1
    span = int(time.max()) - start + 1
    if (int(object_.max()) + 1) * span * accounts < 1 << 62:
        return np.argsort((object_ * span + (time - start)) * accounts + account, kind="stable")
    return np.lexsort((account, time, object_))


@nb.njit(cache=True)
def _first_of_account(episode: Ints, account: Ints, accounts: int) -> NDArray[np.bool_]:
    """Return which rows are an account's first in their episode; episodes come one after the other."""
    last = np.full(accounts, -1, dtype=np.int64)
    first = np.zeros(len(account), dtype=np.bool_)
    for i in range(len(account)):
        if last[account[i]] != episode[i]:
            last[account[i]] = episode[i]
            first[i] = True
    return first


@nb.njit(cache=True)
def counting_order(key: Ints, before: Ints, kinds: int) -> Ints:
    """Return `before` (an order of the rows) sorted by `key`, from 0 to `kinds`, and else left as it is."""
    spot = np.zeros(kinds + 1, dtype=np.int64)
    for i in range(len(key)):
        spot[key[i] + 1] += 1
    for k in range(kinds):
        spot[k + 1] += spot[k]
    out = np.empty(len(before), dtype=np.int64)
    for i in range(len(before)):
        row = before[i]
        out[spot[key[row]]] = row
        spot[key[row]] += 1
    return out
