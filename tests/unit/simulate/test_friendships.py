"""The graph says what a plain set of pairs says."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import networkit
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.simulate.friendships import Friendships, join, ranges

if TYPE_CHECKING:
    from collections.abc import Iterable

PEOPLE = 12
PAIRS = st.lists(st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE - 1)), max_size=60)


def graph(pairs: Iterable[tuple[int, int]], people: int = PEOPLE) -> Friendships:
    both = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    return join(people, [(both[:, 0], both[:, 1])])


def plain(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    friends: dict[int, set[int]] = {person: set() for person in range(PEOPLE)}
    for one, other in pairs:
        if one != other:
            friends[one].add(other)
            friends[other].add(one)
    return friends


@given(PAIRS)
def test_friends_are_those_of_the_pairs_whatever_their_order(pairs: list[tuple[int, int]]) -> None:
    found, expected = graph(pairs), plain(pairs)
    assert found.people == PEOPLE
    assert {person: found.of(person).tolist() for person in range(PEOPLE)} == {
        p: sorted(f) for p, f in expected.items()
    }
    assert found.degree.tolist() == [len(expected[p]) for p in range(PEOPLE)]
    once = {(min(a, b), max(a, b)) for a, b in pairs if a != b}
    assert found.ties == len(once)
    assert set(zip(*(side.tolist() for side in found.pairs()), strict=True)) == once


@given(PAIRS, st.lists(st.integers(0, PEOPLE - 1), max_size=8))
def test_who_is_reached_is_everybody_and_their_friends(pairs: list[tuple[int, int]], some: list[int]) -> None:
    found, expected = graph(pairs), plain(pairs)
    people = np.array(some, dtype=np.int64)
    assert set(found.reached(people).tolist()) == set(some).union(*(expected[p] for p in some))
    which, friend = found.of_all(people)
    rows = [(n, f) for n, person in enumerate(some) for f in sorted(expected[person])]
    assert list(zip(which.tolist(), friend.tolist(), strict=True)) == rows


def test_a_walk_over_more_ties_than_one_step_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ombud.simulate.friendships._BLOCK", 3)
    found = graph(combinations(range(9), 2))
    assert found.reached(np.array([0, 1, 2])).tolist() == list(range(9))
    assert found.reached(np.array([], dtype=np.int64)).tolist() == []


def test_clustering_is_that_of_another_library(rng: np.random.Generator) -> None:
    pairs = rng.integers(0, 60, (500, 2))
    found = graph(map(tuple, pairs.tolist()), 60)
    other = networkit.Graph(60)
    for one, two in zip(*(side.tolist() for side in found.pairs()), strict=True):
        other.addEdge(one, two)
    everybody = np.arange(60)
    local = networkit.centrality.LocalClusteringCoefficient(other).run().scores()
    ours = found.clustering(everybody)
    assert ours[found.degree > 1] == pytest.approx(np.array(local)[found.degree > 1])
    assert found.transitivity(everybody) == pytest.approx(networkit.globals.ClusteringCoefficient.exactGlobal(other))


def test_clustering_of_a_triangle_with_a_tail() -> None:
    found = graph([(0, 1), (1, 2), (0, 2), (2, 3)])
    assert found.clustering(np.array([0, 2])).tolist() == [1.0, pytest.approx(1 / 3)]
    assert np.isnan(found.clustering(np.array([3, 4]))).all()


def test_numbers_from_each_first_on() -> None:
    assert ranges(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
    assert ranges(np.array([], dtype=np.int64), np.array([], dtype=np.int64)).tolist() == []
