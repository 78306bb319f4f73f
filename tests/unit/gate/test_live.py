"""A living gate follows the records: consents, apps, policies and brakes of any host, and refuses when it cannot."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ombud.gate import breakers, consent, feed, live, registry
from ombud.gate.breakers import slowed_limits
from ombud.gate.feed import ConsentFeed, Poll
from ombud.gate.live import LiveGate
from ombud.gate.policy import Policy, load_policy
from ombud.gate.request import Decision, ReadRequest
from ombud.model import clock
from ombud.model.errors import BusyError, NotFoundError, StorageError
from ombud.records import apps, brakes, consents, gate_hosts, migrate, reviews
from ombud.records.apps import App
from ombud.records.database import Records, open_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = datetime(2018, 6, 1, 12, tzinfo=UTC)
LOCKED = load_policy("locked-down")


def quiz(name: str = "quiz") -> App:
    return App(
        app=name, developer="d", name=name, purposes=["app-function", "sign-in"], registered_at=NOON, status="live"
    )


def ask(gate: LiveGate, person: str = "p", app: str = "quiz", *fields: str, **more: Any) -> Decision:  # noqa: ANN401 - as ReadRequest
    given = {"purpose": "sign-in"} | more
    return gate.gate.decide(ReadRequest(app=app, person=person, fields=fields or ("email",), **given))


def why(decision: Decision) -> str | None:
    return decision.refused[0].reason if decision.refused else None


def patient(records: Records) -> LiveGate:
    """Return a gate that may take its time: the machine compiles something, or does something else."""
    gate = LiveGate(records)
    gate.feed._fresh = 60.0
    return gate


@pytest.fixture
def host(records: Records) -> Iterator[LiveGate]:
    with clock.frozen(NOON):
        with records.begin() as tx:
            apps.register(tx, quiz())
        with patient(records) as gate:
            gate.refresh()
            yield gate


@pytest.fixture
def other(host: LiveGate) -> LiveGate:
    """Return a gate of another host."""
    gate = patient(host.records)
    gate.refresh()
    return gate


def test_before_it_hears_anything_it_refuses(records: Records) -> None:
    gate = patient(records)
    assert why(ask(gate)) == "stale"
    gate.refresh()
    assert why(ask(gate)) == "unknown-app"


def test_given_and_taken_back_counts_for_this_hosts_next_decision(host: LiveGate) -> None:
    assert why(ask(host)) == "no-consent"
    host.grant("quiz", "p", ["email"])
    assert ask(host).outcome == "allowed"
    host.untick("quiz", "p", "email")
    assert why(ask(host)) == "not-granted"
    host.grant("quiz", "p", ["email"])
    assert ask(host).outcome == "allowed"
    host.revoke("quiz", "p")
    assert why(ask(host)) == "consent-revoked"
    host.grant("quiz", "p", ["email"])
    assert ask(host).outcome == "allowed"


def test_other_hosts_hear_of_it_at_their_next_look(host: LiveGate, other: LiveGate) -> None:
    host.grant("quiz", "p", ["email"])
    assert why(ask(other)) == "no-consent"
    other.refresh()
    assert ask(other).outcome == "allowed"
    host.revoke("quiz", "p")
    other.refresh()
    assert why(ask(other)) == "consent-revoked"
    assert other.feed.refresh() == 0


def test_a_second_without_word_and_it_refuses(host: LiveGate, monkeypatch: pytest.MonkeyPatch) -> None:
    host.grant("quiz", "p", ["email"])
    ask(host)
    host.feed._fresh = feed.FRESH
    host.refresh()
    heard = time.monotonic()
    host.gate.monotonic = lambda: heard + 0.9
    assert ask(host).outcome == "allowed"
    host.gate.monotonic = lambda: heard + 1.01
    assert why(ask(host)) == "stale"

    def gone(*_: object) -> None:
        raise StorageError("The database is gone.")

    with monkeypatch.context() as patch:
        patch.setattr(Records, "read", gone)
        with pytest.raises(StorageError):
            host.refresh()
        assert why(ask(host)) == "stale"
    host.refresh()
    host.gate.monotonic = time.monotonic
    assert ask(host).outcome == "allowed"


def test_what_was_read_slowly_is_as_old_as_when_the_reading_began(
    host: LiveGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ConsentFeed._follow

    def slow(self: ConsentFeed) -> int:
        count = real(self)
        time.sleep(0.2)
        return count

    monkeypatch.setattr(ConsentFeed, "_follow", slow)
    host.feed._fresh = feed.FRESH
    began = time.monotonic()
    host.feed.refresh()
    assert host.feed.table.fresh_until < began + 1.0 + 0.1
    assert host.feed.age >= 0.2


def test_apps_reviews_and_policies_are_followed(host: LiveGate) -> None:
    host.grant("quiz", "p", ["email"])
    fields = ("email", "likes")
    assert why(ask(host, "p", "quiz", *fields, purpose="app-function")) == "not-granted"
    with host.records.begin() as tx:
        reviews.approve(tx, "quiz", "user_likes", "Mara", "x")
    host.grant("quiz", "p", ["email", "user_likes"])
    host.refresh()
    assert ask(host, "p", "quiz", *fields, purpose="app-function").outcome == "allowed"
    with host.records.begin() as tx:
        reviews.withdraw(tx, "quiz", "user_likes", "Mara", "x")
    host.refresh()
    decision = ask(host, "p", "quiz", *fields, purpose="app-function")
    assert (decision.allowed, why(decision)) == (("email",), "not-reviewed")
    with host.records.begin() as tx:
        registry.activate(tx, load_policy("before-2015"), "Mara", "As it was.")
    host.refresh()
    assert host.policy.name == "before-2015"
    assert ask(host, "p", "quiz", *fields, purpose="app-function").policy == host.policy.hash
    assert ask(host, "p", "quiz", *fields, purpose="app-function").outcome == "allowed"
    for status, reason in [("suspended", "app-suspended"), ("banned", "app-banned")]:
        with host.records.begin() as tx:
            apps.set_status(tx, "quiz", status, None, "x")
        host.refresh()
        assert why(ask(host)) == reason


def test_what_runs_out_by_itself_is_looked_at_each_minute(host: LiveGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "RULES_AGE", 0.0)
    host.grant("quiz", "p", ["email"])
    with host.records.begin() as tx:
        brakes.pull(tx, "quiz", "stopped", "x", until=NOON + timedelta(hours=1))
    host.refresh()
    assert why(ask(host)) == "stopped"
    with clock.frozen(NOON + timedelta(hours=1)):
        host.refresh()
        assert ask(host).outcome == "allowed"


def test_brakes(host: LiveGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakers, "SLOWED_LEAST", 2)
    for n in range(5):
        host.grant("quiz", f"p{n}", ["email"])
    with host.records.begin() as tx:
        brakes.pull(tx, "quiz", "slowed", "x")
    host.refresh()
    assert [ask(host, f"p{n}").outcome for n in range(4)] == ["allowed", "allowed", "refused", "refused"]
    assert why(ask(host, "p4")) == "slowed"
    with host.records.begin() as tx:
        brakes.release(tx, "quiz", "Mara", "x")
    host.refresh()
    assert ask(host, "p4").outcome == "allowed"
    assert slowed_limits(1000).people_an_hour == 100
    assert slowed_limits(3).people_an_hour == 2


def test_use_and_activity_are_noted(host: LiveGate) -> None:
    host.grant("quiz", "p", ["email"])
    with clock.frozen(NOON + timedelta(days=89)):
        host.used("quiz", "p")
        host.used("quiz", "p")
        host.used("quiz", "stranger")
        with pytest.raises(NotFoundError, match="No app `nothing` is registered"):
            host.used("nothing", "p")
        host.called("quiz")
        host.note()
        with host.records.read() as tx:
            found = consents.get(tx, "quiz", "p")
            assert found is not None
            assert found.last_used_at == clock.now()
            assert apps.get(tx, "quiz").last_active_at == clock.now()
    with clock.frozen(NOON + timedelta(days=120)):
        host._read_at = float("-inf")
        host.refresh()
        assert ask(host).outcome == "allowed"
    with clock.frozen(NOON + timedelta(days=200)):
        host.refresh()
        assert why(ask(host)) == "app-idle"


def test_notes_are_kept_when_the_records_refuse(host: LiveGate, monkeypatch: pytest.MonkeyPatch) -> None:
    host.grant("quiz", "p", ["email"])
    tomorrow = NOON + timedelta(days=1)

    def gone(*_: object) -> None:
        raise StorageError("The database is gone.")

    with clock.frozen(tomorrow):
        host.used("quiz", "p")
        with monkeypatch.context() as patch:
            patch.setattr(Records, "begin", gone)
            with pytest.raises(StorageError):
                host.note()
        host.note()
    with host.records.read() as tx:
        assert consents.get(tx, "quiz", "p").last_used_at == tomorrow  # type: ignore[union-attr]  # there is one


def test_after_a_long_silence_everything_is_read_again(host: LiveGate, other: LiveGate) -> None:
    host.grant("quiz", "p", ["email"])
    host.grant("quiz", "q", ["email"])
    other.refresh()
    with host.records.begin() as tx:
        consents.forget(tx, "p")
    with clock.frozen(NOON + timedelta(minutes=2)), host.records.begin() as tx:
        assert consents.sweep(tx) == 1
    other.refresh()
    assert ask(other).outcome == "allowed"  # what it could not hear of in time
    other.feed._heard -= feed.FORGIVEN
    other.refresh()
    assert why(ask(other)) == "no-consent"
    assert ask(other, "q").outcome == "allowed"


def test_erasing_is_heard_in_time(host: LiveGate, other: LiveGate) -> None:
    host.grant("quiz", "p", ["email"])
    other.refresh()
    with host.records.begin() as tx:
        consents.forget(tx, "p")
    other.refresh()
    assert why(ask(other)) == "consent-revoked"


def test_large_tables_are_read_in_pages(host: LiveGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_PAGE", 3)
    for n in range(10):
        host.grant("quiz", f"p{n}", ["email"])
    other = patient(host.records)
    other.refresh()
    assert [ask(other, f"p{n}").outcome for n in range(10)] == ["allowed"] * 10
    for n in range(7):
        host.revoke("quiz", f"p{n}")
    assert other.feed.refresh() == 7


def test_waiting_to_note_holds_up_nothing(host: LiveGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else writes to the database for long: the gate goes on hearing of consents."""
    gate = patient(host.records)
    noting, free, heard = threading.Event(), threading.Event(), threading.Semaphore(0)
    refresh = gate.refresh

    def note() -> None:
        noting.set()
        free.wait(30)

    def follow() -> None:
        refresh()
        heard.release()

    monkeypatch.setattr(live, "NOTE_EVERY", 0.0)
    monkeypatch.setattr(gate, "note", note)
    monkeypatch.setattr(gate, "refresh", follow)
    gate.start()
    try:
        assert noting.wait(30)
        assert all(heard.acquire(timeout=20) for _ in range(4))
        assert not free.is_set()
    finally:
        free.set()
        gate.close()


