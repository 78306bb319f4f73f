"""The journal's frames: a batch of reads as bytes that say of themselves whether they are whole.

A frame is its length and the CRC-32 of length and content (both 32 bits,
little-endian), then the content: the length of a JSON head, the head, the salts
(16 bytes a row), the rows with a line feed after each. Canonical JSON has no
line feed in it. A frame without rows only says what became of earlier batches.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAGIC", "Frame", "Head", "Sealed", "decode", "encode", "frames"]

MAGIC = b"OMBUDJ1\n"
_SALT = 16
_PREFIX = struct.Struct("<II")
_SIZE = struct.Struct("<I")
_LARGEST = 1 << 30


class Sealed(msgspec.Struct, frozen=True, array_like=True):
    """Says that a batch is on the ledger, or in the outbox on its way there."""

    sequence: int
    ledger_index: int | None
    outbox: int | None


class Head(msgspec.Struct, frozen=True):
    """What a frame says of its batch, and of those before that were sealed since the last frame."""

    sequence: int
    """the batch's number at this host, from 1; 0 for a frame without a batch"""
    batch: str
    host: str
    at: str
    """when it was closed: RFC 3339, UTC"""
    policy: str | None
    rows: int
    padded: int
    root: str
    pad_seed: str
    last: int
    """number of the latest batch, this one included"""
    floor: int
    """where in the ledger or outbox its entry is looked for first"""
    sealed: list[Sealed] = []


class Frame(msgspec.Struct, frozen=True):
    """One frame taken apart."""

    head: Head
    salts: bytes
    rows: list[bytes]


_head = msgspec.json.Decoder(Head)


def encode(head: Head, salts: bytes = b"", rows: Sequence[bytes] = ()) -> bytes:
    """Return the bytes of a frame."""
    said = msgspec.json.encode(head)
    body = b"".join((_SIZE.pack(len(said)), said, salts, b"\n".join(rows), b"\n" if rows else b""))
    length = _SIZE.pack(len(body))
    return b"".join((length, _SIZE.pack(zlib.crc32(body, zlib.crc32(length))), body))


def decode(data: bytes | memoryview, at: int) -> tuple[Frame, int] | None:
    """Return the frame that begins at `at` and where the next begins; `None` when no whole frame begins there."""
    view = memoryview(data)
    if len(view) - at < _PREFIX.size:
        return None
    length, check = _PREFIX.unpack_from(view, at)
    start, end = at + _PREFIX.size, at + _PREFIX.size + length
    if not _SIZE.size <= length <= _LARGEST or end > len(view):
        return None
    if zlib.crc32(view[start:end], zlib.crc32(view[at : at + _SIZE.size])) != check:
        return None
    (said,) = _SIZE.unpack_from(view, start)
    cut = start + _SIZE.size + said
    try:
        head = _head.decode(view[start + _SIZE.size : cut])
    except msgspec.DecodeError:
        return None
    salts = bytes(view[cut : cut + _SALT * head.rows])
    rows = bytes(view[cut + len(salts) : end]).split(b"\n")[:-1]
    return (Frame(head, salts, rows), end) if len(rows) == head.rows else None


def frames(data: bytes | memoryview) -> tuple[list[Frame], int, bool]:
    """Return the whole frames of a segment, where they end, and whether there is a whole one after what is not.

    The latter cannot come from a crash, since each frame is durable before the next is begun: it is damage.
    """
    found: list[Frame] = []
    at = len(MAGIC)
    if bytes(data[:at]) != MAGIC:
        return [], 0, _any_frame(data, 0)
    while (one := decode(data, at)) is not None:
        found.append(one[0])
        at = one[1]
    return found, at, _any_frame(data, at + 1)


def _any_frame(data: bytes | memoryview, start: int) -> bool:
    """Return whether a whole frame begins anywhere from `start` on."""
    whole = bytes(data)
    at = whole.find(b'{"sequence":', start)
    while at >= 0:
        begin = at - _SIZE.size - _PREFIX.size
        if begin >= start and decode(whole, begin) is not None:
            return True
        at = whole.find(b'{"sequence":', at + 1)
    return False
