"""From the outbox to the ledger: every row once, whatever is killed in between, and figures learn where."""

from __future__ import annotations

import json
import shutil
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from ombud.lake import publisher
from ombud.lake.publisher import PUBLISH, Published, ask_for_publishing, handlers, publish, publish_all
from ombud.ledger.entries import decode_entry
from ombud.ledger.opening import RolledBackError
from ombud.ledger.succession import start_anew
from ombud.ledger.writer import Ledger, open_ledger
from ombud.model import clock
from ombud.model.errors import StorageError
from ombud.model.findings import Figure, SourceFile
from ombud.records import figures, jobs, lake_files, migrate, open_records, outbox
from ombud.records.lake_files import LakeFile
from ombud.records.tables import ledger_outbox
from ombud.records.worker import run_one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.model.workspace import Workspace
    from ombud.records import Records


@pytest.fixture
def records(workspace: Workspace) -> Iterator[Records]:
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        yield records


@pytest.fixture
def ledger(workspace: Workspace) -> Iterator[Ledger]:
    with open_ledger(workspace) as ledger:
        yield ledger


def queue(records: Records, *numbers: int) -> list[int]:
    with records.begin() as tx:
        return [outbox.append(tx, "decision", {"decision": f"d{number}"}) for number in numbers]


def decisions(ledger: Ledger) -> list[str]:
    return [decode_entry(data).body.get("decision", "") for data in ledger.entries()]


def indexes(records: Records) -> list[int | None]:
    with records.read() as tx:
        return list(tx.execute(select(ledger_outbox.c.ledger_index).order_by(ledger_outbox.c.id)).scalars())


def test_rows_come_to_the_ledger_in_order_and_know_where_they_are(records: Records, ledger: Ledger) -> None:
    queue(records, 1, 2, 3)
    assert publish(records, ledger) == 3
    assert decisions(ledger) == ["d1", "d2", "d3"]
    assert indexes(records) == [0, 1, 2]
    first = decode_entry(next(ledger.entries()))
    assert (first.type, first.body["outbox"]) == ("decision", 1)
    assert first.body["recorded"].endswith("+00:00")
    assert publish(records, ledger) == 0
    assert ledger.size == 3


def test_more_than_one_round(records: Records, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "_AT_ONCE", 4)
    queue(records, *range(11))
    assert publish(records, ledger) == 11
    assert decisions(ledger) == [f"d{number}" for number in range(11)]


