"""A copy of a log for oneself: whoever keeps one notices when the log is rewritten, and can prove it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.disk import RealDisk, disk_faults
from ombud.ledger.faults import AbsentError, LogError, ProofError
from ombud.ledger.hashing import verify_consistency
from ombud.ledger.keys import parse_vkeys, put_file
from ombud.ledger.notes import MAX_NOTE_BYTES, parse_note
from ombud.ledger.prefetch import read_ahead
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.rotation import ROTATIONS
from ombud.ledger.tree import Tree
from ombud.ledger.walk import reading_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ombud.ledger.reading import HttpLog

__all__ = ["Copied", "copy_log"]


class Copied(msgspec.Struct, frozen=True):
    """What became of a copy: the document of `ombud ledger copy`."""

    origin: str
    """the log"""
    size: int
    """entries of the copy"""
    before: int
    """entries that the copy had before"""
    files: int
    """tiles and bundles that were fetched"""


def copy_log(
    source: DirectoryLog | HttpLog, folder: Path, progress: Callable[[int, int], None] | None = None
) -> Copied:
    """Copy a log into a folder, or bring the copy there up to date; nothing in it is believed or checked further.

    Raises `ProofError` when the log no longer continues the copy, which then stays as it is: it is the evidence.
    Raises `LogError` when a file cannot be had, `StorageError` when the disk refuses; calling it again goes on.
    """
    note = source.checkpoint()
    head = Checkpoint.parse(parse_note(note).text)
    before = _continued(source, DirectoryLog(folder), head)
    disk = RealDisk()
    count = 0
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for place, data in read_ahead(source, reading_order(head.size, before)) if head.size > before else ():
            if isinstance(data, LogError):
                raise data
            path = folder / place.path
            path.parent.mkdir(parents=True, exist_ok=True)
            disk.write_files([(path, data)])
            count += 1
            if progress and place.level is None:
                progress(min(head.size, place.index * 256 + place.width), head.size)
        for name in ("vkey", *_rotations(source), "vkeys"):
            with suppress(AbsentError):
                data = source.file(name, MAX_NOTE_BYTES)
                (folder / name).parent.mkdir(exist_ok=True)
                put_file(disk, folder / name, data)
        put_file(disk, folder / "checkpoint", note)
    return Copied(head.origin, head.size, before, count)


def _rotations(source: DirectoryLog | HttpLog) -> list[str]:
    """Return the files that show how one key of the log followed another. Raises `FormatError`."""
    try:
        listed = parse_vkeys(source.file("vkeys", MAX_NOTE_BYTES).decode("utf-8", "replace").splitlines())
    except AbsentError:
        return []
    return [f"{ROTATIONS}/{since}" for _, since in listed if since]


def _continued(source: DirectoryLog | HttpLog, copy: DirectoryLog, head: Checkpoint) -> int:
    """Return how many entries the copy has, after making sure that the log continues them."""
    try:
        old = Checkpoint.parse(parse_note(copy.checkpoint()).text)
    except AbsentError:
        return 0
    hint = f"Keep {copy}: it shows what the log said before."
    if old.origin != head.origin:
        raise ProofError(f"{copy} is a copy of {old.origin}; this log is {head.origin}.", hint="Use another folder.")
    if old.size > head.size:
        raise ProofError(f"The log has {head.size:,} entries; the copy has {old.size:,} already.", hint=hint)
    if old.size:
        try:
            proof = Tree(source).consistency(old.size, head.size)
            verify_consistency(old.size, head.size, old.root, head.root, proof)
        except ProofError as error:
            raise ProofError(f"The log does not continue the copy: {error.message}", hint=hint) from error
    return old.size
