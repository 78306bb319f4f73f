"""The platform's word about who a person is: a JWT (RFC 7519) signed with a key of its JSON Web Key Set (RFC 7517)."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import msgspec

from ombud.model import clock
from ombud.model.errors import RefusedError, StorageError

if TYPE_CHECKING:
    from ombud.model.workspace import Workspace

__all__ = ["ALGORITHMS", "MOST_AGE", "PersonTokenError", "PersonTokens", "Told"]

ALGORITHMS = ("EdDSA", "ES256", "ES384", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
"""Signatures with a private key alone: whoever can check a token cannot make one."""
MOST_AGE = timedelta(minutes=10)
"""A token is shown right after it was made; an older one is refused however long it says that it counts."""
LEEWAY = timedelta(seconds=30)
"""How far the platform's clock may be from ours."""
_LONGEST, _LARGEST = 8_192, 262_144
_FRESH_SECONDS, _AGAIN_SECONDS = 300.0, 15.0
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
    """Reads tokens by the keys at `place`, an address or a file; keys are read again when they are five minutes old.

    A key that the set does not have makes it read the set again at most every
    fifteen seconds, so that neither a new key waits nor a forger makes us ask.
    """

    def __init__(self, place: str, issuer: str, audience: str, client: httpx.Client | None = None) -> None:
        self.place, self.issuer, self.audience = place, issuer, audience
        self._client = client or httpx.Client(timeout=5.0, follow_redirects=False)
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    @classmethod
    def of(cls, workspace: Workspace) -> PersonTokens | None:
        """Return the reader that the settings describe; None when people cannot come."""
        settings = workspace.settings
        if not settings.person_jwks or not settings.person_issuer:
            return None
        place = settings.person_jwks
        if "://" not in place:
            place = str(workspace.root / place)
        return cls(place, settings.person_issuer, settings.person_audience)

    def read(self, token: str) -> Told:
        """Return what a token says.

        Raises `PersonTokenError` whatever is wrong with it, `StorageError` when the keys cannot be read.
        """
        if len(token) > _LONGEST:
            raise PersonTokenError
        try:
            head = jwt.get_unverified_header(token)
            key = self._key(head.get("kid"))
            claims = jwt.decode(
                token,
                key,
                algorithms=[name for name in ALGORITHMS if name == head.get("alg")],
                audience=self.audience,
                issuer=self.issuer,
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "require": ["aud", "iss"]},
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

    def _key(self, kid: object) -> jwt.PyJWK:
        if kid is not None and not isinstance(kid, str):
            raise PersonTokenError
        with self._lock:
            age = time.monotonic() - self._read_at
            if age > _FRESH_SECONDS or (kid not in self._keys and age > _AGAIN_SECONDS):
                self._keys = self._fetched()
                self._read_at = time.monotonic()
            found = self._keys.get(kid)
            if found is None and kid is None and len(self._keys) == 1:
                found = next(iter(self._keys.values()))
        if found is None:
            raise PersonTokenError
        return found

    def _fetched(self) -> dict[str | None, jwt.PyJWK]:
        """Read the set; a private or symmetric key in it is passed over, and one of an unknown kind too."""
        try:
            if "://" in self.place:
                answer = self._client.get(self.place, headers={"accept": "application/json"})
                answer.raise_for_status()
                data = answer.content
            else:
                data = Path(self.place).read_bytes()
            keys = msgspec.json.decode(data[:_LARGEST], type=dict[str, Any])["keys"]
        except (OSError, httpx.HTTPError, ValueError, KeyError, msgspec.DecodeError) as error:
            raise StorageError(
                "The platform's keys cannot be read, so nobody can be let in.",
                hint="Try again later; staff see to `person_jwks` in ombud.toml.",
            ) from error
        found: dict[str | None, jwt.PyJWK] = {}
        for item in keys if isinstance(keys, list) else ():
            if not isinstance(item, dict) or item.get("kty") == "oct" or item.get("use", "sig") != "sig":
                continue
            try:
                found[item.get("kid")] = jwt.PyJWK.from_dict({k: v for k, v in item.items() if k != "d"})
            except (jwt.PyJWTError, ValueError, TypeError, KeyError):
                continue
        return found
