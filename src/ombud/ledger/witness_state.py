"""The folder of a witness: its keys, what it saw last of each log, and evidence against logs.

::

    witness.key                   name and secret keys, readable by the owner only
    lock                          held by the one process that runs this witness
    cosigned                      origins of the logs that it cosigned, one a line: what must be in `logs`
    logs/HEX/checkpoint           the newest checkpoint that was cosigned, HEX being the SHA-256 of the log's origin
    logs/HEX/forks/HEX.json       two checkpoints of one size with different roots, both signed by the log
    logs/HEX/unproved/HEX.json    two checkpoints of different sizes, both signed by the log, that whoever sent the
                                  larger one could not prove to agree: a fork, or a wrong proof

A folder that was copied or restored may be older than what the witness has signed, and a witness that forgets
would sign a fork: begin with an empty folder, and so a new key, instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from base64 import b64encode
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.encoding import read_base64
from ombud.ledger.faults import FormatError
from ombud.ledger.notes import Cosigner, open_note
from ombud.model import clock
from ombud.model.errors import BusyError, InputError, StorageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MAX_FORKS", "Fork", "WitnessState", "log_id"]

MAX_FORKS = 100
"""pieces of evidence that are kept of one log; one proves it"""
SEED_BYTES = 32


class Fork(msgspec.Struct, frozen=True):
    """Two trees that a log signed. Of one size and different, nobody but the holder of its key can have made them."""

    origin: str
    size: int
    cosigned: str
    """the checkpoint that this witness cosigned"""
    conflicting: str
    """the checkpoint that was sent later, as it was sent"""
    seen_at: str
    """when it came, ISO 8601 in UTC"""


def log_id(origin: str) -> str:
    """Return the name under which a log stands in a witness: the SHA-256 of its origin in hexadecimal."""
    return hashlib.sha256(origin.encode()).hexdigest()


class WitnessState:
    """What a witness keeps on disk. Each change is on disk before its function returns."""

    def __init__(self, folder: Path, lock: int, cosigners: tuple[Cosigner, ...]) -> None:
        """Take the folder with its lock held; use `open`."""
        self.folder = folder
        self.cosigners = cosigners
        self._lock = lock
        self._listing = threading.Lock()
        self._cosigned = set(self._list.read_text().split("\n")) - {""} if self._list.exists() else set[str]()

    @property
    def _list(self) -> Path:
        return self.folder / "cosigned"

    @classmethod
    def open(cls, folder: Path, name: str | None = None) -> WitnessState:
        """Open the folder, or make it with new keys for the witness called `name`.

        Raises `BusyError` when another process runs this witness, `UsageError` for a name that is missing or another
        than the witness has, `InputError` for a damaged key, `StorageError` when the disk refuses.
        """
        lock = -1
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(
                    f"Another process runs the witness in {folder}.",
                    hint="Two witnesses with one key could cosign a fork. End the other one first.",
                ) from None
            return cls(folder, lock, _keys(folder, name))
        except BaseException as error:
            if lock >= 0:
                os.close(lock)
            if isinstance(error, OSError):
                raise StorageError(
                    f"The witness cannot use {folder}: {error.strerror}.", hint="Give it a folder of its own."
                ) from error
            raise

    def close(self) -> None:
        """Give the folder free."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def latest(self, origin: str) -> bytes | None:
        """Return the newest checkpoint of a log that was cosigned; None when there is none.

        Raises `InputError` when it is damaged, or gone although there was one: a witness that took it for missing
        could be led to sign a fork.
        """
        path = self._checkpoint(origin)
        try:
            note = path.read_bytes()
        except FileNotFoundError:
            if origin in self._cosigned:
                raise InputError(
                    f"{path} is gone, so this witness does not know any more what it cosigned of {origin}.",
                    hint=f"Begin anew in an empty folder, with a new key; or say --anew {origin}.",
                ) from None
            return None
        try:
            own = open_note(note, [cosigner.verifier for cosigner in self.cosigners])
            known = Checkpoint.parse(own.text).origin == origin
        except InputError:
            known = False
        if not known:
            raise InputError(
                f"{path} is not what this witness wrote.",
                hint="Do not delete it: the witness would forget what it signed. Begin anew in an empty folder.",
            )
        return note

    def save(self, origin: str, note: bytes) -> None:
        """Keep the newest checkpoint of a log. Raises `OSError`."""
        path = self._checkpoint(origin)
        _make_folder(path.parent)
        _write(path, note)
        text = note.partition(b"\n\n")[0]
        (path.parent / "unproved" / f"{hashlib.sha256(text).hexdigest()}.json").unlink(missing_ok=True)
        self.remember(origin)

    def remember(self, origin: str) -> None:
        """Note that this log was cosigned. Raises `OSError`."""
        with self._listing:
            if origin not in self._cosigned:
                self._keep_list({*self._cosigned, origin})

    def begin_anew(self, origin: str) -> None:
        """Take a log whose newest checkpoint is gone for one that was never cosigned. Raises `OSError`."""
        with self._listing:
            self._keep_list(self._cosigned - {origin})

    def _keep_list(self, origins: set[str]) -> None:
        _write(self._list, "".join(f"{origin}\n" for origin in sorted(origins)).encode())
        self._cosigned = origins

    def keep_fork(self, origin: str, cosigned: bytes, conflicting: bytes, kind: str = "forks") -> Path | None:
        """Keep two checkpoints that contradict each other; the same twice is one file. Raises `OSError`.

        `kind` is the folder: `forks`, or `unproved`. Returns the file; None when enough were kept of this log.
        """
        folder = self._checkpoint(origin).parent / kind
        text = conflicting.partition(b"\n\n")[0]
        path = folder / f"{hashlib.sha256(text).hexdigest()}.json"
        if path.exists():
            return path
        _make_folder(folder)
        if sum(1 for _ in folder.glob("*.json")) >= MAX_FORKS:
            return None
        size = Checkpoint.parse(text.decode() + "\n").size
        fork = Fork(origin, size, cosigned.decode(), conflicting.decode(), clock.now().isoformat())
        _write(path, msgspec.json.format(msgspec.json.encode(fork), indent=2) + b"\n")
        return path

    def forks(self, origin: str) -> list[Fork]:
        """Return the evidence that was kept against a log."""
        folder = self._checkpoint(origin).parent / "forks"
        return [msgspec.json.decode(path.read_bytes(), type=Fork) for path in sorted(folder.glob("*.json"))]

    def _checkpoint(self, origin: str) -> Path:
        return self.folder / "logs" / log_id(origin) / "checkpoint"


