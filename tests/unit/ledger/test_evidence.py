from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ombud.ledger import verify
from ombud.ledger.commitments import commit_rows
from ombud.ledger.entries import encode_entry
from ombud.ledger.evidence import RowOpening, prove_entry, read_evidence, verify_evidence
from ombud.ledger.faults import FormatError, ProofError
from ombud.ledger.proofs import TlogProof
from ombud.ledger.reading import DirectoryLog
from tests.logs import entries, make_log, signer

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [b'{"app":"quiz","person":"p%d"}' % number for number in range(5)]
BATCH = commit_rows(ROWS, salts=bytes(range(80)), pad_seed=bytes(32))
ENTRY = encode_entry("reads", {"batch": "b1", "root": BATCH.root.hex(), "padded": BATCH.padded})
ITEMS = [*entries(299), ENTRY]
KEY = signer().verifier


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> DirectoryLog:
    folder: Path = tmp_path_factory.mktemp("log")
    make_log(folder, ITEMS)
    return DirectoryLog(folder)


def opening(position: int) -> RowOpening:
    return RowOpening(ROWS[position], BATCH.salt(position), position, BATCH.tree().proof(position))


def test_a_proof_file_carries_its_entry(log: DirectoryLog) -> None:
    proof = TlogProof.parse(prove_entry(log, 7).encode())
    evidence = verify_evidence(proof, [KEY])
    assert (evidence.index, evidence.entry, evidence.row) == (7, ITEMS[7], None)
    assert evidence.checkpoint.size == 300


@pytest.mark.parametrize("position", range(5))
def test_a_proof_file_carries_a_row(log: DirectoryLog, position: int) -> None:
    proof = TlogProof.parse(prove_entry(log, 299, row=opening(position)).encode())
    evidence = verify_evidence(proof, [KEY])
    assert evidence.entry == ENTRY
    assert evidence.row == ROWS[position]


def test_verify_py_reads_the_same_file(log: DirectoryLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "row.tlog-proof"
    file.write_bytes(prove_entry(log, 299, row=opening(3)).encode())
    assert verify.main(["--vkey", KEY.vkey, "--proof", str(file)]) == 0
    said = capsys.readouterr().out
    assert "has at 299 the entry" in said
    assert f"row 3 of that batch is {ROWS[3]!r}" in said


def test_a_row_that_is_not_of_the_batch_is_not_proved(log: DirectoryLog) -> None:
    mine = opening(2)
    for other in (
        RowOpening(b"{}", mine.salt, 2, mine.siblings),
        RowOpening(mine.row, bytes(16), 2, mine.siblings),
        RowOpening(mine.row, mine.salt, 3, mine.siblings),
        RowOpening(mine.row, mine.salt, 2, list(mine.siblings)[:-1]),
    ):
        with pytest.raises(ProofError):
            prove_entry(log, 299, row=other)
    with pytest.raises(FormatError, match="does not commit to rows"):
        prove_entry(log, 7, row=mine)


@pytest.mark.parametrize("field", ["entry", "row", "salt", "position", "siblings"])
def test_what_is_changed_in_the_extra_line_is_found(
    log: DirectoryLog, tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str
) -> None:
    proof = prove_entry(log, 299, row=opening(2))
    carried = json.loads(proof.extra or b"")
    other = {"entry": ITEMS[0].decode(), "row": "{}", "salt": "00" * 16, "position": 1, "siblings": ["00" * 32] * 8}
    carried[field] = other[field]
    changed = TlogProof(299, proof.proof, proof.checkpoint, json.dumps(carried, separators=(",", ":")).encode())
    with pytest.raises(ProofError):
        verify_evidence(changed, [KEY])
    file = tmp_path / "changed.tlog-proof"
    file.write_bytes(changed.encode())
    assert verify.main(["--vkey", KEY.vkey, "--proof", str(file)]) == 1
    assert capsys.readouterr().out == "WRONG: the proof leads to another root\n", "nothing is called ok before"


@pytest.mark.parametrize(("field", "value"), [("row", "{}"), ("position", 2.0), ("position", True)])
def test_a_row_is_checked_although_its_entry_comes_from_the_folder(
    log: DirectoryLog, tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str, value: object
) -> None:
    proof = prove_entry(log, 299, row=opening(2))
    carried = json.loads(proof.extra or b"")
    del carried["entry"]
    file, words = tmp_path / "row.tlog-proof", [str(log.path), "--vkey", KEY.vkey, "--proof"]
    for told, code in (({}, 0), ({field: value}, 1)):
        extra = json.dumps(carried | told, separators=(",", ":")).encode()
        file.write_bytes(TlogProof(299, proof.proof, proof.checkpoint, extra).encode())
        assert verify.main([*words, str(file)]) == code
        assert ("ok: row.tlog-proof" in capsys.readouterr().out) == (code == 0)


@pytest.mark.parametrize(
    "extra",
    [
        None,
        b"",
        b"text",
        b"[]",
        b"{}",
        b'{"entry":1}',
        b'{"entry":"a","row":"b","salt":"x"}',
        b'{"entry":"a","row":"b","siblings":["0"]}',
        b'{"entry":"a","row":"b","position":"1"}',
        b"[" * 100_000,
        b'{"entry":"\xff"}',
        b'{"entry": "a"}',
        b'{"entry":"a","more":1}',
        b'{"entry":"a","position":3}',
        b'{"entry":"\\u0061"}',
        b'{"entry":"a","row":"b","salt":"AA","position":0,"siblings":[]}',
    ],
)
def test_an_extra_line_of_another_form_carries_nothing(log: DirectoryLog, extra: bytes | None) -> None:
    proof = prove_entry(log, 1)
    with pytest.raises(FormatError, match="carry"):
        read_evidence(TlogProof(1, proof.proof, proof.checkpoint, extra))


def test_an_entry_that_is_no_text_cannot_be_carried(tmp_path: Path) -> None:
    make_log(tmp_path, [b"\xff\xfe"])
    with pytest.raises(FormatError, match="are text"):
        prove_entry(DirectoryLog(tmp_path), 0)


@pytest.mark.parametrize("body", [{"root": "zz", "padded": 256}, {"root": "00"}, {"root": 5, "padded": 256}])
def test_an_entry_with_another_body_commits_to_no_rows(tmp_path: Path, body: dict[str, object]) -> None:
    entry = json.dumps({"body": body, "type": "x", "version": 1}, separators=(",", ":"), sort_keys=True).encode()
    make_log(tmp_path, [entry])
    with pytest.raises(FormatError, match="does not commit to rows"):
        prove_entry(DirectoryLog(tmp_path), 0, row=opening(0))
