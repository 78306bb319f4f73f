"""Proof files that carry what they prove: the entry, and if asked one row that the entry commits to.

They stand in the proof's extra line as JSON. Nobody signs that line, and nobody needs to: the entry is hashed into
the tree, and the row into the root that the entry names. `verify.py` reads the same form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from ombud.ledger.commitments import verify_row
from ombud.ledger.entries import decode_entry
from ombud.ledger.faults import FormatError
from ombud.ledger.proofs import prove_and_read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ombud.ledger.checkpoints import Checkpoint
    from ombud.ledger.notes import Verifier
    from ombud.ledger.proofs import TlogProof
    from ombud.ledger.reading import Log
    from ombud.ledger.tree import Tree

__all__ = ["Evidence", "RowOpening", "prove_entry", "read_evidence", "verify_evidence"]


@dataclass(frozen=True, slots=True)
class RowOpening:
    """A row and what ties it to its batch's root: personal data, to be shown to those who may see the row."""

    row: bytes
    salt: bytes
    position: int
    siblings: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a proof file says once everything in it was checked."""

    checkpoint: Checkpoint
    index: int
    entry: bytes
    row: bytes | None


class _Carried(msgspec.Struct, omit_defaults=True):
    """The extra line, in the order and spelling in which it is written; hashes and salt in hexadecimal."""

    entry: str
    row: str | None = None
    salt: str = ""
    position: int = -1
    siblings: list[str] = []


class _Batch(msgspec.Struct):
    """What the body of an entry says of the rows it commits to."""

    root: str
    padded: int


def prove_entry(
    log: Log | Tree, index: int, *, row: RowOpening | None = None, checkpoint: bytes | None = None
) -> TlogProof:
    """Return the proof for an entry, with the entry and perhaps a row in it. Raises `LogError`.

    All of it is checked before it is returned, but for the checkpoint's signatures.
    """
    proof, entry = prove_and_read(log, index, checkpoint)
    if row is not None:
        _check_row(entry, row)
    return replace(proof, extra=_encode(entry, row))


def read_evidence(proof: TlogProof) -> tuple[bytes, RowOpening | None]:
    """Return the entry and row that a proof file carries; nothing is checked. Raises `FormatError`."""
    if proof.extra is None:
        raise FormatError("The proof does not carry its entry.", hint="Give the entry, or the log.")
    try:
        carried = msgspec.json.decode(proof.extra, type=_Carried)
        siblings = [bytes.fromhex(sibling) for sibling in carried.siblings]
        row = (
            None
            if carried.row is None
            else RowOpening(carried.row.encode(), bytes.fromhex(carried.salt), carried.position, siblings)
        )
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise FormatError("The proof's extra line does not carry an entry.") from error
    if _encode(carried.entry.encode(), row) != proof.extra:
        raise FormatError("The proof's extra line does not carry its entry in the one right spelling.")
    return carried.entry.encode(), row


def verify_evidence(proof: TlogProof, verifiers: Iterable[Verifier]) -> Evidence:
    """Check all that a proof file says: signature, entry, row. Raises `LogError`."""
    entry, row = read_evidence(proof)
    checkpoint = proof.verify(entry, verifiers)
    if row is not None:
        _check_row(entry, row)
    return Evidence(checkpoint, proof.index, entry, row.row if row else None)


def _check_row(entry: bytes, row: RowOpening) -> None:
    """Check that an entry commits to a row. Raises `LogError`."""
    try:
        batch = msgspec.convert(decode_entry(entry).body, _Batch)
        root = bytes.fromhex(batch.root)
    except (msgspec.ValidationError, ValueError) as error:
        raise FormatError("The entry does not commit to rows.") from error
    verify_row(row.row, row.salt, row.position, batch.padded, row.siblings, root)


def _encode(entry: bytes, row: RowOpening | None) -> bytes:
    """Return the extra line. Raises `FormatError` for what is no text."""
    carried = _Carried(_text(entry))
    if row is not None:
        carried.row, carried.salt, carried.position = _text(row.row), row.salt.hex(), row.position
        carried.siblings = [sibling.hex() for sibling in row.siblings]
    return msgspec.json.encode(carried)


def _text(data: bytes) -> str:
    """Return bytes as text. Raises `FormatError` when they are none."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FormatError("Only entries and rows that are text can stand in a proof file.") from error
