"""What a log on disk is after any crash: the last checkpoint that was safe, and nothing beyond it.

A commit writes bundles and tiles and syncs them, then writes and syncs `checkpoint.next`, then renames it to
`checkpoint`. So `checkpoint.next`, when it is whole, is signed and can be proved, and may have been seen: it is
put in force. When it is torn, nobody saw it, and it goes. What lies beyond the checkpoint was never acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ombud.ledger.bundles import decode_bundle
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.faults import LogError, SignatureError
from ombud.ledger.hashing import EMPTY_ROOT, HASH_BYTES, edge_root, leaf_hashes
from ombud.ledger.notes import Verifier, open_note
from ombud.ledger.tiles import TILE_WIDTH, Place, levels_of
from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ombud.ledger.disk import Disk

__all__ = ["CHECKPOINT", "NEXT", "DamagedError", "Frontier", "Signed", "newest", "prune", "read_frontier", "settle"]

CHECKPOINT, NEXT = "checkpoint", "checkpoint.next"


class DamagedError(StorageError):
    """The ledger's files are not what its checkpoint says."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint with its signatures."""

    note: bytes = field(repr=False)
    checkpoint: Checkpoint
    keys: frozenset[bytes]
    """ids of the known keys that signed it"""
    pending: bool = False
    """whether it still stands in `checkpoint.next`"""


@dataclass(frozen=True, slots=True)
class Frontier:
    """All of a log that is needed to go on: the open tile of each level and the open bundle."""

    size: int = 0
    tails: tuple[tuple[bytes, ...], ...] = ()
    """by level, the hashes of the tile that is not full yet"""
    bundle: tuple[bytes, ...] = ()
    """the entries of the bundle that is not full yet"""

    def root(self) -> bytes:
        """Return the log's root: each level's open tile, with what is below it as its last node."""
        rest: list[bytes] = []
        for tail in self.tails:
            nodes = [*tail, *rest]
            rest = [edge_root(nodes)] if nodes else []
        return rest[0] if rest else EMPTY_ROOT


def newest(disk: Disk, folder: Path, verifiers: Sequence[Verifier]) -> Signed | None:
    """Return the checkpoint in force, or one that was written to the end and waits to be; None when there is none.

    `verifiers` are all keys that the log has had: during a rotation two sign, and a checkpoint whose second line is
    damaged would no longer show the way from one to the other. A checkpoint that waits and is torn does not count.
    Raises `DamagedError` when the one in force is not by these keys alone.
    """
    present = _signed(disk, folder / CHECKPOINT, verifiers)
    waiting = _signed(disk, folder / NEXT, verifiers, pending=True)
    if waiting is None or present is None:
        return present or waiting
    old, new = present.checkpoint, waiting.checkpoint
    if new.origin != old.origin or (new.size == old.size and new.root != old.root):
        raise DamagedError(f"{folder} holds two checkpoints that contradict each other.", hint=_HINT)
    return waiting if new.size >= old.size else present


def settle(disk: Disk, folder: Path, signed: Signed) -> None:
    """Put a waiting checkpoint in force, or remove what was left of one; durable on return.

    The waiting one may be all that is left of a checkpoint that was seen, so it is synced as it is and not written.
    """
    names = disk.names(folder)
    if signed.pending:
        disk.sync_file(folder / NEXT)
        disk.sync_folders([folder])
        disk.rename(folder / NEXT, folder / CHECKPOINT)
    elif NEXT in names:
        disk.remove(folder / NEXT)
    disk.sync_folders([folder])


def read_frontier(disk: Disk, folder: Path, checkpoint: Checkpoint) -> Frontier:
    """Return the open tiles and bundle of the log at `checkpoint`, checked against its root. Raises `DamagedError`."""
    size = checkpoint.size
    tails: list[tuple[bytes, ...]] = []
    for level in range(levels_of(size)):
        wide = size >> 8 * level
        data = _open_file(disk, folder, Place(level, wide // TILE_WIDTH, wide % TILE_WIDTH))
        tails.append(tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)))
    entries = _open_entries(disk, folder, size)
    frontier = Frontier(size, tuple(tails), tuple(entries))
    if frontier.root() != checkpoint.root or leaf_hashes(entries) != list(tails[0] if tails else ()):
        raise DamagedError(f"The files of {folder} do not lead to its checkpoint of {size:,} entries.", hint=_HINT)
    return frontier


