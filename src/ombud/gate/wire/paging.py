"""Pages of search results: an opaque token says where to go on, and for which search it was made."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from ombud.gate.wire.faults import WireError

if TYPE_CHECKING:
    from ombud.gate.wire.messages import ActionSearch, ResourceSearch, SubjectSearch

__all__ = ["LIMIT", "Window", "open_window"]

LIMIT = 1_000
"""Results in one answer, at most, and when no limit is asked for."""


class _Token(msgspec.Struct, frozen=True, array_like=True):
    position: int
    limit: int
    search: str


@dataclass(frozen=True, slots=True)
class Window:
    """Which candidates to look at: from `position` on, until `limit` results are found."""

    position: int
    limit: int
    search: str

    def token_at(self, position: int) -> str:
        """Return the token that goes on at `position`."""
        packed = msgspec.json.encode(_Token(position, self.limit, self.search))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def open_window(search: SubjectSearch | ResourceSearch | ActionSearch, kind: str) -> Window:
    """Return the part of a search that is asked for.

    Raises `WireError` (400) for a token that is not ours, or that was made for
    another search or another limit.
    """
    digest = _digest(search, kind)
    page = search.page
    if page is UNSET:
        return Window(0, LIMIT, digest)
    limit = LIMIT if page.limit is UNSET else min(page.limit, LIMIT)
    if page.token is UNSET or not page.token:
        return Window(0, limit, digest)
    token = _opened(page.token)
    if token.search != digest:
        raise WireError("The page token was made for another search.")
    if page.limit is not UNSET and limit != token.limit:
        raise WireError("The page token was made for another limit.")
    return Window(token.position, token.limit, digest)


def _opened(text: str) -> _Token:
    try:
        packed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        token = msgspec.json.decode(packed, type=_Token)
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        raise WireError("The page token is not one of ours.") from None
    if token.position < 0 or not 0 <= token.limit <= LIMIT:
        raise WireError("The page token is not one of ours.")
    return token


def _digest(search: SubjectSearch | ResourceSearch | ActionSearch, kind: str) -> str:
    """Return what tells two searches apart, whatever the order of their names."""
    parts: dict[str, Any] = msgspec.to_builtins(search)
    parts.pop("page", None)
    packed = msgspec.json.encode([kind, parts], order="sorted")
    return hashlib.sha256(packed).hexdigest()[:32]
