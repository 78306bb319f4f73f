"""Shares are cut into episodes: one row per account, at its first share, and never across a week's pause."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.detect.shares import WEEK, Incidence, counting_order, incidence, widest_slice

ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(0, 4 * WEEK)), min_size=0, max_size=60)


def cut(rows: list[tuple[int, int, int]], budget: int = 10_000) -> Incidence:
    account, object_, time = (np.array([r[k] for r in rows], dtype=np.int64) for k in range(3))
    return incidence(account, object_, time, budget=budget)


def brute(rows: list[tuple[int, int, int]]) -> set[tuple[int, frozenset[tuple[int, int]]]]:
    """Return every episode of at least two accounts: its object, and each account's first time."""
    out = set()
    for thing in {r[1] for r in rows}:
        own = sorted((t, a) for a, o, t in rows if o == thing)
        runs: list[list[tuple[int, int]]] = []
        for t, a in own:
            if not runs or t - runs[-1][-1][0] > WEEK:
                runs.append([])
            runs[-1].append((t, a))
        for run in runs:
            first: dict[int, int] = {}
            for t, a in run:
                first.setdefault(a, t)
            if len(first) > 1:
                out.add((thing, frozenset(first.items())))
    return out


@given(ROWS)
def test_episodes_are_those_of_the_plain_definition(rows: list[tuple[int, int, int]]) -> None:
    inc = cut(rows)
    found = set()
    for e in range(len(inc.object)):
        lo, hi = inc.starts[e], inc.starts[e + 1]
        members = frozenset(zip(inc.account[lo:hi].tolist(), inc.time[lo:hi].tolist(), strict=True))
        found.add((int(inc.object[e]), members))
    assert found == brute(rows)


@given(ROWS)
def test_rows_point_at_the_shares_they_come_from(rows: list[tuple[int, int, int]]) -> None:
    inc = cut(rows)
    for n, row in enumerate(inc.row.tolist()):
        account, object_, time = rows[row]
        assert (account, time) == (inc.account[n], inc.time[n])
        assert object_ == inc.object[inc.episode[n]]


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[tuple[int, int, int]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = cut(rows), cut(shuffled)
    for name in ("account", "time", "starts", "object"):
        assert (getattr(one, name) == getattr(two, name)).all()


@given(ROWS, st.integers(-(10**9), 10**9))
def test_moving_all_times_moves_the_times_only(rows: list[tuple[int, int, int]], by: int) -> None:
    one, two = cut(rows), cut([(a, o, t + by) for a, o, t in rows])
    assert (one.account == two.account).all()
    assert (one.time + by == two.time).all()
    assert (one.starts == two.starts).all()


def test_a_viral_thing_is_cut_into_even_slices_within_the_budget() -> None:
    rows = [(a, 0, a * 60) for a in range(1_000)]
    inc = cut(rows, budget=20_000)
    assert inc.pairs <= 20_000
    assert inc.slice == 32
    assert inc.width.min() >= 31
    assert inc.width.sum() == 1_000
    assert (inc.object == 0).all()
    assert cut(rows, budget=1_000_000).pairs == 1_000 * 999 // 2


def test_huge_numbers_do_not_overflow_the_packed_key() -> None:
    big = 2**40
    inc = incidence(np.array([0, 1, 2]), np.array([big, big, 1]), np.array([5, 6, 7]) * 10**5, budget=10)
    assert inc.account.tolist() == [0, 1]
    assert inc.object.tolist() == [big]


@pytest.mark.parametrize("rows", [[], [(0, 0, 0)], [(0, 0, 0), (0, 0, 1)], [(0, 0, 0), (1, 1, 0)]])
def test_nothing_in_common_gives_no_episode(rows: list[tuple[int, int, int]]) -> None:
    inc = cut(rows)
    assert len(inc.object) == len(inc.account) == inc.pairs == 0
    assert inc.starts.tolist() == [0]


def test_a_pause_of_exactly_a_week_does_not_end_an_episode() -> None:
    assert len(cut([(0, 0, 0), (1, 0, WEEK)]).object) == 1
    assert len(cut([(0, 0, 0), (1, 0, WEEK + 1)]).object) == 0


def test_the_narrowest_slice_is_taken_when_no_slice_fits() -> None:
    assert widest_slice(np.array([10_000]), 1) == 8


@given(st.lists(st.integers(0, 5), max_size=40))
def test_counting_order_is_a_stable_sort(keys: list[int]) -> None:
    key = np.array(keys, dtype=np.int64)
    got = counting_order(key, np.arange(len(key)), 6)
    assert got.tolist() == np.argsort(key, kind="stable").tolist()
