"""q-values bound the false discovery rate under any dependence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.detect.fdr import harmonic, yekutieli

P = st.lists(st.floats(1e-300, 1.0), min_size=1, max_size=30)


@pytest.mark.parametrize("tests", [1, 2, 10, 999, 1000, 1001, 50_000])
def test_harmonic_is_the_sum_of_reciprocals(tests: int) -> None:
    assert harmonic(tests) == pytest.approx(sum(1 / k for k in range(1, tests + 1)), rel=1e-9)


@given(P, st.integers(0, 100), st.floats(0.001, 0.5))
def test_q_selects_the_step_up_set(p: list[float], unseen: int, level: float) -> None:
    tests = len(p) + unseen
    q = yekutieli(np.array(p), tests)
    ordered = sorted(p)
    last = 0
    for rank, value in enumerate(ordered, start=1):
        if value * tests * harmonic(tests) / rank <= level:
            last = rank
    chosen = set(ordered[:last])
    assert [bool(x <= level) for x in q] == [value in chosen for value in p]


@given(P)
def test_q_never_decreases_with_p_and_is_at_most_one(p: list[float]) -> None:
    q = yekutieli(np.array(p), len(p))
    order = np.argsort(p, kind="stable")
    assert (np.diff(q[order]) >= 0).all()
    assert q.max() <= 1
    assert (q >= np.minimum(np.array(p), 1)).all()


def test_tests_that_were_never_carried_out_cost() -> None:
    p = np.array([1e-6])
    assert yekutieli(p, 1000)[0] == pytest.approx(1e-6 * 1000 * harmonic(1000))


def test_fewer_tests_than_p_values_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="3 p-values cannot come from 2 tests"):
        yekutieli(np.array([0.1, 0.2, 0.3]), 2)


def test_nothing_tested_gives_nothing() -> None:
    assert len(yekutieli(np.empty(0), 0)) == 0


def test_under_the_null_any_rejection_is_rare(rng: np.random.Generator) -> None:
    alarms = sum(bool((yekutieli(rng.random(50), 50) <= 0.05).any()) for _ in range(2_000))
    assert alarms <= 0.05 * 2_000
    dependent = sum(bool((yekutieli(np.full(50, rng.random()), 50) <= 0.05).any()) for _ in range(2_000))
    assert dependent <= 0.05 * 2_000
