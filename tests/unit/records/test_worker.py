"""The worker: runs what is due, notes what fails, and keeps its leases."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from ombud.model import clock
from ombud.model.errors import BusyError, InputError
from ombud.records import jobs, worker
from ombud.records.database import open_url
from ombud.records.tables import job as table

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.records import Records
    from ombud.records.jobs import Job
    from ombud.records.worker import Handler


def enqueued(records: Records, kind: str = "echo", **payload: Any) -> str:  # noqa: ANN401 - any JSON value
    with records.begin() as tx:
        return jobs.enqueue(tx, kind, payload).id


def state(records: Records, job_id: str) -> Job:
    with records.read() as tx:
        return jobs.get(tx, job_id)


def run_until(records: Records, handlers: dict[str, Handler], done: Callable[[], bool], **options: float) -> None:
    stop = threading.Event()
    thread = threading.Thread(
        target=worker.run, args=(records, handlers, stop), kwargs={"idle_seconds": 0.02} | options
    )
    thread.start()
    try:
        end = time.monotonic() + 20
        while not done():
            assert thread.is_alive()
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def test_jobs_are_done(records: Records) -> None:
    made = [enqueued(records, n=n) for n in range(3)]
    run_until(records, {"echo": lambda job: {"n": job.payload["n"]}}, lambda: state(records, made[-1]).state == "done")
    assert [state(records, job_id).result for job_id in made] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_without_work_nothing_happens(records: Records) -> None:
    enqueued(records, "unknown")
    assert not worker.run_one(records, {}, "one")
    assert not worker.run_one(records, {"echo": lambda _: None}, "one")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InputError("The file is gone.", hint="Bring it."), "The file is gone. Bring it."),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_a_failure_is_noted_and_the_worker_goes_on(records: Records, error: Exception, text: str) -> None:
    def fail(_: Job) -> None:
        raise error

    first = enqueued(records, "fail")
    assert worker.run_one(records, {"fail": fail}, "one")
    failed = state(records, first)
    assert (failed.state, failed.error, failed.attempts) == ("waiting", text, 1)
    assert failed.run_at > clock.now()
    second = enqueued(records)
    assert worker.run_one(records, {"fail": fail, "echo": lambda _: None}, "one")
    assert state(records, second).state == "done"


def test_a_result_that_is_no_json_is_a_failure(records: Records) -> None:
    made = enqueued(records)
    assert worker.run_one(records, {"echo": lambda _: {"a": object()}}, "one")
    assert "not JSON serializable" in str(state(records, made).error)


def test_a_long_job_keeps_its_lease(records: Records, url: str) -> None:
    made = enqueued(records)
    taken: list[Job | None] = []

    def long(_: Job) -> None:
        with open_url(url) as other:
            for _i in range(5):
                time.sleep(0.3)
                with other.begin() as tx:
                    taken.append(jobs.claim(tx, "thief", 60))

    assert worker.run_one(records, {"echo": long}, "one", lease_seconds=0.9)
    assert taken == [None] * 5
    assert state(records, made).state == "done"


def test_a_lost_lease_is_not_finished_twice(records: Records, caplog: pytest.LogCaptureFixture) -> None:
    made = enqueued(records)

    def slow(job: Job) -> dict[str, Any]:
        with records.begin() as tx:
            tx.execute(update(table).where(table.c.id == job.id).values(leased_until=clock.now()))
            assert jobs.claim(tx, "two", 60) is not None
        return {"by": "one"}

    assert worker.run_one(records, {"echo": slow}, "one")
    after = state(records, made)
    assert (after.state, after.leased_by, after.result) == ("running", "two", None)
    assert "somebody else has it" in caplog.text


def test_the_worker_waits_for_records_that_are_away(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    made = enqueued(records)
    real, calls = jobs.claim, []

    def away(*arguments: Any, **options: Any) -> Job | None:  # noqa: ANN401 - passed on
        calls.append(1)
        if len(calls) < 3:
            raise BusyError
        return real(*arguments, **options)

    monkeypatch.setattr(jobs, "claim", away)
    run_until(records, {"echo": lambda _: None}, lambda: state(records, made).state == "done")
    assert len(calls) >= 3
