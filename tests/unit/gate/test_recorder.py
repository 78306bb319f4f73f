"""The recorder: nothing is answered that is not on record, and nothing on record is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ombud.gate import recorder as recorders
from ombud.gate.journal import Journal, batches, heads
from ombud.gate.recorder import Durable, Recorder, RecordError
from ombud.gate.sinks import LedgerSink, OutboxSink
from ombud.ledger.commitments import commit_rows
from ombud.ledger.entries import decode_entry
from ombud.ledger.writer import Ledger
from ombud.model.errors import RefusedError
from ombud.records import outbox
from tests.unit.gate.recording import Paper, row

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.gate.sinks import Sink
    from ombud.records import Records

HOW: list[Durable] = ["before-answer", "soon"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "gate"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "RETRY", 0.05)
    monkeypatch.setattr(recorders, "IDLE", 0.01)
    monkeypatch.setitem(recorders.GATHER, "soon", 0.005)


def wait(until: object) -> None:
    end = time.monotonic() + 5
    while not until():  # type: ignore[operator]  # a condition
        assert time.monotonic() < end
        time.sleep(0.005)


def on_record(folder: Path) -> list[bytes]:
    wanted = {head.batch for _, head in heads(folder) if head.sequence}
    return [one for frame in batches(folder, wanted) for one in frame.rows]


def test_rows_are_in_the_journal_and_their_root_in_the_sink(folder: Path) -> None:
    paper = Paper()
    with Recorder(Journal(folder), paper) as recorder:
        recorder.record([row(1), row(2)], "hash")
        assert on_record(folder) == [row(1), row(2)]
        (body,) = paper.bodies
        assert (body["host"], body["sequence"], body["policy"], body["padded"]) == (recorder.host, 1, "hash", 256)
        assert "rows" not in body
    ((_, head), (_, note)) = heads(folder)
    (frame,) = batches(folder, {body["batch"]})
    made = commit_rows(frame.rows, frame.salts, bytes.fromhex(head.pad_seed))
    assert made.root.hex() == body["root"] == head.root
    assert [(seal.sequence, seal.ledger_index) for seal in note.sealed] == [(1, 0)]
    assert "p" not in repr(body["root"])


def test_salts_and_seeds_are_new_each_time(folder: Path) -> None:
    with Recorder(Journal(folder), Paper()) as recorder:
        for _ in range(20):
            recorder.record([row(1), row(1)])
    frames = list(batches(folder, {head.batch for _, head in heads(folder) if head.sequence}))
    salts = [frame.salts[n : n + 16] for frame in frames for n in (0, 16)]
    assert len(set(salts)) == 40
    assert len({frame.head.pad_seed for frame in frames}) == 20


@pytest.mark.parametrize("durable", HOW)
@pytest.mark.parametrize("threaded", [True, False])
def test_many_threads_share_batches(folder: Path, durable: Durable, *, threaded: bool) -> None:
    paper = Paper(threaded=threaded)
    with Recorder(Journal(folder), paper, durable=durable) as recorder:

        def work(who: int) -> None:
            for n in range(20):
                recorder.record([row(who * 100 + n)])

        threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(on_record(folder)) == sorted(row(who * 100 + n) for who in range(8) for n in range(20))
    assert [body["sequence"] for body in paper.bodies] == sorted(body["sequence"] for body in paper.bodies)
    assert len(paper.bodies) < 160 or not threaded


def test_tasks(folder: Path) -> None:
    async def all_of_them(recorder: Recorder) -> None:
        await asyncio.gather(*(recorder.record_soon([row(n)]) for n in range(50)))

    paper = Paper(threaded=True)
    with Recorder(Journal(folder), paper) as recorder:
        asyncio.run(all_of_them(recorder))
        assert sorted(on_record(folder)) == sorted(row(n) for n in range(50))
    assert len(paper.bodies) < 50


def test_a_task_that_gave_up_does_no_harm(folder: Path) -> None:
    paper = Paper(threaded=True)
    paper.gate.clear()

    async def impatient(recorder: Recorder) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(recorder.record_soon([row(1)]), 0.05)
        paper.gate.set()
        await recorder.record_soon([row(2)])

    with Recorder(Journal(folder), paper) as recorder:
        asyncio.run(impatient(recorder))
    assert on_record(folder) == [row(1), row(2)]


def test_nothing_before_the_sink_has_it(folder: Path) -> None:
    paper = Paper(threaded=True)
    paper.gate.clear()
    with Recorder(Journal(folder), paper) as recorder:
        future = recorder.submit([row(1)])
        wait(lambda: on_record(folder))
        time.sleep(0.05)
        assert not future.done()
        paper.gate.set()
        future.result(5)
        assert len(paper.bodies) == 1


def test_a_change_of_policy_begins_a_batch(folder: Path) -> None:
    paper = Paper(threaded=True)
    paper.gate.clear()
    with Recorder(Journal(folder), paper) as recorder:
        futures = [recorder.submit([row(n)], f"policy{n // 3}") for n in range(6)]
        paper.gate.set()
        for future in futures:
            future.result(5)
    by_policy = {body["policy"] for body in paper.bodies}
    assert by_policy == {"policy0", "policy1"}


def test_a_full_disk_refuses_and_goes_on_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paper = Paper()
    with Recorder(Journal(folder), paper) as recorder:
        recorder.record([row(1)])
        real = os.fdatasync

        def refuse(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fdatasync", refuse)
        for n in (2, 3):
            with pytest.raises(RecordError, match=r"cannot be put on record: The disk .* is full") as caught:
                recorder.record([row(n)])
            assert caught.value.hint
        assert recorder.failing is not None
        monkeypatch.setattr(os, "fdatasync", real)
        wait(lambda: _works(recorder, 4))
        wait(lambda: recorder.failing is None)
    assert on_record(folder) == [row(1), row(4)]
    assert [body["sequence"] for body in paper.bodies] == [1, 2]


def _works(recorder: Recorder, number: int) -> bool:
    try:
        recorder.record([row(number)])
    except RecordError:
        return False
    return True


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("silent", [True, False])
def test_a_sink_that_refuses(folder: Path, *, threaded: bool, silent: bool) -> None:
    """The rows are in the journal then; their entry follows, once, whether or not the sink had taken it."""
    paper = Paper(threaded=threaded)
    with Recorder(Journal(folder), paper) as recorder:
        recorder.record([row(1)])
        paper.full, paper.silent = not silent, silent
        with pytest.raises(RecordError, match="cannot be put on record"):
            recorder.record([row(2)])
        assert recorder.failing is not None
        paper.full = paper.silent = False
        wait(lambda: _works(recorder, 3))
        wait(lambda: len(paper.bodies) == 3)
    assert on_record(folder) == [row(1), row(2), row(3)]
    assert sorted(body["sequence"] for body in paper.bodies) == [1, 2, 3]
    assert sorted(seal.sequence for _, head in heads(folder) for seal in head.sealed) == [1, 2, 3]


def test_a_batch_that_is_gone_before_it_begins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch before fails in the ledger's thread while the recorder's is about to begin the next one."""
    with Recorder(Journal(folder), Paper()) as recorder:
        before = recorder._mend

        def meanwhile() -> None:
            monkeypatch.setattr(recorder, "_mend", before)
            recorder._fail(RecordError("full", hint="wait"))

        monkeypatch.setattr(recorder, "_mend", meanwhile)
        with pytest.raises(RecordError, match="full"):
            recorder.record([row(1)])
        wait(lambda: recorder._thread.is_alive() and not recorder._held())
        recorder.record([row(2)])
        assert on_record(folder) == [row(2)]


