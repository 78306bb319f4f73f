"""Sealing: the hash is on the ledger before a line is read; bytes that change are noticed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.lake.imports import import_files
from ombud.lake.imports import run as importing
from ombud.lake.publisher import publish_all
from ombud.lake.sealing import refuse_changed, seal_files
from ombud.ledger.entries import decode_entry
from ombud.ledger.writer import open_ledger
from ombud.model import clock
from ombud.model.errors import InputError
from ombud.records import imports, outbox, sealed

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake

HEAD = "read,app,person,happened_at,fields,decision\n"
LINE = 'r{n},quiz,p{n},2014-05-0{n}T00:00:00Z,"[""likes""]",allowed\n'


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return an old log of three reads."""
    path = tmp_path / "old-reads.csv"
    path.write_text(HEAD + "".join(LINE.format(n=n) for n in (1, 2, 3)))
    return path


def entries(lake: Lake) -> list[dict[str, Any]]:
    """Return the entries about sealed files that are on the ledger."""
    with open_ledger(lake.workspace) as ledger:
        every = [decode_entry(data) for data in ledger.entries(0)]
    return [dict(entry.body) for entry in every if entry.type == "sealed"]


def test_the_hash_is_on_the_ledger_before_a_line_is_read(
    lake: Lake, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StoppedError

    monkeypatch.setitem(importing.FORMATS, "table", stop)
    with pytest.raises(StoppedError):
        import_files(lake, "table", [log], table="reads", sealed=True)
    (entry,) = entries(lake)
    assert entry["sha256"] == hashlib.sha256(log.read_bytes()).hexdigest()
    assert entry["format"] == "table"
    assert lake.files("reads") == []


def test_an_import_says_when_it_was_sealed(lake: Lake, log: Path) -> None:
    moment = datetime(2026, 11, 22, 9, tzinfo=UTC)
    with clock.frozen(moment):
        report = import_files(lake, "table", [log], table="reads", sealed=True)
    assert [file.sealed_at for file in report.files] == [moment]
    assert report.tables["reads"].accepted == 3
    with lake.records.read() as tx:
        (noted,) = sealed.every(tx)
        assert sealed.get(tx, noted.sha256) == noted
        assert sealed.get(tx, "00") is None
        assert imports.get(tx, report.files[0].import_id).source_sha256 == noted.sha256
        assert outbox.index_of(tx, noted.outbox) == 0
    assert (noted.name, noted.path, noted.format) == ("old-reads.csv", str(log), "table")


def test_neither_name_nor_place_nor_size_is_told(lake: Lake, log: Path) -> None:
    import_files(lake, "table", [log], table="reads", sealed=True)
    (entry,) = entries(lake)
    assert set(entry) == {"sha256", "format", "at", "outbox", "recorded"}


def test_a_second_import_keeps_the_first_day(lake: Lake, log: Path) -> None:
    first = datetime(2026, 11, 22, tzinfo=UTC)
    for day in (0, 1):
        with clock.frozen(first + timedelta(days=day)):
            report = import_files(lake, "table", [log], table="reads", sealed=True)
    assert report.files[0].state == "skipped"
    assert report.files[0].sealed_at == first
    assert len(entries(lake)) == 1


def test_what_was_imported_before_can_be_sealed_later(lake: Lake, log: Path) -> None:
    assert import_files(lake, "table", [log], table="reads").files[0].sealed_at is None
    assert import_files(lake, "table", [log], table="reads", sealed=True).files[0].sealed_at is not None


def test_a_busy_ledger_takes_it_later(lake: Lake, log: Path) -> None:
    with open_ledger(lake.workspace):
        import_files(lake, "table", [log], table="reads", sealed=True)
        with lake.records.read() as tx:
            (noted,) = sealed.every(tx)
            assert outbox.index_of(tx, noted.outbox) is None
    publish_all(lake.workspace, lake.records)
    assert entries(lake)[0]["sha256"] == noted.sha256


def test_a_file_that_changes_between_seal_and_import_is_refused(lake: Lake, log: Path) -> None:
    noted = seal_files(lake, "table", [log])[log]
    refuse_changed(log, noted.sha256, noted)
    refuse_changed(log, "other", None)
    with pytest.raises(InputError, match="was changed while it was imported"):
        refuse_changed(log, "other", noted)


def test_a_file_that_cannot_be_read(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        seal_files(lake, "table", [tmp_path / "none"])


def test_a_check_notices_bytes_that_changed(lake: Lake, log: Path) -> None:
    import_files(lake, "table", [log], table="reads", sealed=True)
    assert lake.check() == []
    log.write_text(log.read_text() + LINE.format(n=4))
    (problem,) = lake.check()
    assert (problem.kind, problem.path) == ("sealed", str(log))
    assert "has other bytes than when it was sealed on 20" in problem.says
    import_files(lake, "table", [log], table="reads", sealed=True)  # the new bytes are sealed as well
    assert lake.check() == []
    log.unlink()
    assert lake.check() == []


def test_attached_files_are_sealed_too(lake: Lake, tmp_path: Path) -> None:
    rows: dict[str, list[Any]] = {
        "read": ["a"],
        "app": ["quiz"],
        "person": ["p"],
        "fields": [["likes"]],
        "decision": ["allowed"],
    }
    path = tmp_path / "warehouse" / "reads.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table(rows | {"happened_at": [datetime(2014, 5, 1, tzinfo=UTC)]}), path)
    assert lake.attach("reads", [path.parent], sealed=True).rows == 1
    (entry,) = entries(lake)
    assert (entry["format"], entry["sha256"]) == ("attached", lake.files("reads")[0].sha256)
    path.write_bytes(path.read_bytes() + b"x")
    assert sorted(problem.kind for problem in lake.check()) == ["changed", "sealed"]
