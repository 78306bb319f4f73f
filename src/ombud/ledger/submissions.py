"""What a log sends to a witness: the body of `add-checkpoint` (c2sp.org/tlog-witness)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

import msgspec

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MOST_HASHES", "Submission", "SubmissionError", "encode_submission", "parse_size", "parse_submission"]

MOST_HASHES = 63
"""Hashes that a consistency proof may have on the wire."""
HASH_BYTES = 32
LARGEST = 2**63 - 1
"""Sizes beyond it have no place in a tile's address."""
_SIZE = re.compile(rb"0|[1-9][0-9]{0,18}")
_OLD = b"old "


class SubmissionError(InputError):
    """This is not what a log sends to a witness."""


class Submission(msgspec.Struct, frozen=True):
    """A checkpoint with the proof that it continues an older one."""

    old: int
    """entries that the witness is thought to have seen"""
    proof: tuple[bytes, ...]
    """the consistency proof from `old`, hashes of 32 bytes"""
    note: bytes
    """the checkpoint, signed by its log"""


def parse_size(text: bytes) -> int:
    """Read a tree's size: decimal digits without leading noughts, at most 2^63 - 1."""
    if _SIZE.fullmatch(text) is None or int(text) > LARGEST:
        raise SubmissionError("A size is written in decimal digits without leading noughts, at most 2^63 - 1.")
    return int(text)


def _hash_of(line: bytes) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != HASH_BYTES or base64.b64encode(found) != line:
        raise SubmissionError("Each line of the proof is one hash of 32 bytes in base64.")
    return found


def parse_submission(body: bytes) -> Submission:
    """Read the body of `add-checkpoint`; the checkpoint in it is not looked at yet. Raises `SubmissionError`."""
    head, blank, note = body.partition(b"\n\n")
    if not blank:
        raise SubmissionError("An empty line is missing between the proof and the checkpoint.")
    first, *hashes = head.split(b"\n")
    if not first.startswith(_OLD):
        raise SubmissionError("The first line says `old` and the size of the tree that was seen last.")
    if len(hashes) > MOST_HASHES:
        raise SubmissionError(f"A proof has at most {MOST_HASHES} lines.")
    return Submission(parse_size(first[len(_OLD) :]), tuple(_hash_of(line) for line in hashes), note)


def encode_submission(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Write the body of `add-checkpoint`."""
    lines = [_OLD + str(old).encode(), *(base64.b64encode(one) for one in proof)]
    return b"\n".join(lines) + b"\n\n" + note
