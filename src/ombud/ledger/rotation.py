"""Changing the log's key: both keys sign the checkpoint with the entry that says so, and an outsider can follow.

In order, each step durable before the next: the next key in the folder of keys; the entry under a checkpoint by both;
that checkpoint as `rotation/SIZE`, `vkeys` and `vkey`; the next key in the place of the old one. Opening the log
goes on from wherever a crash left it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.entries import decode_entry, encode_entry
from ombud.ledger.faults import AbsentError, LogError, SignatureError
from ombud.ledger.hashing import leaf_hash, verify_inclusion
from ombud.ledger.keys import NEXT_KEY, parse_vkeys, put_file, write_vkeys
from ombud.ledger.notes import MAX_NOTE_BYTES, Signer, Verifier, open_note
from ombud.ledger.proofs import entry_at
from ombud.ledger.tree import inclusion_proof
from ombud.model import clock

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.ledger.disk import Disk
    from ombud.ledger.keys import Keyring
    from ombud.ledger.reading import Log
    from ombud.ledger.recovery import Signed

__all__ = ["ROTATIONS", "Public", "finish_rotation", "follow_rotations", "key_entry", "prepare_rotation"]

ROTATIONS = "rotation"
_MAX_KEYS_BYTES = 1_000_000


class Public(Protocol):
    """A log whose files beside the tiles can be read too, as `DirectoryLog` and `HttpLog` can."""

    def file(self, name: str, limit: int) -> bytes:
        """Return a file. Raises `AbsentError`."""
        ...


def prepare_rotation(keyring: Keyring, name: str) -> Signer:
    """Make the next key, durably, and return it."""
    private = Ed25519PrivateKey.generate()
    keyring.save(private, NEXT_KEY)
    return Signer(name, private)


def key_entry(old: str, new: str, reason: str) -> bytes:
    """Return the entry that says which key follows which."""
    return encode_entry("key", {"old": old, "new": new, "reason": reason, "at": clock.now().isoformat()})


def finish_rotation(disk: Disk, folder: Path, keyring: Keyring, signed: Signed, signers: list[Signer]) -> Signer:
    """Put the next key in force when it signed the newest checkpoint, or drop it; return the key that signs now.

    `signers` are the present key and the next one.
    """
    present, following = signers
    if following.verifier.key_id not in signed.keys:
        keyring.drop_next()
        return present
    size = signed.checkpoint.size
    if not disk.is_folder(folder / ROTATIONS):
        disk.make_folder(folder / ROTATIONS)
    disk.sync_folders([folder])
    put_file(disk, folder / ROTATIONS / str(size), signed.note)
    write_vkeys(disk, folder, following.vkey, size)
    keyring.turn()
    return following


def follow_rotations(log: Log, public: Public, vkey: str) -> list[Verifier]:
    """Return `vkey` and the keys that follow it, each vouched for by the one before; the last signs today.

    `log` and `public` are one log, as `DirectoryLog` or `HttpLog` reads it. A step counts when a trusted key signed
    the checkpoint whose last entry names old and new key, and the new key signed it too. Raises `LogError`.
    """
    trusted = [Verifier.parse(vkey)]
    try:
        listed = parse_vkeys(public.file("vkeys", _MAX_KEYS_BYTES).decode(errors="replace").splitlines())
    except AbsentError:
        return trusted
    for text, since in listed:
        candidate = Verifier.parse(text)
        if since and candidate not in trusted and _vouched(log, public, since, trusted[-1], candidate):
            trusted.append(candidate)
    return trusted


def _vouched(log: Log, public: Public, size: int, old: Verifier, new: Verifier) -> bool:
    """Return whether `old` and `new` signed the checkpoint of `size`, and its last entry names both."""
    try:
        opened = open_note(public.file(f"{ROTATIONS}/{size}", MAX_NOTE_BYTES), [old, new])
    except (AbsentError, SignatureError):
        return False
    if {item.key_id for item in opened.signatures} != {old.key_id, new.key_id}:
        return False
    checkpoint = Checkpoint.parse(opened.text)
    data = entry_at(log, checkpoint.size - 1, checkpoint.size)
    proof = inclusion_proof(log, checkpoint.size - 1, checkpoint.size)
    verify_inclusion(checkpoint.size - 1, checkpoint.size, leaf_hash(data), proof, checkpoint.root)
    try:
        entry = decode_entry(data)
    except LogError:
        return False
    return entry.type == "key" and (entry.body.get("old"), entry.body.get("new")) == (old.vkey, new.vkey)
