"""Keyed hashes of what a log says too plainly, such as addresses: the same in one workspace, nothing outside it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KEY_FILE", "keyed_hash", "open_key"]

KEY_FILE = "import.hashes"
"""The key's file below `keys/`, readable by its owner only."""
_KEY_BYTES = 32
_DIGITS = 32


def keyed_hash(key: bytes, text: str) -> str:
    """Return 128 bits of HMAC-SHA-256 in hexadecimal."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def open_key(keys: Path) -> bytes:
    """Return the workspace's key, 32 bytes, made when there is none; `StorageError` when the folder refuses."""
    path = keys / KEY_FILE
    fresh = keys / f".{KEY_FILE}.{secrets.token_hex(4)}"
    try:
        if not path.exists():
            keys.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # of two that make one, the first wins
                os.link(fresh, path)
            fresh.unlink()
        key = path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"The key {path} cannot be read: {error.strerror}.", hint="Let this user read it."
        ) from error
    if len(key) != _KEY_BYTES:
        raise StorageError(
            f"The key {path} has {len(key)} bytes, not {_KEY_BYTES}.", hint="Bring it back from a backup."
        )
    return key
