"""Compaction: the same rows in fewer files, in the order that readers want, while they read."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.model.errors import BusyError, NotFoundError
from ombud.records import lake_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.lake import Lake

NOON = datetime(2016, 11, 7, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def write(lake: Lake, table: str, rows: pa.Table, import_id: str = "import_1") -> None:
    with lake.writing() as batch:
        batch.write(table, rows, import_id)


def stored(lake: Lake, table: str) -> list[pa.Table]:
    return [pq.ParquetFile(lake.folder / f.path).read() for f in lake.files(table)]


def test_tables_without_days_are_sorted_by_their_key(lake: Lake, rows: Callable[..., pa.Table]) -> None:
    for n, names in enumerate((["d", "b"], ["a", "c"])):
        write(lake, "accounts", rows("accounts", [{"account": name} for name in names]), f"import_{n}")
    (done,) = lake.compact("accounts")
    assert (done.table, done.rows, done.files_before, done.files_after) == ("accounts", 4, 2, 1)
    (table,) = stored(lake, "accounts")
    assert table["account"].to_pylist() == [0, 1, 2, 3]
    assert set(table["import_id"].to_pylist()) == {"import_0", "import_1"}


def test_rows_of_one_moment_are_sorted_by_their_key(lake: Lake, rows: Callable[..., pa.Table]) -> None:
    items = [{"post": f"p{i % 7}{i}", "account": "a", "happened_at": NOON + HOUR * (i % 2)} for i in range(10)]
    for n in range(2):
        write(lake, "posts", rows("posts", items[n::2][::-1]), f"import_{n}")
    lake.compact("posts")
    (table,) = stored(lake, "posts")
    keys: list[Any] = list(zip(table["happened_at"].to_pylist(), table["post"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_undated_ads_are_a_day_of_their_own(lake: Lake, rows: Callable[..., pa.Table]) -> None:
    for n in range(2):
        items = [{"ad": f"{n}a", "happened_at": None}, {"ad": f"{n}b", "happened_at": NOON}]
        write(lake, "ads", rows("ads", items), f"import_{n}")
    (done,) = lake.compact("ads")
    assert (done.rows, done.files_before, done.files_after) == (4, 4, 2)
    assert sorted(f.path.split("/")[1] for f in lake.files("ads")) == ["day=2016-11-07", "day=unknown"]
    assert lake.check() == []


def test_one_file_of_an_import_is_sorted_too_and_then_left(lake: Lake, posts: pa.Table) -> None:
    write(lake, "posts", posts)
    (first,) = lake.compact("posts")
    assert first.files_before == first.files_after == 3
    assert {f.import_id for f in lake.files("posts")} == {None}
    assert lake.compact("posts") == []
    assert set(lake.read("posts", ["import_id"])["import_id"].to_pylist()) == {"import_1"}
    write(lake, "posts", posts.set_column(0, "post", pa.array([f"n{i}" for i in range(60)])), "import_2")
    (again,) = lake.compact("posts")
    assert (again.rows, again.files_before, again.files_after) == (120, 6, 3)


def test_only_days_that_changed_are_written(lake: Lake, rows: Callable[..., pa.Table]) -> None:
    for n in range(3):
        write(lake, "posts", rows("posts", [{"post": f"a{n}", "account": "a", "happened_at": NOON + 24 * n * HOUR}]))
    lake.compact("posts")
    before = {f.day: f.path for f in lake.files("posts")}
    write(lake, "posts", rows("posts", [{"post": "new", "account": "a", "happened_at": NOON + 24 * HOUR}]))
    (done,) = lake.compact("posts")
    after = {f.day: f.path for f in lake.files("posts")}
    assert (done.rows, done.files_before) == (2, 2)
    assert {day for day in before if before[day] != after[day]} == {"2016-11-08"}


def test_readers_see_every_row_once_all_through_it(lake: Lake, posts: pa.Table) -> None:
    for n in range(4):
        write(lake, "posts", posts.slice(n * 15, 15), f"import_{n}")
    counts: list[int] = []
    faults: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                counts.append(len(set(lake.read("posts", ["post"])["post"].to_pylist())))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test fails with it
            faults.append(error)

    with lake.duck(["posts"]) as early:
        reader = threading.Thread(target=read)
        reader.start()
        try:
            lake.compact()
        finally:
            done.set()
            reader.join()
        assert early.execute("SELECT count(*), count(DISTINCT post) FROM posts").fetchone() == (60, 60)
    assert faults == []
    assert set(counts) == {60}


def test_the_key_still_holds_after_it(lake: Lake, posts: pa.Table) -> None:
    write(lake, "posts", posts)
    lake.compact()
    with lake.writing() as batch:
        counts = batch.write("posts", posts, "import_2")
    assert (counts.read, counts.accepted, counts.skipped) == (60, 0, 60)


def test_compaction_waits_for_a_writer(lake: Lake, posts: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake, "posts", posts)
    monkeypatch.setattr("ombud.lake.store.Lake.writing.__wrapped__.__defaults__", (0.0,))
    with lake.writing(), pytest.raises(BusyError, match="Another process is writing to this workspace"):
        lake.compact("posts")
    assert len(lake.compact("posts")) == 1


def test_an_unknown_table_is_refused(lake: Lake) -> None:
    with pytest.raises(NotFoundError, match="no table `tweets`"):
        lake.compact("tweets")
    assert lake.compact() == []  # and an empty lake is left as it is


def test_the_ledger_learns_of_replaced_files(lake: Lake, posts: pa.Table) -> None:
    write(lake, "posts", posts)
    before = {f.path for f in lake.files("posts")}
    lake.compact("posts")
    with lake.records.read() as tx:
        assert before.isdisjoint(f.path for f in lake_files.every(tx))
    assert lake.check() == []  # the replaced files are kept for readers, and no orphans
    assert all((lake.folder / path).exists() for path in before)
