"""Who may ask the gate: the platform's own services, each with a key of which only the hash is kept."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from ombud.model.clock import now
from ombud.model.errors import InputError, NotFoundError, StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ombud.model.workspace import Workspace

__all__ = ["CONSENT", "DECIDE", "NGINX", "PUBLIC", "SEARCH", "Access", "Caller", "CallerKeys", "Right"]

Right = Literal["decide", "search", "consent"]
Access = frozenset[str] | Literal["public"]

PUBLIC: Access = "public"
DECIDE: Access = frozenset({"decide"})
"""Those who ask for a decision on one request of an app or a user."""
SEARCH: Access = frozenset({"search"})
"""Those who list what is permitted, which says more than one decision does."""
CONSENT: Access = frozenset({"consent"})
"""The platform's sign-in, which tells what people allow."""
NGINX: Access = frozenset({"decide", "nginx"})
"""As `DECIDE`, with the key in a header of its own: `Authorization` is the app's there."""

_PREFIX = "ombud_gate_"
_FILE = "gate.callers.json"


class Caller(msgspec.Struct, frozen=True):
    """A service of the platform that asks: a policy enforcement point."""

    name: str
    rights: frozenset[Right] = frozenset({"decide"})


class _Kept(msgspec.Struct, frozen=True):
    hash: str
    rights: tuple[Right, ...]
    made_at: datetime


class CallerKeys:
    """The keys of a workspace, in `keys/gate.callers.json` (mode 0600): names, hashes and rights, never a key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._by_hash: dict[str, Caller] = {}
        self._stamp: tuple[int, int] | None = None

    @classmethod
    def of(cls, workspace: Workspace) -> CallerKeys:
        """Return the keys of `workspace`."""
        return cls(workspace.keys_dir / _FILE)

    def every(self) -> dict[str, _Kept]:
        """Return the callers by name. Raises `InputError` for a file that cannot be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, _Kept])
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError(
                f"Cannot read {self.path}: {error.strerror}.", hint="Run this as the user that owns the workspace."
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                f"{self.path} cannot be read: {error}.", hint="Restore it from a backup, or delete it and add callers."
            ) from error

    def add(self, name: str, rights: Iterable[Right] = ("decide",)) -> str:
        """Make a key for `name` and return it; it cannot be shown again. Raises `UsageError` for a name in use."""
        kept = self.every()
        if name in kept:
            raise UsageError(f"There is a caller {name} already.", hint="Remove it first to give it a new key.")
        key = _PREFIX + secrets.token_urlsafe(32)
        self._save({**kept, name: _Kept(_hash(key), tuple(sorted(set(rights))), now())})
        return key

    def remove(self, name: str) -> None:
        """Let `name` ask no longer. Raises `NotFoundError`."""
        kept = self.every()
        if kept.pop(name, None) is None:
            raise NotFoundError(f"There is no caller {name}.", hint="`ombud gate callers list` shows them.")
        self._save(kept)

    def refresh(self) -> None:
        """Read the file again when it has changed; a running gate calls this every second."""
        try:
            status = self.path.stat()
        except OSError:
            self._by_hash, self._stamp = {}, None
            return
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._by_hash, self._stamp = {}, None  # a file that cannot be read lets nobody in
            self._by_hash = {kept.hash: Caller(name, frozenset(kept.rights)) for name, kept in self.every().items()}
            self._stamp = stamp

    def find(self, key: str) -> Caller | None:
        """Return whose key this is. It is looked up by its hash, so the time taken says nothing about the key."""
        return self._by_hash.get(_hash(key))

    def _save(self, kept: Mapping[str, _Kept]) -> None:
        fresh = self.path.with_name(f"{_FILE}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(kept), indent=2))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise StorageError(
                f"Cannot write {self.path}: {error.strerror}.", hint="Run this as the user that owns the workspace."
            ) from error


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
