"""What each kind of adversary is after: friends of its people, everybody by number, by one app or by many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ombud.simulate.adversaries import Plan
from ombud.simulate.requests import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ombud.simulate.adversaries import Aim
    from ombud.simulate.friendships import Friendships, Ints, Small

__all__ = ["friend_walk", "sweep"]


def friend_walk(
    friends: Friendships,
    people_of: Iterable[tuple[int, Small]],
    aim: Aim,
    *,
    mixed: np.random.Generator | None = None,
) -> Plan:
    """Plan to read all friends of these apps' people, each through each whose friend they are.

    `people_of` are the adversary's apps with their people. Without `mixed` it
    goes person after person, app after app; with it, in random order, so that
    all apps share the walk from the first hour.
    """
    apps: list[Ints] = []
    person: list[Small] = []
    through: list[Small] = []
    for app, people in people_of:
        which, friend = friends.of_all(people.astype(np.int64))
        apps.append(np.full(len(friend), app))
        person.append(friend)
        through.append(people[which])
    order = slice(None) if mixed is None else mixed.permutation(sum(map(len, person)))
    return Plan(
        np.concatenate(apps).astype(np.int32)[order],
        np.concatenate(person)[order],
        np.concatenate(through).astype(np.int32)[order],
        aim,
    )


def sweep(people: int, app: int, aim: Aim, *, start: int) -> Plan:
    """Plan to read everybody by number from `start` on, in the small hours, with nobody's consent."""
    person = ((np.arange(people) + start) % people).astype(np.int32)
    alone = np.full(people, NOBODY, dtype=np.int32)
    return Plan(np.full(people, app, dtype=np.int32), person, alone, aim, hours=(1, 5))
