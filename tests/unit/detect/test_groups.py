"""Groups of links, and the tree that holds a network together."""

from __future__ import annotations

import numpy as np
import pytest

from ombud.detect.groups import components, levels, weakest_link


def whole(numbers: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, dtype=np.int64)


def test_components_are_numbered_by_their_smallest_account() -> None:
    assert components(whole([5, 1, 2]), whole([6, 2, 3]), 8).tolist() == [-1, 0, 0, 0, -1, 1, 1, -1]


def test_two_cliques_with_a_thin_bridge_are_two_communities_of_one_component() -> None:
    a, b, weight = [], [], []
    for base in (0, 6):
        for i in range(6):
            for j in range(i):
                a.append(base + j)
                b.append(base + i)
                weight.append(10.0)
    a, b, weight = [*a, 0], [*b, 6], [*weight, 1.0]
    found = levels(whole(a), whole(b), np.array(weight), 13)
    assert found[0].tolist() == [0] * 6 + [1] * 6 + [-1]
    assert found[-1].tolist() == [0] * 12 + [-1]
    again = levels(whole(a), whole(b), np.array(weight), 13)
    assert all((x == y).all() for x, y in zip(found, again, strict=True))


def test_no_link_no_group() -> None:
    assert levels(whole([]), whole([]), np.empty(0), 5) == []


@pytest.mark.parametrize(
    ("q", "weakest"), [([0.1, 0.2, 0.9], 0.2), ([0.9, 0.2, 0.1], 0.2), ([0.0, 0.0, 0.5], pytest.approx(0, abs=1e-200))]
)
def test_the_weakest_link_of_the_strongest_tree(q: list[float], weakest: float) -> None:
    assert weakest_link(whole([0, 1, 0]), whole([1, 2, 2]), np.array(q), whole([0, 1, 2])) == weakest


def test_members_that_nothing_holds_together() -> None:
    assert weakest_link(whole([0]), whole([1]), np.array([0.1]), whole([0, 1, 2])) == 1
