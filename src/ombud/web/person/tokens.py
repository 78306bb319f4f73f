"""The platform's word about who a person is: a JWT (RFC 7519) signed with a key of its JSON Web Key Set (RFC 7517)."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import msgspec

from ombud.gate.claims import TokenServiceError
from ombud.gate.jwks import KeySet
from ombud.gate.tokens import ALGORITHMS
from ombud.model import clock
from ombud.model.errors import RefusedError, StorageError

if TYPE_CHECKING:
    from ombud.model.workspace import Workspace

__all__ = ["MOST_AGE", "PersonTokenError", "PersonTokens", "Told"]

MOST_AGE = timedelta(minutes=10)
"""A token is shown right after it was made; an older one is refused however long it says that it counts."""
LEEWAY = timedelta(seconds=30)
"""How far the platform's clock may be from ours."""
_LONGEST = 8_192
_OF_APPS = ("client_id", "azp", "act")
"""Claims of tokens that were given to apps: those say who the app acts for, not who is here."""


class PersonTokenError(RefusedError):
    """This does not let you in: come again from the platform, which makes a new one each time."""


class Told(msgspec.Struct, frozen=True):
    """What a good token says."""

    person: str
    """as the platform writes it"""
    until: datetime
    """when the token runs out"""


class PersonTokens:
    """Reads tokens of one issuer, made for us, about people."""

    def __init__(self, keys: KeySet, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer, self._audience = issuer, audience
        self._lock = threading.Lock()

    @classmethod
    def of(cls, workspace: Workspace) -> PersonTokens | None:
        """Return the reader that the settings describe; None when people cannot come.

        Raises `InputError` for an address that is neither HTTPS nor on this machine.
        """
        settings = workspace.settings
        if not settings.person_jwks or not settings.person_issuer:
            return None
        place = settings.person_jwks
        keys = KeySet(place if "://" in place else str(workspace.root / place))
        return cls(keys, settings.person_issuer, settings.person_audience)

    def read(self, token: str) -> Told:
        """Return what a token says.

        Raises `PersonTokenError` whatever is wrong with it, `StorageError` when the keys cannot be read.
        """
        if len(token) > _LONGEST:
            raise PersonTokenError
        try:
            head = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise PersonTokenError from error
        if head.get("alg") not in ALGORITHMS or "crit" in head or str(head.get("typ", "JWT")).upper() != "JWT":
            raise PersonTokenError
        key = self._key(head)
        if key is None:
            raise PersonTokenError
        options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "require": ["aud", "iss"]}
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[head["alg"]],
                audience=self._audience,
                issuer=self._issuer,
                options=options,  # type: ignore[arg-type]  # pyjwt's options are a closed dict
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise PersonTokenError from error
        return self._told(claims)

    @staticmethod
    def _told(claims: dict[str, Any]) -> Told:
        """Check by our own clock what the signature vouches for."""
        moments = [claims.get(name) for name in ("iat", "exp")]
        begins = claims.get("nbf", 0)
        if any(
            isinstance(m, bool) or not isinstance(m, (int, float)) or not 0 <= m < 2**40 for m in (*moments, begins)
        ):
            raise PersonTokenError
        made, ends = (datetime.fromtimestamp(float(m or 0), UTC) for m in moments)
        now = clock.now()
        on_time = made <= now + LEEWAY and now < ends + LEEWAY and now - made <= MOST_AGE + LEEWAY
        person = claims.get("sub")
        if (
            not on_time
            or datetime.fromtimestamp(float(begins), UTC) > now + LEEWAY
            or any(name in claims for name in _OF_APPS)
            or not isinstance(person, str)
            or not 1 <= len(person) <= 300  # noqa: PLR2004 - as long as ids of people get
            or not person.isprintable()
        ):
            raise PersonTokenError
        return Told(person, min(ends, made + MOST_AGE) + LEEWAY)

    def _key(self, head: dict[str, Any]) -> jwt.PyJWK | None:
        """Return the platform's key for a token with this head. Raises `StorageError` when no keys can be had."""
        kid = head.get("kid")
        try:
            with self._lock:  # one at a time: the key set belongs to one loop at once
                return asyncio.run(self._keys.find(kid if isinstance(kid, str) else None, head["alg"]))
        except TokenServiceError as error:
            raise StorageError(
                "The platform's keys cannot be read, so nobody can be let in.",
                hint="Try again later; staff see to `person_jwks` in ombud.toml.",
            ) from error