def test_a_database_that_was_replaced_is_not_believed(tmp_path: Path) -> None:
    url, there = f"sqlite:///{tmp_path / 'records.sqlite'}", tmp_path / "records.sqlite"
    migrate(url)
    with open_url(url) as records:
        gate = LiveGate(records)
        gate.refresh()
        there.rename(tmp_path / "old.sqlite")
        with pytest.raises(StorageError, match="moved or replaced"):
            gate.refresh()
        migrate(url)
        with pytest.raises(StorageError, match="moved or replaced"):
            gate.refresh()
        (tmp_path / "old.sqlite").replace(there)
        gate.refresh()


def test_it_says_that_it_lives(host: LiveGate) -> None:
    gate = LiveGate(host.records)
    gate.start("gate-1.ab", lambda: 7)
    gate.note()
    gate.close()
    with host.records.read() as tx:
        (found,) = gate_hosts.every(tx)
    assert (found.host, found.sequence, found.policy) == ("gate-1.ab", 7, LOCKED.hash)


def test_a_poll_goes_on_after_errors(caplog: pytest.LogCaptureFixture) -> None:
    calls = threading.Semaphore(0)
    count = [0]

    def call() -> None:
        count[0] += 1
        calls.release()
        if count[0] in {2, 3}:
            raise StorageError("The database is gone.")

    poll = Poll(call, 0.001)
    poll.start()
    for _ in range(6):
        assert calls.acquire(timeout=5)
    poll.stop()
    assert [record.getMessage() for record in caplog.records] == [
        "The gate does not hear from the records: The database is gone."
    ]


