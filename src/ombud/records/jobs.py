"""Work for the background: a table with leases, so that no job is lost when its process dies."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import and_, delete, func, or_, select, update

from ombud.model import clock
from ombud.model.errors import NotFoundError
from ombud.model.ids import random_id
from ombud.records.tables import job
from ombud.records.upsert import insert_new

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

__all__ = ["Job", "backoff", "claim", "count", "enqueue", "fail", "finish", "forget", "get", "heartbeat", "listing"]

State = Literal["waiting", "running", "done", "failed"]
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=2), timedelta(hours=1)


class Job(msgspec.Struct, frozen=True):
    """One piece of work: waiting, running under a lease, done, or failed for good."""

    id: str
    kind: str
    payload: dict[str, Any]
    key: str | None
    """two jobs never have the same key, so a thing asked twice is done once"""
    state: State
    run_at: datetime
    """not before"""
    attempts: int
    """times it was taken"""
    max_attempts: int
    leased_by: str | None
    leased_until: datetime | None
    created_at: datetime
    finished_at: datetime | None
    result: dict[str, Any] | None
    error: str | None
    """what went wrong the last time"""


def enqueue(
    tx: Connection,
    kind: str,
    payload: dict[str, Any],
    *,
    run_at: datetime | None = None,
    key: str | None = None,
    max_attempts: int = 10,
) -> Job:
    """Add a job and return it; with a `key` that is there already, return that job instead."""
    now = clock.now()
    row: dict[str, Any] = {"id": random_id("job"), "kind": kind, "payload": payload, "key": key, "state": "waiting"}
    row |= {"run_at": run_at or now, "attempts": 0, "max_attempts": max_attempts, "created_at": now}
    if insert_new(tx, job, [row]):
        return get(tx, row["id"])
    return Job(*tx.execute(select(job).where(job.c.key == key)).one())


def claim(tx: Connection, worker: str, lease_seconds: float, kinds: Collection[str] | None = None) -> Job | None:
    """Take the job that has waited longest, or whose worker let its lease run out; `None` when nothing is due.

    A job whose lease ran out for the last time it may be tried is failed, not taken.
    """
    now = clock.now()
    lapsed = and_(job.c.state == "running", job.c.leased_until <= now)
    _bury(tx, and_(lapsed, job.c.attempts >= job.c.max_attempts), now)
    due = or_(and_(job.c.state == "waiting", job.c.run_at <= now), lapsed)
    query = select(job.c.id).where(due, job.c.attempts < job.c.max_attempts)
    if kinds is not None:
        query = query.where(job.c.kind.in_(list(kinds)))
    query = query.order_by(job.c.run_at, job.c.created_at, job.c.id).limit(1)
    chosen = tx.execute(query.with_for_update(skip_locked=True)).scalar()
    if chosen is None:
        return None
    lease = {"leased_by": worker, "leased_until": now + timedelta(seconds=lease_seconds)}
    change = update(job).where(job.c.id == chosen).values(**lease, state="running", attempts=job.c.attempts + 1)
    return Job(*tx.execute(change.returning(*job.c)).one())


def heartbeat(tx: Connection, item: Job, lease_seconds: float) -> bool:
    """Prolong the lease; `False` when somebody else has the job by now."""
    return _change(tx, item, {"leased_until": clock.now() + timedelta(seconds=lease_seconds)})


def finish(tx: Connection, item: Job, result: dict[str, Any] | None = None) -> bool:
    """Note that the job is done; `False` when somebody else has it by now."""
    done = {"state": "done", "finished_at": clock.now(), "result": result, "error": None}
    return _change(tx, item, done | _FREE)


def fail(tx: Connection, item: Job, error: str) -> bool:
    """Note what went wrong: the job is tried again later, or failed when it was tried `max_attempts` times."""
    now, error = clock.now(), error.replace("\0", "").encode(errors="replace").decode()[:2000]
    if item.attempts >= item.max_attempts:
        return _change(tx, item, {"state": "failed", "finished_at": now, "error": error} | _FREE)
    return _change(tx, item, {"state": "waiting", "run_at": now + backoff(item.attempts), "error": error} | _FREE)


def forget(tx: Connection, kind: str, before: datetime) -> int:
    """Remove the jobs of a kind that were done before a moment, for kinds that come again all the time."""
    done = and_(job.c.kind == kind, job.c.state == "done", job.c.finished_at < before)
    return tx.execute(delete(job).where(done)).rowcount


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after `attempts` failures: 2 seconds, doubled each time, at most an hour."""
    return min(FIRST_WAIT * (1 << min(max(attempts, 1) - 1, 20)), LONGEST_WAIT)


def get(tx: Connection, job_id: str) -> Job:
    """Return the job `job_id`; `NotFoundError` when there is none."""
    row = tx.execute(select(job).where(job.c.id == job_id)).first()
    if row is None:
        raise NotFoundError(f"There is no job `{job_id}`.")
    return Job(*row)


def listing(tx: Connection, *, state: str | None = None, limit: int = 100, offset: int = 0) -> list[Job]:
    """Return jobs, newest first."""
    query = select(job) if state is None else select(job).where(job.c.state == state)
    newest = query.order_by(job.c.created_at.desc(), job.c.id).limit(limit).offset(offset)
    return [Job(*row) for row in tx.execute(newest)]


def count(tx: Connection, *, state: str | None = None) -> int:
    """Return how many jobs there are in `state`, or in all."""
    query = select(func.count()).select_from(job)
    return int(tx.execute(query if state is None else query.where(job.c.state == state)).scalar_one())


_FREE = {"leased_by": None, "leased_until": None}


def _change(tx: Connection, item: Job, values: dict[str, Any]) -> bool:
    """Change the job only while this very lease of it holds: same worker, same attempt."""
    mine = and_(job.c.id == item.id, job.c.state == "running", job.c.leased_by == item.leased_by)
    return tx.execute(update(job).where(mine, job.c.attempts == item.attempts).values(values)).rowcount == 1


def _bury(tx: Connection, which: Any, now: datetime) -> None:  # noqa: ANN401 - a condition
    gone = {"state": "failed", "finished_at": now, "error": "The process that ran it died each time."}
    tx.execute(update(job).where(which).values(gone | _FREE))
