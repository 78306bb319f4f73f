"""Compaction: the same rows in fewer files, sorted, once."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from ombud.lake import files
from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from ombud.lake import Lake

    Make = Callable[[str, list[dict[str, Any]]], pa.Table]


@pytest.fixture
def scattered(lake: Lake, posts: pa.Table) -> Lake:
    """Return a lake whose posts came in ten imports."""
    for start in range(0, 60, 6):
        with lake.writing() as batch:
            batch.write("posts", posts.take(list(range(start + 5, start - 1, -1))), f"import_{start}")
    return lake


def test_the_rows_stay_and_the_files_become_one_a_day(scattered: Lake) -> None:
    before = scattered.read("posts").sort_by("post")
    (done, *_) = scattered.compact()
    assert (done.table, done.rows, done.files_before, done.files_after) == ("posts", 60, 10, 3)
    assert scattered.read("posts").sort_by("post") == before
    assert [f.rows for f in scattered.files("posts")] == [24, 24, 12]
    assert scattered.check() == []


def test_a_second_run_changes_nothing(scattered: Lake) -> None:
    scattered.compact()
    paths = [f.path for f in scattered.files("posts")]
    assert scattered.compact() == []
    assert [f.path for f in scattered.files("posts")] == paths


def test_posts_are_sorted_by_time(scattered: Lake) -> None:
    scattered.compact("posts")
    times = pq.read_table(scattered.folder / scattered.files("posts")[0].path)["happened_at"]
    assert times.to_pylist() == times.sort().to_pylist()


def test_reads_are_sorted_by_app(lake: Lake, rows: Make) -> None:
    start = datetime(2016, 11, 7, tzinfo=UTC)
    items = [
        {"read": f"r{i}", "app": f"app{i % 3}", "person": "p", "happened_at": start + timedelta(minutes=i)}
        | {"fields": ["likes"], "decision": "allowed"}
        for i in range(12)
    ]
    with lake.writing() as batch:
        batch.write("reads", rows("reads", items), "import_1")
    lake.compact("reads")
    apps = pq.read_table(lake.folder / lake.files("reads")[0].path)["app"]
    assert apps.to_pylist() == apps.sort().to_pylist()


def test_a_reader_that_began_before_goes_on(scattered: Lake, posts: pa.Table) -> None:
    with scattered.duck() as duck:
        scattered.compact()
        with scattered.writing() as batch:
            batch.write("posts", posts, "import_again")
        assert duck.sql("SELECT count(*) FROM posts").fetchall() == [(60,)]


def test_replaced_files_go_after_the_grace(scattered: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    old = [scattered.folder / f.path for f in scattered.files("posts")]
    scattered.compact()
    assert all(path.is_file() for path in old)
    assert scattered.check() == []
    later = time.time() + files.GRACE + 1
    monkeypatch.setattr(time, "time", lambda: later)
    scattered.compact()
    assert not any(path.exists() for path in old)
    assert scattered.check() == []


def test_rows_that_are_missing_stop_it(scattered: Lake) -> None:
    file = scattered.files("posts")[0]
    path = scattered.folder / file.path
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    os.truncate(path, path.stat().st_size)
    with pytest.raises(StorageError, match="was changed"):
        scattered.compact()
    assert len(scattered.files("posts")) == 10
