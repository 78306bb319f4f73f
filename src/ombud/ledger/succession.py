"""When a log cannot go on (its key is lost, or a newer state of it is): it is frozen, and another one takes its place.

The new log has a name and key of its own. Its first entry holds the last checkpoint of the old one, which lies in
`frozen/` from then on and can be verified for ever. Nothing of it is ever signed again. An even older log lies in
`frozen/frozen/`.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.disk import RealDisk, disk_faults
from ombud.ledger.entries import encode_entry
from ombud.ledger.growth import grown
from ombud.ledger.keys import NEXT_KEY, Keyring, new_origin, read_vkey, read_vkeys, write_vkeys
from ombud.ledger.notes import Signer, Verifier, sign_note
from ombud.ledger.recovery import CHECKPOINT, DamagedError, Frontier, Signed, newest, read_frontier, settle
from ombud.model import clock
from ombud.model.errors import MissingError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.ledger.disk import Disk

__all__ = ["FROZEN", "finish_succession", "start_anew"]

FROZEN = "frozen"
_LOCK = ".lock"


def start_anew(folder: Path, keys: Path, reason: str, *, origin: str | None = None, disk: Disk | None = None) -> str:
    """Freeze the log in `folder`, begin another one in its place, and return the new log's vkey.

    The old log is checked as far as its newest files go; its secret key is not needed, and a key that is still
    there is replaced. Raises `MissingError` when there is no log, `DamagedError` when its checkpoint does not hold,
    `RefusedError` when the new name is the old one, `BusyError` when somebody writes.
    """
    disk = disk or RealDisk()
    keyring = Keyring(keys, disk)
    with disk_faults(folder):
        finish_succession(disk, folder, keyring)
        if CHECKPOINT not in disk.names(folder):
            raise MissingError(f"There is no ledger in {folder}.", hint="The first entry makes one.")
        lock = disk.lock(folder / _LOCK)
        try:
            return _begin(disk, folder, keyring, reason, origin)
        finally:
            lock.close()


def finish_succession(disk: Disk, folder: Path, keyring: Keyring) -> None:
    """Go on with a succession that a crash stopped, from the moment on at which the old log was moved."""
    beside = _beside(folder)
    if disk.is_folder(beside / FROZEN) and not disk.names(folder):
        disk.rename(beside, folder)
        disk.sync_folders([folder.parent])
    following = keyring.load(NEXT_KEY)
    present = read_vkey(disk, folder)
    ours = following and present and Signer(present.name, following).vkey == present.vkey
    if ours and disk.is_folder(folder / FROZEN):
        keyring.turn()


def _begin(disk: Disk, folder: Path, keyring: Keyring, reason: str, origin: str | None) -> str:
    ended = _ended(disk, folder)
    name = origin or new_origin()
    if name == ended.checkpoint.origin:
        raise RefusedError("Another log needs another name.", hint="Choose another `ledger_origin`.")
    private = Ed25519PrivateKey.generate()
    signer = Signer(name, private)
    beside = _beside(folder)
    _clear(disk, beside)
    _make(disk, beside, signer, ended, reason)
    keyring.save(private, NEXT_KEY)
    disk.rename(folder, beside / FROZEN)
    disk.sync_folders([beside, folder.parent])
    finish_succession(disk, folder, keyring)
    return signer.vkey


def _ended(disk: Disk, folder: Path) -> Signed:
    """Return the last checkpoint of a log, signed by any key that it had."""
    verifiers = [Verifier.parse(vkey) for vkey, _ in read_vkeys(disk, folder)]
    signed = newest(disk, folder, verifiers)
    if signed is None:
        raise DamagedError(f"The checkpoint of {folder} is gone.", hint="Bring the ledger back from a backup.")
    read_frontier(disk, folder, signed.checkpoint)
    settle(disk, folder, signed)
    return signed


def _make(disk: Disk, folder: Path, signer: Signer, ended: Signed, reason: str) -> None:
    """Write a whole log with one entry, durably."""
    old = ended.checkpoint
    body = {
        "origin": old.origin,
        "size": old.size,
        "root": b64encode(old.root).decode(),
        "checkpoint": ended.note.decode(),
        "reason": reason,
        "at": clock.now().isoformat(),
    }
    growth = grown(Frontier(), [encode_entry("continues", body)])
    files = [(folder / place.path, data) for place, data in growth.files]
    checkpoint = Checkpoint(signer.name, 1, growth.after.root())
    files.append((folder / CHECKPOINT, sign_note(checkpoint.text(), [signer])))
    folders: set[Path] = set()
    for path, _ in files:
        folders |= {above for above in path.parents if above == folder or folder in above.parents}
    for above in sorted(folders):
        disk.make_folder(above)
    disk.write_files(files)
    disk.sync_folders([*sorted(folders), folder.parent])
    write_vkeys(disk, folder, signer.vkey, 0)


def _clear(disk: Disk, folder: Path) -> None:
    """Remove what an attempt left that came to nothing: a log that nobody saw."""
    for name in disk.names(folder):
        if disk.is_folder(folder / name):
            _clear(disk, folder / name)
        else:
            disk.remove(folder / name)
    if disk.is_folder(folder):
        disk.remove_folder(folder)


def _beside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.next")
