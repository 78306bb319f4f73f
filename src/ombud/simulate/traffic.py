"""What apps read in the ordinary course of a day, because their people use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ombud.simulate.friendships import ranges
from ombud.simulate.kinds import KINDS
from ombud.simulate.requests import NOBODY, Requests

if TYPE_CHECKING:
    from ombud.simulate.apps import Apps
    from ombud.simulate.friendships import Ints, Small
    from ombud.simulate.installs import Installs
    from ombud.simulate.people import People

__all__ = ["DAY", "HOUR", "ordinary_day", "used_rows"]

DAY, HOUR = 86_400, 3_600

_HOURS = np.array([2, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 7, 8, 7, 6, 6, 7, 8, 9, 10, 11, 10, 7, 4], dtype=float)
_HOURS /= _HOURS.sum()
_WEEK, _MONTH = 7, 28
_NIGHT = 3
"""the hour at which apps that keep everything read it again"""


def ordinary_day(people: People, apps: Apps, installs: Installs, day: int, rng: np.random.Generator) -> Requests:
    """Return a day's requests that are nobody's crawling, in order of time from the day's start in seconds.

    A person who uses an app, as all do on the day they come, is read once a day.
    An app that shows friends looks at a few of them as well, a harvester at all.
    An app that keeps everything reads all its people once a week, one that reminds
    of birthdays all their friends once a month.
    """
    used = used_rows(installs, day, rng)
    when = _moments(len(used), rng)
    parts = [_own(apps, installs.app[used], installs.person[used], when)]
    sees = used[_FRIENDS[apps.kind[installs.app[used]]] > 0]
    moments = when[_FRIENDS[apps.kind[installs.app[used]]] > 0]
    parts.append(_friends(people, apps, (installs.app[sees], installs.person[sees]), moments, rng))
    parts.append(_weekly(apps, installs, day, rng))
    parts.append(_monthly(people, apps, installs, day, rng))
    every = Requests.joined(parts)
    return every[np.argsort(every.at, kind="stable")]


def used_rows(installs: Installs, day: int, rng: np.random.Generator) -> Ints:
    """Return the rows of `installs` whose person uses the app on a day; the first that `ordinary_day` draws."""
    able = np.flatnonzero((installs.day <= day) & (day < installs.left))
    chance = np.where(installs.day[able] == day, 1, installs.rate[able])
    return able[rng.random(len(able), dtype=np.float32) < chance]


_FRIENDS = np.array([kind.friends for kind in KINDS.values()])
_KEEPS = np.array([kind.keeps for kind in KINDS.values()])
_REMINDS = np.array([kind.reminds for kind in KINDS.values()])


def _own(apps: Apps, app: Small, person: Small, when: Ints) -> Requests:
    return Requests.of(app, person, NOBODY, fields=apps.own[app], purpose=apps.purpose[app], at=when)


def _friends(people: People, apps: Apps, who: tuple[Small, Small], when: Ints, rng: np.random.Generator) -> Requests:
    """Return looks at friends through the person who uses the app: as many neighbours in the list, from any on."""
    app, person = who
    degree = people.friends.degree[person]
    count = np.minimum(degree, _FRIENDS[apps.kind[app]])
    row = np.repeat(np.arange(len(app)), count)
    begin = (rng.random(len(app)) * degree).astype(np.int64)
    place = (begin[row] + ranges(np.zeros_like(count), count)) % degree[row]
    friend = people.friends.friend[people.friends.start[person[row]] + place]
    app, purpose = app[row], apps.purpose[app[row]]
    return Requests.of(app, friend, person[row], fields=apps.of_friends[app], purpose=purpose, at=when[row])


def _weekly(apps: Apps, installs: Installs, day: int, rng: np.random.Generator) -> Requests:
    again = [a for a in np.flatnonzero(_KEEPS[apps.kind]).tolist() if a % _WEEK == day % _WEEK]
    rows = ranges(installs.start[again], np.diff(installs.start)[again]) if again else np.zeros(0, dtype=np.int64)
    rows = rows[installs.day[rows] < day]
    when = _NIGHT * HOUR + np.sort(rng.integers(0, HOUR, len(rows)))
    app = installs.app[rows]
    purpose = apps.second_purpose[app]
    return Requests.of(app, installs.person[rows], NOBODY, fields=apps.own[app], purpose=purpose, at=when)


def _monthly(people: People, apps: Apps, installs: Installs, day: int, rng: np.random.Generator) -> Requests:
    again = [a for a in np.flatnonzero(_REMINDS[apps.kind]).tolist() if a % _MONTH == day % _MONTH]
    rows = ranges(installs.start[again], np.diff(installs.start)[again]) if again else np.zeros(0, dtype=np.int64)
    rows = rows[(installs.day[rows] < day) & (day < installs.left[rows])]
    which, friend = people.friends.of_all(installs.person[rows].astype(np.int64))
    app, through = installs.app[rows][which], installs.person[rows][which]
    when = _NIGHT * HOUR + np.sort(rng.integers(0, HOUR, len(friend)))
    return Requests.of(app, friend, through, fields=apps.of_friends[app], purpose=apps.purpose[app], at=when)


def _moments(count: int, rng: np.random.Generator) -> Ints:
    """Return seconds of a day, more in the evening than at night."""
    hour = np.searchsorted(np.cumsum(_HOURS)[:-1], rng.random(count))
    result: Ints = hour * HOUR + rng.integers(0, HOUR, count)
    return result
