"""The one worker: takes jobs, keeps their leases alive, runs their handlers."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ombud.model.errors import OmbudError
from ombud.model.ids import random_id
from ombud.records import jobs
from ombud.records.columns import to_json
from ombud.records.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ombud.records.database import Records

__all__ = ["Handler", "run", "run_one"]

Handler = Callable[[Job], dict[str, Any] | None]
"""Does a job and returns its result; may run twice for one job (after a crash), so it must not mind."""

_log = logging.getLogger(__name__)


def run(
    records: Records,
    handlers: Mapping[str, Handler],
    stop: threading.Event,
    *,
    lease_seconds: float = 60.0,
    idle_seconds: float = 1.0,
) -> None:
    """Run due jobs one after the other until `stop` is set; a job under way is finished first.

    A handler's error is noted at the job, which is tried again later. When the
    records cannot be reached the worker waits and tries again.
    """
    name = f"{socket.gethostname()}/{os.getpid()}/{random_id('worker')}"
    while not stop.is_set():
        try:
            worked = run_one(records, handlers, name, lease_seconds=lease_seconds)
        except OmbudError as error:
            _log.warning("The worker waits: %s", error)
            worked = False
        if not worked:
            stop.wait(idle_seconds)


def run_one(records: Records, handlers: Mapping[str, Handler], name: str, *, lease_seconds: float = 60.0) -> bool:
    """Run one due job, if there is one; return whether there was."""
    if not handlers:
        return False
    with records.begin() as tx:
        job = jobs.claim(tx, name, lease_seconds, kinds=handlers.keys())
    if job is None:
        return False
    ended = threading.Event()
    beat = threading.Thread(target=_beat, args=(records, job, lease_seconds, ended), name=f"lease of {job.id}")
    beat.start()
    try:
        result, error = handlers[job.kind](job), None
        to_json(result)
    except OmbudError as known:
        result, error = None, str(known)
    except Exception as unknown:  # noqa: BLE001 - a handler may raise anything; the worker goes on
        _log.exception("The job %s (%s) failed", job.id, job.kind)
        result, error = None, f"{type(unknown).__name__}: {unknown}"
    finally:
        ended.set()
        beat.join()
    with records.begin() as tx:
        kept = jobs.finish(tx, job, result) if error is None else jobs.fail(tx, job, error)
    if not kept:
        _log.warning("The job %s (%s) took longer than its lease; somebody else has it", job.id, job.kind)
    return True


def _beat(records: Records, job: Job, lease_seconds: float, ended: threading.Event) -> None:
    while not ended.wait(lease_seconds / 3):
        try:
            with records.begin() as tx:
                if not jobs.heartbeat(tx, job, lease_seconds):
                    return
        except OmbudError as error:
            _log.warning("The lease of job %s was not prolonged: %s", job.id, error)
