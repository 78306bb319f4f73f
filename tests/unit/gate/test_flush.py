"""From the journal into the lake: every batch once, whatever happens meanwhile, and proved from there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ombud.gate import flush as flushing
from ombud.gate.flush import FLUSH, Flushed, ask_for_flush, flush, handlers, pending_rows
from ombud.gate.journal import Journal, drop, heads, segments
from ombud.gate.recorder import Recorder
from ombud.gate.sinks import LedgerSink, OutboxSink
from ombud.lake.batches import stored_batch
from ombud.ledger.commitments import verify_row
from ombud.ledger.entries import decode_entry
from ombud.ledger.writer import Ledger
from ombud.model import clock
from ombud.model.errors import BusyError
from ombud.records import gate_hosts, jobs, lake_files
from tests.unit.gate.recording import Paper, row

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from ombud.lake import Lake


def record(folder: Path, batches: int, size: int = 3, start: int = 0, **options: float) -> None:
    with Recorder(Journal(folder, **options), Paper()) as recorder:  # type: ignore[arg-type]  # two numbers
        for n in range(batches):
            recorder.record([row(start + n * size + k, f"p{k}") for k in range(size)], "hash")


def ids(lake: Lake) -> list[str]:
    names = [str(name) for name in lake.read("reads", ["read"])["read"].to_pylist()]
    return sorted(names, key=lambda name: int(name[2:]))


def test_rows_arrive_as_they_were_committed_to(lake: Lake) -> None:
    folder = lake.workspace.journal_dir / "gate"
    strange = row(
        7, 'é"\\\u2028\t', purpose=None, policy=None, reason="region:a,b", through="friend", decision="reduced",
        fields=["likes", "ü"], key="thumb", acts_for="helper", at="2014-04-30T23:59:59.999999Z",
    )  # fmt: skip
    with Ledger.open(lake.workspace.ledger_dir, lake.workspace.keys_dir) as ledger:
        with Recorder(Journal(folder), LedgerSink(ledger)) as recorder:
            recorder.record([row(1), strange, row(2)])
            recorder.record([row(3)], "hash")
        (done,) = flush(lake)
        entries = [decode_entry(data).body for data in ledger.entries()]
    assert (done.batches, done.rows) == (2, 4)
    assert lake.check() == []
    found = lake.read("reads", names=True).sort_by("read").to_pylist()
    assert [item["read"] for item in found] == ["r-1", "r-2", "r-3", "r-7"]
    assert {item["import_id"] for item in found} == {"gate"}
    assert found[3]["happened_at"] == datetime(2014, 4, 30, 23, 59, 59, 999999, tzinfo=UTC)
    assert found[3]["person"] == 'é"\\\u2028\t'
    kept = lake.read("batches").sort_by("sequence").to_pylist()
    assert [(item["sequence"], item["ledger_index"], item["outbox"]) for item in kept] == [(1, 0, None), (2, 1, None)]
    assert [item["root"] for item in kept] == [body["root"] for body in entries]
    batch = stored_batch(lake, kept[0]["batch"])
    assert batch.rows[1].row == strange
    for position, one in batch.rows.items():
        proof = batch.tree.proof(position)
        verify_row(one.row, one.salt, position, batch.padded, proof, bytes.fromhex(entries[0]["root"]))


def test_nothing_twice_and_nothing_left(lake: Lake) -> None:
    folder = lake.workspace.journal_dir / "gate"
    record(folder, 3)
    assert pending_rows(lake) == 9
    assert [done.rows for done in flush(lake)] == [9]
    assert flush(lake) == []
    record(folder, 2, start=9)
    assert pending_rows(lake) == 6
    assert [done.rows for done in flush(lake)] == [6]
    assert ids(lake) == [f"r-{n}" for n in range(15)]
    assert pending_rows(lake) == 0
    with lake.records.read() as tx:
        (host,) = gate_hosts.every(tx)
    assert (host.flushed, host.sequence, host.rows) == (5, 5, 15)
    assert len(lake.files("reads")) == 2


def test_several_gates_while_they_run(lake: Lake) -> None:
    root = lake.workspace.journal_dir
    with Recorder(Journal(root / "a"), Paper()) as a, Recorder(Journal(root / "b"), Paper()) as b:
        a.record([row(1)])
        b.record([row(2)])
        b.record([row(3)])
        done = flush(lake)
        assert {one.host.split(".")[0]: one.batches for one in done}.keys() <= {"a", "b"}
        a.record([row(4)])
    flush(lake)
    assert ids(lake) == ["r-1", "r-2", "r-3", "r-4"]


def test_a_batch_that_is_not_sealed_waits(lake: Lake) -> None:
    folder = lake.workspace.journal_dir / "gate"
    paper = Paper(threaded=True)
    with Recorder(Journal(folder), paper) as recorder:
        recorder.record([row(1)])
        paper.gate.clear()
        future = recorder.submit([row(2)])
        while len([1 for _, head in heads(folder) if head.sequence]) < 2:
            assert not future.done()
        flush(lake)
        assert ids(lake) == ["r-1"]
        paper.gate.set()
    flush(lake)
    assert ids(lake) == ["r-1", "r-2"]


def test_segments_go_when_they_are_in_the_lake(lake: Lake) -> None:
    folder = lake.workspace.journal_dir / "gate"
    record(folder, 4, segment_bytes=1)
    before = len(segments(folder))
    (done,) = flush(lake)
    assert done.segments == before - 1
    assert len(segments(folder)) == 1
    record(folder, 1, start=12)
    flush(lake)
    assert ids(lake) == [f"r-{n}" for n in range(15)]


@pytest.mark.parametrize("at", ["before the records", "after the records"])
def test_a_death_in_between(lake: Lake, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    folder = lake.workspace.journal_dir / "gate"
    record(folder, 2, segment_bytes=1)

    class Died(BaseException):
        pass

    real = lake_files.add

    def before(tx: Connection, files: Any) -> None:  # noqa: ANN401 - as add
        real(tx, files)
        raise Died

    def after(*_: object) -> int:
        raise Died

    with monkeypatch.context() as patch:
        if at == "before the records":
            patch.setattr(lake_files, "add", before)
        else:
            patch.setattr(flushing, "drop", after)
        with pytest.raises(Died):
            flush(lake)
    done = flush(lake)
    assert sum(one.rows for one in done) == (6 if at == "before the records" else 0)
    assert ids(lake) == [f"r-{n}" for n in range(6)]
    assert lake.check() == []
    assert len(segments(folder)) == 1


def test_another_process_was_faster(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lake.workspace.journal_dir / "gate"
    record(folder, 2)
    ready = flushing._ready(lake, folder, (folder / "host").read_text(), whole=True)
    flush(lake)
    assert flushing._take(lake, folder, (folder / "host").read_text(), ready, 1.0) == (0, 0)
    monkeypatch.setattr(flushing, "_upto", lambda *_: 0)
    with pytest.raises(BusyError, match="brought these reads"):
        flushing._take(lake, folder, (folder / "host").read_text(), ready, 1.0)
    assert ids(lake) == [f"r-{n}" for n in range(6)]


def test_large_journals_are_taken_in_parts(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flushing, "MOST_ROWS", 5)
    record(lake.workspace.journal_dir / "gate", 4)
    (done,) = flush(lake)
    assert (done.batches, done.rows) == (4, 12)
    assert ids(lake) == [f"r-{n}" for n in range(12)]
    assert len(lake.files("reads")) == 4


def test_the_worker_waits_for_large_files(lake: Lake) -> None:
    folder = lake.workspace.journal_dir / "gate"
    record(folder, 2)
    assert flush(lake, whole=False) == []
    with clock.frozen(clock.now() + timedelta(minutes=6)):
        assert [done.rows for done in flush(lake, whole=False)] == [6]


def test_the_workers_job_asks_for_the_next(lake: Lake) -> None:
    record(lake.workspace.journal_dir / "gate", 1)
    with clock.frozen(clock.now() + timedelta(minutes=6)):
        job = ask_for_flush(lake.records)
        assert ask_for_flush(lake.records).id == job.id
        result = handlers(lake)[FLUSH](job)
        assert result == {"gates": [{"host": result["gates"][0]["host"], "batches": 1, "rows": 3, "segments": 0}]}  # type: ignore[index]  # a dict
        with lake.records.read() as tx:
            assert [item.kind for item in jobs.listing(tx, state="waiting")] == [FLUSH, FLUSH]


def test_by_the_outbox(lake: Lake) -> None:
    folder = lake.workspace.journal_dir / "gate"
    with Recorder(Journal(folder), OutboxSink(lake.records)) as recorder:
        recorder.record([row(1)])
    assert flush(lake) == [Flushed(recorder.host, 1, 1, 0)]
    (kept,) = lake.read("batches").to_pylist()
    assert kept["ledger_index"] is None
    assert kept["outbox"] > 0


def test_no_journal(lake: Lake, tmp_path: Path) -> None:
    assert flush(lake) == []
    assert flush(lake, tmp_path / "nowhere") == []
    (tmp_path / "empty").mkdir()
    assert drop(tmp_path / "empty", 5) == 0
