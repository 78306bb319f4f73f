"""The Merkle tree of RFC 6962: how entries become one root, and how a proof is checked against it.

A leaf is hashed with a zero byte before it and a node with a one byte, so that neither can pass for the other.
A tree whose size is no power of two splits at the largest power of two below its size.
The checks follow RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from ombud.ledger.faults import ProofError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "edge_root",
    "leaf_hash",
    "leaf_hashes",
    "node_hash",
    "parents",
    "root_of",
    "verify_consistency",
    "verify_inclusion",
]

HASH_BYTES = 32
_PART = 16
"""hashes below a node that `edge_root` remembers"""
EMPTY_ROOT = sha256(b"").digest()
"""the root of a tree without leaves"""


def leaf_hash(data: bytes) -> bytes:
    """Return the 32-byte hash of an entry."""
    return sha256(b"\0" + data).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """Return the hash of each entry, in order."""
    return [sha256(b"\0" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node above two others."""
    return sha256(b"\1" + left + right).digest()


def parents(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the level above `hashes`: one node for each two, and the odd last one as it is."""
    above = [sha256(b"\1" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=False)]
    if len(hashes) & 1:
        above.append(hashes[-1])
    return above


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes (or over the roots of equal, complete subtrees)."""
    if not leaf_hashes:
        return EMPTY_ROOT
    level = leaf_hashes
    while len(level) > 1:
        level = parents(level)
    return level[0]


def edge_root(hashes: Sequence[bytes]) -> bytes:
    """Return the same root as `root_of`, remembering complete parts: for the open end of a log that grows."""
    whole = len(hashes) - len(hashes) % _PART
    parts = [_part_root(b"".join(hashes[at : at + _PART])) for at in range(0, whole, _PART)]
    return root_of([*parts, root_of(hashes[whole:])] if whole < len(hashes) else parts)


@lru_cache(maxsize=128)
def _part_root(hashes: bytes) -> bytes:
    return root_of([hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)])


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash `leaf` stands at `index` in the tree of `size` leaves with this `root`.

    `proof` begins with the leaf's sibling. Raises `ProofError`.
    """
    if not 0 <= index < size:
        raise ProofError(f"No entry {index} is in a tree of {size} entries.")
    _check_hashes(proof, leaf, root)
    reached = leaf
    for sibling, before in _steps(index, size - 1, proof):
        reached = node_hash(sibling, reached) if before else node_hash(reached, sibling)
    if reached != root:
        raise ProofError(f"The proof of entry {index} in {size} leads to another root.")


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `new_size` begins with the whole tree of `old_size`. Raises `ProofError`.

    Nothing can be said from an empty old tree: every tree begins with it, so this is refused; ask before you call.
    """
    if not 0 < old_size <= new_size:
        raise ProofError(f"Whether {new_size} entries begin with {old_size} cannot be asked.")
    if old_size == new_size:
        if proof:
            raise ProofError(f"The proof from {old_size} to {new_size} entries should be empty.")
        if old_root != new_root:
            raise ProofError(f"Two trees of {old_size} entries have different roots: the log was rewritten.")
        return
    _check_hashes(proof, old_root, new_root)
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path:
        raise ProofError(f"The proof from {old_size} to {new_size} entries is empty.")
    full = (old_size & -old_size).bit_length() - 1  # levels below the first node of the proof
    older = newer = path[0]
    for sibling, before in _steps((old_size - 1) >> full, (new_size - 1) >> full, path[1:]):
        if before:
            older = node_hash(sibling, older)
        newer = node_hash(sibling, newer) if before else node_hash(newer, sibling)
    if older != old_root:
        raise ProofError(f"The proof from {old_size} to {new_size} entries does not begin with the old root.")
    if newer != new_root:
        raise ProofError(f"The proof from {old_size} to {new_size} entries does not lead to the new root.")


def _steps(place: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each hash of a path from the node at `place` upwards, and whether it stands before the path.

    `last` is the place of the level's last node. Raises `ProofError` when the path is too long or too short.
    """
    for sibling in proof:
        if last == 0:
            raise ProofError(f"The proof is too long: {len(proof)} hashes.")
        before = bool(place & 1) or place == last
        yield sibling, before
        while before and place and not place & 1:  # a node without a neighbour is its own parent
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError(f"The proof is too short: {len(proof)} hashes.")


def _check_hashes(proof: Sequence[bytes], *others: bytes) -> None:
    """Raise `ProofError` unless all are hashes of 32 bytes."""
    if any(len(value) != HASH_BYTES for value in (*proof, *others)):
        raise ProofError("A hash of the proof is not 32 bytes long.")
