"""Beside apps like it: which share of the apps of like size and category have at least as much.

Nothing is assumed about how the numbers are spread. Of the apps of like size
(between a third and three times as many people who use it, and never fewer than
the hundred nearest), the share that has at least as much gives one p-value; it
is the prior of the second one, that of the apps of the same category among them:
small categories lean on all apps, large ones stand on their own. No p-value is
below one in the apps that were compared.

Apps may be set aside: those that stand out by far, so that many that misuse what
they read do not make each other look usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray

__all__ = ["ALIKE", "LEAN", "NEAREST", "Alike", "Likeness"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ALIKE = 3.0
"""Apps are of like size up to this ratio of their users."""
NEAREST = 100
"""So many apps of the nearest size are looked at where fewer are alike."""
LEAN = 50.0
"""So many apps of a category weigh as much as all the others together."""


@dataclass(frozen=True, slots=True)
class Alike:
    """One value beside those of apps like it."""

    among: int
    """how many apps of like size"""
    same: int
    """of them, those of its category"""
    more: int
    """of all of them, those with at least as much"""
    expected: float | None
    """the middle of those of its category, or of all where they are few; null with nobody to compare with"""
    p_value: float | None
    """the share of apps like it that have at least as much, categories leaning on all apps; null likewise"""


@dataclass(frozen=True, slots=True)
class Likeness:
    """The apps to compare with, in order of size."""

    size: Floats
    """the logarithm of the number of users, ascending"""
    category: Ints
    number: Ints
    """which app it is"""
    place: dict[int, int]
    """by number: where it stands"""

    @staticmethod
    def of(number: Ints, users: Ints, category: Ints) -> Likeness:
        """Return these apps in the order of their size."""
        size = np.log(np.maximum(users, 1).astype(np.float64))
        order = np.lexsort((number, size))
        place = {app: at for at, app in enumerate(number[order].tolist())}
        return Likeness(size[order], category[order], number[order], place)

    def beside(  # noqa: PLR0917 - called for every app and signal
        self,
        values: Floats,
        users: int,
        category: int,
        own: tuple[int, ...],
        value: float,
        aside: Bools,
        *,
        middle: bool = True,
    ) -> Alike:
        """Compare one value with those of apps like it; `values` and `aside` are in the order of `number`.

        `own` are the apps that are compared themselves, and so left out, as are those set aside.
        Without `middle` nothing is expected, which is quicker.
        """
        size = float(np.log(max(users, 1)))
        low, high = _window(self.size, size, np.log(ALIKE), NEAREST + len(own))
        places = np.array([self.place[app] for app in own], dtype=np.int64)
        among, same, more, same_more, expected = _count(
            values, self.category, aside, low, high, category, places, value, middle
        )
        if not among:
            return Alike(0, 0, 0, None, None)
        prior = (1 + more) / (1 + among)
        share = (LEAN * prior + same_more) / (LEAN + same)
        return Alike(among, same, more, float(expected) if middle else None, float(max(share, 1 / (1 + among))))


@nb.njit(cache=True)
def _count(  # noqa: PLR0917 - numba takes no keyword-only arguments
    values: Floats,
    category: Ints,
    aside: Bools,
    low: int,
    high: int,
    mine: int,
    own: Ints,
    value: float,
    middle: bool,  # noqa: FBT001 - likewise
) -> tuple[int, int, int, int, float]:
    """Count the apps that can be compared, those of the category, those with as much, and take the middle."""
    found = np.empty(high - low)
    alike = np.empty(high - low)
    among = same = more = same_more = 0
    for at in range(low, high):
        if aside[at] or np.isnan(values[at]):
            continue
        is_own = False
        for place in own:
            if place == at:
                is_own = True
        if is_own:
            continue
        found[among] = values[at]
        among += 1
        as_much = values[at] >= value
        more += as_much
        if category[at] == mine:
            alike[same] = values[at]
            same += 1
            same_more += as_much
    if not middle:
        return among, same, more, same_more, 0.0
    if same >= LEAN / 2:
        return among, same, more, same_more, np.median(alike[:same])
    return among, same, more, same_more, np.median(found[:among]) if among else 0.0


@nb.njit(cache=True)
def _window(size: Floats, at: float, within: float, count: int) -> tuple[int, int]:
    """Return the places of the values within a distance in an ascending array, or of so many that are nearest."""
    low, high = int(np.searchsorted(size, at - within)), int(np.searchsorted(size, at + within, side="right"))
    while high - low < count and (low > 0 or high < len(size)):
        if low == 0 or (high < len(size) and size[high] - at <= at - size[low - 1]):
            high += 1
        else:
            low -= 1
    return low, high
