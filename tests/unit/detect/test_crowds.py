"""The time profile of strangers: what it is learned from, and that the shipped reference can be learned again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import rankdata

from ombud.detect.crowds import REFERENCE, SCALES, _midranks, crowds, popularity, slack
from ombud.detect.search import Shares, search
from ombud.detect.shares import Incidence, incidence

if TYPE_CHECKING:
    from pathlib import Path


def cut(rows: list[tuple[int, int, int]]) -> Incidence:
    account, object_, time = (np.array([r[k] for r in rows], dtype=np.int64) for k in range(3))
    return incidence(account, object_, time)


def alone(accounts: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.full(accounts, -1, dtype=np.int64)


def test_the_profile_is_the_share_of_close_pairs_each_episode_once(rng: np.random.Generator) -> None:
    rows = [(0, 0, 1), (1, 0, 31), (2, 1, 1), (3, 1, 5_001)]  # 30 s and 5,000 s apart
    got = crowds(cut(rows), alone(4), rng)
    assert got.episodes == 2
    # shrunk by one episode's weight to the mean of all, which is the same here
    assert got.profile[1].tolist() == [0.5, 0.5, 0.5, 1, 1, 1]
    assert got.source == "own"


def test_pairs_of_one_group_are_no_strangers(rng: np.random.Generator) -> None:
    rows = [(0, 0, 1), (1, 0, 2), (2, 0, 90_001)]
    group = np.array([0, 0, -1])
    assert crowds(cut(rows), group, rng).profile[1, :4].tolist() == [0, 0, 0, 0]
    assert crowds(cut(rows), alone(3), rng).profile[1, 0] == pytest.approx(1 / 3)


def test_a_class_without_episodes_has_its_neighbours_profile(rng: np.random.Generator) -> None:
    rows = [(a, 0, 1 + 7 * a) for a in range(9)]
    got = crowds(cut(rows), alone(9), rng)
    assert len(got.profile) == 4
    assert got.profile[0] == pytest.approx(got.profile[3])
    assert got.chance(np.array([0, 3, 9])) == pytest.approx(got.profile[[0, 3, 3]])


def test_without_a_crowd_nothing_is_ever_surprising(rng: np.random.Generator) -> None:
    got = crowds(cut([]), alone(0), rng)
    assert got.profile.min() == 1
    assert got.alike == 0.95


def test_whole_minutes_hours_and_days_leave_their_unit_open() -> None:
    rows = [(0, 0, 60), (1, 0, 120), (0, 1, 60), (1, 1, 61), (0, 2, 7_200), (1, 2, 3_600), (0, 3, 0), (1, 3, 86_400)]
    assert slack(cut(rows)).tolist() == [60, 0, 3_600, 86_400]


def test_popularity_classes_are_powers_of_two() -> None:
    rows = [(a, o, a + 1) for o, many in enumerate([2, 3, 4, 7, 8]) for a in range(many)]
    assert popularity(cut(rows)).tolist() == [1, 1, 2, 2, 3]


def test_midranks_are_ranks_with_shared_ties(rng: np.random.Generator) -> None:
    values = rng.integers(0, 9, 50).astype(float)
    assert _midranks(values) == pytest.approx(rankdata(values))


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.7])
def test_alike_recovers_how_much_an_accounts_speeds_agree(alike: float, rng: np.random.Generator) -> None:
    # one constant account per pair of things, each with one stranger: log gaps correlate by `alike`
    accounts = 4_000
    own = rng.normal(size=accounts)
    rows = []
    for a in range(accounts):
        for k in range(2):
            latent = np.sqrt(alike) * own[a] + np.sqrt(1 - alike) * rng.normal()
            rows += [(a, 2 * a + k, 10_000), (accounts + 2 * a + k, 2 * a + k, 10_000 + int(9_000 * np.exp(latent)))]
    got = crowds(cut(rows), alone(3 * accounts), rng)
    assert got.accounts == pytest.approx(accounts, rel=0.02)
    # the upper end of the interval is taken
    assert alike - 0.02 <= got.alike <= alike + 0.09


def test_the_reference_is_what_the_example_data_say(examples: Path) -> None:
    table = pq.read_table(examples / "german-elections-2021" / "german_elections.parquet")
    names, account = np.unique(table["account_id"].to_numpy().astype(str), return_inverse=True)
    known = table["url_id"].is_valid().to_numpy()
    shares = Shares(
        account[known].astype(np.int64),
        table["url_id"].drop_null().to_numpy().astype(np.int64),
        table["timestamp"].to_numpy()[known].astype(np.int64),
    )
    got = search({"link": shares}, len(names), fdr=0.01).crowds["link"]
    assert got.source == "own"
    assert REFERENCE.source == "reference"
    many = len(REFERENCE.profile)  # the class beyond has a few episodes only
    assert np.abs(got.profile[:many] - REFERENCE.profile).max() < 0.005
    assert got.alike == pytest.approx(REFERENCE.alike, abs=0.03)
    assert got.episodes == pytest.approx(REFERENCE.episodes, rel=0.02)
    assert REFERENCE.profile.shape[1] == len(SCALES)
