"""Seal small values with a key of the workspace: form tokens, the purposes of looks, people's short sessions."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from ombud.model.workspace import Workspace

__all__ = ["Seal", "new_visit"]


def new_visit() -> str:
    """Return a random name for a browser that is not signed in; it carries nothing about a person."""
    return secrets.token_urlsafe(18)


class Seal:
    """HMAC-SHA256 with the workspace's web key, which is made on first use (mode 0600)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of(cls, workspace: Workspace) -> Seal:
        """Read the key of `workspace`, or make it."""
        path = workspace.keys_dir / "web.key"
        try:
            workspace.keys_dir.mkdir(mode=0o700, exist_ok=True)
            if not path.exists():
                # written aside and linked, so that another process never reads half a key
                fresh = path.with_name(f"web.key.{secrets.token_hex(4)}")
                with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(secrets.token_bytes(32))
                with contextlib.suppress(FileExistsError):
                    os.link(fresh, path)
                fresh.unlink()
            return cls(path.read_bytes())
        except OSError as error:
            raise StorageError(
                f"Cannot read or make the web key {path}: {error.strerror}.",
                hint="Give the user that runs Ombud the right to write to the workspace's keys folder.",
            ) from error

    def mark(self, use: str, value: str) -> str:
        """Return the seal of `value` for one use; 43 characters that are safe in a cookie."""
        return hmac.new(self._key, f"{use}\0{value}".encode(), hashlib.sha256).hexdigest()[:43]

    def holds(self, use: str, value: str, mark: str) -> bool:
        """Say in constant time whether `mark` is the seal of `value` for this use."""
        return hmac.compare_digest(self.mark(use, value).encode(), mark.encode())

    def lock(self, use: str, value: bytes) -> str:
        """Return `value` so that only this installation can read or make it (AES-256-GCM), for one use."""
        nonce = os.urandom(12)
        return urlsafe_b64encode(nonce + self._cipher(use).encrypt(nonce, value, use.encode())).decode().rstrip("=")

    def unlock(self, use: str, text: str) -> bytes | None:
        """Return what was locked for this use; None for anything else."""
        try:
            data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return self._cipher(use).decrypt(data[:12], data[12:], use.encode())
        except (ValueError, InvalidTag):
            return None

    def _cipher(self, use: str) -> AESGCM:
        return AESGCM(hmac.new(self._key, f"lock\0{use}".encode(), hashlib.sha256).digest())
