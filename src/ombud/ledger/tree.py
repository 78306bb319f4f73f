"""The tree of a log, read tile by tile: its roots, and proofs for any entry and any two sizes.

Whatever a log serves may be wrong, so a proof from here proves nothing until it was checked against a root
that is trusted (`ombud.ledger.hashing`).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from ombud.ledger.faults import ProofError
from ombud.ledger.hashing import EMPTY_ROOT, HASH_BYTES, node_hash
from ombud.ledger.tiles import width_at

if TYPE_CHECKING:
    from ombud.ledger.reading import Log

__all__ = ["Tree", "consistency_proof", "inclusion_proof", "tree_root"]

KEPT_TILES = 1_024
"""at 16 kB each"""


class Tree:
    """The hashes of a log's tree, with the tiles that were used last kept in memory."""

    def __init__(self, log: Log, kept: int = KEPT_TILES, *, newest: int = 0) -> None:
        """Take the log, how many tiles to keep, and the log's `newest` size.

        Proofs for older sizes are then made from the newest tiles: a log may have deleted older ones.
        """
        self.log = log
        self.newest = newest
        self._rows = lru_cache(maxsize=kept)(self._load)
        self._edges = lru_cache(maxsize=kept)(self._range)

    def _load(self, level: int, index: int, width: int) -> tuple[bytes, ...]:
        """Return a tile's hashes, then the nodes above each complete two of them, and so on: 8 rows of bytes."""
        rows = [self.log.tile(level, index, width)]
        for _ in range(7):
            row = rows[-1]
            rows.append(b"".join([sha256(b"\1" + row[at : at + 64]).digest() for at in range(0, len(row) - 63, 64)]))
        return tuple(rows)

    def node(self, height: int, index: int, size: int) -> bytes:
        """Return the root over the complete subtree of `2**height` leaves number `index`, in the log of `size`."""
        level, up = divmod(height, 8)
        tile = index >> (8 - up)
        row = self._rows(level, tile, width_at(level, tile, size))[up]
        at = (index - (tile << (8 - up))) * HASH_BYTES
        return row[at : at + HASH_BYTES]

    def root(self, size: int) -> bytes:
        """Return the root over the first `size` entries."""
        return self._edges(0, size, max(size, self.newest)) if size else EMPTY_ROOT

    def _range(self, start: int, end: int, size: int) -> bytes:
        """Return the root over the entries `start` to `end`; `start` is a multiple of the next power of two."""
        hashes: list[bytes] = []
        while start < end:
            height = (end - start).bit_length() - 1
            hashes.append(self.node(height, start >> height, size))
            start += 1 << height
        root = hashes.pop()
        while hashes:
            root = node_hash(hashes.pop(), root)
        return root

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the proof that entry `index` is in the log of `size`, the leaf's sibling first. Raises `LogError`."""
        if not 0 <= index < size:
            raise ProofError(f"No entry {index} is in a log of {size} entries.")
        proof: list[bytes] = []
        height, last, wide = 0, size - 1, max(size, self.newest)
        while last >> height:
            level, tile = height >> 3, index >> (height + 8)
            width = width_at(level, tile, wide)
            if not width:  # above the last, incomplete tile: nothing stands beside the path
                height = (level + 1) * 8
                continue
            for row in self._rows(level, tile, width):
                sibling = (index >> height) ^ 1
                if (sibling + 1) << height <= size:
                    at = (sibling - (tile << (8 - (height & 7)))) * HASH_BYTES
                    proof.append(row[at : at + HASH_BYTES])
                elif sibling << height < size:
                    proof.append(self._edges(sibling << height, size, wide))
                height += 1
                if not last >> height:
                    break
        return proof

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the log of `new` entries begins with that of `old`. Raises `LogError`."""
        if not 0 < old <= new:
            raise ProofError(f"Whether {new} entries begin with {old} cannot be asked.")
        proof: list[bytes] = []
        start, end, whole, wide = 0, new, True, max(new, self.newest)
        while old != end:
            middle = start + (1 << ((end - start - 1).bit_length() - 1))
            if old <= middle:
                proof.append(self._edges(middle, end, wide))
                end = middle
            else:
                proof.append(self._edges(start, middle, wide))
                start, whole = middle, False
        if not whole:
            proof.append(self._edges(start, end, wide))
        return proof[::-1]


def inclusion_proof(log: Log | Tree, index: int, size: int) -> list[bytes]:
    """Return the proof that entry `index` is in the log of `size`; for many, hand in one `Tree`."""
    return _tree(log).inclusion(index, size)


def consistency_proof(log: Log | Tree, old: int, new: int) -> list[bytes]:
    """Return the proof that the log of `new` entries begins with that of `old`; for many, hand in one `Tree`."""
    return _tree(log).consistency(old, new)


def tree_root(log: Log | Tree, size: int) -> bytes:
    """Return the root over the first `size` entries, from the tiles."""
    return _tree(log).root(size)


def _tree(log: Log | Tree) -> Tree:
    """Return the tree of a log."""
    return log if isinstance(log, Tree) else Tree(log)