class Consents(RuleBasedStateMachine):
    """Two hosts, three people, two apps: both decide as a dictionary of what was said last would."""

    folder: Path

    @initialize()
    def begin(self) -> None:
        self.folder.mkdir(exist_ok=True)
        file = self.folder / f"{time.monotonic_ns()}.sqlite"
        migrate(f"sqlite:///{file}")
        self.records = open_url(f"sqlite:///{file}")
        self.now = NOON
        with self.records.begin() as tx, clock.frozen(self.now):
            for name in ("quiz", "chess"):
                apps.register(tx, quiz(name))
        self.here, self.there = patient(self.records), patient(self.records)
        self.said: dict[tuple[str, str], tuple[set[str], datetime]] = {}
        self.unused: int | None = 90

    pairs = st.tuples(st.sampled_from(["quiz", "chess"]), st.sampled_from(["a", "b", "c"]))

    @rule(pair=pairs, scopes=st.sets(st.sampled_from(["email", "user_friends"])))
    def grant(self, pair: tuple[str, str], scopes: set[str]) -> None:
        with clock.frozen(self.now):
            self.here.refresh()
            self.here.grant(*pair, scopes)
        self.said[pair] = (scopes, self.now)

    @rule(pair=pairs)
    def revoke(self, pair: tuple[str, str]) -> None:
        with clock.frozen(self.now):
            if pair in self.said:
                self.here.revoke(*pair)
        self.said.pop(pair, None)

    @rule(pair=pairs, scope=st.sampled_from(["email", "user_friends"]))
    def untick(self, pair: tuple[str, str], scope: str) -> None:
        if pair in self.said:
            with clock.frozen(self.now), self.records.begin() as tx:
                consent.untick(tx, LOCKED, *pair, scope)
            self.said[pair][0].discard(scope)

    @rule(pair=pairs)
    def use(self, pair: tuple[str, str]) -> None:
        with clock.frozen(self.now):
            self.here.refresh()
            self.here.used(*pair)
            self.here.note()
        if pair in self.said:
            self.said[pair] = (self.said[pair][0], self.now)

    @rule(days=st.integers(1, 60))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)
        with clock.frozen(self.now), self.records.begin() as tx:
            apps.active(tx, {"quiz": self.now, "chess": self.now})

    @rule(days=st.sampled_from([None, 30, 90]))
    def change_policy(self, days: int | None) -> None:
        document = LOCKED.document | {"expiry": {"unused-days": days, "idle-app-days": None, "consent-days": None}}
        del document["ombud-policy"]
        with clock.frozen(self.now), self.records.begin() as tx:
            registry.activate(tx, msgspec.convert(document, Policy), "Mara", "x")
        self.unused = days

    @rule()
    def decide(self) -> None:
        with clock.frozen(self.now):
            for gate in (self.here, self.there):
                gate._read_at = float("-inf")
                gate.refresh()
                for app in ("quiz", "chess"):
                    for person in ("a", "b", "c"):
                        self.check(gate, app, person)

    def check(self, gate: LiveGate, app: str, person: str) -> None:
        said = self.said.get((app, person))
        allowed = said is not None and "email" in said[0]
        if said is not None and self.unused is not None and (self.now - said[1]).days > self.unused:
            allowed = False
        assert (ask(gate, person, app).outcome == "allowed") is allowed, (app, person, said, self.now)

    def teardown(self) -> None:
        if hasattr(self, "records"):
            self.records.close()


