"""Consents, hosts, canaries, egress counts and spent tokens, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.records import canary_reads, changes, consents, egress, gate_hosts, spent_tokens
from ombud.records.consents import Commitment, Consent, Use
from ombud.records.database import open_url
from ombud.records.egress import EgressCount

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.records import Records

NOON = datetime(2014, 4, 30, 12, tzinfo=UTC)
MADE = Commitment("00" * 16, "11" * 32, 7)


def grant(tx: Connection, app: str, person: str, *scopes: str, **more: datetime) -> Consent:
    blank = Consent(app, person, sorted(scopes), clock.now(), None, None, None, 0)
    return consents.change(tx, msgspec.structs.replace(blank, **more), "granted", "person", MADE)


def test_a_consent_as_it_is_and_as_it_came_to_be(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        assert consents.get(tx, "quiz", "p") is None
        first = grant(tx, "quiz", "p", "basic", "likes")
        assert first == consents.get(tx, "quiz", "p")
        assert (first.change, first.live) == (1, True)
        less = msgspec.structs.replace(first, scopes=["basic"])
        consents.change(tx, less, "changed", "person", MADE)
        gone = msgspec.structs.replace(less, scopes=[], revoked_at=NOON)
        gone = consents.change(tx, gone, "revoked", "platform", MADE)
        assert (gone.change, gone.live) == (3, False)
        assert [(e.kind, e.scopes, e.author) for e in consents.events(tx, "p", "quiz")] == [
            ("granted", ["basic", "likes"], "person"), ("changed", ["basic"], "person"), ("revoked", [], "platform"),
        ]  # fmt: skip
        assert consents.events(tx, "p")[0].pad_seed == MADE.pad_seed
        assert consents.events(tx, "p", "other") == []
        assert changes.latest(tx).consent == 3


def test_what_changed_since(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        for n in range(5):
            grant(tx, "quiz", f"p{n}", "basic")
        grant(tx, "quiz", "p1", "basic", "likes")
        found = consents.since(tx, 2)
        assert [(c.person, c.change) for c in found] == [("p2", 3), ("p3", 4), ("p4", 5), ("p1", 6)]
        assert consents.since(tx, 2, limit=1) == found[:1]
        assert consents.since(tx, 6) == []


def test_numbers_become_visible_in_their_order(url: str) -> None:
    """A reader that has seen number n must never meet a lower one later, whoever writes at the same time."""
    done = threading.Event()
    late: list[int] = []

    def watch() -> None:
        with open_url(url) as records:
            seen: set[int] = set()
            while True:
                ended = done.is_set()
                with records.read() as tx:
                    now = {c.change for c in consents.since(tx, 0)}
                late.extend(n for n in now - seen if seen and n < max(seen))
                seen |= now
                if ended:
                    return

    def write(name: str) -> None:
        with open_url(url) as records:
            for n in range(12):
                with records.begin() as tx:
                    grant(tx, name, f"p{n}", "basic")

    threads = [threading.Thread(target=write, args=(f"app{n}",)) for n in range(3)]
    watcher = threading.Thread(target=watch)
    for thread in (watcher, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    watcher.join()
    assert late == []
    with open_url(url) as records, records.read() as tx:
        assert [c.change for c in consents.since(tx, 0)] == list(range(1, 37))


def test_use_is_noted_once_a_day(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        grant(tx, "quiz", "p", "basic")
        assert consents.use(tx, [Use("quiz", "p", NOON), Use("quiz", "stranger", NOON)]) == 1
        assert consents.use(tx, [Use("quiz", "p", NOON + timedelta(hours=11))]) == 0
        assert consents.use(tx, [Use("quiz", "p", NOON + timedelta(hours=12))]) == 1
        found = consents.get(tx, "quiz", "p")
        assert found is not None
        assert (found.last_used_at, found.change) == (NOON + timedelta(hours=12), 3)
        assert consents.use(tx, [Use("quiz", "p", NOON)]) == 0
        consents.change(tx, msgspec.structs.replace(found, revoked_at=NOON), "revoked", "person", MADE)
        assert consents.use(tx, [Use("quiz", "p", NOON + timedelta(days=9))]) == 0


def test_lists_and_counts(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        grant(tx, "quiz", "p1", "basic")
        grant(tx, "quiz", "p2", "basic", expires_at=NOON)
        grant(tx, "quiz", "p3", "basic", revoked_at=NOON)
        grant(tx, "chess", "p1", "basic")
        assert [c.app for c in consents.of_person(tx, "p1")] == ["chess", "quiz"]
        assert [c.person for c in consents.of_app(tx, "quiz", limit=2, offset=1)] == ["p2", "p3"]
        assert (consents.count(tx, "quiz"), consents.count(tx, "quiz", live=False)) == (1, 3)


def test_an_erased_person_is_first_revoked_then_gone(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        grant(tx, "quiz", "p", "basic")
        grant(tx, "chess", "p", "basic")
        kept = grant(tx, "quiz", "other", "basic")
        assert consents.forget(tx, "p") == 4  # two rows, two lines of history
        assert consents.events(tx, "p") == []
        assert consents.of_person(tx, "p") == []
        heard = [c for c in consents.since(tx, kept.change) if c.person == "p"]
        assert [(c.scopes, c.revoked_at) for c in heard] == [([], NOON)] * 2
        assert consents.sweep(tx) == 0
    with records.begin() as tx, clock.frozen(NOON + consents.FORGOTTEN_AFTER):
        assert consents.sweep(tx) == 2
        assert consents.since(tx, 0) == [kept]


def test_who_comes_back_after_being_erased_stays(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        grant(tx, "quiz", "p", "basic")
        consents.forget(tx, "p")
        back = grant(tx, "quiz", "p", "basic")
    with records.begin() as tx, clock.frozen(NOON + timedelta(days=1)):
        assert consents.sweep(tx) == 0
        assert consents.of_person(tx, "p") == [back]


def test_gates(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        with pytest.raises(NotFoundError, match="`gate-1`"):
            gate_hosts.get(tx, "gate-1")
        began = gate_hosts.start(tx, "gate-1")
        assert (began.sequence, began.flushed, began.rows) == (0, 0, 0)
        gate_hosts.beat(tx, "gate-1", 5, "hash")
        gate_hosts.beat(tx, "gate-1", 3, "hash")
        assert gate_hosts.get(tx, "gate-1").sequence == 5
        assert gate_hosts.flushed(tx, "gate-1", 4, 100)
        assert not gate_hosts.flushed(tx, "gate-1", 4, 100)
        assert not gate_hosts.flushed(tx, "gate-1", 3, 100)
        assert gate_hosts.flushed(tx, "gate-2", 9, 1)
    with records.begin() as tx, clock.frozen(NOON + timedelta(hours=1)):
        again = gate_hosts.start(tx, "gate-1")
        assert (again.started_at, again.sequence, again.flushed, again.rows) == (clock.now(), 5, 4, 100)
        assert [(h.host, h.sequence) for h in gate_hosts.every(tx)] == [("gate-1", 5), ("gate-2", 9)]


def test_canaries(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        made = canary_reads.expect(
            tx, "quiz", "test-1", ["likes", "name"], made_at=NOON, due_at=NOON + timedelta(minutes=10)
        )
        assert canary_reads.due(tx) == []
    with records.begin() as tx, clock.frozen(NOON + timedelta(minutes=10)):
        assert canary_reads.due(tx) == [made]
        canary_reads.checked(tx, {made.id: None})
        assert canary_reads.due(tx)[0].checked_at == clock.now()
        canary_reads.checked(tx, {made.id: "r1"})
        assert canary_reads.due(tx) == []
        assert [c.read for c in canary_reads.between(tx, NOON, NOON + timedelta(hours=1))] == ["r1"]
        assert canary_reads.between(tx, NOON + timedelta(hours=1), NOON + timedelta(hours=2)) == []
        with pytest.raises(InputError):
            canary_reads.expect(tx, "quiz", "test-1", [], made_at=NOON, due_at=NOON)
        with pytest.raises(InputError):
            canary_reads.expect(tx, "quiz", "t", ["a"], made_at=NOON, due_at=NOON - timedelta(seconds=1))


def test_egress(records: Records) -> None:
    one = EgressCount(host="www1", hour=NOON, app="quiz", reads=10, people=8, bytes=2**40, source="counters.csv")
    with records.begin() as tx:
        egress.count(tx, [one, msgspec.structs.replace(one, host="www2", hour=NOON + timedelta(hours=1))])
        egress.count(tx, [msgspec.structs.replace(one, reads=11)])
        assert [(c.host, c.reads) for c in egress.between(tx, NOON, NOON + timedelta(hours=2))] == [
            ("www1", 11), ("www2", 10),
        ]  # fmt: skip
        assert egress.between(tx, NOON, NOON + timedelta(hours=1))[0].bytes == 2**40
        for change in ({"reads": -1}, {"hour": NOON + timedelta(minutes=1)}):
            with pytest.raises(InputError):
                egress.count(tx, [msgspec.structs.replace(one, **change)])
        with pytest.raises(InputError, match="needs reads"):
            egress.count(tx, [EgressCount(host="w", hour=NOON, app="quiz", source="x")])


def test_tokens_are_spent_once(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        assert spent_tokens.spend(tx, "aa", NOON + timedelta(minutes=1))
        assert not spent_tokens.spend(tx, "aa", NOON + timedelta(minutes=1))
        assert spent_tokens.sweep(tx) == 0
    with records.begin() as tx, clock.frozen(NOON + timedelta(minutes=1)):
        assert spent_tokens.sweep(tx) == 1
        assert spent_tokens.spend(tx, "aa", NOON + timedelta(hours=1))
