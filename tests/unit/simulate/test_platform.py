"""Days pass; ordinary use is the same whatever is answered, and adversaries hear their own answers."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from ombud.simulate import NOBODY, Answers, Platform, Played, Requests, simulate_people, simulate_platform
from ombud.simulate.traffic import DAY, HOUR


@pytest.fixture(scope="module")
def platform() -> Platform:
    return simulate_platform(3_000, 150, 40, np.random.default_rng(5))


def give(requests: Requests) -> Answers:
    return Answers(requests.fields, np.zeros(len(requests), dtype=bool))


def refuse(requests: Requests) -> Answers:
    return Answers(np.zeros(len(requests), dtype=np.uint64), np.zeros(len(requests), dtype=bool))


def test_a_day_is_a_day_of_utc(platform: Platform) -> None:
    assert platform.moment(0) == 16_071 * DAY
    requests = platform.ordinary(3)
    assert platform.moment(3) <= requests.at[0]
    assert requests.at[-1] < platform.moment(4)
    other = simulate_platform(200, 60, 5, np.random.default_rng(5), first_day=date(1970, 1, 3))
    assert other.moment(-2) == 0


def test_who_used_what_is_who_was_read_for_it(platform: Platform) -> None:
    rows = platform.used(7)
    used = set(zip(platform.installs.app[rows].tolist(), platform.installs.person[rows].tolist(), strict=True))
    requests = platform.ordinary(7)
    own = requests[(requests.through == NOBODY) & (requests.purpose == platform.apps.purpose[requests.app])]
    assert set(zip(own.app.tolist(), own.person.tolist(), strict=True)) >= used
    behind = requests[requests.through != NOBODY]
    assert set(zip(behind.app.tolist(), behind.through.tolist(), strict=True)) <= used
    came = np.flatnonzero(platform.installs.day == 7)
    assert set(came.tolist()) <= set(rows.tolist())


def test_turns_cover_the_days_in_order(platform: Platform) -> None:
    played = list(platform.play(give, 3, hours=6))
    assert [turn.begins for turn in played] == [platform.moment(0) + n * 6 * HOUR for n in range(12)]
    for turn in played:
        at = turn.requests.at
        assert (np.diff(at) >= 0).all()
        assert ((at >= turn.begins) & (at < turn.begins + 6 * HOUR)).all()
        assert len(turn.answers) == len(turn.crawling) == len(at)


def test_ordinary_use_is_the_same_under_any_rule(platform: Platform) -> None:
    def ordinary(played: Played) -> list[tuple[int, ...]]:
        own = played.requests[~played.crawling]
        return list(zip(own.app.tolist(), own.person.tolist(), own.at.tolist(), strict=True))

    given, refused = (list(platform.play(answer, 12, hours=12)) for answer in (give, refuse))
    assert [ordinary(a) for a in given] == [ordinary(b) for b in refused]
    assert sum(len(ordinary(a)) for a in given) == sum(len(platform.ordinary(day)) for day in range(12))
    assert sum(t.crawling.sum() for t in given) != sum(t.crawling.sum() for t in refused)


def test_crawling_begins_on_its_day_and_is_of_adversaries(platform: Platform) -> None:
    begins = [begins for begins, _ in platform.adversaries()]
    assert min(begins) >= 1
    seen = np.zeros(len(platform.apps), dtype=bool)
    for turn in platform.play(give, max(begins) + 2, hours=24):
        if turn.begins < platform.moment(min(begins)):
            assert not turn.crawling.any()
        seen[turn.requests.app[turn.crawling]] = True
    assert set(np.flatnonzero(seen).tolist()) <= set(np.flatnonzero(platform.apps.trait("misuse")).tolist())
    for kind in ("walker", "slow", "sweeper", "faces"):
        assert seen[platform.apps.of_kind(kind)].any(), kind


def test_some_kinds_of_adversary_can_be_left_out(platform: Platform) -> None:
    assert len(platform.adversaries("sweeper")) == len(platform.apps.of_kind("sweeper"))
    assert len(platform.adversaries("faces")) == 1
    crawled = set()
    for turn in platform.play(give, 20, kinds=("sweeper",), hours=24):
        crawled |= set(turn.requests.app[turn.crawling].tolist())
    assert crawled == set(platform.apps.of_kind("sweeper").tolist())


def test_each_adversary_hears_of_its_own_requests(platform: Platform) -> None:
    """Give to one app only: that one reads the friends of all its people; the others are in vain."""
    favoured = int(max(platform.apps.of_kind("walker"), key=lambda app: len(platform.installs.of(int(app), 0))))

    def answer(requests: Requests) -> Answers:
        allowed = np.where(requests.app == favoured, requests.fields, np.uint64(0))
        return Answers(allowed, np.zeros(len(requests), dtype=bool))

    people: dict[int, set[int]] = {}
    late: set[int] = set()
    for turn in platform.play(answer, 39, kinds=("walker", "slow"), hours=6):
        rows = turn.requests[turn.crawling]
        for app, person in zip(rows.app.tolist(), rows.person.tolist(), strict=True):
            people.setdefault(app, set()).add(person)
        if turn.begins > platform.moment(35):
            late |= set(rows.app.tolist())
    users = platform.installs.of(favoured, 0).astype(np.int64)
    assert len(users) > 2
    assert people[favoured] >= set(platform.people.friends.of_all(users)[1].tolist())
    assert favoured not in late


def test_the_same_seed_plays_the_same(platform: Platform) -> None:
    again = simulate_platform(3_000, 150, 40, np.random.default_rng(5))
    for one, two in zip(platform.play(give, 15, hours=24), again.play(give, 15, hours=24), strict=True):
        assert (one.requests.person == two.requests.person).all()
        assert (one.requests.at == two.requests.at).all()


def test_people_can_be_brought_along(rng: np.random.Generator) -> None:
    people = simulate_people(500, rng)
    assert simulate_platform(people, 60, 10, rng).people is people
