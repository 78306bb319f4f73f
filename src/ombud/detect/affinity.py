"""Who shares the same things more often than activity and popularity explain, whatever the time of day.

The null model: within a stratum (objects of one popularity class that came up
in the same four weeks) the sharers of an object are drawn from the stratum's accounts in
proportion to how often each shared in it. Then the number of things that `a`
and `b` share is at most Poisson with mean

    lambda(a, b) = sum over strata s of  C_s * 2 k_as k_bs / (M_s^2 - sum_c k_cs^2)

where C_s counts the pairs of accounts that share an object in s, k_as the
shares of a in s and M_s all shares in s. C_s is what was seen, so coordination
only makes the test more careful.

A network that fills its stratum would hide itself that way: where only its
members share things as popular as theirs, that they share them all is what
activity in the stratum says. So the same is asked with the activity in all
strata of the four weeks, whatever the popularity,

    lambda'(a, b) = sum over periods and their strata s of
        N_s min(1, C_s / N_s * 2 k_a k_b / (M^2 - sum_c k_c^2))

with N_s the objects of s, and k_a, M the shares of a and all shares in the
period. The smaller mean counts, and its p is doubled for the choice. (The idea
of a validated projection is Saracco et al. 2017; strata by class and period,
and the two views of activity, are ours.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from ombud.detect.shares import counting_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.detect.shares import Incidence

__all__ = ["Pairs", "shared_pairs", "strata"]

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


def shared_pairs(inc: Incidence, accounts: int, cut: Callable[[int], float]) -> Pairs:
    """Return every pair of accounts that could be significant, with its exact p.

    `cut(n)` is the largest p that can be significant when n pairs at most are.
    Pairs that share too little for any p that small, by the smallest mean that
    the strata allow, are left out: they are not significant for sure.
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
    close = np.bincount(stratum, weights=width * (width - 1) / 2, minlength=count).astype(np.float64)
    # a stratum of one account has no pair of different accounts: its weight is never used
    weight = np.divide(2 * close, total**2 - squares, out=np.zeros(count), where=total**2 > squares)
    begin = np.searchsorted(owner, np.arange(accounts + 1)).astype(np.int64)
    wide = _overall(inc, stratum, close, accounts)

    # rows by account inside each episode, and each account's rows in that order
    plain = np.arange(len(inc.account))
    rows = counting_order(inc.episode, counting_order(inc.account, plain, accounts), len(width))
    account = inc.account[rows]
    ends = np.repeat(inc.starts[1:], width)
    order = counting_order(account, plain, accounts)
    own = np.append(0, np.cumsum(np.bincount(account, minlength=accounts))).astype(np.int64)
    sizes = _lengths(account, ends, order, own)
    fewest = _fewest(sizes, min(float(weight[weight > 0].min()), wide.least), cut)
    a, b, shared = _listed(account, ends, order, own, fewest, int(sizes[fewest:].sum()))
    within = _expected(a, b, begin, where, activity.astype(np.float64), weight)
    across = _expected_overall(a, b, wide.begin, wide.period, wide.activity, wide.first, wide.objects, wide.chance)
    expected = np.minimum(within, across)
    p = np.minimum(2 * gammainc(shared.astype(float), expected), 1.0)
    keep = p <= cut(len(p))
    return Pairs(a[keep], b[keep], shared[keep], expected[keep], p[keep])


@dataclass(frozen=True, slots=True)
class _Overall:
    """Activity by period, and the strata of each."""

    begin: Ints
    period: Ints
    """by account: the periods that it shared in, from `begin[a]` to `begin[a + 1]`"""
    activity: Floats
    first: Ints
    """by period: its first stratum; strata are sorted by period"""
    objects: Floats
    chance: Floats
    """by stratum: that two shares of the period are of one object in it, per object"""
    least: float
    """the smallest mean, over periods, of two accounts with one share each"""


