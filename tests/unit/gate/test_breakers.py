"""Breakers: walks, sweeps and bursts by an app's own size; what ordinary apps do trips nothing; people undo it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ombud.gate import breakers as module
from ombud.gate.batch import Batch, decide_batch
from ombud.gate.breakers import Breakers, Trip, columns_of
from ombud.gate.budgets import Budgets
from ombud.gate.consents import ConsentTable
from ombud.gate.decide import Gate
from ombud.gate.live import LiveGate
from ombud.gate.policy import compile_policy, load_policy
from ombud.gate.request import AppStanding, ReadRequest
from ombud.gate.sketches import REGISTERS, counts, observe
from ombud.gate.tripping import finding_of
from ombud.model import clock
from ombud.records import apps, brakes, cases, findings
from ombud.records.apps import App

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ombud.records import Records

START = datetime(2014, 4, 28, tzinfo=UTC)
DAY, HOUR = 86_400, 3_600
BEFORE = load_policy("before-2015")
USERS = 300


class World:
    """One app with 300 users under the rule of before 2015, and its breakers."""

    def __init__(self, users: int = USERS, **limits: int) -> None:
        self.table = ConsentTable()
        standing = AppStanding(
            app="quiz", registered_at=START - timedelta(days=100), purposes=frozenset({"app-function"})
        )
        policy = BEFORE
        if limits:
            import msgspec  # noqa: PLC0415 - here alone

            budgets = msgspec.structs.replace(BEFORE.budgets, **limits)
            policy = msgspec.structs.replace(BEFORE, budgets=budgets)
        compiled = compile_policy(policy, [standing], self.table.scopes)
        self.gate = Gate(compiled, self.table, {}, Budgets(compiled))
        self.breakers = Breakers(self.gate, key=1)
        self.first = int(START.timestamp())
        self.users = users
        self.use(0)

    def use(self, day: int, who: Iterable[int] | None = None) -> None:
        """Say that people used the app on a day."""
        scopes = self.table.scopes.mask(BEFORE.scopes)
        for person in range(self.users) if who is None else who:
            self.table.put(0, person, scopes, self.first // DAY + day)

    def read(self, people: list[int], through: int | list[int] = -1, hour: float = 0) -> list[Trip]:
        """Let the app read people in an hour counted from the start; return what trips."""
        count = len(people)
        by = [through] * count if isinstance(through, int) else through
        fields = np.full(count, self.gate.compiled.mask(["name"]), dtype=np.uint64)
        second = np.full(count, self.first + int(hour * HOUR), dtype=np.int64)
        zero = np.zeros(count, dtype=np.int64)
        batch = Batch(zero, np.array(people), np.array(by), fields, zero + 1, second, zero)
        return self.breakers.watch(batch, decide_batch(self.gate, batch, "t-"))


def others(count: int, start: int = 10_000) -> list[int]:
    return list(range(start, start + count))


@pytest.mark.parametrize("count", [1, 10, 300, 5_000, 200_000])
def test_sketches_count_within_their_error(count: int) -> None:
    counter = np.zeros(REGISTERS, dtype=np.uint8)
    for person in range(count):
        observe(counter, person, np.uint64(7))
        observe(counter, person, np.uint64(7))
    assert counts(counter) == pytest.approx(count, rel=0.15, abs=1)
    assert counts(np.zeros((3, REGISTERS), dtype=np.uint8)).tolist() == [0, 0, 0]


def test_friends_shown_to_people_who_are_there_trip_nothing() -> None:
    world = World()
    for day in range(10):
        world.use(day)
        for person in range(world.users):
            shown = others(15, 10_000 + 40 * person + day)
            assert world.read([person, *shown], [-1] + [person] * 15, 24 * day + 12) == []


def test_reading_all_its_own_people_each_week_trips_nothing() -> None:
    world = World()
    for week in range(4):
        assert world.read(list(range(world.users)), hour=7 * 24 * week + 3) == []


def test_a_walk_over_friends_of_people_who_are_not_there() -> None:
    world = World()
    assert world.read(others(250), 5, hour=30) == []
    (trip,) = world.read(others(400), 6, hour=31)
    assert (trip.app, trip.state, trip.sign, trip.users, trip.hours) == ("quiz", "slowed", "walk", USERS, 24)
    assert 330 < trip.people < 470
    assert world.read(others(450), 7, hour=32) == []
    (trip,) = world.read(others(2_000), 8, hour=33)
    assert trip.state == "stopped"
    assert world.read(others(9_000), 9, hour=34) == []


@pytest.mark.parametrize("key", range(25))
def test_an_app_that_reads_as_many_as_it_has_users_is_not_slowed_by_a_count_that_errs(key: int) -> None:
    world = World()
    world.breakers = Breakers(world.gate, key=key)
    assert world.read(others(USERS), 5, hour=30) == []
    assert world.read(others(USERS + USERS // 2), 6, hour=31) != []


def test_being_there_takes_the_platforms_word_and_the_apps_own_look() -> None:
    world = World()
    world.use(1, [5])
    assert world.read([5], hour=24) == []
    assert world.read(others(500), 5, hour=25) == []  # there, an hour ago
    (trip,) = world.read(others(500), 5, hour=27)  # used that day, but not looked at in this hour or the one before
    assert trip.sign == "walk"
    faked = World()
    assert faked.read([5], hour=24) == []
    (trip,) = faked.read(others(500), 5, hour=24.5)  # looked at, but the platform does not say that it was used
    assert trip.sign == "walk"


def test_a_slow_walk_is_added_up_over_weeks() -> None:
    world = World()
    found = []
    for day in range(1, 28):
        found += world.read(others(25, 10_000 + 25 * day), 5, hour=24 * day)
    assert [(trip.state, trip.hours) for trip in found] == [("slowed", 672)] * len(found)
    assert 11 <= (found[0].at - world.first) // DAY <= 15
    assert len(found) > 5  # slowed again each day that it goes on


def test_a_small_walk_is_nobodys_business() -> None:
    world = World(users=5)
    assert world.read(others(150), 1, hour=30) == []
    (trip,) = world.read(others(240), 1, hour=31)
    assert trip.state == "stopped"  # 240 people, five users


def test_the_least_that_counts_goes_by_the_policys_budget() -> None:
    world = World(users=5, people_a_day=100_000)
    assert world.read(others(800), 1, hour=30) == []
    (trip,) = world.read(others(1_200), 1, hour=31)
    assert trip.sign == "walk"


def test_a_sweep_over_people_who_never_had_to_do_with_it() -> None:
    world = World()
    assert world.read(others(250), hour=1) == []
    (trip,) = world.read(others(400), hour=2)
    assert (trip.state, trip.sign) == ("slowed", "sweep")
    (trip,) = world.read(others(1_200), hour=3)
    assert trip.state == "stopped"
    assert "never had to do with it" in trip.sentence


def test_people_who_left_are_no_sweep() -> None:
    world = World()
    for person in range(world.users, 4 * world.users):
        world.table.put(0, person, 0, 0, revoked=True)
    assert world.read(list(range(world.users, 4 * world.users)), hour=1) == []


def test_bulk_in_an_unusual_hour() -> None:
    world = World(users=400)
    for hour in range(100):
        assert world.read([n % 400 for n in range(hour, hour + 20)], hour=hour) == []
    for person in range(400, 1_000):  # it has more users in the table than live ones: they come and go within the hour
        world.table.put(0, person, world.table.scopes.mask(BEFORE.scopes), world.first // DAY)
    people = list(range(1_000))
    world.breakers._users[:] = 400
    (trip,) = world.read(people, hour=100 - 1 / HOUR) or world.read(people, hour=99.99)
    assert (trip.sign, trip.state, trip.hours) == ("bulk", "slowed", 1)
    assert "usual hour" in trip.sentence


def test_slowed_for_a_day_stopped_for_good_and_released_by_a_person() -> None:
    world = World()
    trips = world.read(others(500), 5, hour=30)
    world.breakers.pull(trips)
    assert world.gate.budgets._caps
    world.read([1], hour=48)
    assert not world.gate.budgets._caps
    world.breakers.pull(world.read(others(3_000), 5, hour=49))
    assert world.gate.stopped == {"quiz"}
    world.read([1], hour=24 * 9)
    assert world.gate.stopped == {"quiz"}
    world.breakers.release("quiz")
    assert world.gate.stopped == frozenset()
    assert world.read(others(200), 5, hour=24 * 9 + 1) == []  # counted anew


def test_apps_that_come_later_are_counted_too() -> None:
    world = World()
    world.read([1], hour=1)
    standings = [AppStanding(app=name, registered_at=START) for name in ("quiz", "new")]
    world.gate.replace(compile_policy(BEFORE, standings, world.table.scopes))
    world.table.put(1, 5, world.table.scopes.mask(BEFORE.scopes), 0)
    count = 300
    batch = Batch(
        np.ones(count, dtype=np.int64), np.array(others(count)), np.full(count, 5),
        np.full(count, world.gate.compiled.mask(["name"]), dtype=np.uint64), np.zeros(count, dtype=np.int64),
        np.full(count, world.first + 2 * HOUR), np.zeros(count, dtype=np.int64),
    )  # fmt: skip
    (trip,) = world.breakers.watch(batch, decide_batch(world.gate, batch, "t-"))
    assert (trip.app, trip.users) == ("new", 1)


def test_a_finding_says_anomalous_and_no_more() -> None:
    trip = Trip("quiz", "stopped", "walk", 1_234, 10, 672, int(START.timestamp()))
    made = finding_of(trip, "Quiz")
    assert (made.says, made.subject_kind, made.subject, made.q) == ("anomalous", "app", "quiz", None)
    assert made.title == "Quiz read like a crawler: 1,234 people, 10 users."
    assert made.score == pytest.approx(123.4)
    assert "28 days" in made.reasons[0].sentence
    assert all(one.applies == "unknown" for one in made.explanations)
    assert made.id == finding_of(trip, "Another name").id
    words = repr(made).lower()
    assert not any(word in words for word in ("misuse", "inauthentic", "malicious"))


@pytest.fixture
def host(records: Records) -> Any:  # noqa: ANN401 - a gate
    with clock.frozen(START):
        with records.begin() as tx:
            apps.register(tx, App(app="quiz", developer="d", name="Quiz", registered_at=START))
        gate = LiveGate(records, BEFORE)
        gate.feed._fresh = 600.0
        gate.refresh()
        gate.grant("quiz", "user", BEFORE.scopes)
        yield gate


def walk(host: LiveGate, count: int) -> None:
    for n in range(count):
        request = ReadRequest("quiz", f"friend-{n}", ("name",), "app-function", through="user")
        host.feed.people.number(f"friend-{n}")
        host.decided(request, host.gate.decide(request))


def test_a_live_gate_stops_writes_it_down_and_lets_go_when_a_person_says_so(host: LiveGate) -> None:
    walk(host, 260)
    (trip,) = host.judge()
    assert (trip.state, trip.sign) == ("stopped", "walk")
    request = ReadRequest("quiz", "user", ("name",), "app-function")
    assert host.gate.decide(request).refused[0].reason == "stopped"
    with host.records.begin() as tx:
        (brake,) = brakes.in_force(tx)
        (kept,) = findings.listing(tx)
        case = cases.of_finding(tx, kept.id)
    assert (brake.app, brake.state, brake.finding_id) == ("quiz", "stopped", kept.id)
    assert case is not None
    assert case.kind == "app"
    other = LiveGate(host.records, BEFORE)
    other.feed._fresh = 600.0
    other.refresh()
    assert other.gate.decide(request).refused[0].reason == "stopped"
    with host.records.begin() as tx:
        brakes.release(tx, "quiz", "Mara", "A reunion of a school.")
    for gate in (host, other):
        gate.refresh()
        assert gate.gate.decide(request).outcome == "allowed"
    walk(host, 150)
    assert host.judge() == []


def test_switched_off_nothing_is_noticed(records: Records) -> None:
    with clock.frozen(START):
        gate = LiveGate(records, BEFORE, breakers=False)
        gate.refresh()
        walk(gate, 300)
        assert gate.judge() == []
        assert gate.breakers is None


def test_strangers_whom_the_gate_does_not_know_are_counted_apart(host: LiveGate) -> None:
    decided = []
    for n in range(300):
        request = ReadRequest("quiz", f"number-{n}", ("name",), "app-function")
        decided.append((request, host.gate.decide(request)))
    batch, decisions = columns_of(host.gate, decided)
    assert len(set(batch.person.tolist())) == 300
    assert set(decisions.allowed.tolist()) == {0}
    assert host.breakers is not None
    (trip,) = host.breakers.watch(batch, decisions)
    assert (trip.sign, trip.state) == ("sweep", "stopped")
    assert module.LEAST == 200
