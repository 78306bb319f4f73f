"""From the lake's rows to sets: streamed, sorted a buffer at a time, each buffer a file; the files are then merged.

Memory holds one buffer and one set, whatever the rows; what does not fit waits on the disk.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numba as nb
import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from ombud.audit.people.segments import Kept, Segment, merged, packed, write_segment
from ombud.model.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

__all__ = ["BUFFER_ROWS", "DIRECT", "GIVER", "GRANTED", "VIA", "Gathering", "app_of", "key_of", "kind_of"]

Numbers = NDArray[np.int64]

DIRECT, VIA, GRANTED, GIVER = 0, 1, 2, 3
"""The kinds of set: people read by their own grant, read through somebody else's; people who granted, by grants on
record; and people by whose grant others were read."""
BUFFER_ROWS = 1 << 24
"""Rows that are sorted in memory at a time, 8 bytes each."""
_KINDS = 4
_APPS, _PEOPLE = 1 << 28, 1 << 32


def key_of(app: int, kind: int) -> int:
    """Return the key by which files of sets are sorted."""
    return app * _KINDS + kind


def app_of(key: int) -> int:
    """Return the app of a key."""
    return key // _KINDS


def kind_of(key: Numbers) -> Numbers:
    """Return the kind of each key."""
    return key % _KINDS


class Gathering:
    """Rows on their way into one file of sets."""

    def __init__(self, folder: Path, rows: int = BUFFER_ROWS) -> None:
        """Take an empty folder for passing files, and how many rows to hold."""
        self._folder = folder
        self._buffer: Numbers = np.empty(rows, dtype=np.int64)
        self._held = 0
        self._runs: list[Path] = []
        self.rows = 0
        """rows taken in so far"""

    def add(self, app: Numbers, person: Numbers, kind: int | Numbers) -> None:
        """Take rows: numbers of apps and people, and the kind of all or of each."""
        if len(app) and (int(app.max()) >= _APPS or int(person.max()) >= _PEOPLE or min(app.min(), person.min()) < 0):
            raise RefusedError(f"Sets hold at most {_PEOPLE:,} people and {_APPS:,} apps.")
        packed_rows = ((app * _KINDS + kind) << 32) | person
        start = 0
        while start < len(packed_rows):
            taken = min(len(packed_rows) - start, len(self._buffer) - self._held)
            self._buffer[self._held : self._held + taken] = packed_rows[start : start + taken]
            self._held, start = self._held + taken, start + taken
            if self._held == len(self._buffer):
                self._spill()
        self.rows += len(packed_rows)

    def take(self, reader: Iterable[pa.RecordBatch], kind: int, after: Callable[[int], None] | None = None) -> None:
        """Take the columns `app` and `person` of a stream; where its `via` is true, the kind is `VIA`.

        People in its column `giver` are taken as such.
        """
        for batch in reader:
            app, person = (_whole(batch.column(name)) for name in ("app", "person"))
            if "via" in batch.schema.names:
                via: Any = batch.column("via")
                self.add(app, person, np.where(via.to_numpy(zero_copy_only=False), VIA, kind).astype(np.int64))
                giver: Any = batch.column("giver")
                if giver.null_count < len(giver):
                    known = giver.is_valid().to_numpy(zero_copy_only=False)
                    self.add(app[known], _whole(giver.drop_null()), GIVER)
            else:
                self.add(app, person, kind)
            if after is not None:
                after(batch.num_rows)

    def finish(self, path: Path) -> int:
        """Write the file and remove the passing ones; return its size."""
        if not self._runs:
            return write_segment(path, self._sorted())
        self._spill()
        size = write_segment(path, merged([Segment.open(run) for run in self._runs]))
        for run in self._runs:
            run.unlink()
        return size

    def _spill(self) -> None:
        if self._held:
            run = self._folder / f"run-{len(self._runs)}"
            write_segment(run, self._sorted())
            self._runs.append(run)

    def _sorted(self) -> Iterator[Kept]:
        rows = self._buffer[: self._held]
        self._held = 0
        rows.sort()
        people = np.empty(len(rows), dtype=np.uint32)
        groups = _groups(rows)
        ends, keys = np.empty(groups + 1, dtype=np.int64), np.empty(groups, dtype=np.int64)
        _cut(rows, people, ends, keys)
        for n in range(groups):
            members = array("I", people[ends[n] : ends[n + 1]].tobytes())
            yield packed(int(keys[n]), BitMap(members, optimize=False))


def _whole(column: pa.Array[Any]) -> Numbers:
    return column.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)


@nb.njit(cache=True)
def _groups(rows: Numbers) -> int:
    """Return how many keys sorted rows have."""
    groups = 0
    for n in range(rows.shape[0]):
        if n == 0 or rows[n] >> 32 != rows[n - 1] >> 32:
            groups += 1
    return groups


@nb.njit(cache=True)
def _cut(rows: Numbers, people: NDArray[np.uint32], ends: Numbers, keys: Numbers) -> None:
    """Cut sorted rows into groups of one key, each person once."""
    groups = 0
    kept = 0
    for n in range(rows.shape[0]):
        row = rows[n]
        if n and row == rows[n - 1]:
            continue
        key = row >> 32
        if groups == 0 or keys[groups - 1] != key:
            keys[groups] = key
            ends[groups] = kept
            groups += 1
        people[kept] = row & 0xFFFFFFFF
        kept += 1
    ends[groups] = kept
