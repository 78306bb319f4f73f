"""Frozen sets: exact, once, on the ledger without a number of people, erasable, and every change noticed."""

from __future__ import annotations

import stat
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from ombud.audit.dossier.freeze import freeze, prove, verify
from ombud.lake.backup import backup, restore
from ombud.lake.publisher import publish_all
from ombud.lake.store import open_lake
from ombud.ledger.bundles import decode_bundle
from ombud.ledger.cosigned import log_keys
from ombud.ledger.entries import decode_entry
from ombud.ledger.evidence import verify_evidence
from ombud.ledger.faults import ProofError
from ombud.ledger.proofs import prove_and_read
from ombud.ledger.reading import DirectoryLog
from ombud.model.errors import InputError, NotFoundError
from ombud.model.workspace import Workspace
from ombud.records import frozen_sets, open_records, outbox
from tests.unit.audit.one_app import CHAT, QUIZ, START, make_lake, read, walk, write_reads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ombud.lake import Lake
    from ombud.records.frozen_sets import FrozenSet


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = make_lake(tmp_path / "w")
    write_reads(made, walk(2, 8))
    yield made
    made.records.close()


def _frozen(lake: Lake) -> FrozenSet:
    done = freeze(lake, QUIZ, "They are to be told.", "Some reviewer")
    assert done.new
    return done.set


def test_it_is_on_the_ledger_without_a_number_of_people(lake: Lake) -> None:
    item = _frozen(lake)
    assert verify(lake, item.id).ledger is None
    assert publish_all(lake.workspace, lake.records).entries
    with lake.records.read() as tx:
        index = outbox.index_of(tx, item.outbox)
    assert index is not None
    _, data = prove_and_read(DirectoryLog(lake.workspace.ledger_dir), index, None)
    entry = decode_entry(data)
    assert entry.type == "affected"
    told = {name: entry.body[name] for name in ("frozen", "app", "root", "padded")}
    assert told == {"frozen": item.id, "app": QUIZ, "root": item.root, "padded": 256}
    assert set(entry.body) == {*told, "since", "until", "at", "outbox", "recorded"}
    everything = DirectoryLog(lake.workspace.ledger_dir).bundle(0, index + 1)
    assert b"friend-" not in everything
    files = [file for one in decode_bundle(everything, index + 1) for file in decode_entry(one).body.get("files", [])]
    (file,) = [file for file in files if file["table"] == "frozen"]
    assert set(file) == {"path", "table", "sha256", "import_id"}
    found = verify(lake, item.id)
    assert (found.ok, found.people, found.erased, found.root, found.ledger) == (True, 14, 0, item.root, index)


def test_its_file_is_its_owners(lake: Lake) -> None:
    item = _frozen(lake)
    (file,) = lake.files("frozen")
    place = lake.folder / file.path
    assert file.path.startswith("frozen/")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert file.rows == item.people == pq.read_metadata(place).num_rows
    assert lake.check() == []


def test_the_same_set_twice_says_so(lake: Lake) -> None:
    item = _frozen(lake)
    again = freeze(lake, QUIZ, "Another reason.", "Somebody else")
    assert (again.new, again.set) == (False, item)
    with lake.records.read() as tx:
        assert frozen_sets.every(tx) == frozen_sets.of_app(tx, QUIZ) == [item]
    write_reads(lake, [read("friend-1", 0, fields=["posts"])], "later")
    other = freeze(lake, QUIZ, "A field more.", "Some reviewer", item.since, item.until)
    assert other.new
    assert other.set.root != item.root
    assert other.set.people == item.people
    assert verify(lake, item.id).ok


def test_roots_of_the_same_people_differ(lake: Lake) -> None:
    """Salts and seed are random: nobody who knows the people can tell that they are under a root."""
    item = _frozen(lake)
    shorter = freeze(lake, QUIZ, "A shorter time.", "Some reviewer", item.since, item.until + timedelta(seconds=1))
    assert shorter.new
    assert (shorter.set.people, shorter.set.root == item.root) == (item.people, False)


def test_an_erased_person_goes_and_the_commitment_stays(lake: Lake) -> None:
    item = _frozen(lake)
    publish_all(lake.workspace, lake.records)
    before = [lake.folder / file.path for file in lake.files("frozen")]
    done = lake.erase("friend-5")
    assert {"frozen", "reads"} <= {one.table for one in done.tables}
    assert not any(place.exists() for place in before)
    kept = lake.read("frozen", names=True).to_pylist()
    assert len(kept) == item.people - 1
    assert "friend-5" not in {row["person"] for row in kept}
    gone = lake.read("erased_rows", where='"batch" = $id', parameters={"id": item.id}).to_pylist()
    assert len(gone) == 1
    found = verify(lake, item.id)
    assert (found.ok, found.erased, found.root) == (True, 1, item.root)
    assert not freeze(lake, QUIZ, "Nobody else came.", "Some reviewer", item.since, item.until).new
    (file,) = lake.files("frozen")
    assert stat.S_IMODE((lake.folder / file.path).stat().st_mode) == 0o600
    assert lake.check() == []


