"""Ids and addresses that differ from app to app, so that two apps cannot join what they hold.

A person's id is enciphered with AES-SIV (RFC 5297) under a key of the app, which
is derived (HKDF-SHA-256, RFC 5869) from one master key in `keys/`. The same person
always has the same id in the same app; no table is kept, so nothing has to be
erased later. An id of another app, or one that was tampered with, is found out but
once in 2^128 times. Ids are filled up to 16 bytes, so that their length tells
little. Relay addresses must be short, so they are keyed hashes (HMAC-SHA-256,
128 bits) and are found again among an app's own people. Whoever has the master
key can tell which ids are one person's; nobody else can.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ombud.model.errors import InputError, MissingError, NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["KEY_FILE", "Identities", "UnknownScopedIdError"]

KEY_FILE = "gate.identities"
"""The master key's file below `keys/`, readable by its owner only."""
_KEY_BYTES = 32
_BLOCK = 16
_LONGEST = 4_000
_SCOPED = re.compile(r"[a-z2-7]{52,6500}", re.ASCII)
_LOCAL = re.compile(r"[a-z2-7]{26}", re.ASCII)
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

    def scoped_id(self, app: str, person: str) -> str:
        """Return a person's id in an app: 52 letters, more for ids of 16 bytes and longer.

        Raises `InputError` for an id that is empty or longer than 4,000 bytes.
        """
        plain = person.encode("utf-8", "surrogatepass")
        if not 0 < len(plain) <= _LONGEST:
            raise InputError(f"A person's id has 1 to {_LONGEST:,} bytes, not {len(plain):,}.")
        plain += b"\x80" + b"\0" * (-(len(plain) + 1) % _BLOCK)
        return _text(self._keys(app)[0].encrypt(plain, None))

    def person(self, app: str, scoped: str) -> str:
        """Return whose id this is in an app.

        Raises `UnknownScopedIdError` for an id of another app, or one that nobody was given.
        """
        if not _SCOPED.fullmatch(scoped):
            raise UnknownScopedIdError
        try:
            block = base64.b32decode(scoped.upper() + "=" * (-len(scoped) % 8))
            plain = self._keys(app)[0].decrypt(block, None)
        except (binascii.Error, InvalidTag, ValueError):
            raise UnknownScopedIdError from None
        if _text(block) != scoped:
            raise UnknownScopedIdError
        return plain.rstrip(b"\0")[:-1].decode("utf-8", "surrogatepass")

    def relay(self, app: str, person: str, domain: str) -> str:
        """Return the address under which an app reaches a person: another one for each app.

        Raises `InputError` when `domain` is no domain.
        """
        folded = unicodedata.normalize("NFKC", domain).lower()
        if not _DOMAIN.fullmatch(folded):
            raise InputError(f"{domain[:80]!r} is no domain.", hint="Give one such as relay.example.org.")
        return f"{self._local(app, person)}@{folded}"

    def addressee(self, app: str, address: str, people: Iterable[str]) -> str:
        """Return which of an app's people an address of it reaches. Raises `UnknownScopedIdError`."""
        local = address.partition("@")[0].lower()
        if _LOCAL.fullmatch(local):
            for person in people:
                if hmac.compare_digest(self._local(app, person), local):
                    return person
        raise UnknownScopedIdError

    def _local(self, app: str, person: str) -> str:
        digest = hmac.digest(self._keys(app)[1], person.encode("utf-8", "surrogatepass"), "sha256")
        return _text(digest[:_BLOCK])

    def _derive(self, app: str) -> tuple[AESSIV, bytes]:
        """Return an app's cipher for ids and its key for addresses."""
        salt = hashlib.sha256(app.encode("utf-8", "surrogatepass")).digest()
        made = HKDF(SHA256(), 96, salt, b"ombud app-scoped identities 1").derive(self._master)
        return AESSIV(made[:64]), made[64:]


def _text(block: bytes) -> str:
    return base64.b32encode(block).decode().rstrip("=").lower()
