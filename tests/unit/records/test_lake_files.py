"""Files of the lake: visible by their row alone, each change with a row for the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError

from ombud.model import clock
from ombud.model.errors import BusyError
from ombud.records import lake_files, outbox
from ombud.records.lake_files import LakeFile

if TYPE_CHECKING:
    from ombud.records import Records

START = datetime(2016, 6, 1, tzinfo=UTC)


def file(path: str, table: str = "posts", day: str | None = "2016-06-01") -> LakeFile:
    return LakeFile(
        path=path,
        table=table,
        day=day,
        rows=10,
        first=START,
        last=START + timedelta(hours=1, microseconds=1),
        bytes=2**40,
        sha256="ab" * 32,
        import_id="import_1",
    )


def test_a_file_comes_back_whole(records: Records) -> None:
    plain = file("posts/day=2016-06-01/a.parquet")
    attached = LakeFile(
        path="/data/b.parquet",
        table="posts",
        day=None,
        rows=0,
        first=None,
        last=None,
        bytes=0,
        sha256="cd" * 32,
        import_id=None,
        attached=True,
        mapping={"post": "id", "links": ["url", {"split": " "}]},
    )
    with records.begin() as tx:
        lake_files.add(tx, [plain, attached])
    with records.read() as tx:
        assert {f.path: f for f in lake_files.visible(tx, "posts")} == {plain.path: plain, attached.path: attached}
        assert lake_files.every(tx) == [attached, plain]


def test_tables_and_order(records: Records) -> None:
    with records.begin() as tx:
        with clock.frozen(START + timedelta(days=1)):
            lake_files.add(tx, [file("later", day="2016-06-01")])
        with clock.frozen(START):
            lake_files.add(tx, [file("z", day="2016-06-02"), file("earlier", day="2016-06-01"), file("i", "_ids/app")])
        assert [f.path for f in lake_files.visible(tx, "posts")] == ["earlier", "later", "z"]
        assert lake_files.tables(tx) == ["_ids/app", "posts"]
        assert lake_files.visible(tx, "reads") == []


def test_each_change_is_told_to_the_ledger(records: Records) -> None:
    with records.begin() as tx:
        lake_files.add(tx, [file("a"), file("b")])
        lake_files.replace(tx, ["b", "a"], [file("c")])
        first, second = outbox.pending(tx)
    assert (first.type, second.type) == ("import", "import")
    assert [f["path"] for f in first.payload["files"]] == ["a", "b"]
    assert first.payload["files"][0] == {
        "path": "a", "table": "posts", "rows": 10, "bytes": 2**40, "sha256": "ab" * 32, "import_id": "import_1"
    }  # fmt: skip
    assert second.payload["action"] == "replace"
    assert [f["path"] for f in second.payload["removed"]] == ["a", "b"]


def test_how_many_reads_a_file_has_is_not_told_to_the_ledger(records: Records) -> None:
    with records.begin() as tx:
        lake_files.add(tx, [file("a", "reads"), file("b")])
        lake_files.replace(tx, ["a"], [file("c", "reads")])
        added, replaced = outbox.pending(tx)
    assert [sorted(f) for f in (*added.payload["files"], *replaced.payload["files"])] == [
        ["import_id", "path", "sha256", "table"],
        ["bytes", "import_id", "path", "rows", "sha256", "table"],
        ["import_id", "path", "sha256", "table"],
    ]


def test_nothing_added_nothing_told(records: Records) -> None:
    with records.begin() as tx:
        lake_files.add(tx, [])
        lake_files.replace(tx, [], [])
        assert outbox.pending(tx) == []


def test_replace_is_one_step(records: Records) -> None:
    with records.begin() as tx:
        lake_files.add(tx, [file("a"), file("b")])
    with pytest.raises(BusyError, match="gone was replaced by another process"), records.begin() as tx:
        lake_files.replace(tx, ["a", "gone"], [file("c")])
    with records.read() as tx:
        assert [f.path for f in lake_files.every(tx)] == ["a", "b"]


def test_a_path_is_registered_once(records: Records) -> None:
    with records.begin() as tx:
        lake_files.add(tx, [file("a")])
    with pytest.raises(IntegrityError), records.begin() as tx:
        lake_files.add(tx, [file("a")])
    with records.read() as tx:
        assert len(outbox.pending(tx)) == 1
