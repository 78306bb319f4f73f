"""How fast strangers follow each other: the time profile against which a network is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np
from numpy.typing import NDArray

from ombud.detect.shares import counting_order

if TYPE_CHECKING:
    from ombud.detect.shares import Incidence

__all__ = ["REFERENCE", "SCALES", "Crowds", "crowds", "popularity"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SCALES = np.array([60, 600, 3_600, 21_600, 86_400, 604_800], dtype=np.int64)
"""Seconds: a minute, ten minutes, an hour, six hours, a day, a week."""

_LEAST_ALIKE, _MOST_ALIKE = 0.02, 0.95
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Crowds:
    """The time profile of one trace.

    `profile[c, s]` is the chance that two strangers who share an episode of
    popularity class c (powers of two) do so within `SCALES[s]`; `alike` is
    the correlation, from 0 to 1, of how fast two strangers are on the one and
    on another thing that they share: what makes the fans of a fast source fast.
    """

    profile: Floats
    alike: float
    episodes: int
    """episodes with strangers that it was learned from"""
    accounts: int
    """accounts that `alike` was learned from"""
    source: str = "own"
    """own: learned from this trace. reference: `REFERENCE`, for want of a crowd here"""

    def chance(self, classes: Ints) -> Floats:
        """Return the profile of each popularity class; the most popular one stands for those beyond it."""
        return self.profile[np.minimum(classes, len(self.profile) - 1)]


REFERENCE = Crowds(
    np.array(
        [
            [0.044, 0.098, 0.195, 0.51, 0.755, 0.997],
            [0.044, 0.098, 0.195, 0.51, 0.755, 0.997],
            [0.052, 0.119, 0.207, 0.467, 0.728, 0.981],
            [0.034, 0.081, 0.167, 0.414, 0.706, 0.965],
            [0.016, 0.054, 0.127, 0.396, 0.691, 0.935],
            [0.033, 0.059, 0.145, 0.328, 0.598, 0.899],
            [0.002, 0.011, 0.06, 0.249, 0.528, 0.865],
            [0.006, 0.022, 0.084, 0.293, 0.511, 0.767],
        ]
    ),
    0.26,
    6_149,
    3_527,
    "reference",
)
"""Strangers' profile in the links shared around the German election of 2021 (Righetti, Giglietto et al.
2022; 58,317 accounts). It stands in where nearly everybody who shares anything is linked, so that a lake has no crowd
of its own to compare with. `tests/unit/detect/test_crowds.py` learns it again from the example data."""


def popularity(inc: Incidence) -> Ints:
    """Return each episode's popularity class: the whole part of the binary logarithm of its accounts."""
    return np.floor(np.log2(np.maximum(inc.width, 1))).astype(np.int64)


def slack(inc: Incidence) -> Ints:
    """Return by episode the seconds that its times leave open: a minute, hour or day where they are whole ones.

    A gap is counted as the longest it may have been, so that two posts of
    "12:05" are one minute apart at most, not none.
    """
    out = np.zeros(len(inc.object), dtype=np.int64)
    if len(out):
        for unit in (60, 3_600, 86_400):
            out[np.logical_and.reduceat(inc.time % unit == 0, inc.starts[:-1])] = unit
    return out


def crowds(inc: Incidence, group: Ints, rng: np.random.Generator) -> Crowds:
    """Learn the profile from pairs of accounts in different groups (`group` by account; -1 is alone).

    Each episode counts once, however popular. Each class is shrunk towards
    the next more popular one by one episode's weight, so that an empty class
    has the profile of its neighbour.
    """
    classes = popularity(inc)
    top = int(classes.max(initial=0)) + 1
    close, total = _strangers(inc.account, inc.time, inc.starts, group, slack(inc), SCALES)
    seen = total > 0
    rate = close[seen] / total[seen, None]
    below = rate.mean(axis=0) if seen.any() else np.ones(len(SCALES))
    profile = np.zeros((top, len(SCALES)))
    for c in range(top - 1, -1, -1):
        of_class = rate[classes[seen] == c]
        below = (of_class.sum(axis=0) + below) / (len(of_class) + 1)
        profile[c] = below
    alike, accounts = _alike(inc, group, rng)
    return Crowds(profile, alike, int(seen.sum()), accounts)


