"""A hash table of four 64-bit words a row that Python and compiled code read alike.

Open addressing with linear probing over one array of shape (capacity, 4),
the key in front, 0 for a free place: one row is half a cache line, so a
look-up costs one miss. When six in ten places are taken, a table of twice the
size is begun, and each later insertion moves eight places of the old one
along; until that is done both are searched, the new one first. So no insertion
waits for the whole table. Rows are never taken out one by one: what a row
stands for says when it is void, and void rows stay behind at the next growth.
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ombud.model.compiling import inlined, kernel

__all__ = ["FACTOR", "KEYS", "SlotTable", "View", "Words", "find", "insert", "place"]

Words = NDArray[np.uint64]
View = tuple[memoryview, int, memoryview, int]
"""Words of the new table and its mask, words of the old one and its mask (-4 when there is none)."""

FACTOR = 0x9E3779B97F4A7C15
"""2^64 by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4)."""
_FULL = 0.6
_STEP = 8
_VOID = 2
"""In the low byte of a row's last word: stands for nothing any more."""
KEYS = 4
"""Where the number of keys stands in a table's block."""
_NONE: Words = np.zeros((0, 4), dtype=np.uint64)
_U = np.uint64


@inlined
def place(key: Any, capacity: int) -> Any:  # noqa: ANN401 - numba's unsigned integers
    """Return where the search for a key begins."""
    folded = (key ^ (key >> _U(32))) * _U(FACTOR)
    return np.int64((folded >> _U(32)) & _U(capacity - 1))


@kernel
def find(words: Words, key: Any) -> int:  # noqa: ANN401 - numba's unsigned integers
    """Return the row of a key, or -1."""
    capacity = words.shape[0]
    if capacity == 0:
        return -1
    row = place(key, capacity)
    while words[row, 0] != key:
        if words[row, 0] == 0:
            return -1
        row = (row + 1) & (capacity - 1)
    return int(row)


@kernel
def insert(words: Words, key: Any) -> tuple[int, bool]:  # noqa: ANN401 - numba's unsigned integers
    """Return the row of a key, made if need be, and whether it was made."""
    capacity = words.shape[0]
    row = place(key, capacity)
    while words[row, 0] != key:
        if words[row, 0] == 0:
            words[row, 0] = key
            return row, True
        row = (row + 1) & (capacity - 1)
    return row, False


@kernel
def _move(old: Words, new: Words, start: int, end: int) -> int:
    """Copy places of the old table that the new one does not know; return how many void rows stay behind."""
    left = 0
    for row in range(start, end):
        key = old[row, 0]
        if key != 0:
            void = old[row, 3] & _U(255) == _VOID
            if void and find(new, key) < 0:
                left += 1
            elif not void:
                to, made = insert(new, key)
                if made:
                    new[to, 1:] = old[row, 1:]
    return left


@kernel
def _put_all(new: Words, old: Words, rows: Words) -> int:
    """Write rows one after the other; return how many keys neither table knew."""
    fresh = 0
    for n in range(rows.shape[0]):
        to, made = insert(new, rows[n, 0])
        new[to, 1:] = rows[n, 1:]
        if made and find(old, rows[n, 0]) < 0:
            fresh += 1
    return fresh


