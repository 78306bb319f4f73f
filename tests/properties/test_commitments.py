"""Rows under a padded root: every row can be proved, nothing else can, and what is erased leaves the rest alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ombud.ledger.commitments import (
    LEAST_PADDED,
    RowTree,
    commit_row,
    commit_rows,
    padded_size,
    row_proof,
    verify_commitment,
    verify_row,
)
from ombud.ledger.faults import FormatError, ProofError
from ombud.ledger.rows import ReadRow, row_bytes, row_time

rows_strategy = st.lists(st.binary(max_size=40), min_size=1, max_size=700)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def derived(seed: bytes, height: int, place: int) -> bytes:
    return sha256(b"\x02" + seed + bytes([height]) + place.to_bytes(8, "big")).digest()


def slow_root(rows: list[bytes], salts: bytes, seed: bytes, padded: int) -> bytes:
    """State what the root is, node by node: a node stands for rows, or it is derived."""

    def node(height: int, place: int) -> bytes:
        first = place << height
        if first >= len(rows):
            return derived(seed, height, place)
        if height == 0:
            return sha256(b"\x00" + salts[16 * first : 16 * first + 16] + rows[first]).digest()
        return sha256(b"\x01" + node(height - 1, 2 * place) + node(height - 1, 2 * place + 1)).digest()

    return node(padded.bit_length() - 1, 0)


@given(rows_strategy, st.data())
def test_the_root_is_what_it_is_said_to_be_and_each_row_is_under_it(rows: list[bytes], data: st.DataObject) -> None:
    salts, seed = (
        data.draw(st.binary(min_size=16 * len(rows), max_size=16 * len(rows))),
        data.draw(st.binary(min_size=32, max_size=32)),
    )
    batch = commit_rows(rows, salts, seed)
    assert batch.root == slow_root(rows, salts, seed, batch.padded)
    tree = batch.tree()
    assert (tree.root, tree.padded, tree.rows) == (batch.root, batch.padded, len(rows))
    at = data.draw(st.integers(0, len(rows) - 1))
    proof = tree.proof(at)
    assert proof == row_proof(batch.leaves, batch.pad_seed, at)
    assert len(proof) == batch.padded.bit_length() - 1
    verify_row(rows[at], batch.salt(at), at, batch.padded, proof, batch.root)
    verify_commitment(commit_row(rows[at], batch.salt(at)), at, batch.padded, proof, batch.root)


@given(rows_strategy, st.data())
def test_no_other_row_salt_place_or_path_is_proved(rows: list[bytes], data: st.DataObject) -> None:
    batch = commit_rows(rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    proof, salt = row_proof(batch.leaves, batch.pad_seed, at), batch.salt(at)
    spoiled = list(proof)
    which = data.draw(st.integers(0, len(proof) - 1))
    spoiled[which] = bytes(32)
    other = data.draw(st.integers(0, batch.padded - 1).filter(lambda place: place != at))
    for row, grain, place, path in (
        (rows[at] + b"x", salt, at, proof),
        (rows[at], bytes([salt[0] ^ 1]) + salt[1:], at, proof),
        (rows[at], salt, other, proof),
        (rows[at], salt, at, spoiled),
        (rows[at], salt, at, proof[:-1]),
        (rows[at], salt, at, [*proof, bytes(32)]),
    ):
        with pytest.raises(ProofError):
            verify_row(row, grain, place, batch.padded, path, batch.root)


@given(rows_strategy, st.data())
def test_when_rows_are_erased_every_other_proof_stays(rows: list[bytes], data: st.DataObject) -> None:
    batch = commit_rows(rows)
    gone = data.draw(st.sets(st.integers(0, len(rows) - 1)))
    kept = {at: (rows[at], batch.salt(at)) for at in range(len(rows)) if at not in gone}
    leaves = [commit_row(*kept[at]) if at in kept else batch.leaves[at] for at in range(len(rows))]
    tree = RowTree(leaves, batch.pad_seed)
    assert tree.root == batch.root
    for at in list(kept)[:5]:
        verify_row(*kept[at], at, batch.padded, tree.proof(at), batch.root)
    for at in list(gone)[:5]:
        verify_commitment(batch.leaves[at], at, batch.padded, tree.proof(at), batch.root)


@given(st.integers(1, 5000))
def test_the_padded_size_hides_the_number_of_rows(count: int) -> None:
    padded = padded_size(count)
    assert padded >= max(count, LEAST_PADDED)
    assert padded & (padded - 1) == 0
    assert padded == LEAST_PADDED or padded < 2 * count


def test_two_batches_of_the_same_rows_share_nothing() -> None:
    first, second = commit_rows([b"row"] * 300), commit_rows([b"row"] * 300)
    assert not set(first.leaves) & set(second.leaves)
    assert first.root != second.root
    assert len(set(first.leaves)) == 300


def test_one_row_and_256_rows_cannot_be_told_apart_by_their_proofs() -> None:
    for count in (1, 2, 255, 256):
        batch = commit_rows([b"row"] * count)
        proof = batch.tree().proof(0)
        assert (batch.padded, len(proof)) == (256, 8)
        assert len({len(value) for value in proof}) == 1
    assert commit_rows([b"row"] * 257).padded == 512


@pytest.mark.parametrize(
    ("rows", "salts", "seed"),
    [([], None, None), ([b"a"], b"short", None), ([b"a"], bytes(32), None), ([b"a"], None, b"seed")],
)
def test_what_is_no_batch_is_refused(rows: list[bytes], salts: bytes | None, seed: bytes | None) -> None:
    with pytest.raises(FormatError):
        commit_rows(rows, salts, seed)


def test_places_and_sizes_that_cannot_be() -> None:
    batch = commit_rows([b"a", b"b", b"c"])
    tree = batch.tree()
    for at in (-1, 3):
        with pytest.raises(FormatError):
            tree.proof(at)
    with pytest.raises(FormatError):
        verify_row(b"a", batch.salt(0), 0, 300, tree.proof(0), batch.root)
    with pytest.raises(FormatError):
        verify_row(b"a", batch.salt(0), 0, 2, tree.proof(0), batch.root)
    with pytest.raises(FormatError):
        commit_row(b"a", b"short")


@given(
    st.builds(
        ReadRow,
        acts_for=st.none() | texts,
        key=st.none() | texts,
        app=texts,
        at=st.datetimes().map(lambda moment: row_time(moment.replace(tzinfo=UTC))),
        decision=texts,
        fields=st.lists(texts, max_size=4),
        person=texts,
        policy=st.none() | texts,
        purpose=st.none() | texts,
        read=texts,
        reason=st.none() | texts,
        through=st.none() | texts,
    )
)
def test_a_read_is_written_in_canonical_json(row: ReadRow) -> None:
    data = row_bytes(row)
    value = json.loads(data)
    assert rfc8785.dumps(value) == data
    said = {name: getattr(row, name) for name in row.__struct_fields__}
    assert value == {name: it for name, it in said.items() if it is not None or name not in {"acts_for", "key"}}


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)), st.integers(-720, 720))  # noqa: DTZ001 - the zone is put on below
def test_the_time_of_a_row_is_the_same_in_every_zone(moment: datetime, minutes: int) -> None:
    utc = moment.replace(tzinfo=UTC)
    text = row_time(utc.astimezone(timezone(timedelta(minutes=minutes))))
    assert text == row_time(utc)
    assert (len(text), text[-1]) == (27, "Z")
    assert datetime.fromisoformat(text) == utc
