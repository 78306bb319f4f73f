"""Whether groups of accounts are faster together than crowds, news and their own habits explain.

Each group is tested given *what* its members share: who shares which thing is
taken as it is, and only the times are put to the test, so that common interest
alone is never enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri

from ombud.detect.crowds import SCALES, popularity, slack

if TYPE_CHECKING:
    from ombud.detect.crowds import Crowds
    from ombud.detect.shares import Incidence

__all__ = ["Timing", "tail", "timing"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_GRID = np.linspace(-9.0, 9.0, 361)
"""Speeds of a crowd, in standard deviations, over which `tail` integrates."""


@dataclass(frozen=True, slots=True)
class Timing:
    """By group (or member) and scale: how close its shares are, how close they would be, and the p-value."""

    episodes: Floats
    """by unit: episodes of the group's core in which the unit takes part"""
    close: Floats
    """by unit and scale: sum over episodes of the share of pairs that are close"""
    expected: Floats
    """the same under the strictest of the innocent explanations"""
    p: Floats
    least: Floats
    """by unit: the smallest p that it could have had, by what its members share alone"""


def timing(inc: Incidence, group: Ints, ordinary: NDArray[np.bool_], crowd: Crowds, *, by_member: bool) -> Timing:
    """Test each group (or each member against the rest of its group; `group` by account, -1 is none).

    The chance that an episode's pair is close is the largest of three: that
    of strangers on things as popular (`crowd`), that of ordinary outsiders on
    the very same episode (a news burst), and what the members' habit of being
    active at the same times makes of either.

    Only a group's *core* counts: the episodes most of its members take part in
    that hold nine tenths of its pairs (all that are tied there). What two of
    many members happen to share too says nothing of the group, and who takes
    part is known before any time is looked at.
    """
    groups = int(group.max(initial=-1)) + 1
    units = len(group) if by_member else groups
    base = crowd.chance(popularity(inc))
    least_members = _core(inc.account, inc.starts, group, groups)
    episodes, close, expected, floor = _measure(
        inc.account, inc.time, inc.starts, group, least_members, ordinary, slack(inc), SCALES, base, units, by_member
    )
    owner = group if by_member else np.arange(groups)
    habit = _habits(inc, group, groups)
    seen = np.maximum(episodes, 1)[:, None]
    chance = expected / seen
    for s in range(len(SCALES)):
        wider = chance[:, s:] * np.where(owner[:, None] >= 0, habit[owner][:, s, s:], 0.0)
        chance[:, s] = np.maximum(chance[:, s], wider.max(axis=1))
    p = np.ones_like(close)
    least = np.ones(units)
    tested = episodes > 0
    # with every pair close at the shortest scale, where a class' profile is lowest
    least[tested] = tail(episodes[tested], episodes[tested], floor[tested] / episodes[tested], crowd.alike)
    for s in range(len(SCALES)):
        p[tested, s] = tail(close[tested, s], episodes[tested], chance[tested, s], crowd.alike)
    return Timing(episodes, close, chance * episodes[:, None], p, least)


def tail(close: Floats, episodes: Floats, chance: Floats, alike: float) -> Floats:
    """Return the chance that a crowd is at least as close as `close` out of `episodes`.

    One-factor model: the crowd as a whole is fast or slow (a normal z), and
    given that its episodes are independent, each close with chance
    Phi((Phi^-1(chance) + sqrt(alike) z) / sqrt(1 - alike)), which averages to
    `chance`. An episode's closeness is a share between 0 and 1 and counts once
    however many members take part, so given z the tail is at most Chernoff's
    exp(-n KL(close/n || chance)) (Hoeffding 1963).
    """
    share = np.clip(close / np.maximum(episodes, 1), 0.0, 1.0)[:, None]
    score = ndtri(np.clip(chance, 1e-12, 1 - 1e-12))[:, None]
    latent = (score + np.sqrt(alike) * _GRID) / np.sqrt(1 - alike)
    entropy = _x_log_x(share) + _x_log_x(1 - share)
    divergence = entropy - share * log_ndtr(latent) - (1 - share) * log_ndtr(-latent)
    bound = np.where(share > ndtr(latent), -episodes[:, None] * np.maximum(divergence, 0.0), 0.0)
    density = np.exp(-0.5 * _GRID**2)
    result: Floats = np.minimum((np.exp(bound) * (density / density.sum())).sum(axis=1), 1.0)
    return result


def _x_log_x(x: Floats) -> Floats:
    result: Floats = x * np.log(np.where(x > 0, x, 1.0))
    return result


def _habits(inc: Incidence, group: Ints, groups: int) -> Floats:
    """Return by group, scale s and wider scale w: of members' shares of *different* things within w, those within s.

    This is what being awake, or at work, at the same times does by itself.
    """
    out = np.zeros((groups, len(SCALES), len(SCALES)))
    rows = np.flatnonzero(group[inc.account] >= 0)
    rows = rows[np.argsort(group[inc.account[rows]], kind="stable")]
    bounds = np.searchsorted(group[inc.account[rows]], np.arange(groups + 1))
    episode = inc.episode
    span = int(np.ptp(inc.time)) + int(SCALES[-1]) + 1 if len(inc.time) else 1
    for g in range(groups):
        mine = rows[bounds[g] : bounds[g + 1]]
        time = inc.time[mine] - inc.time.min() if len(mine) else inc.time[mine]
        keys = (
            np.sort(time),
            np.sort(_ranks(inc.account[mine]) * span + time),
            np.sort(_ranks(episode[mine]) * span + time),
        )
        count = np.empty(len(SCALES))
        for s, scale in enumerate(SCALES):
            every, own, same = ((np.searchsorted(k, k + scale, "right") - np.arange(len(k)) - 1).sum() for k in keys)
            count[s] = every - own - same
        out[g] = np.divide(count[:, None], count[None, :], out=np.zeros_like(out[g]), where=count[None, :] > 0)
    return out


