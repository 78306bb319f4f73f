"""The timing test: its tail is a bound, and closeness is what a slow oracle says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from ombud.detect.crowds import SCALES, Crowds, slack
from ombud.detect.shares import Incidence, incidence
from ombud.detect.timing import _habits, tail, timing

FLAT = Crowds(np.tile([0.01, 0.05, 0.2, 0.4, 0.7, 0.99], (8, 1)), 0.2, 1, 1)


def cut(rows: list[tuple[int, int, int]]) -> Incidence:
    account, object_, time = (np.array([r[k] for r in rows], dtype=np.int64) for k in range(3))
    return incidence(account, object_, time)


def one(close: float, episodes: float, chance: float, alike: float) -> float:
    return float(tail(np.array([close]), np.array([episodes]), np.array([chance]), alike)[0])


@given(st.integers(1, 60), st.floats(0.001, 0.9), st.floats(0.02, 0.9), st.data())
def test_tail_is_at_least_the_exact_tail_of_the_factor_model(
    episodes: int, chance: float, alike: float, data: st.DataObject
) -> None:
    close = data.draw(st.integers(0, episodes))
    z = np.linspace(-8, 8, 2_001)
    given_z = norm.cdf((norm.ppf(chance) + np.sqrt(alike) * z) / np.sqrt(1 - alike))
    weight = norm.pdf(z)
    exact = float((binom.sf(close - 1, episodes, given_z) * weight).sum() / weight.sum())
    assert one(close, episodes, chance, alike) >= exact * 0.999


@given(st.floats(0, 40), st.floats(0.01, 0.9), st.floats(0.02, 0.9))
def test_tail_falls_with_closeness_and_rises_with_chance_and_likeness(
    close: float, chance: float, alike: float
) -> None:
    base = one(close, 40, chance, alike)
    assert one(min(close + 1, 40), 40, chance, alike) <= base + 1e-12
    assert one(close, 40, min(chance * 1.1, 0.99), alike) >= base - 1e-12
    assert 0 <= base <= 1


def test_objects_of_one_fast_source_are_not_independent_evidence() -> None:
    assert one(40, 40, 0.05, 0.02) < 1e-20
    assert one(40, 40, 0.05, 0.6) > 1e-5


def test_an_average_crowd_is_no_surprise() -> None:
    assert one(8, 40, 0.2, 0.3) > 0.3


def test_random_crowds_are_seldom_below_a_p(rng: np.random.Generator) -> None:
    z = rng.normal(size=20_000)
    given_z = norm.cdf((norm.ppf(0.1) + np.sqrt(0.25) * z) / np.sqrt(0.75))
    close = rng.binomial(20, given_z).astype(float)
    p = tail(close, np.full(20_000, 20.0), np.full(20_000, 0.1), 0.25)
    for level in (0.05, 0.01, 0.001):
        assert (p <= level).mean() <= level


ROWS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(1, 200_000)), min_size=1, max_size=50)


def core(taking: list[int]) -> int:
    """Return the members that must take part for an episode to be among those with nine tenths of all pairs."""
    pairs = [k * (k - 1) / 2 for k in taking]
    for least in range(max(taking, default=2), 1, -1):
        if sum(p for p, k in zip(pairs, taking, strict=True) if k >= least) >= 0.9 * sum(pairs):
            return least
    return 2


@given(ROWS)
def test_closeness_is_the_mean_share_of_close_pairs(rows: list[tuple[int, int, int]]) -> None:
    inc = cut(rows)
    group = np.array([0, 0, 0, 1, 1, -1, -1, -1])
    got = timing(inc, group, group < 0, FLAT, by_member=False)
    open_ = slack(inc)
    for g in (0, 1):
        episodes, close = 0, np.zeros(len(SCALES))
        taking = [
            int((group[inc.account[inc.starts[e] : inc.starts[e + 1]]] == g).sum()) for e in range(len(inc.object))
        ]
        least = core(taking)
        for e in range(len(inc.object)):
            if taking[e] < least:
                continue
            lo, hi = inc.starts[e], inc.starts[e + 1]
            times = [t for a, t in zip(inc.account[lo:hi], inc.time[lo:hi], strict=True) if group[a] == g]
            gaps = [abs(x - y) + open_[e] for x, y in itertools.combinations(times, 2)]
            if gaps:
                episodes += 1
                close += np.array([np.mean([gap <= s for gap in gaps]) for s in SCALES])
        assert got.episodes[g] == episodes
        assert got.close[g] == pytest.approx(close)
        assert (got.expected[g] >= FLAT.profile[1] * episodes - 1e-9).all()


@given(ROWS)
def test_members_are_tested_against_the_rest_of_their_group(rows: list[tuple[int, int, int]]) -> None:
    inc = cut(rows)
    group = np.array([0, 0, -1, -1, -1, -1, -1, -1])
    ordinary = group < 0
    pair = timing(inc, group, ordinary, FLAT, by_member=False)
    members = timing(inc, group, ordinary, FLAT, by_member=True)
    # a group of two: each member's test is the group's
    for m in (0, 1):
        assert members.close[m] == pytest.approx(pair.close[0])
        assert members.p[m] == pytest.approx(pair.p[0])
    assert (members.p[2:] == 1).all()


def test_outsiders_at_the_same_time_raise_what_is_expected() -> None:
    quiet = [(a, o, 1_000 + 86_400 * o + a) for o in range(8) for a in (0, 1)]
    news = quiet + [(2 + a, o, 1_000 + 86_400 * o + 2 * a) for o in range(8) for a in range(12)]
    group = np.array([0, 0] + [-1] * 12)
    calm = timing(cut(quiet), group[:2], np.zeros(2, dtype=bool), FLAT, by_member=False)
    burst = timing(cut(news), group, group < 0, FLAT, by_member=False)
    assert calm.expected[0, 0] == pytest.approx(0.08)
    assert burst.expected[0, 0] > 6
    assert burst.p[0, 0] > calm.p[0, 0]


def test_common_hours_raise_what_is_expected() -> None:
    # two accounts that post many different things in the same minutes, and share some of them
    habit = [(a, 100 + 2 * k + a, 86_400 * (k % 9) + 600 * k + 30 * a) for k in range(60) for a in (0, 1)]
    habit += [(2 + a, 100 + 2 * k + a, 86_400 * (k % 9) + 40_000 + 600 * k) for k in range(60) for a in (0, 1)]
    common = [(a, o, 86_400 * o + 600 * o + 15 * a) for o in range(9) for a in (0, 1)]
    group = np.array([0, 0, -1, -1])
    shy = timing(cut(common), group, group < 0, FLAT, by_member=False)
    used = timing(cut(common + habit), group, group < 0, FLAT, by_member=False)
    assert (used.expected[0] >= shy.expected[0] - 1e-12).all()
    assert used.expected[0, 0] > shy.expected[0, 0]


def test_habits_count_different_things_of_different_members() -> None:
    rows = [(0, 0, 10), (1, 0, 20), (0, 1, 500), (1, 1, 520)]
    habit = _habits(cut(rows), np.array([0, 0]), 1)[0]
    # within 600 s: 0@10 with 1@520, 1@20 with 0@500; within 60 s: none
    assert habit[0, 1] == 0
    assert habit[1, 2] == 1


def test_what_two_of_many_members_also_share_is_no_part_of_the_core() -> None:
    group = np.zeros(10, dtype=np.int64)
    campaign = [(a, o, 86_400 * o + a + 1) for o in range(10) for a in range(10)]
    chance = [(o % 9 + k, 100 + o, 86_400 * o + 40_000 * k + 1) for o in range(10) for k in (0, 1)]
    got = timing(cut(campaign + chance), group, group < 0, FLAT, by_member=False)
    assert got.episodes[0] == 10
    assert got.close[0, 0] == pytest.approx(10)
