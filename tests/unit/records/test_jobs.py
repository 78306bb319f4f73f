"""Jobs: taken by one worker at a time, tried again, never lost, never twice under one key."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ombud.model import clock
from ombud.model.errors import NotFoundError
from ombud.records import jobs
from ombud.records.database import open_url

if TYPE_CHECKING:
    from ombud.records import Records

NOON = datetime(2016, 11, 8, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_job_is_taken_once(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        made = jobs.enqueue(tx, "compact", {"table": "posts"})
        taken = jobs.claim(tx, "one", 60)
        assert jobs.claim(tx, "two", 60) is None
        assert taken is not None
        assert (taken.id, taken.state, taken.attempts, taken.leased_by) == (made.id, "running", 1, "one")
        assert taken.leased_until == at(60)
        assert jobs.finish(tx, taken, {"files": 3})
        done = jobs.get(tx, made.id)
        assert jobs.claim(tx, "two", 60) is None
    assert (done.state, done.result, done.finished_at, done.leased_by) == ("done", {"files": 3}, NOON, None)


def test_the_one_that_waited_longest_comes_first_and_none_too_early(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        later = jobs.enqueue(tx, "a", {}, run_at=at(10))
        second = jobs.enqueue(tx, "a", {})
        first = jobs.enqueue(tx, "b", {}, run_at=at(-5))
        taken = [jobs.claim(tx, "one", 600) for _ in range(3)]
        assert [job and job.id for job in taken] == [first.id, second.id, None]
        with clock.frozen(at(10)):
            last = jobs.claim(tx, "one", 600)
        assert last is not None
        assert last.id == later.id


def test_a_worker_takes_only_what_it_knows(records: Records) -> None:
    with records.begin() as tx:
        jobs.enqueue(tx, "erase", {})
        assert jobs.claim(tx, "one", 60, kinds=["compact"]) is None
        assert jobs.claim(tx, "one", 60, kinds=[]) is None
        assert jobs.claim(tx, "one", 60, kinds=["compact", "erase"]) is not None


def test_a_lapsed_lease_is_taken_over(records: Records) -> None:
    with records.begin() as tx:
        with clock.frozen(NOON):
            jobs.enqueue(tx, "compact", {})
            first = jobs.claim(tx, "one", 60)
        assert first is not None
        with clock.frozen(at(59.999999)):
            assert jobs.claim(tx, "two", 60) is None
        with clock.frozen(at(60)):
            second = jobs.claim(tx, "two", 60)
            assert second is not None
            assert (second.id, second.attempts, second.leased_by) == (first.id, 2, "two")
            assert not jobs.heartbeat(tx, first, 60)
            assert not jobs.finish(tx, first)
            assert not jobs.fail(tx, first, "too late")
            assert jobs.finish(tx, second)


def test_the_same_worker_cannot_use_an_older_lease(records: Records) -> None:
    with records.begin() as tx:
        with clock.frozen(NOON):
            jobs.enqueue(tx, "compact", {})
            first = jobs.claim(tx, "one", 1)
        with clock.frozen(at(1)):
            second = jobs.claim(tx, "one", 60)
            assert first is not None
            assert second is not None
            assert not jobs.finish(tx, first)
            assert jobs.finish(tx, second)


def test_a_heartbeat_keeps_the_lease(records: Records) -> None:
    with records.begin() as tx:
        with clock.frozen(NOON):
            jobs.enqueue(tx, "compact", {})
            job = jobs.claim(tx, "one", 60)
        assert job is not None
        with clock.frozen(at(50)):
            assert jobs.heartbeat(tx, job, 60)
        with clock.frozen(at(100)):
            assert jobs.claim(tx, "two", 60) is None
            assert jobs.finish(tx, job)


def test_a_failure_is_tried_again_later_and_later(records: Records) -> None:
    waits = []
    moment = NOON
    with records.begin() as tx:
        with clock.frozen(NOON):
            made = jobs.enqueue(tx, "deliver", {}, max_attempts=4)
        for _ in range(4):
            with clock.frozen(moment):
                job = jobs.claim(tx, "one", 60)
                assert job is not None
                assert jobs.fail(tx, job, "no answer\0")
                after = jobs.get(tx, made.id)
            waits.append((after.run_at - moment).total_seconds())
            moment = max(after.run_at, moment)
        with clock.frozen(moment + timedelta(days=1)):
            assert jobs.claim(tx, "one", 60) is None
    assert waits[:3] == [2, 4, 8]
    assert (after.state, after.attempts, after.error) == ("failed", 4, "no answer")


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 2), (1, 2), (2, 4), (11, 2048), (12, 3600), (10_000, 3600)])
def test_backoff(attempts: int, seconds: int) -> None:
    assert jobs.backoff(attempts) == timedelta(seconds=seconds)


def test_a_job_that_kills_its_process_is_given_up(records: Records) -> None:
    with records.begin() as tx:
        with clock.frozen(NOON):
            made = jobs.enqueue(tx, "compact", {}, max_attempts=2)
            assert jobs.claim(tx, "one", 10)
        with clock.frozen(at(10)):
            assert jobs.claim(tx, "two", 10)
        with clock.frozen(at(20)):
            assert jobs.claim(tx, "three", 10) is None
        given_up = jobs.get(tx, made.id)
    assert (given_up.state, given_up.error) == ("failed", "The process that ran it died each time.")


def test_asked_twice_done_once(records: Records) -> None:
    with records.begin() as tx:
        first = jobs.enqueue(tx, "report", {"day": 1}, key="report/2016-11-08")
        assert jobs.enqueue(tx, "report", {"day": 2}, key="report/2016-11-08") == first
        taken = jobs.claim(tx, "one", 60)
        assert taken is not None
        assert jobs.finish(tx, taken)
        assert jobs.enqueue(tx, "report", {}, key="report/2016-11-08").state == "done"
        assert jobs.enqueue(tx, "report", {}).id != jobs.enqueue(tx, "report", {}).id
        assert (jobs.count(tx), jobs.count(tx, state="waiting")) == (3, 2)


def test_listing(records: Records) -> None:
    with records.begin() as tx:
        for n in range(3):
            with clock.frozen(at(n)):
                jobs.enqueue(tx, f"kind {n}", {})
        assert [job.kind for job in jobs.listing(tx, limit=2)] == ["kind 2", "kind 1"]
        assert [job.kind for job in jobs.listing(tx, state="waiting", offset=2)] == ["kind 0"]
        assert jobs.listing(tx, state="done") == []
        with pytest.raises(NotFoundError, match="job_x"):
            jobs.get(tx, "job_x")


def test_many_workers_take_each_job_once(url: str) -> None:
    taken: list[str] = []
    with open_url(url) as records:
        with records.begin() as tx:
            for _ in range(20):
                jobs.enqueue(tx, "compact", {})

        def work(name: str) -> None:
            while True:
                with records.begin() as tx:
                    job = jobs.claim(tx, name, 60)
                if job is None:
                    return
                taken.append(job.id)

        threads = [threading.Thread(target=work, args=(f"worker {n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(taken) == len(set(taken)) == 20
