"""Tokens of the platform: signed ones (JWT, RFC 9068) checked here, others by asking (RFC 7662)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import jwt

from ombud.gate.claims import Caller, ClaimNames, TokenServiceError, WrongTokenError, caller_of, moment_of
from ombud.gate.introspection import LONGEST_TOKEN, Introspector
from ombud.gate.jwks import KeySet
from ombud.model import clock
from ombud.model.errors import InputError
from ombud.model.ids import sha256_hex
from ombud.records import spent_tokens

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.gate.wire.tokens import TokenReader
    from ombud.model.settings import Settings
    from ombud.records import Records

__all__ = [
    "ALGORITHMS", "SECRET_FILE", "Caller", "ClaimNames", "Introspector", "JwtVerifier", "KeySet", "RecordsSpent",
    "Spent", "SpentHere", "TokenServiceError", "token_reader",
]  # fmt: skip

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures that may count, all with public keys: so a public key is never taken for a secret."""
SECRET_FILE = "gate.introspection"  # noqa: S105 - a file's name
"""The file below `keys/` that holds the secret with which the platform is asked."""
_TYPES = {"jwt", "at+jwt", "application/at+jwt"}


class Spent(Protocol):
    """Remembers tokens that may be used once."""

    async def spend(self, token: str, expires_at: datetime) -> bool:
        """Note that a token was used; `False` when it was before."""


class SpentHere:
    """Remembers in this process alone."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    async def spend(self, token: str, expires_at: datetime) -> bool:
        """Note that a token was used; `False` when it was before."""
        now = clock.now()
        if len(self._until) > 100_000:  # noqa: PLR2004 - now and then
            self._until = {name: until for name, until in self._until.items() if until > now}
        if token in self._until:
            return False
        self._until[token] = expires_at
        return True


class RecordsSpent:
    """Remembers in the records, for all hosts."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def spend(self, token: str, expires_at: datetime) -> bool:
        """Note that a token was used; `False` when it was before."""

        def note() -> bool:
            with self._records.begin() as tx:
                return spent_tokens.spend(tx, sha256_hex(token.encode()), expires_at)

        return await asyncio.to_thread(note)


class JwtVerifier:
    """Checks signed tokens: signature, algorithm, type, issuer, audience, times, and, where asked, that each is new."""

    def __init__(
        self,
        keys: KeySet,
        *,
        issuer: str,
        audience: str,
        algorithms: tuple[str, ...] = ALGORITHMS,
        names: ClaimNames | None = None,
        leeway: float = 30.0,
        spent: Spent | None = None,
    ) -> None:
        """Take the keys, and what a token must say; `leeway` is by how many seconds clocks may differ.

        With `spent` each token counts once. Raises `InputError` for an algorithm that is not one of `ALGORITHMS`.
        """
        if wrong := set(algorithms) - set(ALGORITHMS):
            raise InputError(
                f"Tokens cannot be checked by {', '.join(sorted(wrong))}.", hint=f"Use {', '.join(ALGORITHMS)}."
            )
        self._keys = keys
        self._issuer, self._audience = issuer, audience
        self._algorithms = list(algorithms)
        self._names = names or ClaimNames()
        self._leeway = timedelta(seconds=leeway)
        self._spent = spent

    async def read(self, token: str) -> Caller | None:
        """Return who a token was given to; `None` when it does not count. Raises `TokenServiceError` without keys."""
        try:
            return await self.check(token)
        except WrongTokenError:
            return None

    async def check(self, token: str) -> Caller:
        """Return who a token was given to. Raises `WrongTokenError`, which says why it does not count."""
        claims = await self._claims(token)
        now = clock.now()
        expires, begins, made = (moment_of(claims, name) for name in ("exp", "nbf", "iat"))
        if expires is None or now >= expires + self._leeway:
            raise WrongTokenError("The token has run out.")
        if any(one is not None and one > now + self._leeway for one in (begins, made)):
            raise WrongTokenError("The token does not count yet.")
        caller = caller_of(claims, self._names)
        if self._spent is not None:
            jti = claims.get("jti")
            if not isinstance(jti, str) or not jti:
                raise WrongTokenError("The token has no `jti`, so nobody can tell whether it was used.")
            if not await self._spent.spend(f"{self._issuer} {jti}", expires + self._leeway):
                raise WrongTokenError("The token was used before.")
        return caller

    async def _claims(self, token: str) -> dict[str, Any]:
        """Return the claims under a good signature, for us."""
        if len(token) > LONGEST_TOKEN:
            raise WrongTokenError("The token is too long.")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError):
            raise WrongTokenError("The token is no JWT.") from None
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if algorithm not in self._algorithms:
            raise WrongTokenError("The token is signed in a way that does not count here.")
        if "crit" in header or not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise WrongTokenError("The token is of a kind that does not count here.")
        key = await self._keys.find(kid if isinstance(kid, str) else None, algorithm)
        if key is None:
            raise WrongTokenError("The token's key is not the platform's.")
        options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp", "iss", "aud"]}
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                options=options,  # type: ignore[arg-type]  # pyjwt's options are a closed dict
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise WrongTokenError(f"The token does not count: {type(error).__name__}.") from None
        return claims


def token_reader(settings: Settings, keys: Path, records: Records | None = None) -> TokenReader | None:
    """Return what reads the platform's tokens, by the settings; `None` when they say nothing about tokens.

    Raises `InputError` for settings that do not go together.
    """
    names = ClaimNames(settings.token_app_claims, settings.token_person_claims)
    if settings.token_jwks is not None:
        if settings.token_issuer is None or settings.token_audience is None:
            raise InputError(
                "`token_jwks` needs `token_issuer` and `token_audience`: else tokens for others would count here.",
                hint="Set both in ombud.toml.",
            )
        spent: Spent | None = None
        if settings.token_once:
            spent = SpentHere() if records is None else RecordsSpent(records)
        return JwtVerifier(
            KeySet(settings.token_jwks),
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            algorithms=settings.token_algorithms,
            names=names,
            leeway=settings.token_leeway_seconds,
            spent=spent,
        )
    if settings.token_introspection_url is None:
        return None
    try:
        secret = (keys / SECRET_FILE).read_text().strip()
    except OSError as error:
        raise InputError(
            f"The secret for `token_introspection_url` is not in {keys / SECRET_FILE}: {error.strerror}.",
            hint="Put it there, readable by its owner only.",
        ) from error
    return Introspector(
        settings.token_introspection_url,
        settings.token_introspection_client,
        secret,
        names=names,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        cache_seconds=settings.token_cache_seconds,
        client=httpx.AsyncClient(timeout=3.0, follow_redirects=False),
    )