def _alike(inc: Incidence, group: Ints, rng: np.random.Generator) -> tuple[float, int]:
    """Return the correlation of a pair's speeds, and from how many accounts it was learned.

    For every account two of its episodes are drawn, and a stranger in each.
    Spearman's rho between the two gaps gives the latent correlation 2 sin(pi/6 rho):
    what the account and its sources lend to everything it shares. Rho is a rank
    measure, and gaps within the shortest scale, which is what networks make, are
    left out.
    """
    accounts = int(inc.account.max(initial=-1)) + 1
    order = counting_order(inc.account, np.arange(len(inc.account)), accounts)
    begin = np.append(0, np.cumsum(np.bincount(inc.account, minlength=accounts))).astype(np.int64)
    draw = rng.random((accounts, 2))
    gaps = _two_gaps(inc.account, inc.time, inc.starts, group, inc.episode, order, begin, draw)
    gaps = gaps[(gaps > SCALES[0]).all(axis=1)]  # NaN is not
    if len(gaps) < _ENOUGH:
        return _MOST_ALIKE, len(gaps)
    rho = float(np.corrcoef(_midranks(gaps[:, 0]), _midranks(gaps[:, 1]))[0, 1])
    # the upper end of rho's 95% interval: few accounts cannot make it look small
    upper = min(1.0, rho + 1.645 / np.sqrt(len(gaps) - 1))
    if not np.isfinite(upper):
        return _MOST_ALIKE, len(gaps)
    return float(np.clip(2 * np.sin(np.pi / 6 * upper), _LEAST_ALIKE, _MOST_ALIKE)), len(gaps)


def _midranks(values: Floats) -> Floats:
    """Return ranks; ties share their middle."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    result: Floats = (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(-1)]
    return result


@nb.njit(cache=True)
def _strangers(  # noqa: PLR0917 - numba takes no keyword-only arguments
    account: Ints, time: Ints, starts: Ints, group: Ints, slack_of: Ints, scales: Ints
) -> tuple[Floats, Floats]:
    """Return by episode: the pairs of strangers that are close at each scale, and all of them."""
    episodes = len(starts) - 1
    close = np.zeros((episodes, len(scales)))
    total = np.zeros(episodes)
    for e in range(episodes):
        for i in range(starts[e], starts[e + 1]):
            g = group[account[i]]
            for j in range(i + 1, starts[e + 1]):
                if g >= 0 and g == group[account[j]]:
                    continue
                gap = time[j] - time[i] + slack_of[e]
                total[e] += 1
                for s in range(len(scales)):
                    if gap <= scales[s]:
                        close[e, s] += 1
    return close, total


@nb.njit(cache=True)
def _two_gaps(  # noqa: PLR0917 - numba takes no keyword-only arguments
    account: Ints, time: Ints, starts: Ints, group: Ints, episode: Ints, order: Ints, begin: Ints, draw: Floats
) -> Floats:
    """Return by account the gaps to two different strangers on two of its episodes; NaN where there are none."""
    out = np.full((len(begin) - 1, 2), np.nan)
    for x in range(len(begin) - 1):
        found, used = 0, -1
        rows = begin[x + 1] - begin[x]
        for k in range(rows):
            i = order[begin[x] + (int(draw[x, 0] * rows) + k) % rows]
            lo, hi = starts[episode[i]], starts[episode[i] + 1]
            m = hi - lo
            first = int(draw[x, 1] * m)
            for step in range(m):
                j = lo + (first + step) % m
                y = account[j]
                if y in (x, used) or (group[x] >= 0 and group[x] == group[y]):
                    continue
                out[x, found] = abs(time[j] - time[i])
                used = y
                found += 1
                break
            if found == 2:  # noqa: PLR2004 - a correlation needs two
                break
    return out
