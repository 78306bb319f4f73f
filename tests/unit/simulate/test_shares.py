"""The generated platform has what it says it has."""

from __future__ import annotations

import numpy as np
import pytest

from ombud.simulate import GROUPS, Simulated, null_twin, organic_crowd, simulate_shares


@pytest.fixture(scope="module")
def world() -> Simulated:
    return simulate_shares(100_000, np.random.default_rng(1))


def test_size_and_order(world: Simulated) -> None:
    assert len(world.account) == 100_000
    assert (np.diff(world.time) >= 0).all()
    assert world.account.max() < len(world.group) == len(world.club)
    assert ((world.group < 0) | (world.club < 0)).all()


def test_planted_groups_push_things_within_their_span(world: Simulated) -> None:
    for g, kind in enumerate(world.kind):
        members = np.flatnonzero(world.group == g)
        assert len(members) == 25
        rows = np.isin(world.account, members)
        things, many = np.unique(world.object[rows], return_counts=True)
        own = [t for t in things[many >= 12].tolist() if (world.group[world.account[world.object == t]] == g).all()]
        assert 30 <= len(own) <= 40
        for thing in own:
            times = world.time[world.object == thing]
            assert np.ptp(times) <= GROUPS[kind]


def test_activity_and_popularity_have_heavy_tails(world: Simulated) -> None:
    for values in (np.bincount(world.account), np.bincount(world.object)):
        assert values.max() > 8 * values.mean()


def test_people_sleep(world: Simulated) -> None:
    hours = np.bincount(world.time // 3_600 % 24, minlength=24)
    assert hours.max() > 3 * hours.min()


def test_the_same_seed_gives_the_same_world(world: Simulated) -> None:
    again = simulate_shares(100_000, np.random.default_rng(1))
    assert (again.time == world.time).all()
    assert (again.object == world.object).all()
    assert (simulate_shares(100_000, np.random.default_rng(2)).time != world.time).any()


def test_twenty_groups_in_a_million_shares() -> None:
    world = simulate_shares(1_000_000, np.random.default_rng(1))
    assert {k: world.kind.count(k) for k in GROUPS} == {"tight": 8, "medium": 6, "slow": 6}


def test_a_twin_keeps_activity_times_and_popularity_classes(world: Simulated, rng: np.random.Generator) -> None:
    account, object_, time = null_twin(world.account, world.object, world.time, rng)
    assert (account == world.account).all()
    assert (np.sort(object_) == np.sort(world.object)).all()
    assert (object_ != world.object).mean() > 0.9
    for a in rng.integers(0, len(world.group), 20).tolist():
        assert (np.sort(time[account == a]) == np.sort(world.time[account == a])).all()
    many = np.bincount(np.unique(np.stack([world.object, world.account]), axis=1)[0])
    kind = np.floor(np.log2(np.maximum(many, 1)))
    assert (kind[object_] == kind[world.object]).all()


def test_a_crowd_takes_real_peoples_places(world: Simulated, rng: np.random.Generator) -> None:
    hub = int(np.argmax(np.bincount(world.account)))
    crowd = np.arange(5_000, 5_008)
    out = organic_crowd(
        world.account, world.object, hub=hub, newcomers=crowd, movable=np.ones(5_000, dtype=bool), rng=rng
    )
    changed = out != world.account
    assert changed.any()
    assert (out[changed] >= 5_000).all()
    assert np.isin(world.object[changed], world.object[world.account == hub]).all()
    assert (out[world.account == hub] == hub).all()
    pairs = np.stack([world.object[changed], out[changed]])
    assert np.unique(pairs, axis=1).shape == pairs.shape


def test_nobody_who_may_not_be_moved_is(world: Simulated, rng: np.random.Generator) -> None:
    out = organic_crowd(
        world.account,
        world.object,
        hub=0,
        newcomers=np.arange(5_000, 5_008),
        movable=np.zeros(5_000, dtype=bool),
        rng=rng,
    )
    assert (out == world.account).all()