@pytest.mark.parametrize("durable", HOW)
def test_an_error_that_nobody_foresaw_is_no_end(
    folder: Path, durable: Durable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder(Journal(folder), Paper(), durable=durable) as recorder:
        before = recorder._frame

        def fails(*_: object) -> None:
            monkeypatch.setattr(recorder, "_frame", before)
            raise MemoryError

        monkeypatch.setattr(recorder, "_frame", fails)
        if durable == "before-answer":
            with pytest.raises(RecordError, match="MemoryError"):
                recorder.record([row(1)])
        else:
            recorder.record([row(1)])
        wait(lambda: recorder._frame == before and not recorder._held())
        if durable == "before-answer":
            recorder.record([row(1)])
        wait(lambda: on_record(folder) == [row(1)])


def test_soon_answers_at_once_and_loses_nothing_while_the_disk_refuses(folder: Path) -> None:
    paper = Paper()
    paper.full = True
    with Recorder(Journal(folder), paper, durable="soon") as recorder:
        recorder.record([row(1)])
        wait(lambda: recorder.failing)
        with pytest.raises(RecordError):
            recorder.record([row(2)])
        paper.full = False
        wait(lambda: paper.bodies)
        wait(lambda: recorder.failing is None)
        recorder.record([row(3)])
        wait(lambda: len(paper.bodies) == 2)
    assert on_record(folder) == [row(1), row(3)]


def test_soon_keeps_rows_that_the_journal_refuses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fdatasync

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    with Recorder(Journal(folder), Paper(), durable="soon") as recorder:
        monkeypatch.setattr(os, "fdatasync", refuse)
        recorder.record([row(1), row(2)])
        wait(lambda: recorder.failing)
        monkeypatch.setattr(os, "fdatasync", real)
        wait(lambda: on_record(folder))
    assert on_record(folder) == [row(1), row(2)]


def test_soon_refuses_when_too_much_waits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "MOST_WAITING", 3)
    paper = Paper(threaded=True)
    paper.gate.clear()
    with Recorder(Journal(folder), paper, durable="soon") as recorder:
        for n in range(2):
            recorder.record([row(n)])
            wait(lambda: not recorder._queue)
        recorder.record([row(2), row(3), row(4)])
        with pytest.raises(RecordError, match="Too many reads wait"):
            recorder.record([row(5)])
        paper.gate.set()
    assert on_record(folder) == [row(n) for n in range(5)]


