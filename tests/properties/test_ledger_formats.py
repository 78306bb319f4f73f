"""Whatever the bytes are: proofs from tiles hold, a changed bit is found, and nothing raises but our own errors."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.ledger import verify
from ombud.ledger.bundles import decode_bundle, encode_bundle, first_entries
from ombud.ledger.check import check_log
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.commitments import commit_rows
from ombud.ledger.entries import decode_entry, encode_entry
from ombud.ledger.evidence import RowOpening, prove_entry, read_evidence, verify_evidence
from ombud.ledger.faults import AbsentError, LogError
from ombud.ledger.fsck import check_folder
from ombud.ledger.hashing import EMPTY_ROOT, leaf_hash, root_of, verify_consistency, verify_inclusion
from ombud.ledger.notes import Verifier, open_note, parse_note, sign_note
from ombud.ledger.policies import TrustPolicy
from ombud.ledger.proofs import TlogProof
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.tiles import MAX_INDEX, Place, decode_tile, parse_path, tiles_of, width_at
from ombud.ledger.tree import Tree
from tests.logs import ORIGIN, entries, make_log, put, signer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = signer()
SIZE = 70_000
LEAVES = [leaf_hash(b"%d" % number) for number in range(SIZE)]


class Memory:
    """The tiles of a log in memory."""

    def __init__(self) -> None:
        self.levels = [LEAVES]
        while len(self.levels[-1]) >= 256:
            last = self.levels[-1]
            self.levels.append([root_of(last[at : at + 256]) for at in range(0, len(last) // 256 * 256, 256)])

    def checkpoint(self) -> bytes:
        raise AbsentError

    def tile(self, level: int, index: int, width: int = 256) -> bytes:
        return b"".join(self.levels[level][index * 256 : index * 256 + width])

    def bundle(self, index: int, width: int = 256) -> bytes:
        raise AbsentError(f"{index} {width}")


TREE, NEWEST = Tree(Memory()), Tree(Memory(), newest=SIZE)


@cache
def root(size: int) -> bytes:
    """Return the root by hashing all leaves, not from tiles."""
    return root_of(LEAVES[:size])


sizes = st.one_of(st.integers(1, 600), st.integers(1, SIZE), st.sampled_from([255, 256, 257, 65_535, 65_536, 65_537]))


@given(size=sizes, share=st.floats(0, 1, exclude_max=True))
def test_a_proof_from_tiles_shows_that_an_entry_is_in_the_log(size: int, share: float) -> None:
    index = int(share * size)
    for tree in (TREE, NEWEST):
        proof = tree.inclusion(index, size)
        verify_inclusion(index, size, LEAVES[index], proof, root(size))
        verify.check_inclusion(LEAVES[index], index, size, proof, root(size))
    assert TREE.root(size) == root(size)


@given(one=sizes, other=sizes)
def test_a_proof_from_tiles_leads_from_one_size_to_another(one: int, other: int) -> None:
    old, new = sorted((one, other))
    for tree in (TREE, NEWEST):
        proof = tree.consistency(old, new)
        verify_consistency(old, new, root(old), root(new), proof)
        verify.check_consistency(old, new, root(old), root(new), proof)


@given(size=sizes, share=st.floats(0, 1, exclude_max=True), bit=st.integers(0), data=st.data())
def test_a_changed_proof_proves_nothing(size: int, share: float, bit: int, data: st.DataObject) -> None:
    index = int(share * size)
    proof = TREE.inclusion(index, size)
    kind = data.draw(st.sampled_from(["flip", "drop", "add", "move", "leaf"] if proof else ["add", "leaf"]))
    leaf, place = LEAVES[index], index
    match kind:
        case "flip":
            at = bit % len(proof)
            proof = [*proof[:at], flip(proof[at], bit // len(proof)), *proof[at + 1 :]]
        case "drop":
            proof = [*proof[: bit % len(proof)], *proof[bit % len(proof) + 1 :]]
        case "add":
            proof = [*proof, bytes(32)]
        case "move":
            place = (index + 1 + bit % (size - 1)) % size
        case "leaf":
            leaf = flip(leaf, bit)
    with pytest.raises(LogError):
        verify_inclusion(place, size, leaf, proof, root(size))
    with pytest.raises(verify.Wrong):
        verify.check_inclusion(leaf, place, size, proof, root(size))


@given(one=sizes, other=sizes, bit=st.integers(0))
def test_a_changed_root_or_proof_leads_nowhere(one: int, other: int, bit: int) -> None:
    old, new = sorted((one, other))
    proof = TREE.consistency(old, new)
    attempts = [(flip(root(old), bit), root(new), proof), (root(old), flip(root(new), bit), proof)]
    if proof:
        at = bit % len(proof)
        attempts.append((root(old), root(new), [*proof[:at], flip(proof[at], bit), *proof[at + 1 :]]))
        attempts.append((root(old), root(new), [*proof[:at], *proof[at + 1 :]]))
    for before, after, path in attempts:
        with pytest.raises(LogError):
            verify_consistency(old, new, before, after, path)
        with pytest.raises(verify.Wrong):
            verify.check_consistency(old, new, before, after, path)


def flip(data: bytes, bit: int) -> bytes:
    """Return the bytes with one bit changed."""
    at = bit % (len(data) * 8)
    return data[: at >> 3] + bytes([data[at >> 3] ^ (1 << (at & 7))]) + data[(at >> 3) + 1 :]


@given(size=st.integers(0, 2**40))
def test_tiles_of_a_size_are_as_wide_as_the_size_says(size: int) -> None:
    start = max(0, size - 70_000)
    places = list(tiles_of(size, start))
    assert all(width_at(place.level or 0, place.index, size) == place.width for place in places)
    assert len(set(places)) == len(places)
    assert sum(place.width for place in places if place.level == 0) == size - start // 256 * 256


@given(
    st.builds(
        Place,
        st.one_of(st.none(), st.integers(0, 63)),
        st.one_of(st.integers(0, 2_000), st.integers(0, MAX_INDEX)),
        st.integers(1, 256),
    )
)
def test_paths_read_back(place: Place) -> None:
    assert parse_path(place.path) == place


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256), st.data())
def test_bundles_read_back(items: list[bytes], data: st.DataObject) -> None:
    bundle = encode_bundle(items)
    assert decode_bundle(bundle, len(items)) == items
    width = data.draw(st.integers(1, len(items)))
    assert first_entries(bundle, width) == encode_bundle(items[:width])


lines = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@given(origin=lines, size=st.integers(0, 2**63 - 1), value=st.binary(min_size=32, max_size=32), more=st.lists(lines))
def test_checkpoints_and_notes_read_back(origin: str, size: int, value: bytes, more: list[str]) -> None:
    checkpoint = Checkpoint(origin, size, value if size else EMPTY_ROOT, tuple(more))
    note = sign_note(checkpoint.text(), [KEY])
    assert Checkpoint.parse(open_note(note, [KEY.verifier]).text) == checkpoint


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.one_of(st.none(), st.binary(max_size=200)),
)
def test_proof_files_read_back(index: int, hashes: list[bytes], extra: bytes | None) -> None:
    note = sign_note(Checkpoint(ORIGIN, 5, bytes(32)).text(), [KEY])
    proof = TlogProof(index, tuple(hashes), note, extra)
    assert TlogProof.parse(proof.encode()) == proof


PARSERS: list[Callable[[bytes], object]] = [
    parse_note,
    lambda data: open_note(data, [KEY.verifier]),
    lambda data: Checkpoint.parse(data.decode("utf-8", "replace")),
    lambda data: Checkpoint.parse(data.decode("latin-1")),
    lambda data: Verifier.parse(data.decode("utf-8", "surrogateescape")),
    lambda data: parse_path(data.decode("utf-8", "surrogateescape")),
    TrustPolicy.parse,
    lambda data: TrustPolicy.parse(data.decode("utf-8", "surrogateescape")),
    TlogProof.parse,
    lambda data: read_evidence(TlogProof(0, (), b"", data)),
    lambda data: decode_bundle(data, 3),
    lambda data: decode_tile(data, 3),
    decode_entry,
]

ROWS = [b'{"person":"p%d"}' % number for number in range(3)]
BATCH = commit_rows(ROWS, salts=bytes(range(48)), pad_seed=bytes(32))
ENTRY = encode_entry("reads", {"batch": "b", "root": BATCH.root.hex(), "padded": BATCH.padded})
ITEMS = [*entries(299), ENTRY]
OPENING = RowOpening(ROWS[1], BATCH.salt(1), 1, BATCH.tree().proof(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log; whoever changes it puts it right again."""
    folder: Path = tmp_path_factory.mktemp("log")
    make_log(folder, ITEMS)
    return folder


