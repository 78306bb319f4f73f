"""A platform's shares with networks hidden among fan clubs: for benchmarks and tests, never for tuning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["GROUPS", "Simulated", "simulate_shares"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DAY = 86_400
DAYS = 30
START = 1_472_688_000
"""2016-09-01, UTC"""
GROUPS = {"tight": 30, "medium": 600, "slow": 21_600}
"""Kinds of planted group: the seconds within which all members share a thing."""

_PER_ACCOUNT, _PER_OBJECT = 20, 11
_MEMBERS, _CAMPAIGN, _TAKES_PART = 25, 40, 0.8
_CLUB, _CLUB_THINGS, _FAN_SHARES = 40, 60, 0.4
_BURST = 0.002


@dataclass(frozen=True, slots=True)
class Simulated:
    """Shares with their truth, in order of time."""

    account: Ints
    object: Ints
    time: Ints
    """seconds since 1970"""
    group: Ints
    """by account: the planted group, -1 for everybody else"""
    club: Ints
    """by account: the fan club, -1 for everybody else"""
    kind: list[str]
    """by group: tight, medium or slow"""


def simulate_shares(shares: int, rng: np.random.Generator) -> Simulated:
    """Return about `shares` shares of one trace over 30 days.

    Everybody shares organically: activity and popularity have heavy tails, a
    thing spreads over hours at a speed of its own, people sleep, and now and
    then news bursts within minutes. One account in 100 belongs to a planted
    group of 25 that pushes 40 things of its own: eight in twenty groups within
    30 seconds, six within ten minutes, six within six hours. Four in 100 are
    fans: clubs of 40 that pass on what one source publishes, soon after it
    does, each fan for herself. Those are the hard negatives.
    """
    accounts, objects = max(shares // _PER_ACCOUNT, 400), max(shares // _PER_OBJECT, 400)
    teams = max(accounts // 2_500, 1)
    kinds = ["tight", "medium", "slow", "tight", "medium", "slow", "tight"] * (teams // 7 + 1)
    kinds = (["tight"] * 8 + ["medium"] * 6 + ["slow"] * 6) * (teams // 20 + 1) if teams >= 20 else kinds  # noqa: PLR2004 - twenty is the mix
    kinds = kinds[:teams]
    clubs = max(accounts * 4 // 100 // _CLUB, 1)
    order = rng.permutation(accounts)
    group = np.full(accounts, -1, dtype=np.int64)
    club = np.full(accounts, -1, dtype=np.int64)
    group[order[: teams * _MEMBERS]] = np.repeat(np.arange(teams), _MEMBERS)
    club[order[teams * _MEMBERS :][: clubs * _CLUB]] = np.repeat(np.arange(clubs), _CLUB)
    wakes = rng.normal(7, 1.5, accounts) + rng.choice([-6, 0, 0, 0, 1, 8], accounts)
    pushed = _pushed(group, kinds, objects, rng)
    fans = _fans(club, clubs, objects + teams * _CAMPAIGN, rng)
    rest = max(shares - len(pushed[0]) - len(fans[0]), 0)
    organic = _organic(rest, accounts, objects, rng)
    free = np.concatenate([organic[0], fans[0]])
    time = _awake(np.concatenate([organic[2], fans[2]]), wakes[free], rng)
    account = np.concatenate([free, pushed[0]])
    object_ = np.concatenate([organic[1], fans[1], pushed[1]])
    time = np.concatenate([time, pushed[2]])
    by_time = np.lexsort((account, time))
    return Simulated(account[by_time], object_[by_time], time[by_time], group, club, kinds)


def _births(count: int, rng: np.random.Generator) -> Floats:
    """Return when things come up: more by day than by night."""
    hour = rng.choice(24, count, p=_DAYTIME)
    result: Floats = START + rng.integers(0, DAYS, count) * DAY + (hour + rng.random(count)) * 3_600
    return result


_DAYTIME = np.array([1, 1, 1, 1, 1, 2, 3, 5, 7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 7, 6, 5, 3, 2], dtype=float)
_DAYTIME /= _DAYTIME.sum()


def _organic(shares: int, accounts: int, objects: int, rng: np.random.Generator) -> tuple[Ints, Ints, Floats]:
    activity = rng.lognormal(0, 1.3, accounts)
    popularity = rng.pareto(1.1, objects) + 0.2
    popularity = np.minimum(popularity, popularity.sum() * 0.002)
    burst = rng.random(objects) < _BURST
    popularity[burst] *= 20
    speed = np.where(burst, 600.0, 3 * 3_600 * rng.lognormal(0, 0.7, objects))
    birth = _births(objects, rng)
    what = rng.choice(objects, shares, p=popularity / popularity.sum())
    who = rng.choice(accounts, shares, p=activity / activity.sum())
    when = birth[what] + speed[what] * rng.lognormal(0, 1.4, shares)
    return who.astype(np.int64), what.astype(np.int64), when


def _fans(club: Ints, clubs: int, first: int, rng: np.random.Generator) -> tuple[Ints, Ints, Floats]:
    """Return what fans pass on: each thing of their source with chance 0.4, soon after it is out."""
    birth = _births(clubs * _CLUB_THINGS, rng).reshape(clubs, _CLUB_THINGS)
    delay = rng.lognormal(np.log(3_600), 0.7, clubs)
    fans = np.flatnonzero(club >= 0)
    takes = rng.random((len(fans), _CLUB_THINGS)) < _FAN_SHARES
    row, thing = np.nonzero(takes)
    own = club[fans[row]]
    when = birth[own, thing] + delay[own] * rng.lognormal(0, 1.2, len(row))
    return fans[row].astype(np.int64), (first + own * _CLUB_THINGS + thing).astype(np.int64), when


def _pushed(group: Ints, kinds: list[str], first: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Return what planted groups push: each thing by four members in five, all within the group's span."""
    start = _births(len(kinds) * _CAMPAIGN, rng).reshape(len(kinds), _CAMPAIGN)
    span = np.array([GROUPS[k] for k in kinds], dtype=float)
    members = np.flatnonzero(group >= 0)
    takes = rng.random((len(members), _CAMPAIGN)) < _TAKES_PART
    row, thing = np.nonzero(takes)
    own = group[members[row]]
    when = start[own, thing] + span[own] * rng.random(len(row))
    object_ = first + own * _CAMPAIGN + thing
    return members[row].astype(np.int64), object_.astype(np.int64), np.floor(when).astype(np.int64)


def _awake(time: Floats, wakes: Floats, rng: np.random.Generator) -> Ints:
    """Move what falls into an account's eight hours of sleep to soon after it wakes."""
    since = (time / 3_600 - wakes) % 24
    asleep = since > 16  # noqa: PLR2004 - hours awake
    later = time + (24 - since) * 3_600 + rng.exponential(3_600, len(time))
    return np.floor(np.where(asleep, later, time)).astype(np.int64)
