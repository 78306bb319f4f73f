"""From the journals into the lake: whole batches at a time, in large files, each exactly once.

A batch is taken when the journal says that its root is on the ledger (or in
the outbox). That it is in the lake, and up to which batch a gate's journal was
taken, becomes visible in one transaction; so a crash neither loses a batch nor
takes it twice. Segments that are wholly in the lake are then removed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import json as pajson

from ombud.gate.frames import Frame, Head, Sealed
from ombud.gate.journal import HOST, batches, drop, heads
from ombud.lake.faults import disk_faults
from ombud.model import clock
from ombud.model.errors import BusyError, NotFoundError
from ombud.model.schema import MOMENT
from ombud.records import consents, gate_hosts, jobs, spent_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from ombud.lake import Lake
    from ombud.records import Records
    from ombud.records.jobs import Job

__all__ = ["FLUSH", "IMPORT", "Flushed", "ask_for_flush", "flush", "handlers", "pending_rows"]

FLUSH = "gate.flush"
IMPORT = "gate"
"""The `import_id` of reads that came from a gate."""
MOST_ROWS = 1_000_000
"""Rows of one write; a batch is never cut."""
LEAST_ROWS, LONGEST = 200_000, timedelta(minutes=5)
"""The worker takes a journal that has so many rows, or whose oldest batch is so old; so files are large."""
EVERY = timedelta(seconds=30)

_TEXTS = pa.list_(pa.string())
_ROW = pa.schema(
    [
        *((name, pa.string()) for name in ("acts_for", "app", "at", "decision")),
        ("fields", _TEXTS),
        *((name, pa.string()) for name in ("key", "person", "policy", "purpose", "read", "reason", "through")),
    ]
)


class Flushed(msgspec.Struct, frozen=True):
    """What was taken from one gate's journal."""

    host: str
    batches: int
    rows: int
    segments: int
    """files of the journal that were removed"""


class _Ready(msgspec.Struct, frozen=True):
    head: Head
    sealed: Sealed


def flush(lake: Lake, root: Path | None = None, *, whole: bool = True, wait: float = 10.0) -> list[Flushed]:
    """Bring every journal below `root` (the workspace's, if unset) into the lake; return what was done, by gate.

    With `whole` false, journals that hold little and nothing old are left for
    later. Raises `DamagedJournalError`, `BusyError` when another process writes
    to the lake for longer than `wait` seconds.
    """
    root = root or lake.workspace.journal_dir
    done = []
    for folder in sorted(path.parent for path in root.glob(f"*/{HOST}")):
        with disk_faults(folder):
            host = (folder / HOST).read_text()
        count = rows = 0
        while ready := _ready(lake, folder, host, whole=whole):
            taken = _take(lake, folder, host, ready, wait)
            count, rows = count + taken[0], rows + taken[1]
        removed = drop(folder, _flushed(lake, host))
        if count or removed:
            done.append(Flushed(host, count, rows, removed))
    return done


def pending_rows(lake: Lake, root: Path | None = None) -> int:
    """Return how many reads are in journals and not in the lake yet."""
    rows = 0
    for path in (root or lake.workspace.journal_dir).glob(f"*/{HOST}"):
        upto = _flushed(lake, path.read_text())
        rows += sum(head.rows for _, head in heads(path.parent) if head.sequence > upto)
    return rows