def prune(disk: Disk, folder: Path, size: int) -> list[Path]:
    """Remove what lies beyond `size`, and in the newest folders what full tiles made superfluous.

    Afterwards every folder on the way to the newest files is synced: a writer that was killed may not have done it.
    Returns those folders.
    """
    chain = {folder, folder / "tile"}
    for level in (None, *(int(name) for name in disk.names(folder / "tile") if name.isdecimal())):
        wide = size >> 8 * (level or 0)
        place = Place(level, wide // TILE_WIDTH)
        top = folder / "tile" / ("entries" if level is None else str(level))
        chain |= {path for path in (folder / place.path).parents if path.is_relative_to(top)}
        chain.add(folder / f"{place.path}.p")
        for path, index, width in list(_from(disk, top, _groups(place))):
            useless = index > place.index or (index == place.index and (width or TILE_WIDTH) > wide % TILE_WIDTH)
            if useless or (width and index < place.index):
                disk.remove(path)
                if width and not disk.names(path.parent):
                    disk.remove_folder(path.parent)
    there = [path for path in sorted(chain) if disk.is_folder(path)]
    disk.sync_folders(there)
    return there


_HINT = "`ombud ledger fsck` says which; bring them back from a backup."


def _signed(disk: Disk, path: Path, verifiers: Sequence[Verifier], *, pending: bool = False) -> Signed | None:
    """Read a checkpoint; None when there is none, or when it was still being written."""
    try:
        note = disk.read(path)
    except FileNotFoundError:
        return None
    try:
        opened = open_note(note, verifiers)
        if opened.unknown:
            raise SignatureError(f"{opened.unknown[0].name} signed it with a key that is none of this log's.")
        checkpoint = Checkpoint.parse(opened.text)
    except LogError as error:
        if pending:
            return None
        raise DamagedError(f"{path} is no checkpoint of this log: {error.message}", hint=_HINT) from error
    return Signed(note, checkpoint, frozenset(item.key_id for item in opened.signatures), pending)


def _open_file(disk: Disk, folder: Path, place: Place) -> bytes:
    """Return a tile that is not full: its own file, or else the beginning of the full one."""
    if not place.width:
        return b""
    try:
        data = disk.read(folder / place.path)
    except FileNotFoundError:
        try:
            data = disk.read(folder / Place(place.level, place.index).path)[: place.width * HASH_BYTES]
        except FileNotFoundError:
            raise DamagedError(f"The file {folder / place.path} is missing.", hint=_HINT) from None
        restore_file(disk, folder, place, data)
    return data


def _open_entries(disk: Disk, folder: Path, size: int) -> list[bytes]:
    """Return the entries of the bundle that is not full."""
    index, width = divmod(size, TILE_WIDTH)
    if not width:
        return []
    place = Place(None, index, width)
    try:
        return _entries(disk, folder, place)
    except FileNotFoundError:
        try:
            entries = _entries(disk, folder, Place(None, index))[:width]
        except FileNotFoundError:
            raise DamagedError(f"The file {folder / place.path} is missing.", hint=_HINT) from None
    data = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    restore_file(disk, folder, place, data)
    return entries


def _entries(disk: Disk, folder: Path, place: Place) -> list[bytes]:
    try:
        return decode_bundle(disk.read(folder / place.path), place.width)
    except LogError as error:
        raise DamagedError(f"The file {folder / place.path} is damaged: {error.message}", hint=_HINT) from error


def restore_file(disk: Disk, folder: Path, place: Place, data: bytes) -> None:
    """Write the file of an open tile again, durably."""
    path = folder / place.path
    disk.make_folder(path.parent)
    disk.write_files([(path, data)])
    disk.sync_folders([path.parent, path.parent.parent])


def _groups(place: Place) -> list[str]:
    """Return the names on the way to a tile below its level's folder, such as `x001`, `234`."""
    return place.path.split("/")[2:]


def _from(disk: Disk, folder: Path, groups: list[str], before: int = 0) -> Iterator[tuple[Path, int, int]]:
    """Yield path, index and width (0: full) of each file in the folder of the tile at `groups`, and of all beyond it.

    Names sort as their numbers do only within one depth: a deeper folder holds greater numbers.
    """
    for name in disk.names(folder):
        number, _, kind = name.partition(".")
        if not number.removeprefix("x").isdecimal():
            continue
        if name.startswith("x"):
            index = before * 1000 + int(number[1:])
            if len(groups) > 1 and name < groups[0]:
                continue
            inner = groups[1:] if len(groups) > 1 and name == groups[0] else []
            yield from _from(disk, folder / name, inner, index)
        elif len(groups) > 1 and not before:
            continue
        elif kind == "p":
            for width in disk.names(folder / name):
                if width.isdecimal():
                    yield folder / name / width, before * 1000 + int(number), int(width)
        elif not kind:
            yield folder / name, before * 1000 + int(number), 0