def test_a_friend_whose_way_was_erased_stays_a_friend_in_the_set(lake: Lake) -> None:
    item = _frozen(lake)
    lake.erase("installer-0")
    reach = {row["person"]: row["reach"] for row in lake.read("frozen", names=True).to_pylist()}
    assert reach["friend-0"] == "via"
    assert verify(lake, item.id).ok


@pytest.mark.parametrize("change", ["reads = reads + 1", "reach = 'both'", "salt = repeat('00', 16)"])
def test_a_changed_row_is_noticed(lake: Lake, change: str) -> None:
    item = _frozen(lake)
    (file,) = lake.files("frozen")
    rows = pq.read_table(lake.folder / file.path)
    with lake.duck([]) as duck:
        duck.register("rows", rows)
        duck.execute("CREATE TABLE changed AS SELECT * FROM rows")
        duck.execute(f'UPDATE changed SET {change} WHERE "position" = 3')  # noqa: S608 - the test's own words
        other = duck.sql('SELECT * FROM changed ORDER BY "position"').to_arrow_table().cast(rows.schema)
    with lake.writing() as batch:
        spec_file = batch.staging / "other.parquet"
        pq.write_table(other, spec_file)
        (lake.folder / file.path).write_bytes(spec_file.read_bytes())
    size = (lake.folder / file.path).stat().st_size
    with lake.records.begin() as tx:
        tx.exec_driver_sql("UPDATE lake_file SET bytes = ? WHERE path = ?", (size, file.path))
    found = verify(lake, item.id)
    assert not found.ok
    assert "A row was changed" in found.problems[0]


def test_a_row_that_is_gone_is_noticed(lake: Lake) -> None:
    item = _frozen(lake)
    with lake.records.begin() as tx:
        tx.exec_driver_sql("UPDATE frozen_set SET people = 15")
    found = verify(lake, item.id)
    assert not found.ok
    assert "had 15 people; the lake has rows of 14" in found.problems[0]


def test_another_root_in_the_records_is_noticed(lake: Lake) -> None:
    item = _frozen(lake)
    publish_all(lake.workspace, lake.records)
    with lake.records.begin() as tx:
        tx.exec_driver_sql("UPDATE frozen_set SET root = ?", ("ab" * 32,))
    found = verify(lake, item.id)
    assert not found.ok
    assert any("another commitment" in one for one in found.problems)


def test_a_ledger_that_cannot_be_read_is_a_problem(lake: Lake) -> None:
    item = _frozen(lake)
    publish_all(lake.workspace, lake.records)
    (lake.workspace.ledger_dir / "checkpoint").unlink()
    found = verify(lake, item.id)
    assert not found.ok
    assert "cannot be read" in found.problems[0]


def test_each_person_has_a_proof_of_their_own_row(lake: Lake) -> None:
    item = _frozen(lake)
    with pytest.raises(NotFoundError, match="waits for the ledger"):
        prove(lake, item.id, "friend-5")
    publish_all(lake.workspace, lake.records)
    proof = prove(lake, item.id, "friend-5")
    found = verify_evidence(proof, log_keys(lake.workspace.ledger_dir))
    assert found.row is not None
    assert b'"person":"friend-5"' in found.row
    assert b"friend-6" not in proof.encode()
    assert b'"reach":"via"' in found.row
    with pytest.raises(NotFoundError, match="not in the frozen set"):
        prove(lake, item.id, "nobody")
    assert proof.extra is not None
    forged = type(proof)(proof.index, proof.proof, proof.checkpoint, proof.extra.replace(b"friend-5", b"friend-9"))
    with pytest.raises(ProofError):
        verify_evidence(forged, log_keys(lake.workspace.ledger_dir))


def test_a_set_comes_back_with_a_backup(lake: Lake, tmp_path: Path) -> None:
    item = _frozen(lake)
    publish_all(lake.workspace, lake.records)
    backup(lake.workspace, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "copy")
    copy = Workspace.open(tmp_path / "copy")
    with open_records(copy) as records:
        found = verify(open_lake(copy, records), item.id)
    assert found.ok


def test_what_cannot_be_frozen_is_said(lake: Lake) -> None:
    with pytest.raises(InputError, match="for a reason"):
        freeze(lake, QUIZ, "  ", "Some reviewer")
    with pytest.raises(NotFoundError, match="Neither lake nor records"):
        freeze(lake, "nobody", "A reason.", "Some reviewer")
    with pytest.raises(NotFoundError, match="there is nobody to freeze"):
        freeze(lake, QUIZ, "A reason.", "Some reviewer", START - timedelta(days=9), START - timedelta(days=8))
    with pytest.raises(NotFoundError, match="no frozen set `frozen_x`"):
        verify(lake, "frozen_x")
    write_reads(lake, [read("anna", app=CHAT, decision="refused")], "c")
    with pytest.raises(NotFoundError, match="there is nobody to freeze"):
        freeze(lake, CHAT, "A reason.", "Some reviewer")