class Killed(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("between", [0, 1, 300])
def test_a_crash_between_append_and_note_appends_nothing_twice(
    workspace: Workspace, records: Records, monkeypatch: pytest.MonkeyPatch, between: int
) -> None:
    queue(records, 1, 2)
    with open_ledger(workspace) as ledger:
        publish(records, ledger)
        queue(records, 3, 4)
        if between:
            ledger.append([b"a read of the gate"] * between)
        with monkeypatch.context() as patched:
            patched.setattr(outbox, "published", _die)
            with pytest.raises(Killed):
                publish(records, ledger)
        assert ledger.size == 4 + between
    queue(records, 5)
    with open_ledger(workspace) as ledger:
        ledger.append([b"another read"])
        assert publish(records, ledger) == 3
        assert ledger.size == 6 + between
        told = [json.loads(data)["body"]["decision"] for data in ledger.entries() if b"decision" in data]
        assert told == ["d1", "d2", "d3", "d4", "d5"]
    assert indexes(records) == [0, 1, 2 + between, 3 + between, 5 + between]


def _die(*_: object) -> None:
    raise Killed


def test_the_same_process_goes_on_after_the_records_failed(
    records: Records, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(records, 1)
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "published", _die)
        with pytest.raises(Killed):
            publish(records, ledger)
    queue(records, 2)
    assert publish(records, ledger) == 2
    assert decisions(ledger) == ["d1", "d2"]


def test_a_row_number_that_comes_again_in_restored_records_is_another_row(
    workspace: Workspace, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that were set back give numbers again; the moment of the row tells them apart."""
    with open_ledger(workspace) as ledger:
        queue(records, 1)
        publish(records, ledger)
        queue(records, 2)
        with monkeypatch.context() as patched:
            patched.setattr(outbox, "published", _die)
            with pytest.raises(Killed):
                publish(records, ledger)
    with records.begin() as tx:
        tx.exec_driver_sql("DELETE FROM ledger_outbox WHERE id = 2")
        tx.exec_driver_sql("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'ledger_outbox'")
    assert queue(records, 7) == [2]
    with open_ledger(workspace) as ledger:
        assert publish(records, ledger) == 1
        assert decisions(ledger) == ["d1", "d2", "d7"]


def test_two_threads_publish_every_row_once(records: Records, ledger: Ledger) -> None:
    queue(records, *range(60))
    threads = [threading.Thread(target=publish, args=(records, ledger)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert decisions(ledger) == [f"d{number}" for number in range(60)]


def test_an_older_ledger_than_the_records_know_is_refused(workspace: Workspace, records: Records) -> None:
    queue(records, 1)
    assert publish_all(workspace, records).entries == 1
    shutil.copytree(workspace.ledger_dir, workspace.root / "copy")
    queue(records, 2)
    assert publish_all(workspace, records).size == 2
    shutil.rmtree(workspace.ledger_dir)
    (workspace.root / "copy").rename(workspace.ledger_dir)
    (workspace.keys_dir / "ledger.mark").unlink()
    queue(records, 3)
    with open_ledger(workspace) as ledger, pytest.raises(RolledBackError, match="does not have"):
        publish(records, ledger)
    result = publish_all(workspace, records)
    assert (result.entries, result.waiting, result.busy) == (0, 1, False)
    assert "start-anew" in (result.why or "")


def test_another_ledger_in_its_place_is_refused(workspace: Workspace, records: Records) -> None:
    queue(records, 1)
    publish_all(workspace, records)
    shutil.rmtree(workspace.ledger_dir)
    (workspace.keys_dir / "ledger.mark").unlink()
    queue(records, 2)
    with open_ledger(workspace) as ledger:
        ledger.append([b"x", b"y", b"z"])
        with pytest.raises((RolledBackError, StorageError, ValueError)):
            publish(records, ledger)
        assert ledger.size == 3


def test_after_a_succession_the_new_log_goes_on_with_the_outbox(workspace: Workspace, records: Records) -> None:
    queue(records, 1, 2, 3)
    publish_all(workspace, records)
    start_anew(workspace.ledger_dir, workspace.keys_dir, "the key was lost")
    queue(records, 4)
    assert publish_all(workspace, records) == Published(1, 0, 2)
    assert indexes(records)[-1] == 1
    queue(records, 5)
    assert publish_all(workspace, records) == Published(1, 0, 3)


def test_a_busy_ledger_is_no_error(workspace: Workspace, records: Records) -> None:
    queue(records, 1)
    with open_ledger(workspace) as holder:
        result = publish_all(workspace, records)
        assert (result.entries, result.waiting, result.busy) == (0, 1, True)
        assert "Another process" in (result.why or "")
        assert publish(records, holder) == 1
    assert publish_all(workspace, records) == Published(0, 0, None)


def test_nothing_to_publish_makes_no_ledger(workspace: Workspace, records: Records) -> None:
    assert publish_all(workspace, records) == Published(0, 0, None)
    assert not list(workspace.ledger_dir.iterdir())


def file(name: str, rows: int = 1) -> LakeFile:
    return LakeFile(f"posts/{name}.parquet", "posts", None, rows, None, None, 10, "ab" * 32, "import_1")


def test_an_import_of_many_files_is_told_in_parts(records: Records, ledger: Ledger) -> None:
    files = [file(f"part-{number:04}") for number in range(1_000)]
    with records.begin() as tx:
        lake_files.add(tx, files)
    assert publish(records, ledger) == 1
    parts = [decode_entry(data).body for data in ledger.entries()]
    assert len(parts) == ledger.size > 2
    assert [(part["part"], part["parts"]) for part in parts] == [(n, len(parts)) for n in range(1, len(parts) + 1)]
    assert {part["outbox"] for part in parts} == {1}
    assert [named["path"] for part in parts for named in part["files"]] == [item.path for item in files]
    assert {part["action"] for part in parts} == {"add"}
    queue(records, 1)
    assert publish(records, ledger) == 1
    assert indexes(records) == [0, len(parts)]


def figure(number: int, *files: LakeFile) -> Figure:
    sources = [SourceFile(item.path, item.sha256) for item in files]
    return Figure(id=f"figure_{number}", name="n", value=1, unit="", query="SELECT 1", inputs=sources)


def test_figures_learn_where_their_files_are(workspace: Workspace, records: Records) -> None:
    files = [file(f"part-{number:04}") for number in range(1_000)]
    with records.begin() as tx:
        outbox.append(tx, "decision", {})
        lake_files.add(tx, files)
        lake_files.add(tx, [file("late")])
        figures.save_all(tx, [figure(1, files[0]), figure(2, files[0], files[-1], file("late")), figure(3)])
        figures.save(tx, figure(4, files[0], file("unknown")))
    publish_all(workspace, records)
    with records.read() as tx:
        places = {number: figures.get(tx, f"figure_{number}").ledger for number in range(1, 5)}
    with open_ledger(workspace) as ledger:
        size = ledger.size
        named = [{one["path"] for one in decode_entry(data).body.get("files", [])} for data in ledger.entries()]
    assert places == {1: [1], 2: [1, size - 2, size - 1], 3: [], 4: []}
    assert files[0].path in named[1]
    assert files[-1].path in named[size - 2]
    with records.begin() as tx:
        figures.save(tx, figure(5, file("late")))
    assert publish_all(workspace, records) == Published(0, 0, None)
    with records.read() as tx:
        assert figures.get(tx, "figure_5").ledger == [size - 1]


def test_the_worker_publishes_and_asks_for_the_next_look(workspace: Workspace, records: Records) -> None:
    queue(records, 1)
    ask_for_publishing(records)
    again = ask_for_publishing(records)
    own = handlers(workspace, records)
    assert list(own) == [PUBLISH]
    assert run_one(records, own, "worker")
    with records.read() as tx:
        assert outbox.waiting(tx) == 0
        done = jobs.get(tx, again.id)
        assert (done.state, done.result) == (
            "done",
            {"entries": 1, "waiting": 0, "size": 1, "why": None, "busy": False},
        )
        assert jobs.count(tx, state="waiting") == 1
    assert not run_one(records, own, "worker"), "the next look is not due yet"


def test_looks_that_are_done_do_not_pile_up(workspace: Workspace, records: Records) -> None:
    own = handlers(workspace, records)
    start = clock.now()
    for minute in range(30):
        with clock.frozen(start + timedelta(minutes=minute)):
            ask_for_publishing(records)
            while run_one(records, own, "worker"):
                pass
    with records.read() as tx:
        assert jobs.count(tx) < 30


def test_a_ledger_that_cannot_be_written_is_logged_and_looked_at_again(
    workspace: Workspace, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    queue(records, 1)
    publish_all(workspace, records)
    (workspace.keys_dir / "ledger.key").unlink()
    queue(records, 2)
    own = handlers(workspace, records)
    ask_for_publishing(records)
    assert run_one(records, own, "worker")
    assert "key of the ledger" in caplog.text
    with records.read() as tx:
        assert outbox.waiting(tx) == 1
        assert jobs.count(tx, state="waiting") == 1