@pytest.fixture(scope="module")
def proof(folder: Path) -> bytes:
    return prove_entry(DirectoryLog(folder), 299, row=OPENING).encode()


@st.composite
def nearly(draw: st.DrawFn) -> bytes:
    """Return bytes that are something right, cut, repeated and with a few bytes changed."""
    policy = f"log {KEY.vkey}\nwitness w x+00000000+AQ==\ngroup g any w\nquorum g\n"
    note = sign_note(Checkpoint(ORIGIN, 5, bytes(32)).text(), [KEY])
    right = [
        note,
        KEY.vkey.encode(),
        policy.encode(),
        TlogProof(3, (bytes(32),), note, b'{"entry":"a"}').encode(),
        encode_bundle([b"a", b"", b"bc"]),
        b"tile/0/x001/234.p/17",
        ENTRY,
        b'{"entry":"a","row":"b","salt":"00","position":0,"siblings":["00"]}',
    ]
    data = bytearray(draw(st.sampled_from(right)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


@given(data=st.one_of(st.binary(max_size=300), nearly()))
def test_no_parser_raises_anything_but_our_error(data: bytes) -> None:
    for parse in PARSERS:
        with suppress(LogError):
            parse(data)


def test_every_bit_of_a_note_matters(folder: Path) -> None:
    note = (folder / "checkpoint").read_bytes()
    assert open_note(note, [KEY.verifier]).verified == (ORIGIN,)
    keys = [verify.read_key(KEY.vkey)]
    assert verify.read_checkpoint(note, keys).signers == [ORIGIN]
    for bit in range(len(note) * 8):
        with pytest.raises(LogError):
            open_note(flip(note, bit), [KEY.verifier])
        with pytest.raises((verify.Wrong, ValueError)):
            verify.read_checkpoint(flip(note, bit), keys)


FILES = ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"]


@given(name=st.sampled_from(FILES), bit=st.integers(0, 2**20))
def test_one_changed_bit_of_a_log_is_found_by_both(folder: Path, name: str, bit: int) -> None:
    right = (folder / name).read_bytes()
    try:
        (folder / name).write_bytes(flip(right, bit))
        report = check_log(DirectoryLog(folder), keys=[KEY.verifier])
        assert not report.ok
        assert any(name in problem for problem in report.problems)
        assert verify.main([str(folder), "--vkey", KEY.vkey]) == 1
    finally:
        (folder / name).write_bytes(right)
    assert check_log(DirectoryLog(folder), keys=[KEY.verifier]).ok


@given(bit=st.integers(0, 2**20))
def test_one_changed_bit_of_a_proof_file_is_found_by_both(tmp_path: Path, proof: bytes, bit: int) -> None:
    assert verify_evidence(TlogProof.parse(proof), [KEY.verifier]).row == ROWS[1]
    changed = flip(proof, bit)
    with pytest.raises(LogError):
        verify_evidence(TlogProof.parse(changed), [KEY.verifier])
    (tmp_path / "changed").write_bytes(changed)
    assert verify.main(["--vkey", KEY.vkey, "--proof", str(tmp_path / "changed")]) == 1


@given(
    files=st.dictionaries(
        st.sampled_from(
            ["checkpoint", "vkey", *FILES, "tile/0/002", "tile/5/000", "tile/x/y", "tile/entries/x001/000"]
        ),
        st.one_of(st.binary(max_size=100), nearly(), st.just(bytes(8192)), st.just(sign_note("o\n9\nYQ==\n", [KEY]))),
        max_size=6,
    ),
    size=st.sampled_from([None, 0, 1, 300, 2**62]),
)
def test_a_folder_of_anything_is_checked_without_an_error(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], size: int | None
) -> None:
    folder: Path = tmp_path_factory.mktemp("any")
    for name, data in files.items():
        put(folder, name, data)
    if size is not None:
        text = Checkpoint(ORIGIN, size, bytes(32) if size else EMPTY_ROOT).text()
        put(folder, "checkpoint", sign_note(text, [KEY]))
    report = check_log(DirectoryLog(folder), keys=[KEY.verifier], trusted=files.get("vkey"))
    assert report.ok is not bool(report.problems)
    assert report.ok is (size == 0 and "vkey" not in files)
    assert check_folder(folder).ok is not bool(check_folder(folder).problems)
    if size != 2**62:
        assert verify.main([str(folder), "--vkey", KEY.vkey]) == (0 if size == 0 else 1)


@given(row=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_of_a_row_is_carried_and_read_by_both(tmp_path_factory: pytest.TempPathFactory, row: str) -> None:
    folder: Path = tmp_path_factory.mktemp("row")
    batch = commit_rows([row.encode()], salts=bytes(16), pad_seed=bytes(32))
    make_log(folder, [encode_entry("reads", {"batch": row[:5], "root": batch.root.hex(), "padded": batch.padded})])
    opening = RowOpening(row.encode(), bytes(16), 0, batch.tree().proof(0))
    file = folder / "x.tlog-proof"
    file.write_bytes(prove_entry(DirectoryLog(folder), 0, row=opening).encode())
    assert verify_evidence(TlogProof.parse(file.read_bytes()), [KEY.verifier]).row == row.encode()
    assert verify.main(["--vkey", KEY.vkey, "--proof", str(file)]) == 0