def ask_for_flush(records: Records, *, after: timedelta = timedelta(0)) -> Job:
    """Enqueue the next look at the journals; however often it is asked, there is one job for each half minute."""
    due = clock.now() + after
    slot = int(due.timestamp() // EVERY.total_seconds())
    with records.begin() as tx:
        jobs.forget(tx, FLUSH, clock.now() - timedelta(minutes=10))
        return jobs.enqueue(tx, FLUSH, {}, run_at=due, key=f"{FLUSH}:{slot}")


def handlers(lake: Lake) -> dict[str, Callable[[Job], dict[str, Any] | None]]:
    """Return the worker's handler of `gate.flush`, which asks for the next look when it is done."""

    def work(job: Job) -> dict[str, Any]:
        del job
        try:
            done = flush(lake, whole=False)
            with lake.records.begin() as tx:
                consents.sweep(tx)
                spent_tokens.sweep(tx)
        finally:
            ask_for_flush(lake.records, after=EVERY)
        return {"gates": msgspec.to_builtins(done)}

    return {FLUSH: work}


def _flushed(lake: Lake, host: str) -> int:
    with lake.records.read() as tx:
        return _upto(tx, host)


def _upto(tx: Connection, host: str) -> int:
    try:
        return gate_hosts.get(tx, host).flushed
    except NotFoundError:
        return 0


def _ready(lake: Lake, folder: Path, host: str, *, whole: bool) -> list[_Ready]:
    """Return the next batches that are sealed and not in the lake, without a gap, at most `MOST_ROWS` rows."""
    found = [head for _, head in heads(folder)]
    seals = {seal.sequence: seal for head in found for seal in head.sealed}
    upto, rows = _flushed(lake, host), 0
    ready: list[_Ready] = []
    for head in found:
        if head.sequence <= upto:
            continue
        if head.sequence not in seals or (ready and rows + head.rows > MOST_ROWS):
            break
        ready.append(_Ready(head, seals[head.sequence]))
        rows += head.rows
    if ready and not whole and rows < LEAST_ROWS:
        oldest = datetime.fromisoformat(ready[0].head.at)
        return ready if clock.now() - oldest >= LONGEST else []
    return ready


def _take(lake: Lake, folder: Path, host: str, ready: list[_Ready], wait: float) -> tuple[int, int]:
    """Write batches into the lake; return how many, and their rows."""
    with lake.writing(wait) as batch:
        with lake.records.read() as tx:
            upto = _upto(tx, host)  # another process may have been here since
        ready = [item for item in ready if item.head.sequence > upto]
        if not ready:
            return 0, 0
        frames = list(batches(folder, {item.head.batch for item in ready}))
        rows = sum(item.head.rows for item in ready)
        batch.write("reads", _reads(frames), IMPORT, new=True)
        batch.write("batches", _batches(ready), IMPORT, new=True)

        def note(tx: Connection) -> None:
            if not gate_hosts.flushed(tx, host, ready[-1].head.sequence, rows):
                raise BusyError("Another process brought these reads into the lake.", hint="Nothing is lost.")

        batch.at_commit(note)
    return len(ready), rows


def _reads(frames: Sequence[Frame]) -> pa.Table:
    """Return the rows of frames in the form in which the lake takes reads."""
    lines = b"".join(b"\n".join(frame.rows) + b"\n" for frame in frames)
    options = pajson.ParseOptions(explicit_schema=_ROW, unexpected_field_behavior="error")
    largest = max(max(map(len, frame.rows)) for frame in frames)
    block = pajson.ReadOptions(block_size=max(4 << 20, 2 * largest))
    rows = pajson.read_json(BytesIO(lines), read_options=block, parse_options=options)
    counts = [frame.head.rows for frame in frames]
    names = pa.array([frame.head.batch for frame in frames], pa.string())
    columns: dict[str, Any] = {name: rows.column(name) for name in _ROW.names if name != "at"}
    columns |= {
        "happened_at": rows.column("at").cast(MOMENT),
        "batch": names.take(np.repeat(np.arange(len(frames)), counts)),
        "position": pa.array(np.concatenate([np.arange(n, dtype=np.int64) for n in counts])),
        "salt": _hexadecimal(b"".join(frame.salts for frame in frames), 16),
    }
    return pa.table(columns)


def _hexadecimal(data: bytes, width: int) -> pa.Array[Any]:
    """Return pieces of `width` bytes as texts in hexadecimal."""
    count = len(data) // width
    offsets = (np.arange(count + 1, dtype=np.int32) * np.int32(width * 2)).tobytes()
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(data.hex().encode()))


def _batches(ready: Sequence[_Ready]) -> pa.Table:
    heads_ = [item.head for item in ready]
    return pa.table(
        {
            "batch": [head.batch for head in heads_],
            "happened_at": pa.array([datetime.fromisoformat(head.at) for head in heads_], MOMENT),
            "host": [head.host for head in heads_],
            "sequence": [head.sequence for head in heads_],
            "rows": [head.rows for head in heads_],
            "padded": [head.padded for head in heads_],
            "root": [head.root for head in heads_],
            "pad_seed": [head.pad_seed for head in heads_],
            "ledger_index": pa.array([item.sealed.ledger_index for item in ready], pa.int64()),
            "outbox": pa.array([item.sealed.outbox for item in ready], pa.int64()),
            "policy": pa.array([head.policy for head in heads_], pa.string()),
        }
    )
