"""A person is erased and the whole ledger still verifies, with every other row's proof; of theirs nothing is left."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from ombud.lake.batches import stored_batch
from ombud.lake.parquet import SALT
from ombud.ledger.check import check_log
from ombud.ledger.commitments import RowBatch, commit_rows, verify_commitment, verify_row
from ombud.ledger.entries import decode_entry, encode_entry
from ombud.ledger.hashing import leaf_hash, leaf_hashes, root_of, verify_inclusion
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.rows import ReadRow, row_bytes, row_time
from ombud.ledger.tree import inclusion_proof, tree_root
from ombud.ledger.writer import open_ledger
from ombud.model.errors import NotFoundError, StorageError
from ombud.records import lake_files

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from ombud.lake import Lake

    Make = Callable[[str, list[dict[str, Any]]], pa.Table]

NOON = datetime(2014, 4, 30, 12, tzinfo=UTC)
WHO = "person-to-forget"
PEOPLE = (WHO, "anna", "ben", "carl")


def read(batch: int, position: int) -> dict[str, Any]:
    """Return a read as the door of the lake takes it; every third goes through a friend's grant."""
    return {
        "read": f"r-{batch}-{position}",
        "app": f"app{position % 3}",
        "person": PEOPLE[position % 4],
        "through": PEOPLE[(position + 1) % 4] if position % 3 == 0 else None,
        "happened_at": NOON + timedelta(seconds=batch, microseconds=position * 1_001),
        "fields": ["likes", 'Ünïcode \u2028 "quoted"'][: position % 3],
        "purpose": None if position % 5 == 0 else "game",
        "decision": "allowed",
        "reason": "not granted" if position % 7 == 0 else None,
        "policy": "ab" * 32,
        "key": "thumbprint" if position % 2 else None,
        "acts_for": "agent" if position % 11 == 0 else None,
    }


def committed(row: dict[str, Any]) -> bytes:
    values = {name: row[name] for name in ReadRow.__struct_fields__ if name != "at"}
    return row_bytes(ReadRow(at=row_time(row["happened_at"]), **values))


@pytest.fixture
def batches(lake: Lake, rows: Make) -> dict[str, RowBatch]:
    """Fill lake and ledger with three batches of reads, of 1, 40 and 300 rows."""
    made: dict[str, RowBatch] = {}
    reads, kept = [], []
    with open_ledger(lake.workspace) as ledger:
        for number, count in enumerate((1, 40, 300)):
            own = [read(number, position) for position in range(count)]
            batch = commit_rows([committed(row) for row in own])
            name = f"batch_{number}"
            body = {"batch": name, "root": batch.root.hex(), "padded": batch.padded}
            index = ledger.append([encode_entry("reads", body)])
            made[name] = batch
            reads += [
                row | {"batch": name, "position": position, "salt": batch.salt(position).hex()}
                for position, row in enumerate(own)
            ]
            kept.append(
                body
                | {"happened_at": NOON, "host": "h", "sequence": number + 1, "rows": count}
                | {"pad_seed": batch.pad_seed.hex(), "ledger_index": index, "outbox": None, "policy": None}
            )
    with lake.writing() as batch_:
        batch_.write("reads", rows("reads", reads), "import_1")
        batch_.write("batches", rows("batches", kept), "import_1")
    return made


def verified(lake: Lake, batches: dict[str, RowBatch]) -> dict[str, set[int]]:
    """Check the log, each batch's root against its entry, and each row's proof; return which rows are left."""
    log = DirectoryLog(lake.workspace.ledger_dir)
    with open_ledger(lake.workspace) as ledger:
        entries, size = list(ledger.entries()), ledger.size
    root = tree_root(log, size)
    assert root == root_of(leaf_hashes(entries))
    report = check_log(log)
    assert (report.ok, report.checked, report.problems) == (True, size, [])
    left: dict[str, set[int]] = {}
    for name, batch in batches.items():
        stored = stored_batch(lake, name)
        entry = entries[stored.ledger_index or 0]
        verify_inclusion(
            stored.ledger_index or 0, size, leaf_hash(entry), inclusion_proof(log, stored.ledger_index or 0, size), root
        )
        body = decode_entry(entry).body
        assert (body["batch"], body["root"], body["padded"]) == (name, stored.root.hex(), stored.padded)
        assert stored.root == batch.root
        for position, row in stored.rows.items():
            proof = stored.tree.proof(position)
            verify_row(row.row, row.salt, position, body["padded"], proof, bytes.fromhex(body["root"]))
            assert json.loads(row.row)["read"] == f"r-{name[-1]}-{position}"
        for position in set(range(len(batch.leaves))) - stored.rows.keys():
            verify_commitment(batch.leaves[position], position, stored.padded, stored.tree.proof(position), stored.root)
        left[name] = set(stored.rows)
    return left


