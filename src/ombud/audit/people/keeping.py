"""Keeping the sets up to the lake: what is new is taken in, what went or changed is made again."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ombud.audit.people.gathering import BUFFER_ROWS, DIRECT, GRANTED, Gathering
from ombud.audit.people.manifest import Manifest, Part, Source, Wanted, read_manifest, wanted, write_manifest
from ombud.audit.people.segments import Segment, merged, write_segment
from ombud.lake.engines.sql import queries
from ombud.lake.faults import disk_faults, duck_faults
from ombud.lake.parquet import CHUNK_ROWS
from ombud.lake.views import connect, register
from ombud.model.errors import BusyError, StorageError
from ombud.model.ids import random_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from ombud.lake import Lake
    from ombud.records.lake_files import LakeFile

    Progress = Callable[[int, int | None, str], None]

__all__ = ["WAIT", "bring_up", "locked", "snapshot"]

WAIT = 10.0
"""Seconds to wait for another process that takes files in."""
_POLL = 0.05
_TRIES = 3
_GROWTH = 2
"""A file of sets is merged with the smaller ones once these come to half its size; so there are few of them."""
_TABLES = {"reads": ("people_read", DIRECT), "grants": ("people_granting", GRANTED)}


@contextmanager
def locked(folder: Path, wait: float) -> Iterator[None]:
    """Hold the lock of the sets, which the kernel lets go when its holder dies; `BusyError` after `wait` seconds."""
    with disk_faults(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + wait
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise BusyError(
                        "Another process brings the sets of people by app up to date.", hint="Try again in a moment."
                    ) from None
                time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def snapshot(
    lake: Lake, files: dict[str, list[LakeFile]], tables: Sequence[str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open DuckDB over exactly these files, with one view per table; rows come in no order."""
    spill = lake.folder / "_staging" / random_id(f"r-{os.getpid()}")
    try:
        with connect(lake.workspace.settings, spill) as duck:
            duck.execute("SET preserve_insertion_order = false")
            register(duck, lake.folder, files, tables)
            yield duck
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def bring_up(
    lake: Lake, folder: Path, *, progress: Progress | None = None, wait: float = WAIT, rows: int = BUFFER_ROWS
) -> int:
    """Make the sets in `folder` fit the lake's files of this moment; return how many files were read.

    Nothing is read twice: a file is in by its path and hash. When one of them is
    gone or another (compaction, erasure), the part that it is in is made again
    from what is there. A crash at any moment leaves the last whole state.
    """
    if not _behind(lake, folder):
        return 0
    for attempt in range(_TRIES):
        with locked(folder, wait), disk_faults(folder):
            with lake.records.read() as tx:
                now = wanted(tx)
            before = read_manifest(folder)
            kept = [part for part in before.parts if now.fits(part) and _sound(folder, part)]
            have = {source for part in kept for source in part.sources}
            new = {source: file for source, file in now.sources.items() if source not in have}
            if not new and len(kept) == len(before.parts):
                return 0
            try:
                parts = [*kept, *_gathered(lake, folder, now, new, progress=progress, rows=rows)]
            except StorageError:
                with lake.records.read() as tx:  # compaction or erasure may have taken a file away meanwhile
                    if attempt == _TRIES - 1 or wanted(tx).sources == now.sources:
                        raise
                continue
            finally:
                shutil.rmtree(folder / "passing", ignore_errors=True)
            write_manifest(folder, Manifest(parts=_few(folder, parts, now)))
            _tidy(folder)
            return len(new)
    raise AssertionError


def _behind(lake: Lake, folder: Path) -> bool:
    """Say whether there is anything to do; takes no lock."""
    with lake.records.read() as tx:
        now = wanted(tx)
    parts = read_manifest(folder).parts
    have = {source for part in parts for source in part.sources}
    return now.sources.keys() != have or not all(now.fits(part) and _sound(folder, part) for part in parts)


def _sound(folder: Path, part: Part) -> bool:
    """Say whether a part's file is there and whole; what is inside each set is checked when it is read."""
    try:
        return (folder / part.name).stat().st_size == part.bytes and Segment.open(folder / part.name) is not None
    except (OSError, StorageError):
        return False


def _gathered(
    lake: Lake, folder: Path, now: Wanted, new: dict[Source, LakeFile], *, progress: Progress | None, rows: int
) -> list[Part]:
    """Read new files of the lake into one file of sets."""
    if not new:
        return []
    passing = folder / "passing"
    shutil.rmtree(passing, ignore_errors=True)
    passing.mkdir(mode=0o700)
    gathering = Gathering(passing, rows)
    total = sum(file.rows for file in new.values())
    done = 0

    def after(taken: int) -> None:
        nonlocal done
        done += taken
        if progress is not None:
            progress(done, total, "people by app")

    named = queries("ombud.audit.people")
    chosen = {table: [file for source, file in new.items() if source.table == table] for table in _TABLES}
    files = {**{name: held for name, held in now.files.items() if name.startswith("_ids/")}, **chosen}
    with snapshot(lake, files, tuple(_TABLES)) as duck, duck_faults(lake.folder, "the reads and grants"):
        for table, (query, kind) in _TABLES.items():
            if chosen[table]:
                reader = duck.sql(named[query].on("duckdb")).to_arrow_reader(CHUNK_ROWS * 8)
                gathering.take(reader, kind, after)
    name = f"{random_id('sets')}.roar"
    size = gathering.finish(folder / name)
    attached = any(source.attachment for source in new)
    return [Part(name, size, sorted(new), now.names if attached else [])]


def _few(folder: Path, parts: Sequence[Part], now: Wanted) -> list[Part]:
    """Merge the smallest files as long as the next is not much larger than all of them together."""
    ordered = sorted(parts, key=lambda part: part.bytes)
    size, count = 0, 0
    for part in ordered:
        if count and part.bytes > _GROWTH * size:
            break
        size, count = size + part.bytes, count + 1
    if count < 2:  # noqa: PLR2004 - one alone stays as it is
        return ordered
    name = f"{random_id('sets')}.roar"
    size = write_segment(folder / name, merged([Segment.open(folder / part.name) for part in ordered[:count]]))
    sources = sorted(source for part in ordered[:count] for source in part.sources)
    attached = any(source.attachment for source in sources)
    return [Part(name, size, sources, now.names if attached else []), *ordered[count:]]


def _tidy(folder: Path) -> None:
    """Remove files of sets that do not count any more; who has them open reads on."""
    counted = {part.name for part in read_manifest(folder).parts}
    for path in folder.glob("*.roar"):
        if path.name not in counted:
            path.unlink(missing_ok=True)
