from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from ombud.ledger.faults import AbsentError, ProofError
from ombud.ledger.hashing import EMPTY_ROOT, leaf_hash, root_of, verify_consistency, verify_inclusion
from ombud.ledger.tree import Tree, consistency_proof, inclusion_proof, tree_root

if TYPE_CHECKING:
    import numpy as np

COUNT = 66_600
LEAVES = [leaf_hash(b"%d" % number) for number in range(COUNT)]
SIZES = [1, 2, 3, 7, 8, 255, 256, 257, 300, 511, 512, 513, 65_535, 65_536, 65_537, 65_546, 65_792, COUNT]


class Memory:
    """The tiles of a log in memory, which counts what is read."""

    def __init__(self) -> None:
        self.levels = [LEAVES]
        self.read: list[tuple[int, int, int]] = []
        while len(self.levels[-1]) >= 256:
            last = self.levels[-1]
            self.levels.append([root_of(last[at : at + 256]) for at in range(0, len(last) // 256 * 256, 256)])

    def checkpoint(self) -> bytes:
        raise AbsentError

    def tile(self, level: int, index: int, width: int = 256) -> bytes:
        self.read.append((level, index, width))
        hashes = self.levels[level][index * 256 : index * 256 + width]
        assert 0 < width <= 256
        assert len(hashes) == width
        return b"".join(hashes)

    def bundle(self, index: int, width: int = 256) -> bytes:
        raise AbsentError(f"{index} {width}")


MEMORY = Memory()


@cache
def root(size: int) -> bytes:
    return root_of(LEAVES[:size])


@pytest.mark.parametrize("size", SIZES)
def test_roots_from_tiles_are_right(size: int) -> None:
    assert tree_root(MEMORY, size) == root(size)
    assert Tree(MEMORY, newest=COUNT).root(size) == root(size)


def test_an_empty_log_has_a_root() -> None:
    assert tree_root(MEMORY, 0) == EMPTY_ROOT


@pytest.mark.parametrize("newest", [0, COUNT])
@pytest.mark.parametrize("size", SIZES)
def test_proofs_of_inclusion_verify(size: int, newest: int, rng: np.random.Generator) -> None:
    tree = Tree(MEMORY, newest=newest)
    for index in {0, size // 2, size - 1, *(int(at) for at in rng.integers(0, size, 40))}:
        verify_inclusion(index, size, LEAVES[index], tree.inclusion(index, size), root(size))


@pytest.mark.parametrize("newest", [0, COUNT])
@pytest.mark.parametrize("new", SIZES)
def test_proofs_of_consistency_verify(new: int, newest: int) -> None:
    tree = Tree(MEMORY, newest=newest)
    for old in SIZES:
        if old <= new:
            verify_consistency(old, new, root(old), root(new), tree.consistency(old, new))


def test_every_pair_of_small_sizes() -> None:
    tree = Tree(MEMORY)
    for size in range(1, 40):
        for index in range(size):
            verify_inclusion(index, size, LEAVES[index], inclusion_proof(tree, index, size), root(size))
            old = index + 1
            verify_consistency(old, size, root(old), root(size), consistency_proof(tree, old, size))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_no_proof_for_an_entry_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ProofError, match="No entry"):
        inclusion_proof(MEMORY, index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 5), (6, 5), (0, 0)])
def test_no_proof_from_nothing_or_backwards(old: int, new: int) -> None:
    with pytest.raises(ProofError, match="cannot be asked"):
        consistency_proof(MEMORY, old, new)


def test_a_tile_is_read_once_for_its_entries() -> None:
    memory = Memory()
    tree = Tree(memory)
    for index in range(1_000):
        tree.inclusion(index, COUNT)
    assert len(memory.read) == len(set(memory.read))
    assert {(level, index) for level, index, _ in memory.read} == {
        *((0, index) for index in range(4)),
        *((0, 260), (1, 0), (1, 1), (2, 0)),
    }


def test_few_tiles_are_kept_and_that_is_enough() -> None:
    memory = Memory()
    tree = Tree(memory, kept=2)
    for index in (0, 65_000, 300, 0):
        verify_inclusion(index, COUNT, LEAVES[index], tree.inclusion(index, COUNT), root(COUNT))
    assert len(memory.read) > len(set(memory.read))


def test_a_cold_proof_reads_a_tile_a_level_and_the_edge() -> None:
    memory = Memory()
    Tree(memory).inclusion(30_000, COUNT)
    assert memory.read == [(0, 117, 256), (1, 0, 256), (2, 0, 1), (1, 1, 4), (0, 260, 40)]
