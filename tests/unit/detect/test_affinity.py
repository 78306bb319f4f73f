"""Pairs that share the same things: counts and expectations against a slow oracle."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from ombud.detect.affinity import PERIOD, Pairs, shared_pairs, strata
from ombud.detect.shares import Incidence, incidence

ROWS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9), st.integers(0, 3 * PERIOD)), min_size=0, max_size=70)


def cut(rows: list[tuple[int, int, int]]) -> Incidence:
    account, object_, time = (np.array([r[k] for r in rows], dtype=np.int64) for k in range(3))
    return incidence(account, object_, time)


def everything(_count: int) -> float:
    return 1.0


def oracle(inc: Incidence) -> dict[tuple[int, int], tuple[int, float]]:
    """Return what each pair shares and the mean of the null model, from the formula, pair by pair."""
    episodes = [inc.account[inc.starts[e] : inc.starts[e + 1]].tolist() for e in range(len(inc.object))]
    where = [(int(np.log2(len(members))), int(inc.time[inc.starts[e]]) // PERIOD) for e, members in enumerate(episodes)]
    shared: Counter[tuple[int, int]] = Counter()
    activity: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    close: Counter[tuple[int, int]] = Counter()
    for stratum, members in zip(where, episodes, strict=True):
        for a, b in itertools.combinations(sorted(members), 2):
            shared[a, b] += 1
            close[stratum] += 1
        activity[stratum].update(members)
    out = {}
    for (a, b), many in shared.items():
        mean = 0.0
        for stratum, k in activity.items():
            total, squares = sum(k.values()), sum(v * v for v in k.values())
            if total**2 > squares:
                mean += close[stratum] * 2 * k[a] * k[b] / (total**2 - squares)
        out[a, b] = (many, min(mean, overall(Counter(where), close, activity, a, b)))
    return out


def overall(
    objects: Counter[tuple[int, int]],
    close: Counter[tuple[int, int]],
    activity: dict[tuple[int, int], Counter[int]],
    a: int,
    b: int,
) -> float:
    """Return the mean by the activity in all strata of a period."""
    mean = 0.0
    for period in {p for _, p in activity}:
        k = sum((counts for (_, p), counts in activity.items() if p == period), Counter[int]())
        total, squares = sum(k.values()), sum(v * v for v in k.values())
        if total**2 > squares:
            for stratum in (s for s in activity if s[1] == period):
                chance = close[stratum] / objects[stratum] * 2 * k[a] * k[b] / (total**2 - squares)
                mean += objects[stratum] * min(1.0, chance)
    return mean


def listed(pairs: Pairs) -> dict[tuple[int, int], tuple[int, float]]:
    return {
        (a, b): (s, e)
        for a, b, s, e in zip(
            pairs.a.tolist(), pairs.b.tolist(), pairs.shared.tolist(), pairs.expected.tolist(), strict=True
        )
    }


@given(ROWS)
def test_counts_and_means_are_those_of_the_formula(rows: list[tuple[int, int, int]]) -> None:
    inc = cut(rows)
    got, wanted = listed(shared_pairs(inc, 8, everything)), oracle(inc)
    assert got.keys() == wanted.keys()
    for pair, (many, mean) in wanted.items():
        assert got[pair][0] == many
        assert got[pair][1] == pytest.approx(mean)


@given(ROWS)
def test_p_is_poissons_upper_tail(rows: list[tuple[int, int, int]]) -> None:
    pairs = shared_pairs(cut(rows), 8, everything)
    tail = np.minimum(2 * poisson.sf(pairs.shared - 1, pairs.expected), 1)
    assert pairs.p == pytest.approx(tail, rel=1e-6, abs=1e-300)


@given(ROWS, st.floats(1e-6, 0.5))
def test_leaving_out_hopeless_pairs_loses_no_significant_one(rows: list[tuple[int, int, int]], level: float) -> None:
    inc = cut(rows)
    everybody, few = shared_pairs(inc, 8, everything), shared_pairs(inc, 8, lambda _count: level)
    keep = everybody.p <= level
    assert set(zip(few.a.tolist(), few.b.tolist(), strict=True)) == set(
        zip(everybody.a[keep].tolist(), everybody.b[keep].tolist(), strict=True)
    )


@given(ROWS)
def test_expected_pairs_add_up_to_those_seen(rows: list[tuple[int, int, int]]) -> None:
    inc = cut(rows)
    pairs = shared_pairs(inc, 8, everything)
    # pairs that share nothing have a mean too, so those that share something have at most all of it
    assert pairs.expected.sum() <= inc.pairs + 1e-9


@given(ROWS, st.permutations(range(8)))
def test_account_numbers_do_not_matter(rows: list[tuple[int, int, int]], names: list[int]) -> None:
    one = listed(shared_pairs(cut(rows), 8, everything))
    two = listed(shared_pairs(cut([(names[a], o, t) for a, o, t in rows]), 8, everything))
    renamed = {(min(names[a], names[b]), max(names[a], names[b])): v for (a, b), v in one.items()}
    assert renamed.keys() == two.keys()
    for pair, (many, mean) in renamed.items():
        assert two[pair][0] == many
        assert two[pair][1] == pytest.approx(mean)


def test_an_episode_belongs_to_the_class_of_its_popularity_and_its_four_weeks() -> None:
    inc = cut([(a, 0, a) for a in range(4)] + [(a, 1, a) for a in range(7)] + [(a, 2, PERIOD + a) for a in range(4)])
    found = strata(inc)
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert len(strata(cut([]))) == 0


def test_active_accounts_need_more_in_common() -> None:
    busy = [(a, o, o) for o in range(30) for a in (0, 1)] + [(a, 100 + o, o) for a in (0, 1) for o in range(200)]
    crowd = [(2 + (o + k) % 40, 100 + o, o) for o in range(200) for k in range(2)]
    quiet = [(a, 1_000 + o, o) for o in range(30) for a in (50, 51)]
    found = listed(shared_pairs(cut(busy + crowd + quiet), 60, everything))
    assert found[0, 1][1] > found[50, 51][1]


def test_a_network_that_fills_its_stratum_does_not_hide_there(rng: np.random.Generator) -> None:
    # nobody but the six shares things that six share: in that stratum alone their sharing is no surprise
    rows = [(a, o, 1_000 * o + a) for o in range(40) for a in range(6)]
    rows += [(int(a), 1_000 + int(o), int(t)) for a, o, t in zip(*rng.integers(6, 2_000, (3, 4_000)), strict=True)]
    found = shared_pairs(cut(rows), 2_000, lambda _count: 1e-9)
    assert {(a, b) for a, b in zip(found.a.tolist(), found.b.tolist(), strict=True) if b < 6} == set(
        itertools.combinations(range(6), 2)
    )
    assert found.expected[found.b < 6].max() < 5
