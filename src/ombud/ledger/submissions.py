"""What a log sends to a witness: the body of `add-checkpoint` (C2SP tlog-witness)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ombud.ledger.encoding import read_base64, read_decimal
from ombud.ledger.faults import FormatError
from ombud.ledger.hashing import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_HASHES", "SIZE_TYPE", "Submission", "encode_submission", "parse_submission"]

MAX_HASHES = 63
"""hashes that a consistency proof may have on the wire"""
SIZE_TYPE = "text/x.tlog.size"
"""the type of an answer that says which size a witness has seen"""


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint, with the proof that it continues an older one; nothing about it has been checked."""

    old: int
    """entries that the witness is thought to have seen"""
    proof: tuple[bytes, ...]
    """the consistency proof from `old`"""
    note: bytes
    """the checkpoint as its log signed it"""


def parse_submission(body: bytes) -> Submission:
    """Take the body of `add-checkpoint` apart. Raises `FormatError`."""
    head, blank, note = body.partition(b"\n\n")
    if not blank:
        raise FormatError("An empty line stands between the proof and the checkpoint; there is none.")
    try:
        first, *hashes = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise FormatError("What stands before the checkpoint is not ASCII.") from error
    if not first.startswith("old "):
        raise FormatError("The first line is `old` and the size that the witness saw last.")
    old = read_decimal(first.removeprefix("old "), "The old size")
    if len(hashes) > MAX_HASHES:
        raise FormatError(f"A consistency proof has at most {MAX_HASHES} lines, not {len(hashes)}.")
    proof = tuple(read_base64(line, "A line of the proof") for line in hashes)
    if any(len(one) != HASH_BYTES for one in proof):
        raise FormatError(f"A line of the proof is not a hash of {HASH_BYTES} bytes.")
    return Submission(old, proof, note)


def encode_submission(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return the body of `add-checkpoint`."""
    lines = [f"old {old}", *(b64encode(one).decode() for one in proof)]
    return "\n".join(lines).encode() + b"\n\n" + note
