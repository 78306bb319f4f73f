"""The recorder: no answer before its read is on record, as rows in the journal and as a root on the ledger.

Rows that come in while a batch is under way make the next one, across threads
and tasks. Each batch is, in this order and each durable before the next step:
a frame in the journal, an entry of the sink; only then is anybody told. While
one batch is on its way to the ledger, the next one's frame is written.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from ombud.gate.frames import Head, Sealed
from ombud.ledger.commitments import commit_rows
from ombud.ledger.rows import row_time
from ombud.model import clock
from ombud.model.errors import OmbudError, RefusedError, StorageError
from ombud.model.ids import random_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.gate.journal import Journal
    from ombud.gate.sinks import Sink

__all__ = ["Durable", "RecordError", "Recorder"]

Durable = Literal["before-answer", "soon"]

MOST_ROWS = 65_536
"""Rows of one batch; a single call is never cut."""
MOST_WAITING = 1_000_000
"""Rows that may wait for the disk with `soon`; then reads are refused."""
GATHER = {"before-answer": 0.0, "soon": 0.1}
"""Seconds that rows wait for others."""
UNDER_WAY = 2
"""Batches whose entry the ledger is writing."""
RETRY = 1.0
"""Seconds between two attempts when the disk refuses."""
IDLE = 0.1
_DONE: Future[None] = Future()
_DONE.set_result(None)


class RecordError(StorageError):
    """The read cannot be put on record, so nothing goes out."""


class _Work(NamedTuple):
    rows: Sequence[bytes]
    policy: str | None
    future: Future[None] | None


class _Batch(NamedTuple):
    """A batch whose frame is durable."""

    body: dict[str, Any]
    floor: int
    futures: list[Future[None]]


class Recorder:
    """Puts reads on record for one gate. Safe between threads; made after a fork, not before."""

    def __init__(self, journal: Journal, sink: Sink, *, durable: Durable = "before-answer") -> None:
        """Begin, and bring to the ledger what an earlier process had put in the journal alone.

        With `before-answer` a read is on record when `record` returns. With `soon` it is within a fifth of a
        second, unless the machine stops before that. Raises `StorageError` when the sink cannot be read.
        """
        self.journal = journal
        self.durable = durable
        self._sink = sink
        self._queue: deque[_Work] = deque()
        self._waiting = 0
        self._wake = threading.Condition()
        self._unsealed: list[_Batch] = []
        self._seals: list[Sealed] = []
        self._under_way = 0
        self._failing: OmbudError | None = None
        self._tried = 0.0
        self._closed = False
        self.sequence = max((head.last for head in journal.found), default=0)
        """number of the latest batch"""
        self._recover(journal.found)
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """Return the name under which batches of this gate are known."""
        return self.journal.host

    @property
    def failing(self) -> OmbudError | None:
        """Return why nothing can be put on record at this moment."""
        return self._failing

    def submit(self, rows: Sequence[bytes], policy: str | None = None) -> Future[None]:
        """Hand in rows (canonical JSON) of decisions by one policy; the future ends when they may be answered.

        Raises `RecordError`, or the future does: then nothing may go out.
        """
        waits = self.durable == "before-answer"
        future: Future[None] = Future() if waits and rows else _DONE
        with self._wake:
            if self._closed:
                raise RefusedError("The recorder is closed.", hint="Open another one.")
            if self._failing is not None and (self.durable == "soon" or self._held()):
                raise RecordError(_said(self._failing), hint=self._failing.hint)
            if self.durable == "soon" and self._waiting + len(rows) > MOST_WAITING:
                raise RecordError("Too many reads wait for the disk.", hint="The gate goes on when they are written.")
            if rows:
                self._queue.append(_Work(rows, policy, future if waits else None))
                self._waiting += len(rows)
                self._wake.notify()
        return future

    def record(self, rows: Sequence[bytes], policy: str | None = None) -> None:
        """Put rows on record; return when they may be answered. Raises `RecordError`."""
        self.submit(rows, policy).result()

    async def record_soon(self, rows: Sequence[bytes], policy: str | None = None) -> None:
        """Do the same in a task."""
        future = self.submit(rows, policy)
        if not future.done():
            await asyncio.wrap_future(future)

    def close(self) -> None:
        """Finish what was handed in, and close the journal."""
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify()
        self._thread.join()
        self.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The thread ---------------------------------------------------------------

    def _work(self) -> None:
        quiet = time.monotonic()
        while True:
            with self._wake:
                if not self._ready():
                    self._wake.wait(IDLE)
                ended, ready = self._closed, self._ready()
            try:
                if ready:
                    self._gather()
                    self._step()
                    quiet = time.monotonic()
                elif self._unsealed and not self._held():
                    self._mend()
                elif time.monotonic() - quiet > IDLE:
                    self._rest()
            except OmbudError as error:
                self._fail(error)
            if ended and self._finished():
                return

    def _ready(self) -> bool:
        """Return whether a batch can be begun."""
        return bool(self._queue) and self._under_way < UNDER_WAY and not self._held()

    def _held(self) -> bool:
        """Return whether the disk refused a moment ago; then nothing is tried."""
        return self._failing is not None and time.monotonic() < self._tried + RETRY

    def _finished(self) -> bool:
        """Return whether a closing recorder has nothing left that it could do."""
        with self._wake:
            if self._under_way or (self._queue and self._failing is None):
                return False
        with suppress(OmbudError):
            self._rest()
        return True

    def _gather(self) -> None:
        wait = GATHER[self.durable]
        if wait and not self._closed and self._waiting < MOST_ROWS:
            time.sleep(wait)

    def _take(self) -> list[_Work]:
        taken: list[_Work] = []
        rows = 0
        with self._wake:
            while self._queue and (not taken or rows + len(self._queue[0].rows) <= MOST_ROWS):
                if taken and self._queue[0].policy != taken[0].policy:
                    break
                work = self._queue.popleft()
                if work.future is not None and not work.future.set_running_or_notify_cancel():
                    work = work._replace(future=None)  # nobody waits any more; it was decided all the same
                taken.append(work)
                rows += len(work.rows)
            self._waiting -= rows
        return taken

    def _step(self) -> None:
        """Make a batch durable in the journal, and hand its entry to the sink."""
        self._mend()
        taken = self._take()
        if not taken:  # the batch before failed meanwhile, and whoever waited was told
            return
        rows = [row for work in taken for row in work.rows]
        seals = self._seals_to_note()
        try:
            batch = self._frame(rows, taken, seals)
        except Exception as caught:
            error = caught if isinstance(caught, OmbudError) else _unforeseen(caught)
            self._note_later(seals)
            if self.durable == "soon":  # they were answered: nothing of them may be lost
                with self._wake:
                    self._queue.extendleft(reversed(taken))
                    self._waiting += len(rows)
            else:
                self._refuse(taken, error)
            raise error from caught
        self._send(batch)

    def _frame(self, rows: list[bytes], taken: list[_Work], seals: list[Sealed]) -> _Batch:
        made = commit_rows(rows)
        number, name, now = self.sequence + 1, random_id("batch"), row_time(clock.now())
        head = Head(
            sequence=number,
            batch=name,
            host=self.host,
            at=now,
            policy=taken[0].policy,
            rows=len(rows),
            padded=made.padded,
            root=made.root.hex(),
            pad_seed=made.pad_seed.hex(),
            last=number,
            floor=self._sink.floor(),
            sealed=seals,
        )
        self.journal.append(head, made.salts, rows)
        self.sequence = number
        return _Batch(_body(head), head.floor, [work.future for work in taken if work.future is not None])

    def _send(self, batch: _Batch) -> None:
        """Hand a batch to the sink; a failure leaves it unsealed, to be handed in again."""
        try:
            started = self._sink.start(batch.body)
            if started is None:
                self._seal(batch, self._sink.put(batch.body))
                return
        except OmbudError as error:
            self._unseal(batch, error)
            raise
        with self._wake:
            self._under_way += 1
        started.add_done_callback(lambda future: self._landed(batch, future))

    def _landed(self, batch: _Batch, future: Future[int]) -> None:
        """Take note of what became of an entry; runs in the ledger's thread."""
        error = future.exception()
        if error is None:
            self._seal(batch, Sealed(batch.body["sequence"], future.result(), None))
        else:
            known = error if isinstance(error, OmbudError) else RecordError("The ledger's writer stopped.")
            self._unseal(batch, known)
            self._fail(known)
        with self._wake:
            self._under_way -= 1
            self._wake.notify()

    def _seal(self, batch: _Batch, sealed: Sealed) -> None:
        with self._wake:
            self._seals.append(sealed)
            self._failing = None
        for future in batch.futures:
            future.set_result(None)

    def _unseal(self, batch: _Batch, error: OmbudError) -> None:
        """Keep a batch for later, and tell those who wait that they get nothing."""
        self._unsealed.append(batch._replace(futures=[]))
        for future in batch.futures:
            future.set_exception(RecordError(_said(error), hint=error.hint))

    def _mend(self) -> None:
        """Bring to the sink what it refused before."""
        if self._unsealed and self._under_way == 0:
            floor = min(batch.floor for batch in self._unsealed)
            there = self._sink.find({batch.body["batch"] for batch in self._unsealed}, floor)
            while self._unsealed:
                batch = self._unsealed[0]
                self._seal(batch, there.get(batch.body["batch"]) or self._sink.put(batch.body))
                self._unsealed.pop(0)

    def _rest(self) -> None:
        """Note in the journal what was sealed, and close a segment that is old."""
        if seals := self._seals_to_note():
            try:
                self.journal.append(_note(self.host, self.sequence, seals))
            except OmbudError:
                self._note_later(seals)
                raise
        self.journal.turn()

    def _seals_to_note(self) -> list[Sealed]:
        with self._wake:
            seals, self._seals = self._seals, []
        return seals

    def _note_later(self, seals: list[Sealed]) -> None:
        with self._wake:
            self._seals = seals + self._seals

    def _refuse(self, taken: list[_Work], error: OmbudError) -> None:
        for work in taken:
            if work.future is not None:
                work.future.set_exception(RecordError(_said(error), hint=error.hint))

    def _fail(self, error: OmbudError) -> None:
        """Try nothing for a while; whoever waits for an answer gets none."""
        with self._wake:
            self._failing, self._tried = error, time.monotonic()
            waiting = [] if self.durable == "soon" else list(self._queue)
            if waiting:
                self._queue.clear()
                self._waiting = 0
        self._refuse([work for work in waiting if work.future and work.future.set_running_or_notify_cancel()], error)

    def _recover(self, heads: list[Head]) -> None:
        """Seal what an earlier process left: batches in the journal of which nothing says that they are sealed."""
        sealed = {seal.sequence for head in heads for seal in head.sealed}
        left = [head for head in heads if head.sequence and head.sequence not in sealed]
        self._unsealed = [_Batch(_body(head), head.floor, []) for head in left]
        self._mend()


def _body(head: Head) -> dict[str, Any]:
    """Return the body of a batch's entry: no number of rows, and no personal data."""
    said = {"batch": head.batch, "root": head.root, "padded": head.padded, "at": head.at, "host": head.host}
    return said | {"sequence": head.sequence} | ({} if head.policy is None else {"policy": head.policy})


def _note(host: str, last: int, sealed: list[Sealed]) -> Head:
    now = row_time(clock.now())
    return Head(0, "", host, now, None, 0, 0, "", "", last, 0, sealed)


def _unforeseen(error: Exception) -> OmbudError:
    """Return an error that the recorder goes on after, so that nobody waits for ever."""
    return RecordError(f"The recorder failed ({type(error).__name__}).", hint="It tries again by itself.")


def _said(error: OmbudError) -> str:
    return f"The read cannot be put on record: {error.message}"
