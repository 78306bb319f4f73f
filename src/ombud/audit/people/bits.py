"""People as bits of one array, and as a Roaring set made of it without going through their numbers."""

from __future__ import annotations

from array import array

import numba as nb
import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

__all__ = ["from_bits", "from_numbers", "numbers_of"]

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]

_BLOCK = 8192
"""Bytes of a block of 65,536 people."""
_MOST = 4096
"""Members of a block that are written one by one; more are written as bits."""


def numbers_of(people: BitMap) -> NDArray[np.int64]:
    """Return the members of a set, sorted."""
    return np.frombuffer(people.to_array(), dtype=np.uint32).astype(np.int64)


def from_numbers(numbers: NDArray[np.int64]) -> BitMap:
    """Return the set of these people, in any order, each perhaps more than once; their numbers fit 32 bits."""
    return BitMap(array("I", numbers.astype(np.uint32).tobytes()), optimize=False)


def from_bits(bits: Bytes) -> BitMap:
    """Return the set of people whose bit is set: person `p` is bit `p % 8` of byte `p // 8`.

    Source: the Roaring format specification, without runs.
    """
    whole = -len(bits) % _BLOCK
    if whole:
        bits = np.concatenate([bits, np.zeros(whole, dtype=np.uint8)])
    counts = _counts(bits)
    used = np.flatnonzero(counts)
    sizes = np.where(counts[used] > _MOST, _BLOCK, 2 * counts[used])
    head = 8 + 8 * len(used)
    places = head + np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    out = np.zeros(int(places[-1]), dtype=np.uint8)
    out[:8] = np.array([12346, len(used)], dtype="<u4").view(np.uint8)
    described = np.stack([used, counts[used] - 1], axis=1).astype("<u2")
    out[8 : 8 + 4 * len(used)] = described.reshape(-1).view(np.uint8)
    out[8 + 4 * len(used) : head] = places[:-1].astype("<u4").view(np.uint8)
    _fill(bits, used, counts, places, out)
    return BitMap.deserialize(out.tobytes())


@nb.njit(cache=True)
def _counts(bits: Bytes) -> NDArray[np.int64]:
    """Return how many bits each block has."""
    ones = np.zeros(256, dtype=np.int64)
    for value in range(256):
        ones[value] = ones[value >> 1] + (value & 1)
    out = np.zeros(bits.shape[0] // _BLOCK, dtype=np.int64)
    for block in range(out.shape[0]):
        for n in range(block * _BLOCK, (block + 1) * _BLOCK):
            out[block] += ones[bits[n]]
    return out


@nb.njit(cache=True)
def _fill(
    bits: Bytes, used: NDArray[np.int64], counts: NDArray[np.int64], places: NDArray[np.int64], out: Bytes
) -> None:
    """Write the blocks."""
    for n in range(used.shape[0]):
        at, first = places[n], used[n] * _BLOCK
        if counts[used[n]] > _MOST:
            out[at : at + _BLOCK] = bits[first : first + _BLOCK]
            continue
        for byte in range(_BLOCK):
            value = bits[first + byte]
            for bit in range(8):
                if (value >> bit) & 1:
                    member = byte * 8 + bit
                    out[at], out[at + 1] = member & 0xFF, member >> 8
                    at += 2
