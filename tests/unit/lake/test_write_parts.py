"""Writing only some of a table's columns, and keys that hash alike or hold nulls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from ombud.lake import plan
from ombud.lake.lock import writer_lock
from ombud.model.errors import BusyError, InputError
from ombud.model.schema import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Counts, Lake

NOON = datetime(2016, 11, 7, 12, tzinfo=UTC)
VALUES: dict[pa.DataType, Any] = {
    pa.string(): "x",
    pa.int64(): 1,
    pa.timestamp("us", tz="UTC"): NOON,
    pa.list_(pa.string()): ["y"],
}


def write(lake: Lake, table: str, columns: dict[str, list[Any]], import_id: str = "import_1") -> Counts:
    with lake.writing() as batch:
        return batch.write(table, pa.table(columns), import_id)


@pytest.mark.parametrize("name", TABLES)
def test_columns_that_may_be_null_can_be_left_out(lake: Lake, name: str) -> None:
    spec = TABLES[name]
    needed = {c.name: [VALUES[c.door_type]] * 2 for c in spec.columns if c.required and c.name != "import_id"}
    assert write(lake, name, needed).accepted == 1  # both rows have one key
    (row,) = lake.read(name, names=True).to_pylist()
    assert row == dict.fromkeys(spec.names) | {key: values[0] for key, values in needed.items()} | {
        "import_id": "import_1"
    }
    assert lake.check() == []


def test_undated_rows_repeat_each_other(lake: Lake) -> None:
    assert write(lake, "accounts", {"account": ["a", "b", "a"]}).accepted == 2
    later = write(lake, "accounts", {"account": ["a", "c"], "name": ["A", "C"]}, "import_2")
    assert (later.accepted, later.skipped) == (1, 1)
    named = lake.read("accounts", ["account", "name"], names=True).sort_by("account").to_pylist()
    assert [(r["account"], r["name"]) for r in named] == [("a", None), ("b", None), ("c", "C")]


def test_a_dated_row_is_taken_before_an_undated_one_of_its_key(lake: Lake) -> None:
    write(lake, "accounts", {"account": ["a"] * 3, "happened_at": [None, NOON, None], "name": ["1", "2", "3"]})
    assert lake.read("accounts", ["name"])["name"].to_pylist() == ["2"]


def test_nulls_in_a_key_are_equal_to_each_other_and_to_nothing_else(lake: Lake) -> None:
    ties: dict[str, list[Any]] = {
        "account": ["a"] * 4,
        "other": [None, "b", None, None],
        "space": [None, None, "s", None],
        "tie": ["x"] * 4,
        "happened_at": [NOON] * 4,
    }
    assert write(lake, "ties", ties).accepted == 3
    assert write(lake, "ties", ties, "import_2").accepted == 0


def test_keys_that_only_hash_alike_are_different_rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    # With one hash for all, every row is doubtful and compared exactly.
    monkeypatch.setattr(plan.Plan, "_key_hash", lambda _: "0 AS key_hash")
    posts: dict[str, list[Any]] = {
        "post": ["1", "2", "1", "3"],
        "account": ["a"] * 4,
        "happened_at": [NOON] * 4,
        "text": ["x", "y", "z", None],
    }
    first = write(lake, "posts", posts)
    assert (first.accepted, first.skipped) == (3, 1)
    posts["post"] = ["3", "4", "4", "1"]
    second = write(lake, "posts", posts, "import_2")
    assert (second.accepted, second.skipped) == (1, 3)
    rows = lake.read("posts", ["post", "import_id"]).sort_by("post").to_pylist()
    assert [(r["post"], r["import_id"][-1]) for r in rows] == [("1", "1"), ("2", "1"), ("3", "1"), ("4", "2")]


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "290000-01-01 00:00:00+00", "10000-01-01 00:00:00+00"])
def test_a_moment_outside_the_calendar_stops_the_write(lake: Lake, moment: str) -> None:
    sql = "SELECT '1' AS post, 'a' AS account, TIMESTAMPTZ 'WHEN' AS happened_at".replace("WHEN", moment)
    with pytest.raises(InputError), lake.writing() as batch:
        batch.write("posts", sql, "import_1")
    assert lake.files("posts") == []


def test_an_unreadable_note_in_the_lock_does_not_hide_who_is_busy(tmp_path: Path) -> None:
    with writer_lock(tmp_path, 0):
        (tmp_path / ".lock").write_bytes(b"{")
        with pytest.raises(BusyError, match="it started this moment"), writer_lock(tmp_path, 0):
            pass
