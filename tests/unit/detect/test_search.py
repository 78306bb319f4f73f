"""The whole test: planted groups are found, fans and chance are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from ombud.detect.search import Found, Search, Shares, search
from ombud.simulate import Simulated, null_twin, organic_crowd, simulate_shares

if TYPE_CHECKING:
    from pathlib import Path

FDR = 0.01
TWINS = 1_000


@pytest.fixture(scope="module")
def world() -> Simulated:
    return simulate_shares(120_000, np.random.default_rng(5))


@pytest.fixture(scope="module")
def found(world: Simulated) -> Search:
    return search({"link": Shares(world.account, world.object, world.time)}, len(world.group), fdr=FDR)


@pytest.fixture(scope="module")
def german(examples: Path) -> tuple[int, Shares]:
    """Return the number of accounts and the links of the German election of 2021."""
    table = pq.read_table(examples / "german-elections-2021" / "german_elections.parquet")
    known = table["url_id"].is_valid().to_numpy()
    names, account = np.unique(table["account_id"].to_numpy().astype(str)[known], return_inverse=True)
    object_ = table["url_id"].drop_null().to_numpy().astype(np.int64)
    return len(names), Shares(account.astype(np.int64), object_, table["timestamp"].to_numpy()[known].astype(np.int64))


def accounts(networks: list[Found]) -> set[int]:
    return {m for n in networks for m in n.members.tolist()}


def test_planted_groups_are_found_whole(world: Simulated, found: Search) -> None:
    tight = {g for g, kind in enumerate(world.kind) if kind == "tight"}
    planted = set(np.flatnonzero(np.isin(world.group, list(tight))).tolist())
    assert planted
    assert len(planted & accounts(found.networks)) >= 0.95 * len(planted)


def test_fans_are_linked_by_what_they_share_but_not_reported(world: Simulated, found: Search) -> None:
    fans = np.flatnonzero(world.club >= 0)
    links = found.links["link"].pairs
    assert np.isin(links.a, fans).sum() > 100
    assert len(accounts(found.networks) & set(fans.tolist())) <= 0.02 * len(fans)


def test_every_network_says_how_sure_it_is(found: Search) -> None:
    for network in found.networks:
        assert 0 < network.q_time <= FDR
        assert 0 <= network.q_link <= FDR / 10
        assert network.q == pytest.approx(network.q_link + network.q_time)
        assert network.close > network.expected
        assert len(network.members) > 1
    members = [m for n in found.networks for m in n.members.tolist()]
    assert len(members) == len(set(members))


def test_rows_in_another_order_give_the_same_networks(world: Simulated, found: Search) -> None:
    order = np.random.default_rng(1).permutation(len(world.account))
    shares = Shares(world.account[order], world.object[order], world.time[order])
    again = search({"link": shares}, len(world.group), fdr=FDR)
    assert [n.members.tolist() for n in again.networks] == [n.members.tolist() for n in found.networks]
    assert [n.q for n in again.networks] == [n.q for n in found.networks]


def test_other_account_numbers_give_the_same_planted_groups(world: Simulated, found: Search) -> None:
    name = np.random.default_rng(2).permutation(len(world.group))
    again = search({"link": Shares(name[world.account], world.object, world.time)}, len(world.group), fdr=FDR)
    planted = set(np.flatnonzero(world.group >= 0).tolist())
    renamed = {int(name[m]) for m in accounts(found.networks) & planted}
    # a stranger is drawn for each account to learn how alike speeds are, so q moves a little
    assert renamed == accounts(again.networks) & {int(name[m]) for m in planted}


def test_moving_all_times_by_whole_periods_changes_nothing(world: Simulated, found: Search) -> None:
    later = Shares(world.account, world.object, world.time + 52 * 28 * 86_400)
    again = search({"link": later}, len(world.group), fdr=FDR)
    assert [n.members.tolist() for n in again.networks] == [n.members.tolist() for n in found.networks]


def test_two_copies_side_by_side_give_the_networks_twice(world: Simulated, found: Search) -> None:
    n, things = len(world.group), int(world.object.max()) + 1
    both = Shares(
        np.concatenate([world.account, world.account + n]),
        np.concatenate([world.object, world.object + things]),
        np.concatenate([world.time, world.time]),
    )
    again = accounts(search({"link": both}, 2 * n, fdr=FDR).networks)
    planted = accounts(found.networks) & set(np.flatnonzero(world.group >= 0).tolist())
    assert planted <= again
    assert {m + n for m in planted} <= again


def test_the_same_evidence_by_a_second_trace_is_one_network(world: Simulated, found: Search) -> None:
    shares = Shares(world.account, world.object, world.time)
    again = search({"link": shares, "image": shares}, len(world.group), fdr=FDR)
    tight = np.flatnonzero(world.group == 0)
    holding = [n for n in again.networks if np.isin(tight, n.members).any()]
    assert len(holding) == 1
    assert set(again.links) == {"link", "image"}
    assert len(accounts(found.networks)) > 0


@pytest.mark.parametrize("shares", [{}, {"link": Shares(*(np.empty(0, dtype=np.int64),) * 3)}])
def test_nothing_shared_gives_no_network(shares: dict[str, Shares]) -> None:
    assert search(shares, 5, fdr=FDR).networks == []


def test_one_coincidence_is_never_a_network() -> None:
    shares = Shares(np.array([0, 1]), np.array([0, 0]), np.array([10, 11]))
    assert search({"link": shares}, 2, fdr=0.49).networks == []


def test_null_twins_are_reported_no_more_often_than_stated(german: tuple[int, Shares]) -> None:
    _, shares = german
    start = 1_631_600_000
    keep = (shares.time >= start) & (shares.time < start + 4 * 86_400)
    names, account = np.unique(shares.account[keep], return_inverse=True)
    account = account.astype(np.int64)
    assert 2_000 < keep.sum() < 5_000
    alarms = links = 0
    for seed in range(TWINS):
        twin = null_twin(account, shares.object[keep], shares.time[keep], np.random.default_rng(seed))
        result = search({"link": Shares(*twin)}, len(names), fdr=FDR)
        alarms += bool(result.networks)
        links += bool(len(result.links["link"].q))
    noise = 3 * np.sqrt(FDR * (1 - FDR) / TWINS)
    assert alarms / TWINS <= FDR + noise
    assert links / TWINS <= FDR / 10 + 3 * np.sqrt(FDR / 10 / TWINS)


def test_organic_crowds_are_linked_by_interest_but_not_reported(german: tuple[int, Shares]) -> None:
    n, shares = german
    base = search({"link": shares}, n, fdr=FDR)
    things = np.bincount(np.unique(np.stack([shares.account, shares.object]), axis=1)[0], minlength=n)
    hubs = np.flatnonzero(base.ordinary & (things >= 15))
    rng = np.random.default_rng(11)
    linked = reported = 0
    for hub in rng.choice(hubs, 30, replace=False).tolist():
        crowd = np.arange(n, n + 8)
        account = organic_crowd(shares.account, shares.object, hub=hub, newcomers=crowd, movable=base.ordinary, rng=rng)
        result = search({"link": Shares(account, shares.object, shares.time)}, n + 8, fdr=FDR)
        pairs = result.links["link"].pairs
        linked += bool(((pairs.a >= n) & (pairs.b >= n)).any())
        reported += any((network.members >= n).sum() > 1 for network in result.networks)
    assert linked >= 8
    assert reported <= 1
