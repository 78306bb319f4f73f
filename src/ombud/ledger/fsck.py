"""What `ombud ledger fsck` does: every file of a log's folder, and what is there that should not be.

A partial tile stays as long as the full one is not there, since an older checkpoint may need it. Once the full one
is there it is *stale* and may be deleted. What lies *beyond* the checkpoint was written by a process that ended
before it could sign: nobody was told of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from ombud.ledger.bundles import first_entries
from ombud.ledger.check import LogReport, check_log
from ombud.ledger.faults import LogError
from ombud.ledger.hashing import HASH_BYTES
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.tiles import TILE_WIDTH, Place, parse_path, width_at
from ombud.ledger.walk import MAX_PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FolderReport", "check_folder"]


class FolderReport(msgspec.Struct, frozen=True):
    """What was found in a log's folder: the document of `ombud ledger fsck --json`.

    Lists of files are cut after a hundred; the counts are of all.
    """

    ok: bool
    """nothing is wrong with the log itself"""
    size: int
    """entries that the checkpoint names"""
    problems: list[str]
    files: int
    """files below `tile/`"""
    older: int
    """partial files of checkpoints that are not the newest, kept for whoever has those"""
    stale: int
    """partial files whose full one is there: they may be deleted"""
    beyond: int
    """files for entries past the checkpoint"""
    strays: list[str]
    """files that are no part of a log"""
    stale_files: list[str] = []
    beyond_files: list[str] = []


def check_folder(path: Path) -> FolderReport:
    """Check the log in a folder by its own key, file by file."""
    log = DirectoryLog(path)
    report = check_log(log)
    return _files(log, report)


def _files(log: DirectoryLog, report: LogReport) -> FolderReport:
    """Look at every file below `tile/`."""
    problems = list(report.problems)
    counts = dict.fromkeys(("files", "older", "stale", "beyond"), 0)
    lists: dict[str, list[str]] = {"stale": [], "beyond": []}
    strays: list[str] = []
    for name in _names(str(log.path)):
        counts["files"] += 1
        try:
            place = parse_path(name)
        except LogError:
            if len(strays) < MAX_PROBLEMS:
                strays.append(name)
            continue
        kind = _kind(log, place, report.size)
        if kind in counts:
            counts[kind] += 1
            if kind in lists and len(lists[kind]) < MAX_PROBLEMS:
                lists[kind].append(name)
        if (
            kind in {"older", "stale"}
            and len(problems) < MAX_PROBLEMS
            and (problem := _differs(log, place, report.size))
        ):
            problems.append(problem)
    return FolderReport(
        ok=not problems,
        size=report.size,
        problems=problems,
        strays=strays,
        stale_files=lists["stale"],
        beyond_files=lists["beyond"],
        **counts,
    )


def _kind(log: DirectoryLog, place: Place, size: int) -> str:
    """Say whether the log of `size` needs this file ("needed"), or why not."""
    width = width_at(place.level or 0, place.index, size)
    if place.width == width:
        return "needed"
    if place.width > width:
        return "beyond"
    full = Place(place.level, place.index, TILE_WIDTH).path
    return "stale" if width == TILE_WIDTH and (log.path / full).is_file() else "older"


def _differs(log: DirectoryLog, place: Place, size: int) -> str | None:
    """Return a sentence when a partial file is not how the file that follows it begins; that one was checked."""
    now = Place(place.level, place.index, width_at(place.level or 0, place.index, size))
    try:
        if place.level is None:
            old = log.bundle(place.index, place.width)
            new = first_entries(log.bundle(now.index, now.width), place.width)
        else:
            old = log.tile(place.level, place.index, place.width)
            new = log.tile(place.level, now.index, now.width)[: place.width * HASH_BYTES]
    except LogError as error:
        return f"{place.path}: {error.message}"
    return None if old == new else f"{place.path}: {now.path} does not begin like it; the log was rewritten."


def _names(root: str, below: str = "tile") -> Iterator[str]:
    """Yield the path below the log's folder of every file in `tile/`, and of each folder that cannot be read."""
    try:
        with os.scandir(f"{root}/{below}") as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError:
        yield f"{below}/"
        return
    for entry in entries:
        name = f"{below}/{os.fsencode(entry.name).decode('utf-8', 'replace')}"
        if entry.is_dir(follow_symlinks=False):
            yield from _names(root, name)
        else:
            yield name
