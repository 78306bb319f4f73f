"""One read is proved to be on the ledger, and nothing is told about the others of its batch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ombud.lake.read_proofs import prove_read
from ombud.ledger.commitments import commit_rows
from ombud.ledger.entries import encode_entry
from ombud.ledger.evidence import read_evidence, verify_evidence
from ombud.ledger.faults import LogError
from ombud.ledger.notes import Verifier
from ombud.ledger.proofs import TlogProof
from ombud.ledger.writer import open_ledger
from ombud.model.errors import NotFoundError
from ombud.records import outbox
from tests.unit.lake.test_erase_ledger import NOON, WHO, committed, read

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from ombud.lake import Lake

    Make = Callable[[str, list[dict[str, Any]]], pa.Table]


def fill(lake: Lake, rows: Make, *, published: bool = True, waiting: int | None = None) -> str:
    """Write a batch of 20 reads, and one read that no gate saw; return the log's key."""
    own = [read(1, position) for position in range(20)]
    batch = commit_rows([committed(row) for row in own])
    body = {"batch": "batch_1", "root": batch.root.hex(), "padded": batch.padded}
    with open_ledger(lake.workspace) as ledger:
        index = ledger.append([encode_entry("reads", body)]) if published else None
        vkey = ledger.vkey
    reads = [row | {"batch": "batch_1", "position": n, "salt": batch.salt(n).hex()} for n, row in enumerate(own)]
    bare = read(9, 0) | {"batch": None, "position": None, "salt": None}
    kept = body | {"happened_at": NOON, "host": "h", "sequence": 1, "rows": 20, "pad_seed": batch.pad_seed.hex()}
    with lake.writing() as writing:
        writing.write("reads", rows("reads", [*reads, bare]), "import_1")
        last = {"ledger_index": index, "outbox": waiting, "policy": None}
        writing.write("batches", rows("batches", [kept | last]), "import_1")
    return vkey


@pytest.mark.parametrize("position", [0, 7, 19])
def test_a_read_is_proved_with_its_row(lake: Lake, rows: Make, position: int) -> None:
    vkey = fill(lake, rows)
    proof = TlogProof.parse(prove_read(lake, f"r-1-{position}").encode())
    found = verify_evidence(proof, [Verifier.parse(vkey)])
    assert found.row == committed(read(1, position))
    assert json.loads(found.row or b"")["read"] == f"r-1-{position}"
    others = {f"r-1-{n}" for n in range(20)} - {f"r-1-{position}"}
    assert not [name for name in others if name.encode() + b'"' in (proof.extra or b"")]


def test_a_changed_row_is_not_proved(lake: Lake, rows: Make) -> None:
    vkey = fill(lake, rows)
    proof = prove_read(lake, "r-1-3")
    _, opening = read_evidence(proof)
    assert opening is not None
    forged = (proof.extra or b"").replace(b"r-1-3", b"r-1-4")
    with pytest.raises(LogError):
        verify_evidence(TlogProof(proof.index, proof.proof, proof.checkpoint, forged), [Verifier.parse(vkey)])


def test_what_the_gate_did_not_see_cannot_be_proved(lake: Lake, rows: Make) -> None:
    fill(lake, rows)
    with pytest.raises(NotFoundError, match="did not go through the gate"):
        prove_read(lake, "r-9-0")
    with pytest.raises(NotFoundError, match="There is no read"):
        prove_read(lake, "nobody's")


def test_a_batch_that_waits_cannot_be_proved_yet(lake: Lake, rows: Make) -> None:
    with lake.records.begin() as tx:
        row = outbox.append(tx, "reads", {"batch": "batch_1"})
    vkey = fill(lake, rows, published=False, waiting=row)
    with pytest.raises(NotFoundError, match="waits for the ledger"):
        prove_read(lake, "r-1-3")
    own = [read(1, position) for position in range(20)]
    del own
    stored = lake.read("batches", ["root", "padded"]).to_pylist()[0]
    with open_ledger(lake.workspace) as ledger:
        index = ledger.append([encode_entry("reads", {"batch": "batch_1", **stored})])
    with lake.records.begin() as tx:
        outbox.published(tx, {row: index})
    assert verify_evidence(prove_read(lake, "r-1-3"), [Verifier.parse(vkey)]).index == index


def test_after_an_erasure_only_the_others_can_be_proved(lake: Lake, rows: Make) -> None:
    vkey = fill(lake, rows)
    lake.erase(WHO)
    with pytest.raises(NotFoundError):
        prove_read(lake, "r-1-4")
    assert verify_evidence(prove_read(lake, "r-1-5"), [Verifier.parse(vkey)]).row == committed(read(1, 5))
