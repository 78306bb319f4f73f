"""Quiet stretches: found where lines are missing, and seldom where none are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ombud.audit.logs.quiet import LEVEL, quiet, unit_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Make = Callable[[np.random.Generator], NDArray[np.int64]]

NATURAL: dict[str, Make] = {
    "sparse": lambda rng: rng.poisson(0.3, 365),
    "few": lambda rng: rng.poisson(3, 200),
    "many": lambda rng: rng.poisson(40, 365),
    "bursty": lambda rng: rng.negative_binomial(1, 1 / 31, 200),
    "weekly": lambda rng: rng.poisson(np.tile([100, 100, 100, 100, 100, 5, 5], 40), 280),
    "growing": lambda rng: rng.poisson(np.geomspace(1, 2_000, 200), 200),
    "one step": lambda rng: rng.poisson(np.repeat([1_000, 5], 100), 200),
}


@pytest.mark.parametrize("make", NATURAL.values(), ids=NATURAL)
def test_logs_without_a_hole_seldom_show_one(make: Make, rng: np.random.Generator) -> None:
    alarms = sum(bool(quiet(make(rng))) for _ in range(40))
    assert alarms <= 3  # at most 1 % a log is promised; three of forty would be a chance of 1 in 100


@pytest.mark.parametrize("scale", [10, 40, 1_000])
def test_missing_days_are_found_and_nothing_else(scale: int, rng: np.random.Generator) -> None:
    counts = rng.poisson(scale, 120)
    counts[50:53] = 0
    (gap,) = quiet(counts)
    assert (gap.first, gap.last, gap.lines) == (50, 52, 0)
    assert gap.expected == pytest.approx(scale, rel=0.4)
    assert gap.p <= LEVEL


def test_a_day_that_is_cut_off_is_found(rng: np.random.Generator) -> None:
    counts = rng.poisson(400, 60)
    counts[30] = 150
    (gap,) = quiet(counts)
    assert (gap.first, gap.last, gap.lines) == (30, 30, 150)


def test_a_hole_wider_than_half_its_surroundings(rng: np.random.Generator) -> None:
    counts = rng.poisson(100, 120)
    counts[40:50] = 0
    (gap,) = quiet(counts)
    assert (gap.first, gap.last) == (40, 49)


def test_the_ends_of_a_log_are_no_holes(rng: np.random.Generator) -> None:
    counts = rng.poisson(100, 60)
    counts[0] = counts[-1] = 1
    assert quiet(counts) == []


@pytest.mark.parametrize("counts", [[], [5], [5, 0, 5], [9, 9, 0, 0, 9, 9]])
def test_a_short_log_says_nothing(counts: list[int]) -> None:
    assert quiet(np.array(counts, dtype=np.int64)) == []


@pytest.mark.parametrize(("hours", "unit"), [(0, "minute"), (27, "minute"), (28, "hour"), (671, "hour"), (672, "day")])
def test_the_unit_fits_the_span(hours: int, unit: str) -> None:
    assert unit_for(hours * 3_600_000_000) == unit
