"""Crawling apps of a simulated platform against the real gate: each rule alone, and with breakers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gated import Outcome, interval, play
from ombud.simulate import Platform, simulate_platform
from ombud.simulate.kinds import ADVERSARIES, KINDS

pytestmark = pytest.mark.acceptance

PEOPLE, APPS, DAYS = 10_000, 250, 10


@pytest.fixture(scope="module")
def platform() -> Platform:
    return simulate_platform(PEOPLE, APPS, DAYS, np.random.default_rng(3))


@pytest.fixture(scope="module")
def alone(platform: Platform) -> Outcome:
    """Return what the rule of before 2015 does by itself."""
    return play(platform, "before-2015", DAYS, breakers=False)


@pytest.fixture(scope="module")
def with_breakers(platform: Platform) -> Outcome:
    return play(platform, "before-2015", DAYS, breakers=True)


@pytest.fixture(scope="module")
def locked_down(platform: Platform) -> Outcome:
    return play(platform, "locked-down", DAYS, breakers=False)


def test_by_the_rule_alone_crawlers_get_what_they_are_after(platform: Platform, alone: Outcome) -> None:
    assert alone.trips == []
    assert alone.lost.sum() == 0
    for kind in ("walker", "slow", "faces", "harvester"):
        apps = platform.apps.of_kind(kind)
        users = sum(len(platform.installs.of(app, DAYS)) for app in apps.tolist())
        assert alone.people(apps) > 5 * users, kind


@pytest.mark.parametrize("kind", ["walker", "slow", "sweeper"])
def test_breakers_stop_every_app_that_crawls_by_itself(platform: Platform, with_breakers: Outcome, kind: str) -> None:
    for app in platform.apps.of_kind(kind).tolist():
        trip = with_breakers.first(app, "stopped")
        assert trip is not None, app
        assert trip.people > trip.users
        assert f"{trip.people:,}" in trip.sentence


def test_breakers_cut_what_crawlers_get(platform: Platform, alone: Outcome, with_breakers: Outcome) -> None:
    for kind in ADVERSARIES:
        apps = platform.apps.of_kind(kind)
        print(f"{kind}: {alone.people(apps):,} people by the rule alone, {with_breakers.people(apps):,} with breakers")
        assert with_breakers.people(apps) <= alone.people(apps)
    walkers = platform.apps.of_kind("walker", "slow")
    assert with_breakers.people(walkers) < alone.people(walkers) / 2


def test_hardly_any_other_app_is_slowed(platform: Platform, with_breakers: Outcome) -> None:
    others = platform.apps.of_kind(*(name for name, kind in KINDS.items() if not kind.misuse))
    others = others[with_breakers.asked[others] > 0]
    hit = with_breakers.braked(others)
    low, high = interval(len(hit), len(others))
    print(f"{len(hit)} of {len(others)} slowed or stopped by mistake ({low:.1%} to {high:.1%})")
    assert len(others) > 100
    assert len(hit) / len(others) <= 0.02
    assert with_breakers.lost[others].sum() <= 0.001 * with_breakers.asked[others].sum()


def test_the_later_rule_alone_leaves_next_to_nothing_to_take(
    platform: Platform, alone: Outcome, locked_down: Outcome
) -> None:
    """A harvester reads only while its people use it, which no breaker can tell from showing them their friends."""
    for kind in ("walker", "slow", "faces", "harvester"):
        apps = platform.apps.of_kind(kind)
        assert locked_down.people(apps) < alone.people(apps) / 20, kind
    assert locked_down.lost.sum() == 0


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"), [(0, 100, 0.0, 0.0362), (100, 100, 0.9638, 1.0), (5, 50, 0.0333, 0.2181)]
)
def test_the_interval_is_that_of_the_tables(hits: int, of: int, low: float, high: float) -> None:
    assert interval(hits, of) == pytest.approx((low, high), abs=1e-4)
