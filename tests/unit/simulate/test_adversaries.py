"""Adversaries react to what they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.simulate import Aim, Answers, Plan, Requests, Turn, crawl, friend_walk, join, sweep
from ombud.simulate.requests import NOBODY
from ombud.simulate.traffic import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

ALL, LEAST = 0b111, 0b001
AIM = Aim(ALL, LEAST, 2, 100.0)


def plan(people: int = 1_000, apps: tuple[int, ...] = (7,), **rest: tuple[int, int] | int) -> Plan:
    """Return a plan that can reach each person by each of the apps."""
    person = np.tile(np.arange(people, dtype=np.int32), len(apps))
    return Plan(
        np.repeat(np.array(apps, dtype=np.int32), people),
        person,
        np.full(len(person), NOBODY, dtype=np.int32),
        AIM,
        **rest,  # type: ignore[arg-type]
    )


def give(requests: Requests) -> Answers:
    return Answers(requests.fields, np.zeros(len(requests), dtype=bool))


def refused(requests: Requests) -> Answers:
    return Answers(np.zeros(len(requests), dtype=np.uint64), np.zeros(len(requests), dtype=bool))


def slowed(requests: Requests) -> Answers:
    return Answers(np.zeros(len(requests), dtype=np.uint64), np.ones(len(requests), dtype=bool))


def turns(
    plan: Plan, answer: Callable[[Requests], Answers], count: int, hours: int = 1, seed: int = 1
) -> list[Requests]:
    """Return what an adversary asks in so many turns."""
    adversary = crawl(plan, np.random.default_rng(seed))
    assert len(next(adversary)) == 0
    answers: Answers | None = None
    out = []
    for turn in range(count):
        requests = adversary.send(Turn(turn * hours * HOUR, (turn + 1) * hours * HOUR, answers))
        answers = answer(requests)
        out.append(requests)
    return out


def test_given_everything_it_reads_all_once_and_faster_each_time() -> None:
    asked = turns(plan(), give, 30)
    sizes = [len(requests) for requests in asked]
    assert sizes[0] in {100, 101}
    assert sizes[1] > sizes[0]
    assert max(sizes) <= 301
    people = np.concatenate([requests.person for requests in asked])
    assert sorted(people.tolist()) == list(range(1_000))
    assert sizes[-1] == 0


def test_its_requests_lie_within_the_turn_in_order() -> None:
    for turn, requests in enumerate(turns(plan(), give, 5)):
        assert (np.diff(requests.at) >= 0).all()
        assert ((requests.at >= turn * HOUR) & (requests.at < (turn + 1) * HOUR)).all()
        assert (requests.app == 7).all()
        assert (requests.purpose == 2).all()


def test_told_to_come_later_it_slows_down_pauses_and_comes_back_for_the_same_people() -> None:
    asked = turns(plan(), slowed, 6)
    sizes = [len(requests) for requests in asked]
    assert sizes[1] == sizes[3] == 0
    assert sizes[0] > sizes[2] > sizes[4]
    assert sizes[2] in {50, 51}
    assert set(asked[2].person.tolist()) <= set(asked[0].person.tolist())


def test_it_never_gives_up_speed_altogether() -> None:
    assert all(len(requests) in {0, 1, 2} for requests in turns(plan(patience=500), slowed, 60)[30:])


def test_refused_everything_it_asks_for_less_of_the_same_people() -> None:
    asked = turns(plan(), refused, 3)
    assert (asked[0].fields == ALL).all()
    assert (asked[1].fields == LEAST).all()
    assert set(asked[0].person.tolist()) <= set(asked[1].person.tolist())
    assert not set(asked[2].person.tolist()) & set(asked[1].person.tolist())


def test_what_opens_for_less_is_taken() -> None:
    def only_least(requests: Requests) -> Answers:
        least = np.where(requests.fields == LEAST, requests.fields, np.uint64(0))
        return Answers(least, np.zeros(len(requests), dtype=bool))

    asked = turns(plan(), only_least, 30)
    had = np.concatenate([requests.person[requests.fields == LEAST] for requests in asked])
    assert sorted(had.tolist()) == list(range(1_000))


def test_refused_by_one_app_it_goes_on_with_the_next_and_reads_them_by_it() -> None:
    def without_seven(requests: Requests) -> Answers:
        allowed = np.where(requests.app == 7, np.uint64(0), requests.fields)
        return Answers(allowed, np.zeros(len(requests), dtype=bool))

    asked = turns(plan(apps=(7, 8)), without_seven, 40)
    by_eight = np.concatenate([requests.person[requests.app == 8] for requests in asked])
    assert sorted(by_eight.tolist()) == list(range(1_000))
    last_of_seven = max(turn for turn, requests in enumerate(asked) if (requests.app == 7).any())
    first_of_eight = min(turn for turn, requests in enumerate(asked) if (requests.app == 8).any())
    assert last_of_seven < first_of_eight


def test_all_apps_refused_it_tries_on_with_the_last_until_its_patience_ends() -> None:
    asked = turns(plan(people=100_000, apps=(7, 8), patience=10), refused, 30)
    active = [turn for turn, requests in enumerate(asked) if len(requests)]
    assert active == list(range(11))
    assert set(asked[5].app.tolist()) == {8}


def test_who_was_had_by_one_app_is_not_read_by_the_other() -> None:
    asked = turns(plan(apps=(7, 8)), give, 40)
    people = np.concatenate([requests.person for requests in asked])
    assert sorted(people.tolist()) == list(range(1_000))


def test_it_acts_only_in_its_hours() -> None:
    asked = turns(plan(people=100_000, hours=(1, 5)), give, 2, hours=24)
    for requests in asked:
        hours = requests.at % DAY // HOUR
        assert set(hours.tolist()) == {1, 2, 3, 4}
    assert len(asked[0]) in {400, 401}


def test_the_same_seed_asks_the_same() -> None:
    one, two, other = (turns(plan(), give, 5, seed=seed) for seed in (1, 1, 2))
    assert all((a.at == b.at).all() for a, b in zip(one, two, strict=True))
    assert any(len(a) != len(b) or (a.at != b.at).any() for a, b in zip(one, other, strict=True))


def test_a_plan_without_anybody_asks_nothing() -> None:
    assert all(len(requests) == 0 for requests in turns(plan(people=0), give, 3))


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1), st.sampled_from([1, 6]))
def test_whatever_it_is_answered_it_keeps_to_its_plan(seed: int, gives: float, slows: float, hours: int) -> None:
    """Random answers: nobody whom it had is asked for again, nobody twice in a turn, and never faster than it may."""
    rng = np.random.default_rng(seed)
    two = plan(people=300, apps=(7, 8), patience=20)
    had: set[int] = set()

    def answer(requests: Requests) -> Answers:
        given_now = rng.random(len(requests)) < gives
        later = ~given_now & (rng.random(len(requests)) < slows)
        people = requests.person.tolist()
        assert len(set(people)) == len(people)
        assert not had & set(people)
        assert len(people) <= 3 * AIM.speed * hours + 1
        assert set(requests.app.tolist()) <= {7, 8}
        assert set(requests.fields.tolist()) <= {ALL, LEAST}
        had.update(requests.person[given_now].tolist())
        return Answers(np.where(given_now, requests.fields, np.uint64(0)), later)

    turns(two, answer, 40, hours, seed)


class TestPlans:
    friends = join(6, [(np.array([0, 0, 1, 2, 4]), np.array([1, 2, 2, 3, 5]))])

    def test_a_walk_goes_to_every_friend_through_each_whose_friend_they_are(self) -> None:
        people = np.array([0, 1], dtype=np.int32)
        walk = friend_walk(self.friends, [(7, people)], AIM)
        ways = list(zip(walk.through.tolist(), walk.person.tolist(), strict=True))
        assert ways == [(0, 1), (0, 2), (1, 0), (1, 2)]
        assert walk.app.tolist() == [7] * 4

    def test_many_apps_share_a_mixed_walk(self, rng: np.random.Generator) -> None:
        people = [(app, np.array([app], dtype=np.int32)) for app in range(6)]
        mixed = friend_walk(self.friends, people, AIM, mixed=rng)
        straight = friend_walk(self.friends, people, AIM)
        rows = [
            sorted(zip(p.app.tolist(), p.through.tolist(), p.person.tolist(), strict=True)) for p in (mixed, straight)
        ]
        assert rows[0] == rows[1]
        assert mixed.app.tolist() != straight.app.tolist()

    def test_an_app_without_people_has_no_way(self) -> None:
        assert len(friend_walk(self.friends, [(7, np.zeros(0, dtype=np.int32))], AIM)) == 0

    @pytest.mark.parametrize("start", [0, 4])
    def test_a_sweep_takes_everybody_by_number_at_night_with_no_consent(self, start: int) -> None:
        swept = sweep(6, 3, AIM, start=start)
        assert swept.person.tolist() == [(start + n) % 6 for n in range(6)]
        assert (swept.through == NOBODY).all()
        assert swept.hours == (1, 5)