class SlotTable:
    """A growing table of rows (key, three words); one writer at a time."""

    __slots__ = ("_moved", "block", "new", "old", "view")

    def __init__(self, capacity: int = 1024) -> None:
        """Make room for about 0.6 times `capacity` rows, a power of two."""
        self._moved = 0
        self.block = np.zeros(5, dtype=np.int64)
        """for compiled code: address and places of `new`, address and places of `old`, keys"""
        self.new: Words = np.zeros((1 << max(4, (capacity - 1).bit_length()), 4), dtype=np.uint64)
        self.old: Words = _NONE
        self.view: View = self._seen()

    def __len__(self) -> int:
        """Return how many keys there are, void ones too until the next growth."""
        return int(self.block[KEYS])

    @property
    def waiting(self) -> int:
        """Return how many places of the old table are still to be moved."""
        return len(self.old) - self._moved if len(self.old) else 0

    @property
    def nbytes(self) -> int:
        """Return the bytes of both tables."""
        return self.new.nbytes + self.old.nbytes

    def row(self, key: int) -> tuple[memoryview, int] | None:
        """Return the words and the index of the first word of a key's row."""
        new, new_mask, old, old_mask = self.view
        for words, mask in ((new, new_mask), (old, old_mask)):
            if mask < 0:
                continue
            at = ((((key ^ (key >> 32)) * FACTOR) >> 32) << 2) & mask
            while words[at] != key:
                if not words[at]:
                    break
                at = (at + 4) & mask
            else:
                return words, at
        return None

    def write(self, key: int, one: int, two: int, three: int) -> None:
        """Write a key's row into the new table, at one stroke for whoever reads; growth goes on by one step."""
        self.advance()
        fresh = self.row(key) is None
        words, mask = self.view[:2]
        at = ((((key ^ (key >> 32)) * FACTOR) >> 32) << 2) & mask
        while words[at] != key and words[at]:
            at = (at + 4) & mask
        words[at : at + 4] = array("Q", (key, one, two, three))
        if fresh:
            self.block[KEYS] += 1

    def put_all(self, rows: Words) -> None:
        """Write rows of shape (n, 4), the later of equal keys last."""
        self.reserve(len(rows))
        self.block[KEYS] += int(_put_all(self.new, self.old, rows))

    def advance(self) -> None:
        """Let growth go on by a step, or begin, after compiled code inserted a key."""
        if len(self) >= self.new.shape[0] * _FULL:
            self._grow()
        if len(self.old):
            self._step(_STEP)

    def reserve(self, more: int) -> None:
        """Make room for `more` keys at once, growing to the end if need be."""
        while (self.block[KEYS] + more) >= self.new.shape[0] * _FULL:
            self._grow()
        if len(self.old):
            self._step(len(self.old))

    def added(self, keys: int) -> None:
        """Count keys that compiled code inserted into `new` after `reserve`."""
        self.block[KEYS] += keys

    def clear(self) -> None:
        """Forget everything, and keep the room."""
        kept = self.new, self.old  # until compiled code knows the new ones
        self.new, self.old = np.zeros_like(self.new), _NONE
        self._moved = 0
        self.block[KEYS] = 0
        self.view = self._seen()
        del kept

    def forget(self) -> None:
        """Count from zero, after compiled code emptied `new`."""
        self.block[KEYS] = 0

    def rows(self) -> Words:
        """Return all rows that are not void, each key once."""
        if len(self.old):
            self._step(len(self.old))
        taken = self.new[self.new[:, 0] != 0]
        live: Words = taken[taken[:, 3] & _U(255) != _VOID]
        return live

    def _grow(self) -> None:
        """Begin a table of twice the size."""
        if len(self.old):
            self._step(len(self.old))
        self.old, self.new = self.new, np.zeros((len(self.new) * 2, 4), dtype=np.uint64)
        self._moved = 0
        self.view = self._seen()

    def _step(self, places: int) -> None:
        """Move the next places of the old table; drop it after the last."""
        end = min(self._moved + places, len(self.old))
        left = int(_move(self.old, self.new, self._moved, end))
        if left:  # else another thread's compiled code may count a key at this moment
            self.block[KEYS] -= left
        self._moved = end
        if end == len(self.old):
            kept, self.old = self.old, _NONE
            self.view = self._seen()
            del kept

    def _seen(self) -> View:
        """Return both tables as Python reads them, and tell compiled code where they are, at one stroke."""
        tables = (self.new.ctypes.data, len(self.new), self.old.ctypes.data, len(self.old))
        self.block[:KEYS] = np.array(tables, dtype=np.int64)
        return _flat(self.new), len(self.new) * 4 - 4, _flat(self.old), len(self.old) * 4 - 4


def _flat(words: Words) -> memoryview:
    return memoryview(words.reshape(-1).data if len(words) else b"").cast("B").cast("Q")