def _keys(folder: Path, name: str | None) -> tuple[Cosigner, ...]:
    """Read the keys of the witness, or make them."""
    path = folder / "witness.key"
    if not path.exists():
        if (folder / "logs").exists():
            raise InputError(
                f"The key {path} is gone.", hint="Begin anew in an empty folder: nobody can cosign for a lost key."
            )
        if name is None:
            raise UsageError(
                f"There is no witness in {folder} yet.",
                hint="Name the new one with --name: an address without `https://`, such as witness.example.org/w1.",
            )
        fresh = (Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate())
        seeds = [key.private_bytes_raw() for key in fresh]
        Cosigner(name, fresh[0])  # refuses a name that cannot be one, before anything is written
        lines = [
            f"name {name}",
            *(f"{kind} {b64encode(seed).decode()}" for kind, seed in zip(_KINDS, seeds, strict=True)),
        ]
        _write(path, "".join(f"{line}\n" for line in lines).encode(), mode=0o600)
    found = _read_keys(path)
    if name is not None and name != found[0].name:
        raise UsageError(
            f"The witness in {folder} is called {found[0].name}, not {name}.",
            hint="Each witness has a folder of its own.",
        )
    return found


_KINDS = ("ed25519", "ml-dsa-44")


def _read_keys(path: Path) -> tuple[Cosigner, ...]:
    """Return both cosigners, the Ed25519 one first. Raises `InputError`."""
    try:
        values = dict(line.split(" ") for line in path.read_text().splitlines())
        name = values["name"]
        ed25519, ml_dsa = (read_base64(values[kind], "The key") for kind in _KINDS)
        return (
            Cosigner(name, Ed25519PrivateKey.from_private_bytes(ed25519)),
            Cosigner(name, MLDSA44PrivateKey.from_seed_bytes(ml_dsa)),
        )
    except (ValueError, KeyError, FormatError) as error:
        raise InputError(
            f"{path} is not the key of a witness.", hint="Restore the key alone from where you keep it, or begin anew."
        ) from error


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put a file in place so that after a crash there is the old one or the new one, whole."""
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync(path.parent)


def _make_folder(path: Path) -> None:
    """Make a folder, and the folders above it, so that they outlive a crash."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(exist_ok=True)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
