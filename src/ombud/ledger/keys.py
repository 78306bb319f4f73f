"""The log's own key: made once, kept where only its owner reads it, named by the `vkey` beside the log.

`keys/ledger.key` holds the secret (PKCS #8, PEM). `ledger/vkey` holds the public key of today, `ledger/vkeys` all
that there have been, oldest first, each with the size of the log from which it signs.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from ombud.ledger.encoding import read_decimal
from ombud.ledger.faults import FormatError
from ombud.ledger.notes import Verifier
from ombud.ledger.recovery import DamagedError
from ombud.model.errors import MissingError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ombud.ledger.disk import Disk

__all__ = [
    "KEY",
    "MARK",
    "NEXT_KEY",
    "KeyLostError",
    "Keyring",
    "new_origin",
    "parse_vkeys",
    "put_file",
    "read_vkey",
    "read_vkeys",
    "write_vkeys",
]

KEY, NEXT_KEY = "ledger.key", "ledger.next.key"
MARK = "ledger.mark"
"""how far the log got, outside the log's own folder"""


class KeyLostError(MissingError):
    """The ledger's key is not here, so nothing can be added to the ledger."""


def new_origin() -> str:
    """Return a name for a log that has been given none: under `.invalid`, so that it is nobody's address."""
    return f"ombud.invalid/{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class Keyring:
    """The folder of secret keys, as far as the ledger uses it."""

    folder: Path
    disk: Disk

    def load(self, name: str = KEY) -> Ed25519PrivateKey | None:
        """Return a key; None when there is none. Raises `StorageError` when the file is no key."""
        path = self.folder / name
        try:
            key = load_pem_private_key(self.disk.read(path), None)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise StorageError(f"{path} is no secret key.", hint="Bring the right file back.") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise StorageError(f"{path} is no Ed25519 key.", hint="Bring the right file back.")
        return key

    def save(self, key: Ed25519PrivateKey, name: str = KEY) -> None:
        """Keep a key, durably; only this user may read it."""
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        put_file(self.disk, self.folder / name, pem, private=True)

    def turn(self) -> None:
        """Put the next key in the place of the present one, whose secret is gone then."""
        self.disk.rename(self.folder / NEXT_KEY, self.folder / KEY)
        self.disk.sync_folders([self.folder])

    def drop_next(self) -> None:
        """Remove a next key that signed nothing."""
        self.disk.remove(self.folder / NEXT_KEY)
        self.disk.sync_folders([self.folder])

    def mark(self, origin: str, size: int) -> None:
        """Note, without any sync, how far the log of `origin` got: a copy of an older state is noticed by it."""
        self.disk.note(self.folder / MARK, f"{origin}\n{size}\nend\n".encode())

    def marked(self, origin: str) -> int:
        """Return how far the log of `origin` is known to have got, 0 when nothing is known."""
        try:
            name, size, end = self.disk.read(self.folder / MARK).decode().split("\n", 2)
        except (OSError, ValueError):
            return 0
        whole = name == origin and end == "end\n" and size.isascii() and size.isdecimal()
        return int(size) if whole else 0


def read_vkey(disk: Disk, folder: Path) -> Verifier | None:
    """Return the public key beside the log; None when there is none or it is no key."""
    try:
        return Verifier.parse(disk.read(folder / "vkey").decode().strip())
    except (OSError, UnicodeDecodeError, FormatError):
        return None


def read_vkeys(disk: Disk, folder: Path) -> list[tuple[str, int]]:
    """Return the public keys that the log has had, oldest first, and from which size each signs.

    Empty when there is no list of them yet. Raises `DamagedError`.
    """
    try:
        listed = parse_vkeys(disk.read(folder / "vkeys").decode().splitlines())
        for vkey, _ in listed:
            Verifier.parse(vkey)
    except FileNotFoundError:
        return []
    except (UnicodeDecodeError, FormatError) as error:
        raise DamagedError(f"{folder / 'vkeys'} is no list of keys.", hint="Bring it back from a backup.") from error
    return listed


def parse_vkeys(lines: Iterable[str]) -> list[tuple[str, int]]:
    """Read the lines of `vkeys`. Raises `FormatError`."""
    found: list[tuple[str, int]] = []
    for line in lines:
        vkey, _, since = line.rpartition(" ")
        found.append((vkey, read_decimal(since, "The size from which a key signs")))
    return found


def write_vkeys(disk: Disk, folder: Path, vkey: str, since: int) -> None:
    """Make `vkey` the public key beside the log, and the last of those there have been."""
    known = read_vkeys(disk, folder)
    if vkey not in [line for line, _ in known]:
        text = "".join(f"{line} {size}\n" for line, size in (*known, (vkey, since)))
        put_file(disk, folder / "vkeys", text.encode())
    present = read_vkey(disk, folder)
    if present is None or present.vkey != vkey:
        put_file(disk, folder / "vkey", f"{vkey}\n".encode())


def put_file(disk: Disk, path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a small file durably in the place of what has its name, wholly or not at all."""
    half = path.with_name(f".{path.name}.new")
    disk.write_files([(half, data)], private=private)
    disk.rename(half, path)
    disk.sync_folders([path.parent])
