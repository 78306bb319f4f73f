"""Places of a network's accounts."""

from __future__ import annotations

import numpy as np
import pytest

from ombud.detect.layout import layout


def test_places_are_inside_apart_and_always_the_same(rng: np.random.Generator) -> None:
    a, b = rng.integers(0, 40, 120), rng.integers(0, 40, 120)
    keep = a != b
    weight = rng.random(keep.sum()) + 0.1
    one = layout(40, a[keep], b[keep], weight)
    assert one.shape == (40, 2)
    assert one.min() == 0
    assert one.max() == 1
    assert len(np.unique(one, axis=0)) == 40
    assert (one == layout(40, a[keep], b[keep], weight)).all()


def test_linked_accounts_are_drawn_closer() -> None:
    a = np.array([i for base in (0, 5) for i in range(base, base + 5) for j in range(base, i)])
    b = np.array([j for base in (0, 5) for i in range(base, base + 5) for j in range(base, i)])
    place = layout(10, a, b, np.ones(len(a)))
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    assert apart[:5, :5].mean() < apart[:5, 5:].mean() / 2


@pytest.mark.parametrize("nodes", [0, 1, 2])
def test_few_accounts(nodes: int) -> None:
    none = np.empty(0, dtype=np.int64)
    got = layout(nodes, none, none, np.empty(0))
    assert got.shape == (nodes, 2)
    assert np.isfinite(got).all()
