"""What the wire needs of an app's token: who it was given to, and for whom it acts."""

from __future__ import annotations

from typing import Protocol

import msgspec

__all__ = ["AppToken", "TokenReader"]


class AppToken(msgspec.Struct, frozen=True):
    """What a valid token says."""

    app: str
    person: str | None = None
    """the person who signed in to the app with it"""
    key: str | None = None
    """thumbprint of the key that it is bound to"""
    acts_for: str | None = None
    """the actor of an exchanged token (RFC 8693)"""


class TokenReader(Protocol):
    """Reads the platform's tokens."""

    async def read(self, token: str) -> AppToken | None:
        """Return what a token says; None when it is forged, expired, withdrawn or meant for somebody else."""
