"""Co-acts: two members who share one thing within the scale at which their network is most telling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np
from numpy.typing import NDArray

from ombud.detect.crowds import SCALES, slack
from ombud.detect.timing import timing

if TYPE_CHECKING:
    from ombud.detect.search import Found, Search
    from ombud.detect.shares import Incidence
    from ombud.detect.traces import Posts

__all__ = ["Acts", "Context", "co_acts"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Acts:
    """The pairs of members of one network that share an episode of one trace.

    `i` and `j` are rows of the trace's incidence, the earlier one first.
    """

    trace: str
    scale: int
    """the most telling scale of this trace"""
    p: float
    chance: float
    """what share of the pairs would be within the scale innocently"""
    i: Ints
    j: Ints
    gap: Ints
    """seconds, as recorded"""
    close: NDArray[np.bool_]
    """whether the pair is a co-act: certainly within the scale"""


@dataclass(frozen=True, slots=True)
class Context:
    """One network with all that its page and its explanations look at."""

    network: Found
    acts: list[Acts]
    posts: Posts
    search: Search
    names: dict[int, str]
    """by dense account"""
    platforms: dict[int, str | None]

    @property
    def main(self) -> Acts:
        """Return the acts of the trace in which the network was found."""
        return next(a for a in self.acts if a.trace == self.network.trace)

    @property
    def incidence(self) -> Incidence:
        """Return the incidence of that trace."""
        return self.search.incidences[self.network.trace]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Return by dense account whether it is a member."""
        inside = np.zeros(len(self.posts.accounts), dtype=bool)
        inside[self.network.members] = True
        return inside

    def halves(self, acts: Acts) -> Ints:
        """Return the two posts of each co-act, the earlier one first, as indices into `posts`."""
        inc, trace = self.search.incidences[acts.trace], self.posts.traces[acts.trace]
        close = acts.close
        return np.stack([trace.post[inc.row[acts.i[close]]], trace.post[inc.row[acts.j[close]]]], axis=1)

    def all_halves(self) -> Ints:
        """Return every post that is one half of a co-act by any trace, once, in order of time."""
        return np.unique(np.concatenate([self.halves(a).reshape(-1) for a in self.acts]))


def co_acts(search: Search, accounts: int) -> list[list[Acts]]:
    """Return for each network its acts by trace, those with at least one co-act."""
    group = np.full(accounts, -1, dtype=np.int64)
    for n, network in enumerate(search.networks):
        group[network.members] = n
    out: list[list[Acts]] = [[] for _ in search.networks]
    if not out:
        return out
    for trace, inc in search.incidences.items():
        tested = timing(inc, group, search.ordinary, search.crowds[trace], by_member=False)
        i, j = _pairs(inc.account, inc.starts, group)
        owner = group[inc.account[i]]
        gap = inc.time[j] - inc.time[i]
        sure = gap + slack(inc)[inc.episode[i]]
        order = np.argsort(owner, kind="stable")
        bounds = np.searchsorted(owner[order], np.arange(len(out) + 1))
        for n, network in enumerate(search.networks):
            mine = order[bounds[n] : bounds[n + 1]]
            if len(mine) == 0:
                continue
            s = int(np.argmin(tested.p[n]))
            if network.trace == trace or tested.p[n, s] >= 1:
                s = int(np.flatnonzero(network.scale == SCALES)[0])
            close = sure[mine] <= SCALES[s]
            if close.any():
                chance = float(tested.expected[n, s] / max(tested.episodes[n], 1))
                acts = Acts(trace, int(SCALES[s]), float(tested.p[n, s]), chance, i[mine], j[mine], gap[mine], close)
                out[n].append(acts)
    return out


@nb.njit(cache=True)
def _pairs(account: Ints, starts: Ints, group: Ints) -> tuple[Ints, Ints]:
    """Return the rows of every pair of one group's members on one episode."""
    count = 0
    for e in range(len(starts) - 1):
        for i in range(starts[e], starts[e + 1]):
            if group[account[i]] >= 0:
                for j in range(i + 1, starts[e + 1]):
                    count += group[account[j]] == group[account[i]]
    first = np.empty(count, dtype=np.int64)
    second = np.empty(count, dtype=np.int64)
    n = 0
    for e in range(len(starts) - 1):
        for i in range(starts[e], starts[e + 1]):
            if group[account[i]] >= 0:
                for j in range(i + 1, starts[e + 1]):
                    if group[account[j]] == group[account[i]]:
                        first[n] = i
                        second[n] = j
                        n += 1
    return first, second
