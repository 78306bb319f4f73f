"""One file of sets of people, written once and then only read: Roaring bitmaps one after the other, and an index.

The bitmaps are in Roaring's portable format without run containers, so any Roaring library reads them, and whether one
person is in each of thousands of sets is answered from the file without unpacking a single one.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Kept", "Segment", "merged", "packed", "write_segment"]

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]

_MAGIC = b"OMBUDSET"
_TRAILER = 24
_COLUMNS = 5
_PLAIN = (12346).to_bytes(4, "little")
"""Beginning of a serialised bitmap that has no run containers."""


class Kept(NamedTuple):
    """One set on its way into a file."""

    key: int
    data: bytes
    """the bitmap, serialised"""
    members: int


def packed(key: int, people: BitMap) -> Kept:
    """Return a set as it is written: without run containers."""
    data = people.serialize()
    if data[:4] != _PLAIN:
        data = BitMap(people.to_array(), optimize=False).serialize()
    return Kept(key, data, len(people))


def write_segment(path: Path, sets: Iterable[Kept]) -> int:
    """Write sets, which come in the order of their keys, through to the disk; return the file's size."""
    rows: list[tuple[int, int, int, int, int]] = []
    with path.open("wb") as stream:
        at = stream.write(_MAGIC)
        for one in sets:
            rows.append((one.key, at, len(one.data), one.members, zlib.crc32(one.data)))
            at += stream.write(one.data)
        index = np.array(rows, dtype="<i8").reshape(-1, _COLUMNS).tobytes()
        at += stream.write(index)
        at += stream.write(len(rows).to_bytes(8, "little") + zlib.crc32(index).to_bytes(8, "little") + _MAGIC)
        stream.flush()
        os.fsync(stream.fileno())
    return at


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of sets, mapped into memory; it stays readable after the file was removed."""

    path: Path
    data: Bytes
    keys: Numbers
    """sorted"""
    offsets: Numbers
    lengths: Numbers
    counts: Numbers
    sums: Numbers
    """CRC-32 of each bitmap"""
    checked: NDArray[np.bool_]
    """those that were looked at already"""

    @classmethod
    def open(cls, path: Path) -> Segment:
        """Open a file; `StorageError` when it is cut off or its index is damaged."""
        size = path.stat().st_size
        if size < len(_MAGIC) + _TRAILER:
            raise _damaged(path)
        data: Bytes = np.memmap(path, dtype=np.uint8, mode="r")
        tail = data[size - _TRAILER :].tobytes()
        rows = int.from_bytes(tail[:8], "little")
        first = size - _TRAILER - rows * _COLUMNS * 8
        if tail[16:] != _MAGIC or first < len(_MAGIC):
            raise _damaged(path)
        index = data[first : size - _TRAILER].tobytes()
        if zlib.crc32(index) != int.from_bytes(tail[8:16], "little"):
            raise _damaged(path)
        columns = np.ascontiguousarray(np.frombuffer(index, dtype="<i8").reshape(-1, _COLUMNS).T)
        keys, offsets, lengths, counts, sums = columns
        return cls(path, data, keys, offsets, lengths, counts, sums, np.zeros(rows, dtype=np.bool_))

    def raw(self, key: int) -> Kept | None:
        """Return a set as it was written; null when the file has none; `StorageError` when it is damaged."""
        row = int(np.searchsorted(self.keys, key))
        if row == len(self.keys) or self.keys[row] != key:
            return None
        data = self.data[self.offsets[row] : self.offsets[row] + self.lengths[row]].tobytes()
        if not self.checked[row]:
            if zlib.crc32(data) != self.sums[row]:
                raise _damaged(self.path)
            self.checked[row] = True
        return Kept(key, data, int(self.counts[row]))

    def get(self, key: int) -> BitMap | None:
        """Return a set, null when the file has none."""
        kept = self.raw(key)
        return None if kept is None else BitMap.deserialize(kept.data)

    def count(self, key: int) -> int:
        """Return how many members a set has; 0 when the file has none."""
        row = int(np.searchsorted(self.keys, key))
        return int(self.counts[row]) if row < len(self.keys) and self.keys[row] == key else 0

    def holding(self, person: int, rows: Numbers) -> Numbers:
        """Return the keys of those sets that the person is in, of the sets in these rows of the index."""
        found = np.zeros(len(rows), dtype=np.bool_)
        if not _holding(self.data, self.offsets[rows], self.lengths[rows], person >> 16, person & 0xFFFF, found):
            raise _damaged(self.path)
        return self.keys[rows[found]]


def merged(segments: Sequence[Segment]) -> Iterator[Kept]:
    """Yield the union of each set over several files, by key; one set is in memory at a time."""
    keys = np.unique(np.concatenate([segment.keys for segment in segments])) if segments else np.zeros(0, np.int64)
    for key in keys.tolist():
        found = [kept for segment in segments if (kept := segment.raw(key)) is not None]
        if len(found) == 1:
            yield found[0]
        else:
            yield packed(key, BitMap.union(*(BitMap.deserialize(kept.data) for kept in found)))


@nb.njit(cache=True)
def _word(data: Bytes, at: int, width: int) -> Any:  # noqa: ANN401 - numba's integer
    """Return a little-endian number of `width` bytes."""
    value = np.int64(0)
    for n in range(width):
        value |= np.int64(data[at + n]) << (8 * n)
    return value


@nb.njit(cache=True)
def _place(data: Bytes, at: int, step: int, size: int, guess: int, value: int) -> int:  # noqa: PLR0917 - numba
    """Return where a value stands among sorted 16-bit numbers, `step` bytes apart; -1 when it does not.

    It is looked for from a guess on, in strides that double, so that a good guess touches one line of memory.
    """
    guess = min(max(guess, 0), size - 1)
    there = _word(data, at + step * guess, 2)
    if there == value:
        return guess
    stride = 1
    if there < value:
        low = guess + 1
        while guess + stride < size and _word(data, at + step * (guess + stride), 2) < value:
            low = guess + stride + 1
            stride *= 2
        high = min(guess + stride + 1, size)
    else:
        high = guess
        while guess - stride >= 0 and _word(data, at + step * (guess - stride), 2) > value:
            high = guess - stride
            stride *= 2
        low = max(guess - stride, 0)
    while low < high:
        middle = (low + high) // 2
        if _word(data, at + step * middle, 2) < value:
            low = middle + 1
        else:
            high = middle
    return low if low < size and _word(data, at + step * low, 2) == value else -1


@nb.njit(cache=True)
def _holding(  # noqa: PLR0917 - numba takes no keyword-only arguments
    data: Bytes, offsets: Numbers, lengths: Numbers, high: int, low: int, out: NDArray[np.bool_]
) -> bool:
    """Say of each bitmap whether it holds the number with these upper and lower 16 bits; false for a damaged one.

    Source: the Roaring format specification, without runs: cookie, number of containers, key and size of each, place
    of each, containers (up to 4,096 sorted members, or 65,536 bits). A block with all blocks before it stands at the
    index of its own number; members are spread evenly, more or less. So both are guessed.
    """
    for n in range(offsets.shape[0]):
        start, stop = offsets[n], offsets[n] + lengths[n]
        containers = _word(data, start + 4, 4) if stop <= data.shape[0] and lengths[n] >= 8 else -1  # noqa: PLR2004
        if containers < 0 or start + 8 + 8 * containers > stop:
            return False
        if containers == 0:
            continue
        block = _place(data, start + 8, 4, containers, high, high)
        if block < 0:
            continue
        size = _word(data, start + 10 + 4 * block, 2) + 1
        at = start + _word(data, start + 8 + 4 * containers + 4 * block, 4)
        if at + min(2 * size, 8192) > stop:
            return False
        if size > 4096:  # noqa: PLR2004 - of the format
            out[n] = (data[at + (low >> 3)] >> (low & 7)) & 1
        else:
            out[n] = _place(data, at, 2, size, (low * size) >> 16, low) >= 0
    return True


def _damaged(path: Path) -> StorageError:
    return StorageError(
        f"The kept sets {path} are damaged.", hint="Remove the folder `sets`: it is made again from the lake."
    )
