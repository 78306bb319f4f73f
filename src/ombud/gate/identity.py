"""Ids and addresses that differ from app to app, so that two apps cannot join what they hold.

A person's dense id is enciphered with AES under a key of the app, which is
derived (HKDF-SHA-256, RFC 5869) from one master key in `keys/`. The block holds
eight zero bytes beside the id, so that an id of another app, or one that was
tampered with, is found out but once in 2^64 times. Whoever has the master key
can tell which ids are one person's; nobody else can.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ombud.model.errors import InputError, MissingError, NotFoundError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KEY_FILE", "Identities", "UnknownScopedIdError"]

KEY_FILE = "gate.identities"
"""The master key's file below `keys/`, readable by its owner only."""
_KEY_BYTES = 32
_MARK = b"\0" * 8
_MOST = 2**64
_SCOPED = re.compile(r"[a-z2-7]{26}", re.ASCII)
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9](-?[a-z0-9]){0,62}\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)


class UnknownScopedIdError(NotFoundError):
    """No person has this id in this app."""


class Identities:
    """Ids and relay addresses of people, one for each app."""

    def __init__(self, master: bytes) -> None:
        """Take the master key, 32 bytes. Raises `InputError` for any other length."""
        if len(master) != _KEY_BYTES:
            raise InputError(f"The master key has {_KEY_BYTES} bytes, not {len(master)}.")
        self._master = master
        self._keys = lru_cache(maxsize=10_000)(self._derive)

    @classmethod
    def open(cls, keys: Path, *, make: bool = True) -> Identities:
        """Read the master key in the folder `keys`, or make one.

        Raises `MissingError` when there is none and none may be made, `StorageError` when the folder refuses.
        """
        path = keys / KEY_FILE
        try:
            with suppress(FileNotFoundError):
                return cls(path.read_bytes())
            if not make:
                raise MissingError(
                    f"The key {path} is missing.", hint="Bring it back: ids of apps cannot be read without."
                )
            keys.mkdir(mode=0o700, exist_ok=True)
            fresh = path.with_name(f".{KEY_FILE}.{secrets.token_hex(4)}")
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(os.urandom(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(fresh, path)  # whoever comes second takes the first one's
            fresh.unlink()
            return cls(path.read_bytes())
        except OSError as error:
            raise StorageError(
                f"The key {path} cannot be used: {error.strerror}.", hint="Check the folder's rights."
            ) from error

    def scoped_id(self, app: str, person: int) -> str:
        """Return a person's id in an app, 26 letters; `person` is the dense id, below 2^64."""
        if not 0 <= person < _MOST:
            raise InputError(f"A person's dense id is 0 to 2^64, not {person}.")
        return _text(_aes(self._keys(app)[0]).encryptor().update(_MARK + person.to_bytes(8, "big")))

    def person(self, app: str, scoped: str) -> int:
        """Return whose id this is in an app.

        Raises `UnknownScopedIdError` for an id of another app, or one that nobody was given.
        """
        if not _SCOPED.fullmatch(scoped):
            raise UnknownScopedIdError
        block = base64.b32decode(scoped.upper() + "======")
        plain = _aes(self._keys(app)[0]).decryptor().update(block)
        if not hmac.compare_digest(plain[:8], _MARK) or _text(block) != scoped:
            raise UnknownScopedIdError
        return int.from_bytes(plain[8:], "big")

    def relay(self, app: str, person: int, domain: str) -> str:
        """Return the address under which an app reaches a person: another one for each app.

        Raises `InputError` when `domain` is no domain.
        """
        folded = unicodedata.normalize("NFKC", domain).lower()
        if not _DOMAIN.fullmatch(folded):
            raise InputError(f"{domain[:80]!r} is no domain.", hint="Give one such as relay.example.org.")
        block = _aes(self._keys(app)[1]).encryptor().update(_MARK + person.to_bytes(8, "big"))
        return f"{_text(block)}@{folded}"

    def addressee(self, app: str, address: str) -> int:
        """Return whom an address of an app reaches. Raises `UnknownScopedIdError`."""
        local = address.partition("@")[0].lower()
        if not _SCOPED.fullmatch(local):
            raise UnknownScopedIdError
        block = base64.b32decode(local.upper() + "======")
        plain = _aes(self._keys(app)[1]).decryptor().update(block)
        if not hmac.compare_digest(plain[:8], _MARK) or _text(block) != local:
            raise UnknownScopedIdError
        return int.from_bytes(plain[8:], "big")

    def _derive(self, app: str) -> tuple[bytes, bytes]:
        """Return an app's keys, for ids and for addresses."""
        salt = hashlib.sha256(app.encode("utf-8", "surrogatepass")).digest()
        made = HKDF(SHA256(), 2 * _KEY_BYTES, salt, b"ombud app-scoped identities 1").derive(self._master)
        return made[:_KEY_BYTES], made[_KEY_BYTES:]


def _aes(key: bytes) -> Cipher[modes.ECB]:
    """Return the block cipher: one block is one id, so there is nothing to chain."""
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - a permutation of single blocks is what is wanted


def _text(block: bytes) -> str:
    return base64.b32encode(block).decode().rstrip("=").lower()
