"""Friendships in compressed rows, in two files beside the sets: written whole or not at all, mapped when read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ombud.audit.people.adjacency import fill, narrowest, starts_of
from ombud.audit.people.keeping import WAIT, locked, snapshot
from ombud.lake.engines.sql import queries
from ombud.lake.faults import disk_faults, duck_faults
from ombud.lake.files import sync_folder
from ombud.lake.parquet import CHUNK_ROWS
from ombud.model.errors import RefusedError
from ombud.model.ids import random_id
from ombud.model.schema import KINDS
from ombud.records import lake_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ombud.lake import Lake
    from ombud.records.lake_files import LakeFile

    Progress = Callable[[int, int | None, str], None]

__all__ = ["opened"]

Numbers = NDArray[np.int64]

_FORMAT = 1
_NAME = "friendships.json"
_TRIES = 20


class _Kept(msgspec.Struct, frozen=True):
    """What the two files hold, and what they were made from."""

    format: int
    name: str
    people: int
    rows: int
    width: int
    """bytes of a number: 4 or 8"""
    sources: list[tuple[str, str, str | None]]
    """path and hash of each of the lake's files, and the attachment of an attached one"""
    names: list[str]
    """hashes of the dictionary's files, when an attached file is in"""


def opened(lake: Lake, *, progress: Progress | None = None, wait: float = WAIT) -> tuple[Numbers, Any]:
    """Return where each person's friends begin, and the friends; made first when what is kept does not fit the lake."""
    folder = lake.workspace.sets_dir
    with disk_faults(folder):
        for _ in range(_TRIES):
            kept = _read(folder)
            if kept is not None and _fits(lake, kept) and (arrays := _mapped(folder, kept)) is not None:
                return arrays
            with locked(folder, wait):
                if _read(folder) == kept:
                    _make(lake, folder, progress)
    raise RefusedError("The lake's ties changed faster than they could be read.", hint="Try again in a moment.")


def _read(folder: Path) -> _Kept | None:
    try:
        kept = msgspec.json.decode((folder / _NAME).read_bytes(), type=_Kept)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None
    return kept if kept.format == _FORMAT else None


def _fits(lake: Lake, kept: _Kept) -> bool:
    sources, names = _state(_files(lake))
    return kept.sources == sources and set(kept.names) <= set(names)


def _files(lake: Lake) -> dict[str, list[LakeFile]]:
    """Return the files of `ties` and of the dictionaries at this moment."""
    with lake.records.read() as tx:
        return {name: lake_files.visible(tx, name) for name in ("ties", *(f"_ids/{kind}" for kind in KINDS))}


def _state(files: dict[str, list[LakeFile]]) -> tuple[list[tuple[str, str, str | None]], list[str]]:
    """Return what tells the ties of one moment from those of another, and the hashes of the dictionary's files."""
    sources = [(file.path, file.sha256, file.import_id if file.attached else None) for file in files["ties"]]
    return sorted(sources), [file.sha256 for file in files["_ids/account"]]


def _mapped(folder: Path, kept: _Kept) -> tuple[Numbers, Any] | None:
    """Return the two arrays; null when a file is missing or cut off."""
    found: list[Any] = []
    for ending, count, type_ in (
        ("starts", kept.people + 1, np.dtype("i8")),
        ("friends", kept.rows, np.dtype(f"i{kept.width}")),
    ):
        path = folder / f"{kept.name}.{ending}"
        size = count * type_.itemsize
        if not path.is_file() or path.stat().st_size != size:
            return None
        found.append(np.memmap(path, dtype=type_, mode="r") if size else np.zeros(0, dtype=type_))
    return found[0], found[1]


def _make(lake: Lake, folder: Path, progress: Progress | None) -> None:
    """Read the ties twice, once to count and once to fill, and write the two files."""
    files = _files(lake)
    sources, names = _state(files)
    attached = any(file.attached for file in files["ties"])
    total = 2 * sum(file.rows for file in files["ties"])
    done = 0

    def pairs() -> Iterator[tuple[Numbers, Numbers]]:
        nonlocal done
        for a, b in _ties(lake, files):
            yield a, b
            done += len(a)
            if progress is not None:
                progress(done, total, "friendships")

    starts = starts_of(pairs())
    people, rows = len(starts) - 1, int(starts[-1])
    type_ = narrowest(people)
    width = np.dtype(type_).itemsize
    name = random_id("ties")
    place = folder / f"{name}.friends"
    if rows:
        with place.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, rows * width)  # a full disk is an error now, not a fault later
        friends = np.memmap(place, dtype=type_, mode="r+")
        rows = fill(pairs(), starts, friends)
        friends.flush()
        del friends
    _write(place, rows * width)
    starts.tofile(folder / f"{name}.starts")
    _write(folder / f"{name}.starts", starts.nbytes)
    kept = _Kept(_FORMAT, name, people, rows, width, sources, names if attached else [])
    new = folder / f"{_NAME}.new"
    new.write_bytes(msgspec.json.encode(kept))
    _write(new, new.stat().st_size)
    sync_folder(folder)
    new.rename(folder / _NAME)
    sync_folder(folder)
    for path in [*folder.glob("*.starts"), *folder.glob("*.friends")]:
        if path.stem != name:
            path.unlink(missing_ok=True)


def _write(path: Path, size: int) -> None:
    """Cut a file to its size and bring it to the disk."""
    with path.open("ab") as stream:
        stream.truncate(size)
        os.fsync(stream.fileno())


def _ties(lake: Lake, files: dict[str, list[LakeFile]]) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield the friendships of these files, some at a time."""
    query = queries("ombud.audit.people")["friend_ties"].on("duckdb")
    with snapshot(lake, files, ["ties"]) as duck, duck_faults(lake.folder, "`ties`"):
        for batch in duck.sql(query).to_arrow_reader(CHUNK_ROWS * 8):
            if batch.num_rows:
                columns = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("account", "other"))
                a, b = (column.astype(np.int64, copy=False) for column in columns)
                yield a, b
