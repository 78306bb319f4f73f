"""The worker's jobs take what they brought into the sets, and never fail for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ombud.audit.people import upkeep
from ombud.audit.people.sets import PeopleSets
from ombud.audit.people.upkeep import keeping_sets
from ombud.model.errors import StorageError
from ombud.records import jobs
from tests.unit.audit.exposing import read, write

if TYPE_CHECKING:
    import pytest

    from ombud.lake import Lake
    from ombud.records.jobs import Job


def test_after_its_job_the_worker_brings_the_sets_up(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flush(job: Job) -> dict[str, Any]:
        write(lake, "reads", [read(job.attempts, "quiz", f"p{job.attempts}")])
        return {"reads": 1}

    work = keeping_sets(lake, {"gate.flush": flush})["gate.flush"]
    with lake.records.begin() as tx:
        job = jobs.enqueue(tx, "gate.flush", {})
    assert work(job) == {"reads": 1}
    sets = PeopleSets(lake.workspace, lake)
    assert [size.people for size in sets.sizes().values()] == [1]

    def fails(*_: object) -> int:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(upkeep, "catch_up", fails)
    assert work(job) == {"reads": 1}
    assert "The disk is full." in caplog.text
