"""Files on their way into the lake and out of it: staged, made durable, put in place, retired.

A file counts only when the records say so. Before a writer puts files in
place it writes their names to a journal in its staging folder; a writer that
finds the journal of a dead one removes those of its files that never counted.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from ombud.model.ids import random_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ombud.records.lake_files import LakeFile

__all__ = [
    "GRACE",
    "Staged",
    "abandon",
    "durable",
    "put_in_place",
    "retire",
    "sha256_of",
    "staging_folder",
    "sweep",
    "sync_folder",
]

GRACE = 3600.0
"""Seconds that a file which compaction replaced is kept for readers that began before."""

_JOURNAL = "placing.json"


@dataclass(frozen=True, slots=True)
class Staged:
    """A file in the staging folder, and what the records will say of it."""

    at: Path
    file: LakeFile


def staging_folder(lake_dir: Path, owner: str) -> Path:
    """Make a staging folder: `owner` is `w` for the writer, `r-PID` for a reader."""
    folder = lake_dir / "_staging" / random_id(owner)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def durable(staged: Sequence[Staged]) -> list[Staged]:
    """Write the files through to the disk; return them with size and hash filled in."""

    def one(item: Staged) -> Staged:
        with item.at.open("rb") as stream:
            os.fsync(stream.fileno())
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = os.fstat(stream.fileno()).st_size
        return replace(item, file=msgspec.structs.replace(item.file, bytes=size, sha256=digest))

    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(one, staged))


def put_in_place(lake_dir: Path, staging: Path, staged: Sequence[Staged]) -> None:
    """Move staged files to where their records will say they are; the move is on disk on return."""
    _write_journal(staging, [item.file.path for item in staged])
    folders: set[Path] = set()
    for item in staged:
        target = lake_dir / item.file.path
        folders |= _make_folder(target.parent, lake_dir)
        item.at.rename(target)
        folders.add(target.parent)
    for folder in folders:
        sync_folder(folder)


def _make_folder(folder: Path, lake_dir: Path) -> set[Path]:
    """Make `folder` below the lake; return the folders that got a new entry."""
    changed: set[Path] = set()
    missing = folder
    while missing != lake_dir and not missing.is_dir():
        missing = missing.parent
        changed.add(missing)
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def sync_folder(folder: Path) -> None:
    """Write a folder's entries through to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_journal(folder: Path, paths: Sequence[str]) -> None:
    with (folder / _JOURNAL).open("w") as stream:
        json.dump({"paths": list(paths), "at": time.time()}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(folder)
    sync_folder(folder.parent)


def retire(lake_dir: Path, paths: Sequence[str]) -> None:
    """Note files that are about to be replaced, so that a later sweep removes them after the grace."""
    if paths:
        _write_journal(staging_folder(lake_dir, "old"), paths)


def forget(lake_dir: Path, paths: Sequence[str]) -> None:
    """Note files that are about to be replaced and must go at the next sweep, without any grace."""
    if paths:
        _write_journal(staging_folder(lake_dir, "gone"), paths)


def retired(lake_dir: Path) -> set[str]:
    """Return the files that were replaced and are still kept for readers."""
    folders = (lake_dir / "_staging").glob("*_*")
    return {path for folder in folders for path in _read_journal(folder)[0]}


def abandon(staging: Path) -> None:
    """Remove a failed writer's staging folder, but for a journal: by it the next writer removes what never counted."""
    if not (staging / _JOURNAL).exists():
        shutil.rmtree(staging, ignore_errors=True)
        return
    for path in staging.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _JOURNAL:
            path.unlink(missing_ok=True)


def sweep(lake_dir: Path, visible: Iterable[str], *, grace: float = GRACE) -> list[str]:
    """Remove what dead writers left and what was replaced longer than `grace` seconds ago.

    To be called under the writer lock: every writer's staging folder that is
    met is then a dead one's. Returns the paths removed from the lake.
    """
    staging = lake_dir / "_staging"
    if not staging.is_dir():
        return []
    counted = set(visible)
    removed: list[str] = []
    for folder in sorted(staging.iterdir()):
        if folder.name.startswith("r-"):
            if not _alive(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
            continue
        if not folder.is_dir():
            folder.unlink()  # no writer's: what a file browser left
            continue
        journal = _read_journal(folder)
        if folder.name.startswith("old_") and time.time() - journal[1] < grace:
            continue
        for path in journal[0]:
            if path not in counted and (lake_dir / path).is_file():
                (lake_dir / path).unlink()
                removed.append(path)
        shutil.rmtree(folder)
    return removed


def _read_journal(folder: Path) -> tuple[list[str], float]:
    try:
        journal = json.loads((folder / _JOURNAL).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return [], 0.0  # it died before its first file was in place
    return list(journal["paths"]), float(journal["at"])


def _alive(name: str) -> bool:
    """Return whether the reader `r-PID_...` still runs."""
    try:
        os.kill(int(name.removeprefix("r-").split("_")[0]), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
