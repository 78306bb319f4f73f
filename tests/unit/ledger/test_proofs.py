from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from ombud.ledger.faults import FormatError, LogError, ProofError, SignatureError
from ombud.ledger.hashing import leaf_hash
from ombud.ledger.notes import sign_note
from ombud.ledger.proofs import TlogProof, entry_at, prove
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.tree import Tree
from tests.logs import entries, make_log, signer

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = entries(600)
KEY = signer().verifier


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> DirectoryLog:
    folder: Path = tmp_path_factory.mktemp("log")
    make_log(folder, ITEMS)
    return DirectoryLog(folder)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 512, 599])
def test_a_proof_is_made_written_read_and_checked(log: DirectoryLog, index: int) -> None:
    proof = prove(log, index)
    again = TlogProof.parse(proof.encode())
    assert again == proof
    assert again.size == 600
    assert again.verify(ITEMS[index], [KEY]).size == 600


def test_the_file_is_as_the_standard_says(log: DirectoryLog) -> None:
    proof = prove(log, 3, extra=b"more")
    lines = proof.encode().decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra bW9yZQ==", "index 3"]
    assert lines[3] == b64encode(leaf_hash(ITEMS[2])).decode()
    assert lines[3 + len(proof.proof)] == ""
    assert proof.encode().endswith(b"\n\n" + log.checkpoint())
    assert TlogProof.parse(proof.encode()).extra == b"more"
    assert b"extra" not in prove(log, 3).encode()


def test_a_log_of_one_entry_needs_no_hashes(tmp_path: Path) -> None:
    make_log(tmp_path, ITEMS[:1])
    proof = prove(DirectoryLog(tmp_path), 0)
    assert proof.proof == ()
    assert TlogProof.parse(proof.encode()).verify(ITEMS[0], [KEY]).size == 1


def test_another_entry_index_key_or_hash_is_refused(log: DirectoryLog) -> None:
    proof = prove(log, 300)
    with pytest.raises(ProofError, match="another root"):
        proof.verify(ITEMS[301], [KEY])
    with pytest.raises(ProofError):
        TlogProof(301, proof.proof, proof.checkpoint).verify(ITEMS[300], [KEY])
    with pytest.raises(ProofError):
        TlogProof(300, proof.proof[:-1], proof.checkpoint).verify(ITEMS[300], [KEY])
    with pytest.raises(ProofError):
        TlogProof(600, proof.proof, proof.checkpoint).verify(ITEMS[300], [KEY])
    with pytest.raises(SignatureError):
        proof.verify(ITEMS[300], [signer(seed=2).verifier])


def test_the_logs_own_key_must_have_signed(log: DirectoryLog) -> None:
    stranger = signer("stranger.example/log", 3)
    proof = prove(log, 5)
    text = proof.checkpoint.decode().rpartition("\n\n")[0] + "\n"
    theirs = TlogProof(5, proof.proof, sign_note(text, [stranger]))
    with pytest.raises(ProofError, match="did not sign"):
        theirs.verify(ITEMS[5], [stranger.verifier, KEY])


def test_a_proof_for_an_older_checkpoint(log: DirectoryLog, tmp_path: Path) -> None:
    older = make_log(tmp_path, ITEMS[:300])
    proof = prove(log, 299, checkpoint=older)
    assert proof.verify(ITEMS[299], [KEY]).size == 300
    with pytest.raises(ProofError, match="No entry 300"):
        prove(log, 300, checkpoint=older)


def test_no_proof_is_made_from_a_log_that_contradicts_itself(tmp_path: Path) -> None:
    make_log(tmp_path, ITEMS)
    tile = tmp_path / "tile/0/001"
    data = bytearray(tile.read_bytes())
    data[40] ^= 1
    tile.write_bytes(data)
    with pytest.raises(ProofError, match="another root"):
        prove(DirectoryLog(tmp_path), 300)
    tile.unlink()
    with pytest.raises(LogError, match="tile/0/001 is missing"):
        prove(DirectoryLog(tmp_path), 300)


def test_entries_are_read_one_at_a_time(log: DirectoryLog) -> None:
    assert entry_at(log, 0, 600) == ITEMS[0]
    assert entry_at(Tree(log), 599, 600) == ITEMS[599]
    for index in (-1, 600):
        with pytest.raises(ProofError, match="No entry"):
            entry_at(log, index, 600)


def variants() -> list[bytes]:
    """Return texts that are nearly proofs."""
    line = b64encode(bytes(32)).decode()
    note = "o\n5\n" + line + "\n\n— o YWJjZGU=\n"
    first = "c2sp.org/tlog-proof@v1\n"
    return [
        text.encode()
        for text in (
            "",
            first,
            first + "index 1\n",
            first + "index 1\n\n",
            first + note,
            first + "\n" + note,
            first + "index 01\n\n" + note,
            first + "index -1\n\n" + note,
            first + "index\n\n" + note,
            first + "Index 1\n\n" + note,
            first + "extra YQ=\nindex 1\n\n" + note,
            first + "extra\nindex 1\n\n" + note,
            first + "index 1\nextra YQ==\n\n" + note,
            first + "index 1\nYQ==\n\n" + note,
            first + f"index 1\n{line} \n\n" + note,
            first + f"index 1\n{line}\n{note}",
            first + "index 1\n" + f"{line}\n" * 64 + "\n" + note,
            first.replace("v1", "v2") + "index 1\n\n" + note,
            "\n" + first + "index 1\n\n" + note,
            first + "index 1\r\n\r\n" + note,
            first + "index ü\n\n" + note,
            first + "index 1\n\n" + note.replace("\n5\n", "\n05\n"),
            first + "index 1\n\n" + note[:-1],
        )
    ] + [(first + "index 1\n\n" + note).encode() + b"\xff", b"x" * 4_000_000]


@pytest.mark.parametrize("number", range(len(variants())))
def test_what_is_nearly_a_proof_is_refused(number: int) -> None:
    with pytest.raises(FormatError):
        TlogProof.parse(variants()[number])
