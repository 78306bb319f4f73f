"""Who shares the same things more often than activity and popularity explain, whatever the time of day.

The null model: within a stratum (objects of one popularity class that came up
in the same four weeks) the sharers of an object are drawn from the stratum's accounts in
proportion to how often each shared in it. Then the number of things that `a`
and `b` share is at most Poisson with mean

    lambda(a, b) = sum over strata s of  C_s * 2 k_as k_bs / (M_s^2 - sum_c k_cs^2)

where C_s counts the pairs of accounts that share an object in s, k_as the
shares of a in s and M_s all shares in s. C_s is what was seen, so a stratum
full of coordination only makes the test more careful. (The idea of a validated
projection is Saracco et al. 2017; strata by class and period are ours.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

if TYPE_CHECKING:
    from ombud.detect.shares import Incidence

__all__ = ["Pairs", "strata", "tested_pairs"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PERIOD = 28 * 86_400
"""Seconds of a stratum: four weeks, so that accounts that were there at different times are not compared."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of accounts that were tested: `a` < `b`, things shared, expected, and p."""

    a: Ints
    b: Ints
    shared: Ints
    expected: Floats
    p: Floats


def strata(inc: Incidence) -> Ints:
    """Return the stratum of each episode: its popularity class (powers of two) and first period."""
    if len(inc.object) == 0:
        return np.empty(0, dtype=np.int64)
    popularity = np.floor(np.log2(inc.width)).astype(np.int64)
    period = inc.time[inc.starts[:-1]] // PERIOD
    _, stratum = np.unique(np.stack([popularity, period]), axis=1, return_inverse=True)
    return stratum.reshape(-1).astype(np.int64)


def tested_pairs(inc: Incidence, accounts: int, level: float) -> Pairs:
    """Return every pair whose p could be at most `level`, with its exact p.

    Pairs that share too little for any p that small, by the smallest mean
    that the strata allow, are left out: their p is above `level` for sure.
    """
    none = np.empty(0, dtype=np.int64)
    if len(inc.object) == 0:
        return Pairs(none, none, none, none.astype(float), none.astype(float))
    stratum = strata(inc)
    count = int(stratum.max()) + 1
    by_row = stratum[inc.episode]
    key, activity = np.unique(inc.account * count + by_row, return_counts=True)
    owner, where = key // count, key % count
    total = np.bincount(by_row, minlength=count).astype(float)
    squares = np.bincount(where, weights=activity.astype(float) ** 2, minlength=count)
    width = inc.width
    close = np.bincount(stratum, weights=width * (width - 1) / 2, minlength=count)
    # a stratum of one account has no pair of different accounts: its weight is never used
    weight = np.divide(2 * close, total**2 - squares, out=np.zeros(count), where=total**2 > squares)
    begin = np.searchsorted(owner, np.arange(accounts + 1)).astype(np.int64)

    packed = _pack(inc.account, inc.starts, accounts, inc.pairs)
    packed.sort()
    head = np.flatnonzero(np.diff(packed, prepend=-1))
    shared = np.diff(np.append(head, len(packed)))
    least = float(weight[weight > 0].min())
    sizes = np.unique(shared)
    possible = sizes[gammainc(sizes, sizes * least) <= level]
    keep = np.isin(shared, possible)
    pair, shared = packed[head[keep]], shared[keep].astype(np.int64)
    a, b = pair // accounts, pair % accounts
    expected = _expected(a, b, begin, where, activity.astype(np.float64), weight)
    return Pairs(a, b, shared, expected, gammainc(shared.astype(float), expected))


@nb.njit(cache=True)
def _pack(account: Ints, starts: Ints, accounts: int, pairs: int) -> Ints:
    """Return `lower * accounts + higher` for every pair of every episode."""
    out = np.empty(pairs, dtype=np.int64)
    n = 0
    for e in range(len(starts) - 1):
        for i in range(starts[e], starts[e + 1]):
            x = account[i]
            for j in range(i + 1, starts[e + 1]):
                y = account[j]
                out[n] = x * accounts + y if x < y else y * accounts + x
                n += 1
    return out


@nb.njit(cache=True)
def _expected(  # noqa: PLR0917 - numba takes no keyword-only arguments
    a: Ints, b: Ints, begin: Ints, where: Ints, activity: Floats, weight: Floats
) -> Floats:
    """Return lambda of each pair: a merge of the two accounts' sorted strata."""
    out = np.zeros(len(a))
    for n in range(len(a)):
        i, j = begin[a[n]], begin[b[n]]
        i_end, j_end = begin[a[n] + 1], begin[b[n] + 1]
        while i < i_end and j < j_end:
            if where[i] == where[j]:
                out[n] += activity[i] * activity[j] * weight[where[i]]
                i += 1
                j += 1
            elif where[i] < where[j]:
                i += 1
            else:
                j += 1
    return out
