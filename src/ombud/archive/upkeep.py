"""Keeping the archive as new as the lake: a job for the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ombud.archive.build import lake_state
from ombud.archive.store import Archive, open_archive
from ombud.model.errors import NotFoundError, StorageError
from ombud.records import jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.lake import Lake
    from ombud.records.jobs import Job

__all__ = ["BUILD", "ask_for_build", "handlers"]

BUILD = "archive.build"


def ask_for_build(lake: Lake) -> Job | None:
    """Enqueue a build when the lake has ads that the archive lacks; null when there is nothing to do.

    Asking twice for the same state of the lake is one job.
    """
    if not lake.files("ads"):
        return None
    state = lake_state(lake)
    try:
        archive = Archive.open(lake.workspace)
        current = archive.state == state
        archive.close()
    except (NotFoundError, StorageError):
        current = False
    if current:
        return None
    with lake.records.begin() as tx:
        job = jobs.enqueue(tx, BUILD, {}, key=f"{BUILD}:{state}")
        if job.state in {"done", "failed"}:
            # built before, and the file is gone or damaged since
            job = jobs.enqueue(tx, BUILD, {})
        return job


def handlers(lake: Lake) -> dict[str, Callable[[Job], dict[str, Any] | None]]:
    """Return the worker's handler of `archive.build`: the archive is built unless it is new enough by then."""

    def build(job: Job) -> dict[str, Any]:
        del job
        archive = open_archive(lake)
        try:
            return {"ads": archive.totals().ads}
        finally:
            archive.close()

    return {BUILD: build}
