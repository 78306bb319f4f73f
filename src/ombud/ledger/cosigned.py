"""Which checkpoint of a log is shown: the newest that witnesses cosigned, as long as they keep up with the log.

The writer keeps the newest checkpoint, signed by the log alone, in `checkpoint`, and replaces it many times a
minute. Witnesses cosign some of these; the newest cosigned one lies beside it in `checkpoint.cosigned`. What is
published is the cosigned one while it is new enough, so that whoever asks for a quorum gets one; otherwise the
newest one, so that no entry stays out of sight because a witness is down. A cosigned checkpoint that the log does
not continue is never shown as the log's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.disk import RealDisk
from ombud.ledger.faults import AbsentError, LogError, SignatureError
from ombud.ledger.hashing import verify_consistency
from ombud.ledger.keys import put_file, read_vkeys
from ombud.ledger.notes import MAX_NOTE_BYTES, Verifier, add_signatures, open_note, parse_note
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.tree import Tree
from ombud.model import clock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ombud.ledger.notes import Signature

__all__ = ["COSIGNED", "LAG", "Head", "head_of", "keep", "log_keys"]

COSIGNED = "checkpoint.cosigned"
LAG = timedelta(minutes=15)
"""how long a cosigned checkpoint is shown although the log has grown since"""


@dataclass(frozen=True, slots=True)
class Head:
    """The two newest checkpoints of a log, each with its signatures."""

    newest: bytes
    """signed by the log, and by whoever cosigned this very tree"""
    checkpoint: Checkpoint
    """what `newest` says"""
    cosigned: bytes | None
    """the newest that a witness cosigned and that the log continues; None when there is none"""
    cosigned_size: int | None
    cosigned_at: datetime | None
    """when the last witness cosigned it, by that witness's clock"""

    @property
    def published(self) -> bytes:
        """The checkpoint to show to the public."""
        if self.cosigned is None or self.cosigned_at is None:
            return self.newest
        fresh = clock.now() - self.cosigned_at <= LAG
        return self.cosigned if fresh or self.cosigned_size == self.checkpoint.size else self.newest

    @property
    def published_size(self) -> int:
        """How many entries that checkpoint covers."""
        return Checkpoint.parse(parse_note(self.published).text).size


def log_keys(folder: Path) -> tuple[Verifier, ...]:
    """Return the keys that the log in `folder` has had, as it names them itself. Raises `LogError`."""
    return tuple(Verifier.parse(vkey) for vkey, _ in read_vkeys(RealDisk(), folder))


def head_of(folder: Path) -> Head:
    """Return the newest checkpoints of the log in `folder`. Raises `LogError` when there is no log."""
    log = DirectoryLog(folder)
    newest = log.checkpoint()
    checkpoint = Checkpoint.parse(parse_note(newest).text)
    try:
        cosigned = log.file(COSIGNED, MAX_NOTE_BYTES)
        older = Checkpoint.parse(parse_note(cosigned).text)
    except AbsentError:
        return Head(newest, checkpoint, None, None, None)
    except LogError:
        cosigned, older = b"", checkpoint
    if not cosigned or not _continues(folder, older, checkpoint):
        return Head(newest, checkpoint, None, None, None)
    if older == checkpoint:
        newest = add_signatures(newest, parse_note(cosigned).signatures)
    return Head(newest, checkpoint, cosigned, older.size, _cosigned_at(cosigned, older.origin))


def _continues(folder: Path, older: Checkpoint, newer: Checkpoint) -> bool:
    """Say whether the log with the newer checkpoint begins with that of the older one."""
    if older.origin != newer.origin or older.size > newer.size:
        return False
    if older.size in {0, newer.size}:
        return older.size == 0 or older.root == newer.root
    try:
        _prove(folder, older, newer)
    except LogError:
        return False
    return True


@lru_cache(maxsize=64)
def _prove(folder: Path, older: Checkpoint, newer: Checkpoint) -> None:
    """Check by the log's own tiles that it grew from one to the other; only success is remembered."""
    proof = Tree(DirectoryLog(folder)).consistency(older.size, newer.size)
    verify_consistency(older.size, newer.size, older.root, newer.root, proof)


def _cosigned_at(note: bytes, origin: str) -> datetime | None:
    """Return the newest time in the cosignatures of a note that was checked when it was kept."""
    times = [int.from_bytes(line.blob[:8], "big") for line in parse_note(note).signatures if line.name != origin]
    known = [time for time in times if time < datetime.max.replace(tzinfo=UTC).timestamp()]
    return datetime.fromtimestamp(max(known), UTC) if known else None


def keep(folder: Path, note: bytes, cosignatures: Iterable[Signature], witnesses: Iterable[Verifier]) -> bool:
    """Keep cosignatures of `note` in `checkpoint.cosigned`; return whether that was changed.

    Each is checked first. Cosignatures of the same checkpoint are put together. A newer checkpoint takes the place
    of an older one; of a newer one that fewer witnesses cosigned, only when the older one is no longer shown.
    Raises `SignatureError` when the log did not sign `note` or a witness's line is wrong; `BusyError`; `OSError`.
    """
    known, own = tuple(witnesses), log_keys(folder)
    whole = add_signatures(note, cosignatures)
    opened = open_note(whole, {*known, *own})
    checkpoint = Checkpoint.parse(opened.text)
    signed = {(one.name, one.key_id) for one in opened.signatures}
    if not signed & {(key.name, key.key_id) for key in own}:
        raise SignatureError("The log did not sign this checkpoint.")
    count = len(signed & {(key.name, key.key_id) for key in known})
    disk = RealDisk()
    lock = disk.lock(folder / ".cosign.lock")
    try:
        head = head_of(folder)
        if not count or not _continues(folder, checkpoint, head.checkpoint):
            return False
        before = head.cosigned
        if before is not None and head.cosigned_size is not None and head.cosigned_at is not None:
            if head.cosigned_size > checkpoint.size:
                return False
            if head.cosigned_size == checkpoint.size:
                whole = add_signatures(before, parse_note(whole).signatures)
            elif count < _count(before, known) and clock.now() - head.cosigned_at <= LAG:
                return False
        put_file(disk, folder / COSIGNED, whole)
    finally:
        lock.close()
    return True


def _count(note: bytes, witnesses: tuple[Verifier, ...]) -> int:
    """Return how many of the witnesses have a line below a note."""
    lines = {(line.name, line.key_id) for line in parse_note(note).signatures}
    return len(lines & {(witness.name, witness.key_id) for witness in witnesses})
