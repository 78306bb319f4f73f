from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from ombud.archive import Archive
from ombud.archive.upkeep import ask_for_build, handlers
from ombud.lake import Lake, open_lake
from ombud.model.errors import NotFoundError
from ombud.model.schema import table
from ombud.records import jobs, migrate, open_records, worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.model.workspace import Workspace


@pytest.fixture
def lake(workspace: Workspace) -> Iterator[Lake]:
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        yield open_lake(workspace, records)


def add(lake: Lake, *ads: str) -> None:
    door = table("ads").door
    rows = [dict.fromkeys(door.names) | {"ad": ad, "space": "https://example.org/page"} for ad in ads]
    with lake.writing() as batch:
        batch.write("ads", pa.Table.from_pylist(rows, schema=door), "import_test")


def work(lake: Lake) -> bool:
    return worker.run_one(lake.records, handlers(lake), "test")


def test_a_lake_without_ads_asks_for_nothing(lake: Lake) -> None:
    assert ask_for_build(lake) is None
    with pytest.raises(NotFoundError):
        Archive.open(lake.workspace)


def test_the_worker_builds_what_was_asked_for_once(lake: Lake) -> None:
    add(lake, "a", "b")
    first, second = ask_for_build(lake), ask_for_build(lake)
    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert work(lake)
    assert Archive.open(lake.workspace).totals().ads == 2
    assert ask_for_build(lake) is None
    assert not work(lake)


def test_new_ads_ask_again(lake: Lake) -> None:
    add(lake, "a")
    ask_for_build(lake)
    work(lake)
    add(lake, "c")
    assert ask_for_build(lake) is not None
    assert work(lake)
    assert Archive.open(lake.workspace).totals().ads == 2


def test_a_file_that_went_missing_is_built_again(lake: Lake) -> None:
    add(lake, "a")
    ask_for_build(lake)
    work(lake)
    lake.workspace.archive_file.unlink()
    assert ask_for_build(lake) is not None
    assert work(lake)
    assert Archive.open(lake.workspace).totals().ads == 1


def test_a_worker_that_is_told_to_stop_leaves_the_job(lake: Lake) -> None:
    add(lake, "a")
    job = ask_for_build(lake)
    assert job is not None
    stop = Event()
    stop.set()
    worker.run(lake.records, handlers(lake), stop)
    with lake.records.read() as tx:
        assert jobs.get(tx, job.id).attempts == 0
