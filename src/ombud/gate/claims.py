"""What a token of the platform says, whichever way it was checked: app, person, scopes, key, who acts for whom."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.gate.wire.tokens import AppToken
from ombud.model.errors import OmbudError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Caller", "ClaimNames", "TokenServiceError", "WrongTokenError", "caller_of", "moment_of"]

_LONGEST = 500
_DEEPEST = 8
"""Actors of one token, at most."""


class WrongTokenError(OmbudError):
    """The token is not one that counts here."""

    exit_code = 4


class TokenServiceError(OmbudError):
    """The platform's tokens cannot be checked at this moment, so none counts."""

    exit_code = 4


class ClaimNames(msgspec.Struct, frozen=True):
    """Which claims say what: of several, the first that is there."""

    app: tuple[str, ...] = ("client_id", "azp")
    person: tuple[str, ...] = ("sub",)
    scopes: tuple[str, ...] = ("scope", "scp")


class Caller(AppToken, frozen=True):
    """Who a valid token was given to."""

    scopes: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    """who acts, the present actor first, then those before (RFC 8693, 4.1); `acts_for` has them in one text"""
    expires_at: datetime | None = None
    used_at: datetime | None = None
    """when the person last signed in (`auth_time`)"""


def caller_of(claims: dict[str, Any], names: ClaimNames) -> Caller:
    """Return what checked claims say. Raises `WrongTokenError` when they name no app, or make no sense."""
    app = _first(claims, names.app)
    if app is None:
        raise WrongTokenError("The token names no app.", hint="Set `token_app_claims` to the claim that does.")
    person = _first(claims, names.person)
    if person == app:
        person = None  # an app's own token: RFC 9068, 2.2, repeats the client where there is no person
    actors = _actors(claims.get("act"))
    return Caller(
        app=app,
        person=person,
        key=_thumbprint(claims.get("cnf")),
        acts_for=", ".join(actors) or None,
        scopes=_scopes(next((claims[name] for name in names.scopes if name in claims), "")),
        actors=actors,
        expires_at=moment_of(claims, "exp"),
        used_at=moment_of(claims, "auth_time"),
    )


def moment_of(claims: dict[str, Any], name: str) -> datetime | None:
    """Return a claim that counts seconds since 1970; `None` when it is missing. Raises `WrongTokenError`."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrongTokenError(f"The token's `{name}` is no moment.")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise WrongTokenError(f"The token's `{name}` is no moment.") from None


def _first(claims: dict[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        if claims.get(name) is not None:
            return _plain(claims[name], name)
    return None


def _plain(value: object, name: str) -> str:
    """Return a short, printable text. Raises `WrongTokenError`."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise WrongTokenError(f"The token's `{name}` is no id.")
    return value


def _scopes(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise WrongTokenError("The token's scopes are neither a text nor a list of texts.")


def _thumbprint(confirmation: object) -> str | None:
    """Return the thumbprint of the key that a token is bound to: DPoP (RFC 9449) or mutual TLS (RFC 8705)."""
    if confirmation is None:
        return None
    if isinstance(confirmation, dict):
        for name in ("jkt", "x5t#S256"):
            if name in confirmation:
                return _plain(confirmation[name], "cnf")
    raise WrongTokenError("The token is bound to a key in a way that is not known here.")


def _actors(act: object) -> tuple[str, ...]:
    """Return the chain of actors, the present one first. Raises `WrongTokenError`."""
    found: list[str] = []
    while act is not None:
        if not isinstance(act, dict) or len(found) == _DEEPEST:
            raise WrongTokenError("The token's `act` is no chain of actors.")
        found.append(_plain(act.get("sub") or act.get("client_id"), "act").replace(",", "%2C"))
        act = act.get("act")
    return tuple(found)
