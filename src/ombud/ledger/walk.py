"""One pass over a log's files: every entry hashed, every tile compared with what lies below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.ledger.bundles import decode_bundle
from ombud.ledger.entries import decode_entry
from ombud.ledger.faults import LogError, UnreachableError
from ombud.ledger.hashing import EMPTY_ROOT, leaf_hashes, root_of
from ombud.ledger.tiles import TILE_WIDTH, Place, decode_tile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["MAX_PROBLEMS", "EnoughError", "Problems", "Walk", "reading_order"]

MAX_PROBLEMS = 100


class EnoughError(Exception):
    """So much is wrong that the rest is not read."""


class Problems(list[str]):
    """Sentences about what is wrong, as many as a person would read."""

    away = False
    """the last sentence says that the log does not answer, which ended the check"""

    def say(self, sentence: str) -> None:
        """Add a sentence; after a hundred, end the check."""
        self.append(sentence)
        if len(self) >= MAX_PROBLEMS:
            self.append(f"More than {MAX_PROBLEMS} problems; the rest was not read.")
            raise EnoughError

    def stop(self, sentence: str) -> None:
        """Say that the log does not answer, and end the check."""
        self.away = True
        self.append(sentence)
        raise EnoughError


def reading_order(size: int, start: int = 0) -> Iterator[Place]:
    """Yield every bundle and tile of a log of `size` that covers entries from `start` on, each after what is below."""
    for index in range(start // TILE_WIDTH, -(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        yield Place(None, index, width)
        yield Place(0, index, width)
        above, level = index, 1
        while width == TILE_WIDTH and (above + 1) % TILE_WIDTH == 0:
            above //= TILE_WIDTH
            yield Place(level, above, TILE_WIDTH)
            level += 1
    level = 1
    while wide := size >> 8 * level:
        if wide % TILE_WIDTH:
            yield Place(level, wide // TILE_WIDTH, wide % TILE_WIDTH)
        level += 1


class Walk:
    """One pass over a log in `reading_order`, with one unfinished tile a level."""

    def __init__(self, problems: Problems) -> None:
        """Take where to put what is wrong."""
        self._problems = problems
        self._expected: list[list[bytes | None]] = []
        """for each level, the roots of its full tiles since the last tile above; None where one cannot be read"""
        self._leaves: list[bytes] | None = None
        self._last: dict[int, list[bytes] | None] = {}
        """the incomplete tile of each level"""

    def take(self, place: Place, data: bytes | LogError) -> int:
        """Take the next file, or why it cannot be had, and return how many entries it had."""
        if place.level is None:
            self._leaves = self._bundle(place, data)
            return len(self._leaves or ())
        expected: Sequence[bytes | None] | None = self._leaves if place.level == 0 else self._due(place.level)
        hashes = self._tile(place, data, expected)
        if place.width < TILE_WIDTH:
            self._last[place.level] = hashes
        else:
            while len(self._expected) <= place.level:
                self._expected.append([])
            self._expected[place.level].append(root_of(hashes) if hashes else None)
        return 0

    def root(self) -> bytes:
        """Return the root over the last tiles; it means something only when nothing was wrong."""
        root: bytes | None = None
        for level in sorted(self._last):
            root = root_of([*(self._last[level] or ()), *([root] if root else [])])
        return root or EMPTY_ROOT

    def _due(self, level: int) -> list[bytes | None]:
        """Return what was read below the next tile of a level, and begin anew."""
        if len(self._expected) < level:
            return []
        due, self._expected[level - 1] = self._expected[level - 1], []
        return due

    def _bundle(self, place: Place, data: bytes | LogError) -> list[bytes] | None:
        """Return the hashes of a bundle's entries, None if it cannot be read."""
        if isinstance(data, LogError):
            self._missing(data, place)
            return None
        try:
            entries = decode_bundle(data, place.width)
        except LogError as error:
            self._problems.say(f"{place.path}: {error.message}")
            return None
        for number, entry in enumerate(entries, start=place.index * TILE_WIDTH):
            try:
                decode_entry(entry)
            except LogError as error:
                self._problems.say(f"{place.path}: entry {number}: {error.message}")
        return leaf_hashes(entries)

    def _tile(
        self, place: Place, data: bytes | LogError, expected: Sequence[bytes | None] | None
    ) -> list[bytes] | None:
        """Return the hashes of a tile, after comparing the last of them with what lies below; None without them."""
        if isinstance(data, LogError):
            self._missing(data, place)
            return None
        try:
            hashes = decode_tile(data, place.width)
        except LogError as error:
            self._problems.say(f"{place.path}: {error.message}")
            return None
        begin = place.width - len(expected or ())
        for number, right in enumerate(expected or (), start=begin):
            if right is not None and hashes[number] != right:
                self._problems.say(self._mismatch(place, number))
                break
        return hashes

    def _mismatch(self, place: Place, number: int) -> str:
        """Say which hash of a tile is not what lies below it."""
        at = place.index * TILE_WIDTH + number
        if place.level == 0:
            bundle = Place(None, place.index, place.width).path
            return f"{place.path}: hash {number} is not the hash of entry {at} in {bundle}."
        below = Place((place.level or 0) - 1, at).path
        return f"{place.path}: hash {number} is not the root of {below}."

    def _missing(self, error: LogError, place: Place) -> None:
        """Say that a file cannot be had; end when the server is gone."""
        sentence = error.message if place.path in error.message else f"{place.path}: {error.message}"
        if isinstance(error, UnreachableError):
            self._problems.stop(sentence)
        self._problems.say(sentence)