def about(position: int) -> bool:
    row = read(0, position)
    return WHO in {row["person"], row["through"]}


def test_every_row_can_be_proved_from_the_lake(lake: Lake, batches: dict[str, RowBatch]) -> None:
    assert {name: len(rows) for name, rows in verified(lake, batches).items()} == {
        "batch_0": 1,
        "batch_1": 40,
        "batch_2": 300,
    }


def test_after_an_erasure_the_log_and_every_other_row_verify(lake: Lake, batches: dict[str, RowBatch]) -> None:
    salts = {batch.salt(at).hex() for batch in batches.values() for at in range(len(batch.leaves)) if about(at)}
    lake.erase(WHO)
    left = verified(lake, batches)
    counts = {"batch_0": 1, "batch_1": 40, "batch_2": 300}
    assert left == {name: {at for at in range(count) if not about(at)} for name, count in counts.items()}
    gone = lake.read("erased_rows", ["batch", "position", "commitment"]).to_pylist()
    assert {(row["batch"], row["position"]): row["commitment"] for row in gone} == {
        (name, at): batches[name].leaves[at].hex() for name, count in counts.items() for at in range(count) if about(at)
    }
    for path in lake.folder.rglob("*.parquet"):
        text = str(pq.read_table(path).to_pylist())
        assert WHO not in text
        assert not any(salt in text for salt in salts), "a salt is left with which a row could be tried out"
    assert lake.check() == []
    through = lake.read("reads", ["read", "through", "salt", "batch"], "through IS NULL AND salt IS NULL").to_pylist()
    assert {row["read"] for row in through} == {
        f"r-{name[-1]}-{at}" for name, count in counts.items() for at in range(count) if about(at) and at % 4
    }


def test_one_person_after_the_other(lake: Lake, batches: dict[str, RowBatch]) -> None:
    for person in PEOPLE:
        lake.erase(person)
        verified(lake, batches)
    lake.compact()
    assert verified(lake, batches) == {"batch_0": set(), "batch_1": set(), "batch_2": set()}
    assert len(lake.read("erased_rows", ["batch"])) == 341


def test_reads_that_no_gate_saw_leave_no_commitment(lake: Lake, rows: Make) -> None:
    with lake.writing() as batch:
        own = {name: value for name, value in read(0, 0).items() if name not in {"key", "acts_for"}}
        batch.write("reads", rows("reads", [own]), "import_1")
    lake.erase(WHO)
    assert len(lake.read("erased_rows", ["batch"])) == 0


def test_a_row_that_was_changed_lost_or_added_is_noticed(lake: Lake, batches: dict[str, RowBatch], rows: Make) -> None:
    with pytest.raises(NotFoundError, match="no batch"):
        stored_batch(lake, "batch_9")
    with lake.writing() as batch:
        extra = read(1, 40) | {"batch": "batch_1", "position": 40, "salt": "00" * 16}
        batch.write("reads", rows("reads", [extra]), "import_2")
        changed = {"batch": "batch_0", "position": 0, "commitment": "00" * 32, "happened_at": NOON}
        batch.write("erased_rows", rows("erased_rows", [changed]), "import_2")
    with pytest.raises(StorageError, match="40 rows on the ledger, but 41"):
        stored_batch(lake, "batch_1")
    with pytest.raises(StorageError, match="was changed"):
        stored_batch(lake, "batch_0")
    assert stored_batch(lake, "batch_2").root == batches["batch_2"].root


def test_a_file_s_hash_cannot_be_found_by_trying_names(lake: Lake, rows: Make) -> None:
    """The hashes of files are public, so the same rows give another file each time."""
    hashes = []
    for number in range(2):
        with lake.writing() as batch:
            batch.write("accounts", rows("accounts", [{"account": f"anna-{number}", "name": "Anna"}]), "import_1")
    for table in ("_ids/account", "accounts"):
        with lake.records.read() as tx:
            files = lake_files.visible(tx, table)
        metadata = [pq.read_metadata(lake.folder / file.path).metadata or {} for file in files]
        salts = {each[SALT.encode()] for each in metadata}
        assert {len(salt) for salt in salts} == {32}
        assert len(salts) == len(files) == 2
        hashes += [file.sha256 for file in files]
    assert len(set(hashes)) == 4
