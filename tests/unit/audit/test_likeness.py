"""Beside apps like it: big is not guilty, small categories lean on all, nobody is compared with itself."""

from __future__ import annotations

import numpy as np
import pytest

from ombud.audit.ranking.likeness import LEAN, NEAREST, Likeness, _count, _window


def likeness(users: list[int], category: list[int]) -> Likeness:
    return Likeness.of(np.arange(len(users)), np.array(users), np.array(category))


def none_aside(apps: Likeness) -> np.ndarray:
    return np.zeros(len(apps.number), dtype=np.bool_)


def test_p_is_the_share_that_has_as_much() -> None:
    apps = likeness([100] * 201, [0] * 201)
    values = np.arange(201, dtype=np.float64)
    found = apps.beside(values, 100, 0, (180,), 180.0, none_aside(apps))
    assert (found.among, found.same, found.more) == (200, 200, 20)
    prior = 21 / 201
    assert found.p_value == pytest.approx((LEAN * prior + 20) / (LEAN + 200))
    assert found.expected == pytest.approx(99.5)


def test_no_p_is_below_one_in_those_compared() -> None:
    apps = likeness([100] * 1_001, [0] * 1_001)
    values = np.zeros(1_001)
    values[5] = 9
    found = apps.beside(values, 100, 0, (5,), 9.0, none_aside(apps))
    assert found.more == 0
    assert found.p_value == pytest.approx(1 / 1_001)


def test_only_apps_of_like_size_count_when_there_are_enough() -> None:
    users = [10] * 150 + [10_000] * 150
    apps = likeness(users, [0] * 300)
    values = np.array([0.0] * 150 + [5.0] * 150)[apps.number]
    small = apps.beside(values, 10, 0, (3,), 5.0, none_aside(apps))
    large = apps.beside(values, 10_000, 0, (200,), 5.0, none_aside(apps))
    assert (small.among, small.more) == (149, 0)
    assert (large.among, large.more) == (149, 149)
    assert large.p_value == pytest.approx(1.0)


def test_where_few_are_alike_the_nearest_are_taken() -> None:
    users = [*range(1, 400), 1_000_000]
    apps = likeness(users, [0] * 400)
    found = apps.beside(np.zeros(400), 1_000_000, 0, (399,), 1.0, none_aside(apps))
    assert found.among == NEAREST
    assert found.p_value == pytest.approx(1 / (NEAREST + 1))


def test_a_small_category_leans_on_all_and_a_large_one_stands_on_its_own() -> None:
    rare = likeness([50] * 300, [1] * 5 + [0] * 295)
    common = likeness([50] * 300, [1] * 150 + [0] * 150)
    values = np.array([1.0] * 300)
    for apps, own in ((rare, 5), (common, 150)):
        values = np.where(apps.category == 1, 1.0, 0.0)
        found = apps.beside(values, 50, 1, (0,), 1.0, none_aside(apps))
        assert found.same == own - 1
    few = rare.beside(np.where(rare.category == 1, 1.0, 0.0), 50, 1, (0,), 1.0, none_aside(rare))
    many = common.beside(np.where(common.category == 1, 1.0, 0.0), 50, 1, (0,), 1.0, none_aside(common))
    assert few.p_value is not None
    assert many.p_value is not None
    assert few.p_value < 0.1 < many.p_value  # what all of a large category do is usual there
    assert few.expected == 0
    assert many.expected == 1


def test_what_is_set_aside_and_what_was_never_measured_is_left_out() -> None:
    apps = likeness([50] * 200, [0] * 200)
    values = np.full(200, np.nan)
    values[:120] = 7.0
    aside = none_aside(apps)
    aside[:20] = True
    found = apps.beside(values, 50, 0, (0,), 7.0, aside)
    assert (found.among, found.more) == (100, 100)


def test_with_nobody_to_compare_with_nothing_is_said() -> None:
    apps = likeness([5], [0])
    found = apps.beside(np.array([3.0]), 5, 0, (0,), 3.0, none_aside(apps))
    assert (found.among, found.expected, found.p_value) == (0, None, None)


def test_an_exchangeable_app_has_a_p_that_is_even() -> None:
    rng = np.random.default_rng(1)
    users = rng.integers(20, 60, 400)
    apps = likeness(users.tolist(), rng.integers(0, 4, 400).tolist())
    values = rng.random(400)
    found = []
    for app in range(400):
        at = apps.place[app]
        found.append(
            apps.beside(values, int(users[app]), int(apps.category[at]), (app,), float(values[at]), none_aside(apps))
        )
    p = np.array([one.p_value for one in found], dtype=np.float64)
    assert 0.45 < p.mean() < 0.56
    assert 0.02 < (p <= 0.1).mean() < 0.16


def test_what_is_compiled_is_what_is_written() -> None:
    rng = np.random.default_rng(2)
    size = np.sort(rng.random(300) * 5)
    for at in (0.0, 2.5, 5.0):
        assert _window(size, at, 0.3, 50) == _window.py_func(size, at, 0.3, 50)
        low, high = _window(size, at, 0.3, 50)
        assert high - low >= 50
    values, category, aside = rng.random(300), rng.integers(0, 3, 300), rng.random(300) < 0.1
    values[::7] = np.nan
    for own in ((4,), (100, 101, 250)):
        arguments = (values, category, aside, 20, 280, 1, np.array(own), 0.5)
        for middle in (True, False):
            assert _count(*arguments, middle) == pytest.approx(_count.py_func(*arguments, middle))
        with_middle, without = (_count(*arguments, middle) for middle in (True, False))
        assert with_middle[:4] == without[:4]
        kept = [n for n in range(20, 280) if n not in own and not aside[n] and not np.isnan(values[n])]
        assert with_middle[:2] == (len(kept), sum(category[n] == 1 for n in kept))