def _overall(inc: Incidence, stratum: Ints, close: Floats, accounts: int) -> _Overall:
    when = inc.time[inc.starts[:-1]] // PERIOD
    _, period = np.unique(when, return_inverse=True)
    period = period.reshape(-1).astype(np.int64)
    periods = int(period.max()) + 1
    key, activity = np.unique(inc.account * periods + period[inc.episode], return_counts=True)
    total = np.bincount(key % periods, weights=activity, minlength=periods)
    pairs = total**2 - np.bincount(key % periods, weights=activity.astype(float) ** 2, minlength=periods)
    _, head = np.unique(stratum, return_index=True)
    of = period[head]  # each stratum lies in one period
    order = np.argsort(of, kind="stable")
    objects = np.bincount(stratum, minlength=len(head)).astype(float)
    chance = np.divide(2 * close / objects, pairs[of], out=np.zeros(len(head)), where=pairs[of] > 0)
    mean = np.bincount(of, weights=objects * chance, minlength=periods)
    return _Overall(
        np.searchsorted(key // periods, np.arange(accounts + 1)).astype(np.int64),
        (key % periods).astype(np.int64),
        activity.astype(np.float64),
        np.searchsorted(of[order], np.arange(periods + 1)).astype(np.int64),
        objects[order],
        chance[order],
        float(mean[mean > 0].min()) if (mean > 0).any() else 1.0,
    )


def _fewest(sizes: Ints, least: float, cut: Callable[[int], float]) -> int:
    """Return the fewest shared things that can be significant, given how many pairs share how many.

    A pair that shares k things has a mean of at least k times the smallest
    weight, or of one, so its p is at least the tail there.
    """
    fewest = 1
    while fewest < len(sizes):
        count = int(sizes[fewest:].sum())
        if min(1.0, 2 * gammainc(float(fewest), min(fewest * least, 1.0))) <= cut(count):
            break
        fewest += 1
    return min(fewest, len(sizes) - 1) if len(sizes) > 1 else 1


@nb.njit(cache=True)
def _met(  # noqa: PLR0917 - numba takes no keyword-only arguments
    x: int, account: Ints, ends: Ints, order: Ints, begin: Ints, many: Ints, met: Ints
) -> int:
    """Count in `many` what `x` shares with each account after it; list those in `met` and return their number."""
    n = 0
    for k in range(begin[x], begin[x + 1]):
        row = order[k]
        for j in range(row + 1, ends[row]):
            y = account[j]
            if many[y] == 0:
                met[n] = y
                n += 1
            many[y] += 1
    return n


@nb.njit(cache=True)
def _lengths(account: Ints, ends: Ints, order: Ints, begin: Ints) -> Ints:
    """Return how many pairs share each number of episodes (index 0 is unused).

    For every account the accounts after it in its episodes are counted in one
    array, so no list of pairs is ever made or sorted.
    """
    accounts = len(begin) - 1
    many = np.zeros(accounts, dtype=np.int64)
    met = np.empty(accounts, dtype=np.int64)
    out = np.zeros(_most_rows(begin) + 2, dtype=np.int64)
    for x in range(accounts):
        n = _met(x, account, ends, order, begin, many, met)
        for k in range(n):
            out[many[met[k]]] += 1
            many[met[k]] = 0
    return out


@nb.njit(cache=True)
def _most_rows(begin: Ints) -> int:
    """Return the most rows that one account has."""
    most = 0
    for x in range(len(begin) - 1):
        most = max(most, begin[x + 1] - begin[x])
    return most


@nb.njit(cache=True)
def _listed(  # noqa: PLR0917 - numba takes no keyword-only arguments
    account: Ints, ends: Ints, order: Ints, begin: Ints, fewest: int, count: int
) -> tuple[Ints, Ints, Ints]:
    """Return the pairs that share at least `fewest` episodes (there are `count`), and how many."""
    accounts = len(begin) - 1
    many = np.zeros(accounts, dtype=np.int64)
    met = np.empty(accounts, dtype=np.int64)
    first = np.empty(count, dtype=np.int64)
    second = np.empty(count, dtype=np.int64)
    shared = np.empty(count, dtype=np.int64)
    at = 0
    for x in range(accounts):
        n = _met(x, account, ends, order, begin, many, met)
        for k in range(n):
            y = met[k]
            if many[y] >= fewest:
                first[at] = x
                second[at] = y
                shared[at] = many[y]
                at += 1
            many[y] = 0
    return first, second, shared


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


@nb.njit(cache=True)
def _expected_overall(  # noqa: PLR0917 - numba takes no keyword-only arguments
    a: Ints, b: Ints, begin: Ints, period: Ints, activity: Floats, first: Ints, objects: Floats, chance: Floats
) -> Floats:
    """Return lambda' of each pair: a merge of the two accounts' sorted periods."""
    out = np.zeros(len(a))
    for n in range(len(a)):
        i, j = begin[a[n]], begin[b[n]]
        i_end, j_end = begin[a[n] + 1], begin[b[n] + 1]
        while i < i_end and j < j_end:
            if period[i] == period[j]:
                both = activity[i] * activity[j]
                for s in range(first[period[i]], first[period[i] + 1]):
                    out[n] += objects[s] * min(1.0, chance[s] * both)
                i += 1
                j += 1
            elif period[i] < period[j]:
                i += 1
            else:
                j += 1
    return out
