"""The ledger in a backup: exactly what one checkpoint speaks of, though the log grows meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.ledger.bundles import first_entries
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.cosigned import COSIGNED
from ombud.ledger.faults import LogError
from ombud.ledger.hashing import HASH_BYTES
from ombud.ledger.notes import parse_note
from ombud.ledger.recovery import CHECKPOINT, NEXT
from ombud.ledger.tiles import TILE_WIDTH, Place, tiles_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ombud.lake.packing import Packing

__all__ = ["copy_ledger"]


def copy_ledger(pack: Packing, root: Path, folder: Path) -> None:
    """Put the ledger in `folder`, below the workspace `root`, into a backup.

    A file that became superfluous while it was copied comes from the one that holds it now. A checkpoint that
    cannot be read is copied as it is, with everything beside it: then it is the log that is damaged. Raises
    `FileNotFoundError` when a file is missing that the log needs.
    """
    name = folder.relative_to(root).as_posix()
    cosigned = _read(folder / COSIGNED)  # before the checkpoint, so that it is of no larger tree
    try:
        note = (folder / CHECKPOINT).read_bytes()
        size = Checkpoint.parse(parse_note(note).text).size
    except (FileNotFoundError, LogError):
        for file in _files(folder):
            pack.copy(file.relative_to(root).as_posix(), file)
        return
    pack.write(f"{name}/{CHECKPOINT}", [note])
    if cosigned is not None:
        pack.write(f"{name}/{COSIGNED}", [cosigned])
    for file in _files(folder):
        inside = file.relative_to(folder)
        if inside.parts[0] != "tile" and inside.as_posix() not in {CHECKPOINT, NEXT, COSIGNED}:
            pack.copy(f"{name}/{inside.as_posix()}", file)
    for place in _places(size):
        try:
            pack.copy(f"{name}/{place.path}", folder / place.path)
        except FileNotFoundError:
            if place.width == TILE_WIDTH:
                raise
            pack.write(f"{name}/{place.path}", [_from_full(folder, place)])


def _places(size: int) -> Iterator[Place]:
    """Yield every bundle and tile that a log of `size` must have."""
    for index in range(-(-size // TILE_WIDTH)):
        yield Place(None, index, min(TILE_WIDTH, size - index * TILE_WIDTH))
    yield from tiles_of(size)


def _from_full(folder: Path, place: Place) -> bytes:
    """Return a partial file that is gone, because the full one has taken its place."""
    data = (folder / Place(place.level, place.index).path).read_bytes()
    if place.level is None:
        return first_entries(data, place.width)
    return data[: place.width * HASH_BYTES]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, but for hidden ones."""
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.is_file() and not file.is_symlink() and not hidden:
            yield file
