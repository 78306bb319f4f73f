"""Going on with a ledger that was restored: only when nobody has seen more of it than it has now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.disk import RealDisk, disk_faults
from ombud.ledger.faults import ProofError
from ombud.ledger.keys import Keyring, read_vkeys
from ombud.ledger.notes import Verifier, open_note
from ombud.ledger.opening import LOCK, RESTORED, RolledBackError
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.recovery import newest, read_frontier
from ombud.ledger.tree import Tree
from ombud.model.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["resume"]


def resume(folder: Path, keys: Path, seen: Iterable[bytes] = ()) -> int:
    """Allow the restored log in `folder` to grow again, and return its size.

    `seen` are checkpoints of it that others hold: witnesses, readers, an older copy of the page. Each must be signed
    by the log, and not be larger than it is now. Raises `RolledBackError` when one is, or when the folder of keys
    knows of more; `ProofError` when one contradicts it, so that there are two logs of one name already.
    """
    disk = RealDisk()
    with disk_faults(folder):
        verifiers = [Verifier.parse(vkey) for vkey, _ in read_vkeys(disk, folder)]
        signed = newest(disk, folder, verifiers) if verifiers else None
        if signed is None:
            raise MissingError(f"There is no ledger in {folder}.", hint="Restore it first.")
        now = signed.checkpoint
        lock = disk.lock(folder / LOCK)
        try:
            read_frontier(disk, folder, now)
            tree = Tree(DirectoryLog(folder), newest=now.size)
            for note in seen:
                other = Checkpoint.parse(open_note(note, verifiers).text)
                if other.size > now.size:
                    _refuse(folder, now.size, other.size)
                if tree.root(other.size) != other.root:
                    raise ProofError(f"The checkpoint of {other.size:,} entries contradicts {folder}: the log forked.")
            if (marked := Keyring(keys, disk).marked(now.origin)) > now.size:
                _refuse(folder, now.size, marked)
            (folder / RESTORED).unlink(missing_ok=True)
            disk.sync_folders([folder])
        finally:
            lock.close()
    return now.size


def _refuse(folder: Path, size: int, seen: int) -> None:
    raise RolledBackError(
        f"The ledger {folder} has {size:,} entries, but {seen:,} were seen: going on would contradict them.",
        hint="Bring a newer backup back, or end this log with `ombud ledger start-anew`.",
    )
