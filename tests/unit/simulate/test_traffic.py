"""A day's ordinary reads follow from who uses what."""

from __future__ import annotations

import numpy as np
import pytest

from ombud.simulate import NOBODY, Platform, simulate_platform
from ombud.simulate.traffic import DAY, HOUR, ordinary_day


@pytest.fixture(scope="module")
def platform() -> Platform:
    return simulate_platform(5_000, 200, 60, np.random.default_rng(4))


def day(platform: Platform, number: int = 30) -> tuple[np.ndarray, ...]:
    requests = ordinary_day(
        platform.people, platform.apps, platform.installs, number, np.random.default_rng(abs(number))
    )
    return requests.app, requests.person, requests.through, requests.fields, requests.purpose, requests.at


def test_reads_are_in_order_within_the_day(platform: Platform) -> None:
    at = day(platform)[5]
    assert len(at) > 200
    assert (np.diff(at) >= 0).all()
    assert at[0] >= 0
    assert at[-1] < DAY


def test_who_is_read_uses_the_app_or_is_a_friend_of_one_who_does(platform: Platform) -> None:
    app, person, through, fields, _, _ = day(platform)
    apps, friends = platform.apps, platform.people.friends
    users = {n: set(platform.installs.of(n, 30).tolist()) for n in range(len(apps))}
    for a, p, t, f in zip(app.tolist(), person.tolist(), through.tolist(), fields.tolist(), strict=True):
        if t == NOBODY:
            assert p in users[a]
            assert f == apps.own[a]
        else:
            assert t in users[a]
            assert p in friends.of(t)
            assert f == apps.of_friends[a] != 0


def test_a_look_at_friends_shows_each_friend_once_and_not_too_many(platform: Platform) -> None:
    app, person, through, _, _, at = day(platform)
    rows = np.flatnonzero(through != NOBODY)
    looks: dict[tuple[int, ...], list[int]] = {}
    for row in rows.tolist():
        looks.setdefault((int(app[row]), int(through[row]), int(at[row])), []).append(int(person[row]))
    most = platform.apps.trait("friends")
    assert looks
    for (a, t, _), seen in looks.items():
        assert len(seen) == min(int(most[a]), int(platform.people.friends.degree[t]))
        assert len(set(seen)) == len(seen)


def test_only_apps_that_keep_everything_read_people_who_left(platform: Platform) -> None:
    app, person, through, _, purpose, at = day(platform)
    installs = platform.installs
    left = {(int(a), int(p)): int(d) for a, p, d in zip(installs.app, installs.person, installs.left, strict=True)}
    own = np.flatnonzero(through == NOBODY)
    gone = np.array([left[int(app[row]), int(person[row])] <= 30 for row in own.tolist()])
    rows = own[gone]
    assert len(rows)
    assert set(app[rows].tolist()) <= set(platform.apps.of_kind("sloppy").tolist())
    assert ((at[rows] >= 3 * HOUR) & (at[rows] < 4 * HOUR)).all()
    assert (purpose[rows] == platform.apps.second_purpose[app[rows]]).all()


def test_each_such_app_reads_everybody_once_in_seven_days(platform: Platform) -> None:
    sloppy = platform.apps.of_kind("sloppy")
    seen = np.zeros(len(platform.apps), dtype=int)
    for number in range(30, 37):
        app, _, _, _, purpose, _ = day(platform, number)
        again = purpose == platform.apps.second_purpose[app]
        seen[np.unique(app[again & np.isin(app, sloppy)])] += 1
    has_people = [len(platform.installs.of(app, 29)) > 0 for app in sloppy.tolist()]
    assert (seen[sloppy] == np.array(has_people)).all()


def test_evenings_are_busier_than_nights(platform: Platform) -> None:
    app, _, through, _, purpose, at = day(platform)
    used = (through == NOBODY) & (purpose == platform.apps.purpose[app])
    hours = np.bincount(at[used] // HOUR, minlength=24)
    assert hours[18:22].mean() > 3 * hours[1:5].mean()


def test_before_anybody_came_nothing_is_read(platform: Platform) -> None:
    assert len(day(platform, -5_000)[0]) == 0
