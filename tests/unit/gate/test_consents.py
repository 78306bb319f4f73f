"""The table of consents: as a dictionary would hold them, and never a long wait."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest

from ombud.gate.consents import MOST_APPS, MOST_PEOPLE, NEVER, Consent, ConsentTable, key_of
from ombud.gate.policy.scope_bits import ScopeBits, TooManyScopesError
from ombud.gate.slots import SlotTable, find
from ombud.model.errors import InputError


def _nothing() -> dict[tuple[int, int], Consent]:
    return {}


def consent(scopes: int, used: int = 1, expires: int = NEVER, *, revoked: bool = False) -> Consent:
    return Consent(scopes, used, expires, revoked)


def test_an_empty_table_knows_nobody() -> None:
    table = ConsentTable(capacity=16)
    assert table.get(0, 0) is None
    assert not table.revoke(0, 0)
    assert not table.use(0, 0, 5)
    assert not table.remove(0, 0)
    assert not table.untick(0, 0, "x")
    assert len(table) == 0
    assert list(table.all()) == []


def test_the_smallest_and_the_largest_ids_fit() -> None:
    table = ConsentTable(capacity=16)
    for app in (0, MOST_APPS - 1):
        for person in (0, MOST_PEOPLE - 1):
            table.put(app, person, 2**64 - 1, NEVER, NEVER)
            assert table.get(app, person) == consent(2**64 - 1, NEVER)
    assert len(table) == 4


@pytest.mark.parametrize(("app", "person"), [(-1, 0), (0, -1), (MOST_APPS, 0), (0, MOST_PEOPLE)])
def test_ids_that_do_not_fit_are_refused(app: int, person: int) -> None:
    with pytest.raises(InputError):
        key_of(app, person)
    with pytest.raises(InputError):
        ConsentTable().put_many(np.array([app]), np.array([person]), *_columns(1))


@pytest.mark.parametrize(
    ("scopes", "used", "expires"), [(-1, 0, 0), (2**64, 0, 0), (0, -1, 0), (0, 0, -1), (0, 0, 2**31)]
)
def test_values_that_do_not_fit_are_refused(scopes: int, used: int, expires: int) -> None:
    with pytest.raises(InputError):
        ConsentTable().put(1, 1, scopes, used, expires)


def test_days_before_1970_are_refused_in_columns_too() -> None:
    app, person = np.zeros(2, dtype=np.int64), np.arange(2)
    scopes, days = np.ones(2, dtype=np.uint64), np.array([3, -1])
    with pytest.raises(InputError):
        ConsentTable().put_many(app, person, scopes, days)
    with pytest.raises(InputError):
        ConsentTable().put_many(app, person, scopes, np.abs(days), days)


def _columns(
    count: int,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    return np.ones(count, dtype=np.uint64), np.ones(count, dtype=np.int64)


def test_it_holds_what_a_dictionary_holds() -> None:
    chance = random.Random(7)  # noqa: S311 - a test's chance, not a secret
    table, expected = ConsentTable(ScopeBits(["a", "b", "c"]), capacity=16), _nothing()
    for _ in range(30_000):
        app, person = chance.randrange(9), chance.randrange(400)
        what = chance.random()
        there = expected.get((app, person))
        if what < 0.5:
            new = consent(chance.getrandbits(3), chance.randrange(99), chance.choice([NEVER, 50]), revoked=what < 0.05)
            table.put(app, person, new.scopes, new.last_used_day, new.expires_day, revoked=new.revoked)
            expected[app, person] = new
        elif what < 0.6:
            assert table.revoke(app, person) == (there is not None)
            if there:
                expected[app, person] = there._replace(revoked=True)
        elif what < 0.7:
            assert table.remove(app, person) == (there is not None)
            expected.pop((app, person), None)
        elif what < 0.8:
            day = chance.randrange(99)
            assert table.use(app, person, day) == (there is not None and not there.revoked)
            if there and not there.revoked:
                expected[app, person] = there._replace(last_used_day=max(there.last_used_day, day))
        elif what < 0.9:
            ticked = there is not None and bool(there.scopes & 2)
            assert table.untick(app, person, "b") == ticked
            if there and ticked:
                expected[app, person] = there._replace(scopes=there.scopes & ~2)
        assert table.get(app, person) == expected.get((app, person))
    assert {(app, person): found for app, person, found in table.all()} == expected


def test_compiled_code_finds_the_same_rows_while_the_table_grows() -> None:
    table = ConsentTable(capacity=16)
    for n in range(2_000):
        table.put(n % 7, n, n, n)
        new, old = table.table.new, table.table.old
        for m in (n, n // 2, n // 3, n + 1):
            key = np.uint64(key_of(m % 7, m))
            row, words = find(new, key), new
            if row < 0:
                row, words = find(old, key), old
            found = table.get(m % 7, m)
            assert (row >= 0) == (found is not None) == (m <= n)
            if found:
                assert int(words[row, 1]) == found.scopes == m


def test_many_at_once_are_the_same_as_one_by_one() -> None:
    rng = np.random.default_rng(3)
    app, person = rng.integers(0, 5, 4_000), rng.integers(0, 500, 4_000)
    scopes, used = rng.integers(0, 99, 4_000).astype(np.uint64), rng.integers(0, 99, 4_000)
    expires, revoked = rng.integers(0, 99, 4_000), rng.random(4_000) < 0.2
    one, many = ConsentTable(capacity=16), ConsentTable(capacity=16)
    for n in range(4_000):
        one.put(int(app[n]), int(person[n]), int(scopes[n]), int(used[n]), int(expires[n]), revoked=bool(revoked[n]))
    many.put_many(app[:1_500], person[:1_500], scopes[:1_500], used[:1_500], expires[:1_500], revoked[:1_500])
    many.put_many(app[1_500:], person[1_500:], scopes[1_500:], used[1_500:], expires[1_500:], revoked[1_500:])
    assert sorted(one.all()) == sorted(many.all())
    assert len(one) == len(many)
    many.put_many(app[:0], person[:0], scopes[:0], used[:0])
    assert len(one) == len(many)


def test_removed_rows_stay_behind_when_the_table_grows() -> None:
    table = ConsentTable(capacity=1024)
    for n in range(600):
        table.put(1, n, 1, 1)
    for n in range(500):
        table.remove(1, n)
    assert len(table) == 600
    for n in range(1_000, 1_400):
        table.put(1, n, 1, 1)
    assert len(table) == 500
    assert len(list(table.all())) == 500
    table.put(1, 3, 7, 7)
    assert table.get(1, 3) == consent(7, 7)


def test_no_insertion_moves_more_than_eight_places() -> None:
    table = ConsentTable(capacity=1 << 12)
    full = int((1 << 12) * 0.6)
    table.put_many(np.full(full, 3), np.arange(full), *_columns(full))
    size, moves = len(table.table.new), []
    for n in range(1_000):
        before = table.table.waiting
        table.put(4, n, 1, 1)
        moves.append(before - table.table.waiting if before else 0)
    assert len(table.table.new) == 2 * size
    assert table.table.waiting == 0
    assert (max(moves), sum(moves)) == (8, size - 8)  # the eight of the insertion that began it are not seen here


def test_memory_is_32_bytes_a_place_at_most_six_tenths_full() -> None:
    table = SlotTable(16)
    for n in range(10_000):
        table.write(n + 1, 0, 0, 0)
    table.reserve(0)
    assert table.nbytes == 32 * len(table.new)
    assert 0.3 <= len(table) / len(table.new) <= 0.6
    table.clear()
    assert (len(table), table.row(5)) == (0, None)


def test_readers_see_a_row_before_or_after_a_write_while_others_write() -> None:
    table, stop = ConsentTable(capacity=16), threading.Event()
    table.put(1, 1, 1, 1)

    def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            table.put(2, n, 5, 5)

    writer = threading.Thread(target=write)
    writer.start()
    seen = {table.get(1, 1) for _ in range(20_000)}
    stop.set()
    writer.join()
    assert seen == {consent(1)}
    assert len(table) > 1


def test_bits_are_kept_for_good_and_sixty_four_at_most() -> None:
    bits = ScopeBits(["a", "b"])
    assert (bits.mask(["b", "c"]), bits.names, bits.of(5)) == (6, ("a", "b", "c"), ("a", "c"))
    for n in range(61):
        bits.bit(f"s{n}")
    with pytest.raises(TooManyScopesError, match="64"):
        bits.bit("one more")


def test_a_table_trusts_its_feed_only_for_a_while() -> None:
    table = ConsentTable()
    assert table.fresh_until == float("inf")
    table.heard(0.5)
    assert 0 < table.fresh_until - time.monotonic() <= 0.5
