"""The tree of RFC 6962, by its vectors and by its definition, for the package and for `verify.py`."""

from __future__ import annotations

import json
from base64 import b64decode
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ombud.ledger import hashing, verify
from ombud.ledger.faults import ProofError
from ombud.ledger.hashing import EMPTY_ROOT, edge_root, leaf_hash, leaf_hashes, node_hash, parents, root_of

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = [json.loads(line) for line in (Path(__file__).parent / "vectors/rfc6962.jsonl").read_text().splitlines()]


def by_definition(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962, section 2.1, defines it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 31, 32, 33, 48, 100, 255, 256, 257])
def test_the_root_of_an_open_end_is_the_root(count: int) -> None:
    leaves = leaf_hashes([b"%d" % number for number in range(count)])
    assert edge_root(leaves) == root_of(leaves)
    changed = [*leaves[:-1], leaf_hash(b"other")]
    assert edge_root(changed) == root_of(changed) != edge_root(leaves)


def test_all_vectors_are_here() -> None:
    kinds = ["inclusion" if "leafIdx" in vector else "consistency" for vector in VECTORS]
    assert (kinds.count("inclusion"), kinds.count("consistency")) == (98, 98)
    assert sum(not vector["wantErr"] for vector in VECTORS) == 12


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_vectors_are_judged_as_their_authors_do(vector: dict[str, Any]) -> None:
    def raw(name: str) -> bytes:
        return b64decode(vector[name] or "")

    proof = [b64decode(value) for value in vector["proof"]]
    checks: list[Callable[[], None]]
    if "leafIdx" in vector:
        index, size = vector["leafIdx"], vector["treeSize"]
        checks = [
            lambda: hashing.verify_inclusion(index, size, raw("leafHash"), proof, raw("root")),
            lambda: verify.check_inclusion(raw("leafHash"), index, size, proof, raw("root")),
        ]
    else:
        old, new = vector["size1"], vector["size2"]
        checks = [
            lambda: hashing.verify_consistency(old, new, raw("root1"), raw("root2"), proof),
            lambda: verify.check_consistency(old, new, raw("root1"), raw("root2"), proof),
        ]
    for check in checks:
        with pytest.raises((ProofError, verify.Wrong)) if vector["wantErr"] else nullcontext():
            check()


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT == verify.root_of([])
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_leaf_is_no_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"\1" + left + right) != node_hash(left, right)


@pytest.mark.parametrize("size", [*range(1, 40), 63, 64, 65, 127, 128, 129, 255, 256, 257])
def test_roots_are_those_of_the_definition(size: int) -> None:
    leaves = [b"%d" % number for number in range(size)]
    root = by_definition(leaves)
    assert root_of(leaf_hashes(leaves)) == root
    assert verify.root_of([verify.leaf_hash(leaf) for leaf in leaves]) == root


def test_an_odd_node_moves_up_as_it_is() -> None:
    a, b, c = leaf_hashes([b"a", b"b", b"c"])
    assert parents([a, b, c]) == [node_hash(a, b), c]
    assert root_of([a, b, c]) == node_hash(node_hash(a, b), c)


def test_a_tree_over_complete_subtrees_is_the_tree_over_their_leaves() -> None:
    leaves = leaf_hashes([b"%d" % number for number in range(11)])
    fours = [root_of(leaves[at : at + 4]) for at in range(0, 11, 4)]
    assert root_of(fours) == root_of(leaves)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 5), (5, 5), (6, 5)])
def test_there_is_no_proof_for_an_entry_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ProofError, match="No entry"):
        hashing.verify_inclusion(index, size, bytes(32), [], bytes(32))
    with pytest.raises(verify.Wrong, match="no entry"):
        verify.check_inclusion(bytes(32), index, size, [], bytes(32))


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (6, 5), (-1, 5)])
def test_nothing_can_be_said_from_an_empty_or_a_larger_tree(old: int, new: int) -> None:
    with pytest.raises(ProofError, match="cannot be asked"):
        hashing.verify_consistency(old, new, EMPTY_ROOT, EMPTY_ROOT, [])
    with pytest.raises(verify.Wrong):
        verify.check_consistency(old, new, EMPTY_ROOT, EMPTY_ROOT, [])


def test_faults_of_a_proof_are_named() -> None:
    a, b = leaf_hashes([b"a", b"b"])
    root = node_hash(a, b)
    hashing.verify_inclusion(0, 2, a, [b], root)
    for proof, sentence in (([], "too short"), ([b, b], "too long"), ([a], "another root"), ([b[:31]], "32 bytes")):
        with pytest.raises(ProofError, match=sentence):
            hashing.verify_inclusion(0, 2, a, proof, root)
    hashing.verify_consistency(1, 2, a, root, [b])
    with pytest.raises(ProofError, match="rewritten"):
        hashing.verify_consistency(2, 2, root, a, [])
    with pytest.raises(ProofError, match="should be empty"):
        hashing.verify_consistency(2, 2, root, root, [a])
    for proof, sentence in (([], "too short"), ([b, b], "too long"), ([a], "new root"), ([b"x"], "32 bytes")):
        with pytest.raises(ProofError, match=sentence):
            hashing.verify_consistency(1, 2, a, root, proof)


def test_a_proof_that_does_not_begin_with_the_old_root_is_told_apart() -> None:
    leaves = leaf_hashes([b"a", b"b", b"c"])
    three = root_of(leaves)
    four = root_of([*leaves, leaves[0]])
    proof = [leaves[2], leaves[0], node_hash(leaves[0], leaves[1])]
    hashing.verify_consistency(3, 4, three, four, proof)
    with pytest.raises(ProofError, match="old root"):
        hashing.verify_consistency(3, 4, four, four, proof)
    with pytest.raises(ProofError, match="is empty"):
        hashing.verify_consistency(3, 4, three, four, [])
