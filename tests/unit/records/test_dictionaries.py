"""Numbers for new names: without gaps, never twice."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ombud.records import dictionaries, outbox
from ombud.records.database import open_url

if TYPE_CHECKING:
    from ombud.records import Records


def test_blocks_follow_each_other(records: Records) -> None:
    with records.begin() as tx:
        assert dictionaries.next_id(tx, "account") == 0
        assert [dictionaries.advance(tx, "account", n) for n in (5, 0, 3, 2**40)] == [0, 5, 5, 8]
        assert dictionaries.next_id(tx, "account") == 8 + 2**40
        assert dictionaries.next_id(tx, "app") == 0


def test_counters_start_where_told_and_do_not_mix(records: Records) -> None:
    with records.begin() as tx:
        assert dictionaries.reserve(tx, "case", 1, start=1) == 1
        assert dictionaries.reserve(tx, "case", 1, start=1) == 2
        assert dictionaries.advance(tx, "case", 1) == 0


def test_nothing_is_given_back(records: Records) -> None:
    with pytest.raises(ValueError, match="-1"), records.begin() as tx:
        dictionaries.advance(tx, "account", -1)


def test_threads_never_share_a_number(url: str) -> None:
    taken: list[int] = []
    with open_url(url) as records:

        def take() -> None:
            for _ in range(10):
                with records.begin() as tx:
                    first = dictionaries.advance(tx, "account", 3)
                taken.extend(range(first, first + 3))

        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(taken) == list(range(120))


def test_the_outbox_keeps_its_order_and_forgets_what_is_published(records: Records) -> None:
    with records.begin() as tx:
        first, second, third = (outbox.append(tx, "decision", {"n": n}) for n in range(3))
        assert [entry.payload["n"] for entry in outbox.pending(tx, limit=2)] == [0, 1]
        outbox.published(tx, {first: 100, third: 102})
        assert [entry.id for entry in outbox.pending(tx)] == [second]
        assert first < second < third