@pytest.mark.parametrize("taken", [True, False])
def test_what_a_dead_process_left_is_sealed_by_the_next(folder: Path, *, taken: bool) -> None:
    """It died after the journal had the rows, before or after the sink had the entry."""
    paper = Paper()
    recorder = Recorder(Journal(folder), paper)
    recorder.record([row(1)])
    paper.full, paper.silent = not taken, taken
    with pytest.raises(RecordError):
        recorder.record([row(2)])
    paper.full = paper.silent = False
    recorder._failing = recorder._unsealed = None  # type: ignore[assignment]  # it is dead
    recorder.journal.close()
    with Recorder(Journal(folder), paper) as following:
        assert sorted(body["sequence"] for body in paper.bodies) == [1, 2]
        following.record([row(3)])
        assert following.sequence == 3
    assert on_record(folder) == [row(1), row(2), row(3)]
    assert len({body["batch"] for body in paper.bodies}) == len(paper.bodies) == 3


def test_numbers_go_on_when_the_segments_are_gone(folder: Path) -> None:
    with Recorder(Journal(folder), Paper()) as recorder:
        for n in range(3):
            recorder.record([row(n)])
    with Recorder(Journal(folder), Paper()) as recorder:
        assert recorder.sequence == 3
        recorder.record([row(4)])
        assert recorder.sequence == 4


def test_onto_a_real_ledger(folder: Path, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys") as ledger:
        with Recorder(Journal(folder), LedgerSink(ledger)) as recorder:
            for n in range(5):
                recorder.record([row(n)], "hash")
        entries = [decode_entry(data) for data in ledger.entries()]
        assert [entry.type for entry in entries] == ["reads"] * 5
        assert [entry.body["sequence"] for entry in entries] == [1, 2, 3, 4, 5]
        sink: Sink = LedgerSink(ledger)
        wanted = {entries[1].body["batch"], entries[3].body["batch"], "batch_unknown"}
        assert {seal.ledger_index for seal in sink.find(wanted, 0).values()} == {1, 3}
        assert {seal.ledger_index for seal in sink.find(wanted, 2).values()} == {3}
    seals = {seal.sequence: seal.ledger_index for _, head in heads(folder) for seal in head.sealed}
    assert seals == {1: 0, 2: 1, 3: 2, 4: 3, 5: 4}


def test_into_the_outbox(folder: Path, records: Records) -> None:
    with records.begin() as tx:
        outbox.append(tx, "app", {"app": "quiz"})
    with Recorder(Journal(folder), OutboxSink(records)) as recorder:
        for n in range(3):
            recorder.record([row(n)])
        with records.read() as tx:
            rows = outbox.since(tx, "reads", 0)
        assert [entry.payload["sequence"] for entry in rows] == [1, 2, 3]
    seals = {seal.sequence: seal.outbox for _, head in heads(folder) for seal in head.sealed}
    assert seals == {n + 1: entry.id for n, entry in enumerate(rows)}
    floors = [head.floor for _, head in heads(folder) if head.sequence]
    assert floors == [rows[0].id - 1, rows[0].id, rows[1].id]
    assert (
        OutboxSink(records).find({rows[2].payload["batch"]}, rows[1].id)[rows[2].payload["batch"]].outbox == rows[2].id
    )


def test_closed(folder: Path) -> None:
    recorder = Recorder(Journal(folder), Paper())
    recorder.record([])
    recorder.close()
    recorder.close()
    with pytest.raises(RefusedError, match="closed"):
        recorder.record([row(1)])
