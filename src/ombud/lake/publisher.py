"""The publisher: carries rows from the outbox of the records to the ledger, each exactly once.

Whoever holds the ledger may publish: the worker's job, a command at its end, the gate. A crash between the append
and the note of it in the records is found out by looking at the ledger's last entries.
"""

from __future__ import annotations

import json
import logging
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import msgspec

from ombud.lake.publishing import Told, moment, tell
from ombud.ledger.opening import RolledBackError
from ombud.ledger.writer import Ledger, open_ledger
from ombud.model import clock
from ombud.model.errors import BusyError, OmbudError
from ombud.records import figures, jobs, outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.model.workspace import Workspace
    from ombud.records import Records
    from ombud.records.jobs import Job

__all__ = ["PUBLISH", "Published", "ask_for_publishing", "handlers", "publish", "publish_all", "tell_figures"]

PUBLISH = "ledger.publish"
EVERY = timedelta(seconds=10)
"""how often the worker looks"""
_AT_ONCE = 500

_log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()
_looked_at: WeakSet[Ledger] = WeakSet()
"""ledgers whose last entries hold nothing that the records do not know"""


class Published(msgspec.Struct, frozen=True):
    """What became of the outbox."""

    entries: int
    """rows that were brought to the ledger now"""
    waiting: int
    """rows that still wait"""
    size: int | None
    """entries of the ledger; null when it was not opened"""
    why: str | None = None
    """why rows wait, in a sentence"""
    busy: bool = False
    """whether that is because another process has the ledger, and will publish them"""


def publish(records: Records, ledger: Ledger) -> int:
    """Bring every waiting row of the outbox to the ledger, in order, and return how many there were.

    Figures whose files are on the ledger by then learn where. Raises `RolledBackError` when the records know of
    entries that this ledger does not have, and what `Ledger.append` raises; calling it again goes on.
    """
    with _one_at_a_time:
        count = _drain(records, ledger)
    tell_figures(records)
    return count


def publish_all(workspace: Workspace, records: Records) -> Published:
    """Open the ledger of a workspace if there is something to publish, publish it, and close the ledger.

    What keeps it from publishing is returned, not raised: rows that wait are safe in the records.
    """
    with records.read() as tx:
        waiting = outbox.waiting(tx)
    if not waiting:
        tell_figures(records)
        return Published(0, 0, None)
    try:
        with open_ledger(workspace) as ledger:
            count = publish(records, ledger)
            size = ledger.size
    except OmbudError as error:
        with records.read() as tx:
            return Published(0, outbox.waiting(tx), None, str(error), isinstance(error, BusyError))
    return Published(count, 0, size)


def ask_for_publishing(records: Records, *, after: timedelta = timedelta(0)) -> Job:
    """Enqueue the next look at the outbox; however often it is asked, there is one job for each ten seconds."""
    due = clock.now() + after
    slot = int(due.timestamp() // EVERY.total_seconds())
    with records.begin() as tx:
        jobs.forget(tx, PUBLISH, clock.now() - timedelta(minutes=10))
        return jobs.enqueue(tx, PUBLISH, {}, run_at=due, key=f"{PUBLISH}:{slot}")


def handlers(workspace: Workspace, records: Records) -> dict[str, Callable[[Job], dict[str, Any] | None]]:
    """Return the worker's handler of `ledger.publish`, which asks for the next look when it is done.

    Another process that holds the ledger is no error: that one publishes.
    """

    def work(job: Job) -> dict[str, Any]:
        del job
        done = Published(0, 0, None)
        try:
            done = publish_all(workspace, records)
        finally:
            ask_for_publishing(records, after=EVERY)
        if done.why and not done.busy:
            _log.warning("Not published: %s", done.why)
        return msgspec.structs.asdict(done)

    return {PUBLISH: work}


def _drain(records: Records, ledger: Ledger) -> int:
    count = 0
    while rows := _waiting(records):
        told = [tell(row) for row in rows]
        indexes = {} if ledger in _looked_at else _found(records, ledger, told)
        new = [item for item in told if item.id not in indexes]
        _looked_at.discard(ledger)  # until the records know of what is appended now
        if new:
            index = ledger.append([entry for item in new for entry in item.entries])
            for item in new:
                indexes[item.id] = index
                index += len(item.entries)
        with records.begin() as tx:
            outbox.published(tx, indexes)
        _looked_at.add(ledger)
        count += len(rows)
    return count


def _waiting(records: Records) -> list[outbox.Entry]:
    with records.read() as tx:
        return outbox.pending(tx, _AT_ONCE)


def _found(records: Records, ledger: Ledger, told: list[Told]) -> dict[int, int]:
    """Return which rows are on the ledger though the records do not say so: a crash came between."""
    with records.read() as tx:
        last = outbox.last_published(tx, _began(ledger))
    start = 0
    if last is not None:
        row, index = last
        start = index + 1
        there = next(iter(ledger.entries(index, start)), b"{}")
        if _who(there) != (row.id, moment(row.created_at)):
            raise RolledBackError(
                f"The records know of entry {index:,}, which the ledger {ledger.folder} does not have: one is a copy"
                " of another time.",
                hint="Bring the newest ledger back, or end this log with `ombud ledger start-anew`.",
            )
    wanted = {(item.id, item.recorded): item.id for item in told}
    found: dict[int, int] = {}
    for index, data in enumerate(ledger.entries(start), start):
        if b'"outbox":' in data and (who := _who(data)) in wanted:
            found.setdefault(wanted[who], index)
    return found


def _began(ledger: Ledger) -> datetime | None:
    """Return when the log took another one's place; None when it is the first."""
    first = next(ledger.entries(0, 1), b"")
    if b'"type":"continues"' not in first:
        return None
    return datetime.fromisoformat(json.loads(first)["body"]["at"])


def _who(data: bytes) -> tuple[int, str]:
    """Return the outbox's row that an entry tells, and when that was recorded."""
    body = json.loads(data).get("body", {})
    return int(body.get("outbox", -1)), str(body.get("recorded"))


def tell_figures(records: Records) -> None:
    """Note for figures that lack it where the files that they were computed from are on the ledger."""
    with records.read() as tx:
        lacking = figures.not_on_ledger(tx)
        wanted = {(file.path, file.sha256) for files in lacking.values() for file in files}
        places: dict[tuple[str, str], int] = {}
        for row, index in outbox.listing(tx, "import") if wanted else ():
            files = [file for file in row.payload["files"] if (file["path"], file["sha256"]) in wanted]
            if files:
                told = tell(row)
                places |= {(file["path"], file["sha256"]): index + (told.part_with(file) or 0) for file in files}
    known = {
        id_: sorted({places[file.path, file.sha256] for file in files})
        for id_, files in lacking.items()
        if all((file.path, file.sha256) in places for file in files)
    }
    if known:
        with records.begin() as tx:
            figures.put_on_ledger(tx, known)
