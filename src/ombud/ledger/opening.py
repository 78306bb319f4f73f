"""Opening a log to write: make it when it is not there, put right what a crash left, refuse what would fork it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.disk import RealDisk, disk_faults
from ombud.ledger.faults import LogError
from ombud.ledger.hashing import EMPTY_ROOT
from ombud.ledger.keys import NEXT_KEY, KeyLostError, Keyring, new_origin, read_vkey, read_vkeys, write_vkeys
from ombud.ledger.notes import Signer, Verifier, parse_note, sign_note
from ombud.ledger.recovery import CHECKPOINT, NEXT, DamagedError, Frontier, Signed, newest, prune, read_frontier, settle
from ombud.ledger.rotation import finish_rotation
from ombud.ledger.succession import finish_succession
from ombud.model.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.ledger.disk import Disk, Held

__all__ = ["LOCK", "RESTORED", "Opened", "RolledBackError", "open_state"]

LOCK = ".lock"
RESTORED = "restored"
"""A file beside a log that was restored: nothing is signed until somebody has said that it is the newest state."""


_LOST = "Bring it back; when it is lost, `ombud ledger start-anew` ends this log and begins another."


class RolledBackError(RefusedError):
    """The ledger is older than what is known of it: going on would contradict what others hold."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A log that can be written to."""

    folder: Path
    disk: Disk
    keyring: Keyring
    signer: Signer
    frontier: Frontier
    note: bytes
    lock: Held
    folders: frozenset[Path]
    """folders whose names are known to be durable"""


def open_state(folder: Path, keys: Path, *, origin: str | None = None, disk: Disk | None = None) -> Opened:
    """Take the lock and return the log as it is after whatever happened; errors as for `Ledger.open`."""
    disk = disk or RealDisk()
    keyring = Keyring(keys, disk)
    with disk_faults(folder):
        finish_succession(disk, folder, keyring)
        disk.make_folder(folder)
        disk.make_folder(keys)
        lock = disk.lock(folder / LOCK)
        try:
            return _open(disk, folder, keyring, origin, lock)
        except BaseException:
            lock.close()
            raise


def _open(disk: Disk, folder: Path, keyring: Keyring, origin: str | None, lock: Held) -> Opened:
    private, following = keyring.load(), keyring.load(NEXT_KEY)
    known = _name(disk, folder)
    signed = None
    if known is not None and private is not None:
        signers = [Signer(known, private), *([Signer(known, following)] if following else [])]
        _refuse_other_key(disk, folder, keyring, signers)
        former = [Verifier.parse(vkey) for vkey, _ in read_vkeys(disk, folder)]
        signed = newest(disk, folder, [*(signer.verifier for signer in signers), *former])
    if signed is None:
        names = disk.names(folder)
        if CHECKPOINT in names and private is None:
            raise KeyLostError(f"The key of the ledger {folder} is not in {keyring.folder}.", hint=_LOST)
        _refuse_remains(disk, folder, keyring, names)
        signer = Signer(origin or known or new_origin(), private or _made(keyring))
        signed = _begin(disk, folder, signer)
    elif signed.keys & {signer.verifier.key_id for signer in signers}:
        signer = signers[0]
    else:
        raise DamagedError(
            f"The checkpoint of {folder} is by a key of before: an older copy is in its place.",
            hint="Bring the newest copy back, or end this log with `ombud ledger start-anew`.",
        )
    frontier = read_frontier(disk, folder, signed.checkpoint)
    _refuse_fork(disk, folder, keyring, signed)
    settle(disk, folder, signed)
    if following:
        signer = finish_rotation(disk, folder, keyring, signed, signers) if known else signer
    write_vkeys(disk, folder, signer.vkey, signed.checkpoint.size)
    if origin not in {None, signer.name}:
        raise RefusedError(
            f"The ledger {folder} is named {signer.name}, not {origin}: a log keeps its name.",
            hint="Unset `ledger_origin`.",
        )
    folders = frozenset(prune(disk, folder, frontier.size))
    return Opened(folder, disk, keyring, signer, frontier, signed.note, lock, folders)


def _made(keyring: Keyring) -> Ed25519PrivateKey:
    private = Ed25519PrivateKey.generate()
    keyring.save(private)
    return private


def _begin(disk: Disk, folder: Path, signer: Signer) -> Signed:
    """Write the key of the log, and return the checkpoint of the empty log, which waits to be put in force."""
    disk.sync_folders([folder.parent])
    write_vkeys(disk, folder, signer.vkey, 0)
    checkpoint = Checkpoint(signer.name, 0, EMPTY_ROOT)
    note = sign_note(checkpoint.text(), [signer])
    disk.write_files([(folder / NEXT, note)])
    return Signed(note, checkpoint, frozenset([signer.verifier.key_id]), pending=True)


def _name(disk: Disk, folder: Path) -> str | None:
    """Return the name that the log says it has; None when it says nothing yet."""
    present = read_vkey(disk, folder)
    if present is not None:
        return present.name
    with suppress(FileNotFoundError, LogError):
        return parse_note(disk.read(folder / CHECKPOINT)).text.partition("\n")[0]
    return None


def _refuse_other_key(disk: Disk, folder: Path, keyring: Keyring, signers: list[Signer]) -> None:
    """Raise `KeyLostError` when a log that has begun has another key than ours."""
    listed = {vkey for vkey, _ in read_vkeys(disk, folder)}
    if CHECKPOINT in disk.names(folder) and listed and not listed & {signer.vkey for signer in signers}:
        raise KeyLostError(f"The key in {keyring.folder} is not the key of the ledger {folder}.", hint=_LOST)


def _refuse_remains(disk: Disk, folder: Path, keyring: Keyring, names: list[str]) -> None:
    """Make no new log where there was one: it would deny the old one's entries."""
    present = read_vkey(disk, folder)
    begun = present is not None and keyring.marked(present.name) > 0
    if begun or disk.names(folder / "tile") or RESTORED in names:
        raise DamagedError(
            f"{folder} held a log, but its checkpoint is gone.", hint="Bring the ledger back from a backup."
        )


def _refuse_fork(disk: Disk, folder: Path, keyring: Keyring, signed: Signed) -> None:
    """Refuse to sign when others may hold a larger checkpoint."""
    size, marked = signed.checkpoint.size, keyring.marked(signed.checkpoint.origin)
    if marked > size:
        raise RolledBackError(
            f"The ledger {folder} has {size:,} entries, but had {marked:,} before: an older copy is in its place.",
            hint="Bring the newest copy back, or end this log with `ombud ledger start-anew`.",
        )
    if RESTORED in disk.names(folder):
        raise RolledBackError(
            f"The ledger {folder} was restored from a backup with {size:,} entries."
            " Entries that were written after the backup would be contradicted.",
            hint="`ombud ledger resume` goes on if nobody has seen more; `ombud ledger start-anew` begins another log.",
        )
