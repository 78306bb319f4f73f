"""What an app asks, what the gate answers, and what the platform says of an app."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

__all__ = ["AppStanding", "Decision", "Outcome", "ReadRequest", "Refusal", "Status"]

Outcome = Literal["allowed", "reduced", "refused"]
Status = Literal["live", "under_review", "suspended", "banned"]


class ReadRequest(msgspec.Struct, frozen=True, gc=False):
    """One app asks for fields of one person."""

    app: str
    person: str
    fields: tuple[str, ...]
    purpose: str
    through: str | None = None
    """the person whose consent is used, when it is not the person's own"""
    at: datetime | None = None
    """when, with a time zone; now if unset"""
    region: str | None = None
    """ISO 3166 code of the place whose law applies; without it every region's rules apply"""
    key: str | None = None
    """thumbprint of the key that the app's token is bound to"""
    acts_for: str | None = None
    """who the app says it acts for (RFC 8693)"""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A field that does not go out, and why."""

    field: str
    reason: str
    """a code of `ombud.gate.reasons`"""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Which of the requested fields go out: each is either allowed or refused with one reason."""

    id: str
    outcome: Outcome
    """allowed: all of them; reduced: some; refused: none"""
    allowed: tuple[str, ...]
    """in the order of the request, each once"""
    refused: tuple[Refusal, ...]
    policy: str
    """the policy's hash"""
    path: str
    """`own` or `through`, the scopes that opened what went out (`-` if none), and the first reason, joined by `/`"""


class AppStanding(msgspec.Struct, frozen=True):
    """What the platform has found and agreed about one app."""

    app: str
    registered_at: datetime
    status: Status = "live"
    reviewed: frozenset[str] = frozenset()
    """scopes that a review approved"""
    contract: bool = False
    purposes: frozenset[str] = frozenset()
    """purposes that the app declared"""
    last_active_at: datetime | None = None
    """when the app last called or was last signed in to; `registered_at` if never"""
    developer: str = ""
