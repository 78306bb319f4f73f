"""A person takes along what is held about them: their data, what they allowed, and who read it, with proofs."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from ombud.gate.portability import export
from ombud.model import clock
from ombud.model.errors import BusyError, NotFoundError, StorageError
from ombud.web.access import PERSON
from ombud.web.pages import Pages
from ombud.web.visit import VisitParameter

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["pages"]

pages = Pages()
_PIECE = 256 * 1024
_one_at_a_time = threading.BoundedSemaphore(1)
"""Taking all of somebody's data out of the lake is heavy: one person after the other, in this process."""


def _made(visit: VisitParameter, person: str) -> IO[bytes]:
    """Return the open file of a person's export; its name is gone already, so nothing stays behind."""
    root = visit.house.workspace.root
    try:
        folder = Path(tempfile.mkdtemp(prefix=".export-", dir=root))
    except OSError as error:
        raise StorageError(
            f"An export cannot be written: {error.strerror}.", hint="Staff see to the workspace's disk."
        ) from error
    try:
        try:
            export(visit.house.lake, person, folder / "record.zip")
        except NotFoundError as error:
            raise NotFoundError(
                "Nothing is held about you here, so there is nothing to take along.",
                hint="Come again once an app asked.",
            ) from error
        return (folder / "record.zip").open("rb")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


@pages.form("/me/export", access=PERSON, media_type="application/zip")
def take_along(visit: VisitParameter) -> Response:
    """Send a person all that is held about them: JSON, CSV, and a proof for each read, in one ZIP file."""
    if not _one_at_a_time.acquire(timeout=20):
        raise BusyError("Others are taking their record along at this moment.", hint="Try again in a minute.")
    try:
        file = _made(visit, visit.myself().id)
    finally:
        _one_at_a_time.release()
    name = f"my-record-{clock.now():%Y-%m-%d}.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_pieces(file), media_type="application/zip", headers=headers)
