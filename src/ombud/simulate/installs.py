"""Who uses which app, since when, and for how long: what becomes grants and reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ombud.simulate.kinds import KINDS
from ombud.simulate.people import drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ombud.simulate.apps import Apps
    from ombud.simulate.friendships import Ints, Small
    from ombud.simulate.people import People

__all__ = ["Installs", "simulate_installs"]

_ALONE = 0.2
"""share of an app's people who come by themselves; the others by a friend who has it"""
_GROWTH, _LAUNCH, _STAY = 150.0, 4.0, 40.0
"""median days until a person comes: to an ordinary app, to one that spreads within days; and until they leave"""


@dataclass(frozen=True, slots=True)
class Installs:
    """One row for each person and app, in the order of the apps."""

    start: Ints
    """by app, and one more: where its rows begin"""
    app: Small
    person: Small
    day: Small
    """when they allowed it, counted from the first day of the simulation"""
    left: Small
    """the first day on which they do not use it any more; the consent stays unless it is `ended`"""
    rate: NDArray[np.float32]
    """how many times a day they use it until then"""

    def __len__(self) -> int:
        return len(self.app)

    @property
    def ended(self) -> NDArray[np.bool_]:
        """Return by row whether the person takes the consent back when they leave: one in three does."""
        number = self.person.astype(np.int64) * 2_654_435_761 + self.app.astype(np.int64) * 97_531
        third: NDArray[np.bool_] = (number >> 4) % 3 == 0
        return third

    def of(self, app: int, day: int) -> Small:
        """Return the people who had allowed an app by the end of `day`."""
        rows = slice(self.start[app], self.start[app + 1])
        return self.person[rows][self.day[rows] <= day]


def simulate_installs(people: People, apps: Apps, days: int, rng: np.random.Generator) -> Installs:
    """Return who allows which app before the last of `days`.

    One in five comes by themselves, more likely when active; the others are
    brought by a friend who has the app. So an app's people are clustered.
    """
    app = np.repeat(np.arange(len(apps), dtype=np.int32), apps.size)
    alone = rng.random(len(app)) < _ALONE
    first = np.cumsum(apps.size) - apps.size
    alone[first] = True
    person = drawn(people.active, len(app), rng)
    person[~alone] = _brought(people, person, app, alone, rng)
    pairs = np.sort(app.astype(np.int64) << 32 | person)
    pairs = pairs[np.diff(pairs, prepend=-1) != 0]
    app, person = (pairs >> 32).astype(np.int32), (pairs & 0xFFFF_FFFF).astype(np.int32)
    launch = np.array([k.launch for k in KINDS.values()])[apps.kind][app]
    after = np.where(launch, _LAUNCH, _GROWTH) * np.exp(rng.standard_normal(len(app)))
    day = (apps.registered[app] + after).astype(np.int32)
    left = day + 1 + (_STAY * np.exp(1.5 * rng.standard_normal(len(app)))).astype(np.int32)
    rate = rng.gamma(0.6, 0.5, len(app)).astype(np.float32)
    came = day < days
    start = np.searchsorted(app[came], np.arange(len(apps) + 1))
    return Installs(start, app[came], person[came], day[came], left[came], rate[came])


def _brought(people: People, person: Small, app: Small, alone: NDArray[np.bool_], rng: np.random.Generator) -> Small:
    """Return a friend of one of those who came to the same app by themselves, for each who did not."""
    own = np.flatnonzero(alone)
    bounds = np.searchsorted(app[own], np.arange(app[-1] + 2))
    mine = app[~alone]
    host = person[own[bounds[mine] + (rng.random(len(mine)) * np.diff(bounds)[mine]).astype(np.int64)]]
    degree = people.friends.degree[host]
    which = people.friends.start[host] + (rng.random(len(mine)) * degree).astype(np.int64)
    found = people.friends.friend[np.minimum(which, len(people.friends.friend) - 1)]
    return np.where(degree > 0, found, host)
