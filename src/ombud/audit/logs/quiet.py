"""Stretches of a log with no line, or far too few, where the time around them has many.

Each day (or hour, or minute, when the log is short) is held against the fourteen on either side. Their mean and
spread give a negative binomial distribution, the spread at least as wide as over the whole log, and widened for the
mean being an estimate; the chance of so few lines is multiplied by the number of days looked at (Bonferroni). A
stretch that is found takes in the days beside it that are unlikely by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import nbinom, poisson

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEVEL", "UNITS", "Quiet", "quiet", "unit_for"]

LEVEL = 0.01
"""Chance that a log without a hole shows one, at most."""
UNITS = {"day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000}
"""Microseconds of a bin."""
_SIDE, _FEWEST, _LEAST_BINS = 14, 6, 28
_TINY = 1e-9


class Quiet(NamedTuple):
    """One stretch: the bins from `first` to `last`, both in it."""

    first: int
    last: int
    lines: int
    """that are there"""
    expected: float
    """a bin, from those around"""
    p: float
    """chance of the least likely of its bins, times the number of bins looked at; 1 at most"""


def unit_for(micros: int) -> str:
    """Return the largest unit of which a span has at least 28."""
    return next((name for name, size in UNITS.items() if micros >= _LEAST_BINS * size), "minute")


def quiet(counts: NDArray[np.int64]) -> list[Quiet]:
    """Return the stretches that are too quiet; the first and last bin may be cut off by the log's ends, and are not."""
    if len(counts) < _FEWEST + 2:
        return []
    mean, spread, around = _local(counts)  # the two at the ends are not looked at, so every stretch ends before them
    looked = np.flatnonzero(around[1:-1] >= _FEWEST) + 1
    alone = np.ones(len(counts))
    alone[looked] = _chance(counts[looked], mean[looked], spread[looked], around[looked])
    odd = np.minimum(alone * len(looked), 1) <= LEVEL
    out: list[Quiet] = []
    for place in np.flatnonzero(odd).tolist():
        if out and place <= out[-1].last:
            continue
        first = last = place
        while alone[first - 1] <= LEVEL:
            first -= 1
        while alone[last + 1] <= LEVEL:
            last += 1
        here = slice(first, last + 1)
        chance = min(float(alone[here].min()) * len(looked), 1.0)
        out.append(Quiet(first, last, int(counts[here].sum()), float(mean[here].mean()), chance))
    return out


def _local(
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return each bin's mean and spread (variance beyond Poisson, over the squared mean), and how many are around it.

    Of a log in which most bins have lines, those without are left out of the means: they are what is looked for.
    """
    dense = float(np.mean(counts > 0)) >= 0.5  # noqa: PLR2004 - a half
    mean, spread = np.zeros(len(counts)), np.zeros(len(counts))
    around = np.zeros(len(counts), dtype=np.int64)
    for place in range(len(counts)):
        near = np.concatenate([counts[max(place - _SIDE, 0) : place], counts[place + 1 : place + 1 + _SIDE]])
        near = near[near > 0] if dense else near
        around[place] = len(near)
        if len(near) >= _FEWEST:
            mean[place] = near.mean()
            spread[place] = max(float(near.var(ddof=1)) - mean[place], 0.0) / max(mean[place] ** 2, _TINY)
    there = (counts > 0) & (around >= _FEWEST) if dense else around >= _FEWEST
    if there.any():
        beyond = ((counts[there] - mean[there]) ** 2 - mean[there]).sum() / max((mean[there] ** 2).sum(), _TINY)
        spread = np.maximum(spread, max(float(beyond), 0.0))
    return mean, spread, around


def _chance(
    lines: NDArray[np.int64], mean: NDArray[np.float64], spread: NDArray[np.float64], around: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the chance of at most so many lines."""
    mean = np.maximum(mean, _TINY)
    wide = spread + (1 / mean + spread) / around
    plain = np.asarray(poisson.cdf(lines, mean), dtype=np.float64)
    return np.where(wide > _TINY, nbinom.cdf(lines, 1 / np.maximum(wide, _TINY), 1 / (1 + wide * mean)), plain)