def _ranks(values: Ints) -> Ints:
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


_CORE = 0.9


@nb.njit(cache=True)
def _core(account: Ints, starts: Ints, group: Ints, groups: int) -> Ints:  # noqa: C901 - one pass, in numba
    """Return for each group how many members take part, at the least, in an episode of its core."""
    sizes = np.zeros(groups + 1, dtype=np.int64)
    for x in range(len(group)):
        if group[x] >= 0:
            sizes[group[x] + 1] += 1
    first = np.cumsum(sizes + 1)  # one bin more than members, so that a count is an index
    pairs = np.zeros(first[-1] + 1)
    taking = np.zeros(groups, dtype=np.int64)
    for e in range(len(starts) - 1):
        for i in range(starts[e], starts[e + 1]):
            g = group[account[i]]
            if g >= 0:
                taking[g] += 1
        for i in range(starts[e], starts[e + 1]):
            g = group[account[i]]
            if g >= 0:
                pairs[first[g] + taking[g]] += taking[g] * (taking[g] - 1) / 2
                taking[g] = 0
    out = np.full(groups, 2, dtype=np.int64)
    for g in range(groups):
        size = sizes[g + 1]
        whole = pairs[first[g] : first[g] + size + 1].sum()
        held = 0.0
        for many in range(size, 1, -1):
            held += pairs[first[g] + many]
            if held >= _CORE * whole:
                out[g] = many
                break
    return out


@nb.njit(cache=True)
def _measure(  # noqa: C901, PLR0912, PLR0915, PLR0917 - one pass over the pairs, in numba
    account: Ints,
    time: Ints,
    starts: Ints,
    group: Ints,
    least_members: Ints,
    ordinary: NDArray[np.bool_],
    slack_of: Ints,
    scales: Ints,
    base: Floats,
    units: int,
    by_member: bool,  # noqa: FBT001 - numba takes no keyword-only arguments
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return episodes by unit, closeness and its expectation by unit and scale, and the profile's least by unit."""
    wide = len(scales)
    episodes = np.zeros(units)
    close = np.zeros((units, wide))
    expected = np.zeros((units, wide))
    floor = np.zeros(units)
    here = np.zeros(units)  # pairs of the unit in this episode
    near = np.zeros((units, wide))
    outside = np.zeros(wide)
    chance = np.zeros(wide)
    taking = np.zeros(len(least_members), dtype=np.int64)
    for e in range(len(starts) - 1):
        lo, hi = starts[e], starts[e + 1]
        for i in range(lo, hi):
            if group[account[i]] >= 0:
                taking[group[account[i]]] = 0
        for i in range(lo, hi):
            if group[account[i]] >= 0:
                taking[group[account[i]]] += 1
        touched = False
        for i in range(lo, hi):
            g = group[account[i]]
            touched |= g >= 0 and taking[g] >= least_members[g]
        if not touched:
            continue
        outside[:] = 0.0
        outsiders = 0
        for i in range(lo, hi):
            if ordinary[account[i]]:
                outsiders += 1
        for i in range(lo, hi):
            x = account[i]
            for j in range(i + 1, hi):
                y = account[j]
                same = group[x] >= 0 and group[x] == group[y] and taking[group[x]] >= least_members[group[x]]
                crowd = ordinary[x] and ordinary[y]
                if not same and not crowd:
                    continue
                gap = time[j] - time[i] + slack_of[e]
                if crowd:
                    for s in range(wide):
                        if gap <= scales[s]:
                            outside[s] += 1
                if same:
                    u = x if by_member else group[x]
                    v = y if by_member else group[x]
                    here[u] += 1
                    if by_member:
                        here[v] += 1
                    for s in range(wide):
                        if gap <= scales[s]:
                            near[u, s] += 1
                            if by_member:
                                near[v, s] += 1
        for s in range(wide):
            chance[s] = base[e, s]
            if outsiders > 1:
                # the outsiders' own rate, shrunk to the class by one pair's weight
                rate = outside[s] / (outsiders * (outsiders - 1) / 2)
                chance[s] = max(base[e, s], (rate * outsiders / 2 + base[e, s]) / (outsiders / 2 + 1))
        for i in range(lo, hi):
            x = account[i]
            if group[x] < 0:
                continue
            u = x if by_member else group[x]
            if here[u] == 0:
                continue
            episodes[u] += 1
            floor[u] += base[e, 0]
            for s in range(wide):
                close[u, s] += near[u, s] / here[u]
                expected[u, s] += chance[s]
                near[u, s] = 0.0
            here[u] = 0.0
    return episodes, close, expected, floor
