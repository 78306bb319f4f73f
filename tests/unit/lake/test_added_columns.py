"""Columns that were added to a table: files of an older Ombud lack them, and are read, checked, compacted, erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import delete

from ombud.lake.files import sha256_of
from ombud.model.schema import TABLES
from ombud.records import lake_files
from ombud.records.tables import lake_file

if TYPE_CHECKING:
    from ombud.lake import Lake

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)
READS = TABLES["reads"]


def write(lake: Lake, name: str, day: int = 0, **more: list[Any]) -> None:
    columns: dict[str, list[Any]] = {
        "read": [f"{name}{n}" for n in range(3)],
        "app": ["quiz"] * 3,
        "person": ["p0", "p1", "p2"],
        "happened_at": [NOON + timedelta(days=day, minutes=n) for n in range(3)],
        "fields": [["likes"]] * 3,
        "decision": ["allowed"] * 3,
    }
    with lake.writing() as batch:
        batch.write("reads", pa.table(columns | more), f"import_{name}")


def age(lake: Lake) -> None:
    """Turn every file of `reads` into one that an older Ombud wrote."""
    with lake.records.begin() as tx:
        files = lake_files.visible(tx, "reads")
        tx.execute(delete(lake_file).where(lake_file.c.table_name == "reads"))
        older = []
        for file in files:
            place = lake.folder / file.path
            pq.write_table(pq.ParquetFile(place).read().drop_columns(list(READS.added)), place, compression="zstd")
            older.append(msgspec.structs.replace(file, bytes=place.stat().st_size, sha256=sha256_of(place)))
        lake_files.add(tx, older)


@pytest.fixture
def mixed(lake: Lake) -> Lake:
    write(lake, "old", 0)
    age(lake)
    write(lake, "new", 0, batch=["b"] * 3, position=[0, 1, 2], salt=["00" * 16] * 3)
    return lake


def test_which_columns_were_added() -> None:
    assert READS.added == ("key", "acts_for", "batch", "position", "salt", "network")
    assert TABLES["posts"].added == ()
    assert not any(column.added and column.required for table in TABLES.values() for column in table.columns)


def test_a_lake_of_old_files_alone(lake: Lake) -> None:
    write(lake, "old")
    age(lake)
    rows = lake.read("reads", names=True)
    assert rows["read"].to_pylist() == ["old0", "old1", "old2"]
    assert rows.column_names == list(READS.names)
    assert {name: rows[name].null_count for name in READS.added} == dict.fromkeys(READS.added, 3)
    assert lake.check() == []


def test_old_and_new_files_side_by_side(mixed: Lake) -> None:
    rows = mixed.read("reads", ["read", "batch", "position"], names=True).sort_by("read").to_pylist()
    assert [(r["read"], r["batch"], r["position"]) for r in rows] == [
        ("new0", "b", 0), ("new1", "b", 1), ("new2", "b", 2), ("old0", None, None), ("old1", None, None),
        ("old2", None, None),
    ]  # fmt: skip
    assert mixed.check() == []
    found = mixed.read("reads", ["read"], "batch = $b AND position = 1", {"b": "b"})
    assert found["read"].to_pylist() == ["new1"]


def test_a_row_of_an_old_file_is_not_taken_again(mixed: Lake) -> None:
    write(mixed, "old", 0, batch=["b"] * 3)
    assert len(mixed.read("reads")) == 6


def test_compacting_completes_the_old_ones(mixed: Lake) -> None:
    before = mixed.read("reads", names=True).drop_columns(["import_id"]).sort_by("read")
    (done,) = mixed.compact("reads")
    assert (done.rows, done.files_before, done.files_after) == (6, 2, 1)
    (file,) = mixed.files("reads")
    assert pq.read_schema(mixed.folder / file.path).names == list(READS.names)
    assert mixed.read("reads", names=True).drop_columns(["import_id"]).sort_by("read") == before
    assert mixed.check() == []


def test_erasing_from_old_and_new(mixed: Lake) -> None:
    erased = {item.table: item.removed for item in mixed.erase("p1").tables}
    assert erased["reads"] == 2
    assert mixed.read("reads", ["read"]).sort_by("read")["read"].to_pylist() == ["new0", "new2", "old0", "old2"]
    assert mixed.check() == []


def test_a_file_that_lacks_another_column_is_found(lake: Lake) -> None:
    write(lake, "old")
    with lake.records.begin() as tx:
        (file,) = lake_files.visible(tx, "reads")
        place = lake.folder / file.path
        pq.write_table(pq.ParquetFile(place).read().drop_columns(["purpose"]), place)
        tx.execute(delete(lake_file).where(lake_file.c.table_name == "reads"))
        mended = msgspec.structs.replace(file, bytes=place.stat().st_size, sha256=sha256_of(place))
        lake_files.add(tx, [mended])
    assert [problem.kind for problem in lake.check()] == ["schema"]
