"""What a log's next entries make of it: the files to write, and the frontier after them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ombud.ledger.bundles import encode_bundle
from ombud.ledger.hashing import leaf_hashes, root_of
from ombud.ledger.recovery import Frontier
from ombud.ledger.tiles import TILE_WIDTH, Place, encode_tile

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Growth", "grown"]


@dataclass(frozen=True, slots=True)
class Growth:
    """One step of a log."""

    after: Frontier
    files: list[tuple[Place, bytes]] = field(repr=False)
    """bundles, then tiles, lowest level first"""
    filled: list[Place]
    """what is full from now on and was begun before: its partial files are of no more use"""


def grown(before: Frontier, entries: Sequence[bytes]) -> Growth:
    """Return the log after `entries` (one at least). A partial file is written for each level that changed."""
    files: list[tuple[Place, bytes]] = []
    filled: list[Place] = []
    bundle = [*before.bundle, *entries]
    start = before.size // TILE_WIDTH
    rest = _cut(bundle, None, start, files, filled, begun=bool(before.bundle), encode=encode_bundle)
    tails = [list(tail) for tail in before.tails]
    level, new = 0, leaf_hashes(entries)
    while new:
        if level == len(tails):
            tails.append([])
        begun = bool(tails[level])
        index = (before.size >> 8 * level) // TILE_WIDTH
        hashes = tails[level] + new
        tails[level] = _cut(hashes, level, index, files, filled, begun=begun, encode=encode_tile)
        full = len(hashes) - len(tails[level])
        new = [root_of(hashes[at : at + TILE_WIDTH]) for at in range(0, full, TILE_WIDTH)]
        level += 1
    after = Frontier(before.size + len(entries), tuple(map(tuple, tails)), tuple(rest))
    return Growth(after, files, filled)


def _cut(
    items: list[bytes],
    level: int | None,
    index: int,
    files: list[tuple[Place, bytes]],
    filled: list[Place],
    *,
    begun: bool,
    encode: object,
) -> list[bytes]:
    """Cut what a tile or bundle at `index` begins with into files; return what is left in an open one."""
    for at in range(0, len(items), TILE_WIDTH):
        part = items[at : at + TILE_WIDTH]
        place = Place(level, index + at // TILE_WIDTH, len(part))
        files.append((place, encode(part)))  # type: ignore[operator]
        if len(part) < TILE_WIDTH:
            return part
        if begun and not at:
            filled.append(place)
    return []
