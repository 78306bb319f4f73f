"""Tiles: 256 hashes of one level in a file, at a path that says where they stand (C2SP tlog-tiles).

Hash `i` of tile `n` at level `l` covers the entries from `(n * 256 + i) * 256**l` up to the next such number.
A tile that is not yet full has its width in its name and is never hashed into the level above.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ombud.ledger.faults import FormatError
from ombud.ledger.hashing import HASH_BYTES, root_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MAX_LEVEL",
    "TILE_BYTES",
    "TILE_WIDTH",
    "Place",
    "bundle_path",
    "decode_tile",
    "encode_tile",
    "levels_of",
    "parse_path",
    "tile_path",
    "tile_root",
    "tiles_of",
    "width_at",
]

TILE_WIDTH = 256
TILE_BYTES = TILE_WIDTH * HASH_BYTES
MAX_LEVEL = 63
MAX_INDEX = 2**63 - 1

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tile or bundle stands; `level` is None for an entry bundle."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The path below the log's prefix."""
        name = "entries" if self.level is None else str(self.level)
        rest = self.index
        number = f"{rest % 1000:03d}"
        while rest := rest // 1000:
            number = f"x{rest % 1000:03d}/{number}"
        return f"tile/{name}/{number}" + ("" if self.width == TILE_WIDTH else f".p/{self.width}")


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile of hashes, such as `tile/0/x001/234.p/17`. Raises `FormatError` out of range."""
    return _within(Place(level, index, width)).path


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a bundle of entries, such as `tile/entries/000`. Raises `FormatError` out of range."""
    return _within(Place(None, index, width)).path


def parse_path(path: str) -> Place:
    """Read a path back; only the one right spelling of a place is taken. Raises `FormatError`."""
    found = _PATH.fullmatch(path) if len(path) <= 80 else None  # noqa: PLR2004 - 63 bits need 7 groups, 40 characters
    if found is None:
        raise FormatError(f"{path[:80]!r} is no path of a tile or bundle.")
    level, groups, width = found.groups()
    index = int(groups.replace("/", "").replace("x", ""))
    place = Place(None if level == "entries" else int(level), index, int(width) if width else TILE_WIDTH)
    if place.path != path:
        raise FormatError(f"{path!r} is not how the place of a tile is written.")
    return _within(place)


def _within(place: Place) -> Place:
    """Return a place that can exist. Raises `FormatError`."""
    if (
        not 0 <= (place.level or 0) <= MAX_LEVEL
        or not 0 <= place.index <= MAX_INDEX
        or not 0 < place.width <= TILE_WIDTH
    ):
        raise FormatError(f"No tile has level {place.level}, index {place.index} and width {place.width}.")
    return place


def width_at(level: int, index: int, size: int) -> int:
    """Return how many hashes tile `index` of `level` (0 for bundles too) has in a log of `size`: 0 to 256."""
    return max(0, min(TILE_WIDTH, (size >> 8 * level) - index * TILE_WIDTH))


def levels_of(size: int) -> int:
    """Return how many levels of tiles a log of `size` has."""
    levels = 0
    while size >> 8 * levels:
        levels += 1
    return levels


def tiles_of(size: int, start: int = 0) -> Iterator[Place]:
    """Yield each tile that a log of `size` must have and that covers anything from entry `start` on, lowest first."""
    for level in range(levels_of(size)):
        wide = size >> 8 * level
        for index in range((start >> 8 * level) // TILE_WIDTH, -(-wide // TILE_WIDTH)):
            yield Place(level, index, min(TILE_WIDTH, wide - index * TILE_WIDTH))


def encode_tile(hashes: list[bytes]) -> bytes:
    """Return the file of 1 to 256 hashes."""
    if not 0 < len(hashes) <= TILE_WIDTH:
        raise FormatError(f"A tile cannot hold {len(hashes)} hashes.")
    return b"".join(hashes)


def decode_tile(data: bytes, width: int = TILE_WIDTH) -> list[bytes]:
    """Return the hashes of a tile's file. Raises `FormatError` when it is shorter or longer than `width` hashes."""
    if len(data) != width * HASH_BYTES:
        raise FormatError(f"A tile of {width} hashes has {width * HASH_BYTES} bytes, not {len(data)}.")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def tile_root(data: bytes) -> bytes:
    """Return the root over the hashes of a tile's file: what the level above holds for it once it is full."""
    return root_of([data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)])
