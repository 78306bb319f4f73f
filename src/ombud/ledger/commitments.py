"""Rows on the ledger without the rows: salted commitments under one root, whose number of rows stays hidden.

A row's commitment is a leaf of RFC 6962 over 16 random bytes and the row, so that nobody who does not hold both
can try out what the row might be. The tree is filled up to a power of two, and to 256 leaves at least. No leaf
is made for that: where a level lacks a node, one is derived from a seed that stays with the rows, and from
outside it looks like any other. An erased row keeps its commitment, so every other row's proof stays good.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from ombud.ledger.faults import FormatError
from ombud.ledger.hashing import verify_inclusion

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "LEAST_PADDED",
    "PAD_SEED_BYTES",
    "SALT_BYTES",
    "RowBatch",
    "RowTree",
    "commit_row",
    "commit_rows",
    "padded_size",
    "row_proof",
    "verify_commitment",
    "verify_row",
]

SALT_BYTES = 16
PAD_SEED_BYTES = 32
LEAST_PADDED = 256
"""a batch never looks smaller than this"""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """The commitments of some rows: `root` and `padded` go to the ledger, the rest stays with the rows."""

    root: bytes
    padded: int
    """leaves that the tree seems to have: a power of two"""
    leaves: list[bytes] = field(repr=False)
    """each row's commitment, in order"""
    salts: bytes = field(repr=False)
    """16 bytes a row, in order"""
    pad_seed: bytes = field(repr=False)

    def salt(self, position: int) -> bytes:
        """Return the salt of the row at `position`."""
        return self.salts[position * SALT_BYTES : (position + 1) * SALT_BYTES]

    def tree(self) -> RowTree:
        """Return the tree, for many proofs."""
        return RowTree(self.leaves, self.pad_seed)


def padded_size(rows: int) -> int:
    """Return the number of leaves that a batch of so many rows seems to have."""
    return max(LEAST_PADDED, 1 << (rows - 1).bit_length())


def commit_row(row: bytes, salt: bytes) -> bytes:
    """Return a row's commitment: SHA-256 of a zero byte, the salt and the row."""
    if len(salt) != SALT_BYTES:
        raise FormatError(f"A salt has {SALT_BYTES} bytes, not {len(salt)}.")
    return sha256(b"\0" + salt + row).digest()


def commit_rows(rows: Sequence[bytes], salts: bytes | None = None, pad_seed: bytes | None = None) -> RowBatch:
    """Commit to rows in their order; salts (16 bytes a row) and seed (32 bytes) are the system's randomness by default.

    Raises `FormatError` for no rows, or for salts or a seed of another length.
    """
    count = len(rows)
    if salts is None:
        salts = os.urandom(SALT_BYTES * count)
    if len(salts) != SALT_BYTES * count:
        raise FormatError(f"{count} rows need {SALT_BYTES * count} bytes of salts, not {len(salts)}.")
    seed = os.urandom(PAD_SEED_BYTES) if pad_seed is None else pad_seed
    starts = range(0, len(salts), SALT_BYTES)
    leaves = [sha256(b"\0" + salts[at : at + SALT_BYTES] + row).digest() for at, row in zip(starts, rows, strict=True)]
    _check(leaves, seed)
    level: Sequence[bytes] = leaves
    padded = padded_size(count)
    for height in range(padded.bit_length() - 1):
        level = _above(_even(level, seed, height))
    return RowBatch(level[0], padded, leaves, salts, seed)


class RowTree:
    """All nodes over a batch's commitments: about 64 bytes a row in memory, and any proof at once."""

    def __init__(self, leaves: Sequence[bytes], pad_seed: bytes) -> None:
        """Take the commitments in order, those of erased rows too. Raises `FormatError` when there are none."""
        _check(leaves, pad_seed)
        self.rows = len(leaves)
        self.padded = padded_size(len(leaves))
        self._levels: list[Sequence[bytes]] = []
        level: Sequence[bytes] = leaves
        for height in range(self.padded.bit_length() - 1):
            level = _even(level, pad_seed, height)
            self._levels.append(level)
            level = _above(level)
        self.root = level[0]

    def proof(self, position: int) -> list[bytes]:
        """Return the siblings of the row at `position`, its neighbour first. Raises `FormatError` out of range."""
        if not 0 <= position < self.rows:
            raise FormatError(f"No row {position} is in a batch of {self.rows} rows.")
        return [level[(position >> height) ^ 1] for height, level in enumerate(self._levels)]


def row_proof(leaves: Sequence[bytes], pad_seed: bytes, position: int) -> list[bytes]:
    """Return one row's proof; for many of one batch make a `RowTree`."""
    return RowTree(leaves, pad_seed).proof(position)


def verify_row(  # noqa: PLR0917 - the order in which a verifier reads them
    row: bytes, salt: bytes, position: int, padded: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that the row with its salt stands at `position` under a batch's root. Raises `ProofError`."""
    verify_commitment(commit_row(row, salt), position, padded, proof, root)


def verify_commitment(commitment: bytes, position: int, padded: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check the commitment of a row that may have been erased. Raises `ProofError`, `FormatError`."""
    if padded < LEAST_PADDED or padded & (padded - 1):
        raise FormatError(f"A batch has a power of two of leaves, {LEAST_PADDED} at least; not {padded}.")
    verify_inclusion(position, padded, commitment, proof, root)


def _above(level: Sequence[bytes]) -> list[bytes]:
    """Return the level above an even number of nodes."""
    return [sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)]


def _even(level: Sequence[bytes], seed: bytes, height: int) -> Sequence[bytes]:
    """Return the level with a derived node at its end when it lacks one."""
    if len(level) & 1 == 0:
        return level
    return [*level, sha256(b"\2" + seed + bytes((height,)) + len(level).to_bytes(8, "big")).digest()]


def _check(leaves: Sequence[bytes], seed: bytes) -> None:
    if not leaves:
        raise FormatError("A batch has one row at least.")
    if len(seed) != PAD_SEED_BYTES:
        raise FormatError(f"A batch's seed has {PAD_SEED_BYTES} bytes, not {len(seed)}.")
