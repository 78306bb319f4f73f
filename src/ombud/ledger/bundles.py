"""Entry bundles: up to 256 entries in a file, each behind its length in two bytes (C2SP tlog-tiles)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.ledger.faults import FormatError
from ombud.ledger.tiles import TILE_WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_BUNDLE_BYTES", "MAX_ENTRY_BYTES", "decode_bundle", "encode_bundle", "first_entries"]

MAX_ENTRY_BYTES = 65_535
MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the file of 1 to 256 entries of at most 65,535 bytes each. Raises `FormatError`."""
    if not 0 < len(entries) <= TILE_WIDTH:
        raise FormatError(f"A bundle cannot hold {len(entries)} entries.")
    longest = max(map(len, entries))
    if longest > MAX_ENTRY_BYTES:
        raise FormatError(f"An entry has {longest} bytes; a bundle takes {MAX_ENTRY_BYTES}.")
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def decode_bundle(data: bytes, width: int = TILE_WIDTH) -> list[bytes]:
    """Return the `width` entries of a bundle's file. Raises `FormatError` when there are fewer, or bytes are left."""
    entries, end = _entries(data, width)
    if end != len(data):
        raise FormatError(f"The bundle goes on after its {width} entries: {len(data) - end} bytes are left.")
    return entries


def first_entries(data: bytes, width: int) -> bytes:
    """Return the file that holds the first `width` entries of a longer bundle. Raises `FormatError`."""
    return data[: _entries(data, width)[1]]


def _entries(data: bytes, width: int) -> tuple[list[bytes], int]:
    """Return the first `width` entries and where they end. Raises `FormatError` when there are fewer."""
    entries: list[bytes] = []
    at, end = 0, len(data)
    for number in range(width):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > end or at > end:
            raise FormatError(f"The bundle ends within entry {number} of {width}.")
        entries.append(data[start:at])
    return entries, at