def test_two_hosts_agree_with_what_was_said_last(tmp_path: Path) -> None:
    Consents.folder = tmp_path / "machines"
    case = Consents.TestCase
    case.settings = settings(max_examples=8, stateful_step_count=15, deadline=None)
    case().runTest()


def test_a_friend_who_never_consented_is_read_by_the_rules_of_2014_and_counted_once(host: LiveGate) -> None:
    with host.records.begin() as tx:
        registry.activate(tx, load_policy("before-2015"), "staff", "a replay")
        consent.grant(tx, load_policy("before-2015"), "quiz", "p", ["public_profile", "friends_birthday"])
    host.refresh()
    known = len(host.feed.people)
    for _ in range(2):
        friend = ask(host, "friend", "quiz", "birthday", through="p", purpose="app-function")
        assert friend.allowed == ("birthday",)
    assert len(host.feed.people) == known + 1
    assert why(ask(host, "stranger", "quiz", "birthday", through="nobody", purpose="app-function")) is not None
    assert len(host.feed.people) == known + 1  # what apps make up takes no memory
    assert why(ask(host, "friend", "quiz", "birthday", purpose="app-function")) == "no-consent"


def test_by_the_rules_of_2018_a_friend_outside_the_app_is_not_read(host: LiveGate) -> None:
    host.grant("quiz", "p", ["public_profile", "user_friends"])
    assert why(ask(host, "friend", "quiz", "name", through="p")) == "friend-not-in-app"


def test_what_a_breaker_did_is_written_down_when_the_records_are_busy_no_more(
    host: LiveGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    trip = breakers.Trip("quiz", "stopped", "walk", 900, 100, 24, int(NOON.timestamp()))

    def busy(*_: object) -> None:
        raise BusyError

    with monkeypatch.context() as patch:
        patch.setattr(live, "write_down", busy)
        assert host.trip([trip]) == [trip]
    with host.records.read() as tx:
        assert brakes.in_force(tx) == []
    assert why(ask(host)) == "stopped"
    assert host.judge() == []
    with host.records.read() as tx:
        (brake,) = brakes.in_force(tx)
    assert (brake.app, brake.state) == ("quiz", "stopped")
    assert host.judge() == []  # once
    with host.records.read() as tx:
        assert len(brakes.in_force(tx)) == 1
