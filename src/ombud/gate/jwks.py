"""The platform's public keys: a JSON Web Key Set (RFC 7517), fetched again when a key is missing, and rarely."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ombud.gate.claims import TokenServiceError
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LARGEST", "KeySet", "fetch", "plain_address"]

LIFETIME, DEAD, REFRESH = 3_600.0, 86_400.0, 30.0
"""Seconds after which keys are fetched again, after which old ones do not count, and between two fetches."""
TIMEOUT = httpx.Timeout(3.0)
LARGEST = 256_000
_LEAST_RSA_BITS = 2_048
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_KINDS = {"RSA", "EC", "OKP"}


class KeySet:
    """Keys by their id. Symmetric keys in the set are never taken: anyone who reads the set has them."""

    def __init__(
        self, place: str, client: httpx.AsyncClient | None = None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the set's address (HTTPS, or HTTP on this machine) or file. Raises `InputError` for anything else."""
        self.place = place if not _is_address(place) else plain_address(place)
        self._client = client
        self._now = now
        self._keys: dict[str | None, list[jwt.PyJWK]] = {}
        self._fetched = self._tried = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return the key of this id that can check `algorithm`; without an id the only one that can.

        A key that is not known lets the set be fetched again, at most every half minute. Raises
        `TokenServiceError` when no keys could be fetched for a day.
        """
        found = self._match(kid, algorithm)
        age = self._now() - self._fetched
        if found is None or age > LIFETIME:
            await self._refresh()
            found = self._match(kid, algorithm)
        if self._now() - self._fetched > DEAD:
            raise TokenServiceError("The platform's keys cannot be fetched.", hint="Check `token_jwks`.")
        return found

    def _match(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        if kid is None:
            every = [key for keys in self._keys.values() for key in keys if key.algorithm_name == algorithm]
            return every[0] if len(every) == 1 else None
        return next((key for key in self._keys.get(kid, ()) if key.algorithm_name == algorithm), None)

    async def _refresh(self) -> None:
        async with self._lock:
            if self._now() - self._tried < REFRESH:
                return
            self._tried = self._now()
            try:
                raw = await self._read()
                keys = _taken(raw)
            except TokenServiceError:
                if self._now() - self._fetched > DEAD:
                    raise
                return
            self._keys, self._fetched = keys, self._now()

    async def _read(self) -> bytes:
        if not _is_address(self.place):
            try:
                return await asyncio.to_thread(Path(self.place).read_bytes)
            except OSError as error:
                raise TokenServiceError(f"The keys in {self.place} cannot be read: {error.strerror}.") from error
        client = self._client or httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        try:
            return await fetch(client, "GET", self.place)
        finally:
            if self._client is None:
                await client.aclose()


async def fetch(client: httpx.AsyncClient, method: str, url: str, **more: Any) -> bytes:  # noqa: ANN401 - as httpx takes them
    """Return the body of a 200 answer, at most 256 kB. Raises `TokenServiceError`, which never names what was sent."""
    try:
        async with client.stream(method, url, **more) as answer:
            if answer.status_code != httpx.codes.OK:
                raise TokenServiceError(f"{url} answered with {answer.status_code}.")
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > LARGEST:
                    raise TokenServiceError(f"{url} answered with more than {LARGEST:,} bytes.")
            return body
    except httpx.HTTPError as error:
        raise TokenServiceError(f"{url} cannot be reached: {type(error).__name__}.") from error


def plain_address(url: str) -> str:
    """Return an address that may be fetched. Raises `InputError`: it must be HTTPS, or HTTP on this machine."""
    parts = urlsplit(url)
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)):
        return url
    raise InputError(f"{url[:200]!r} is no address that may be trusted.", hint="Give one that begins with https://.")


def _is_address(place: str) -> bool:
    return "://" in place


def _taken(raw: bytes) -> dict[str | None, list[jwt.PyJWK]]:
    """Return the usable keys by id. Raises `TokenServiceError` when it is no set, or has none."""
    try:
        document = msgspec.json.decode(raw)
        items = document["keys"]
        usable = [item for item in items if isinstance(item, dict) and item.get("kty") in _KINDS]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise TokenServiceError("What should be a set of keys is none.") from None
    out: dict[str | None, list[jwt.PyJWK]] = {}
    for item in usable:
        if item.get("use", "sig") != "sig":
            continue
        for algorithm in [item["alg"]] if "alg" in item else _algorithms(item):
            try:
                key = jwt.PyJWK(item, algorithm)
            except (jwt.PyJWTError, ValueError, TypeError, KeyError):
                continue
            if isinstance(key.key, RSAPublicKey) and key.key.key_size < _LEAST_RSA_BITS:
                continue
            kid = item.get("kid")
            out.setdefault(kid if isinstance(kid, str) else None, []).append(key)
    if not out:
        raise TokenServiceError("The set holds no key that can be used.")
    return out


def _algorithms(item: dict[str, Any]) -> list[str]:
    """Return what a key without an algorithm may check."""
    if item["kty"] == "RSA":
        return ["RS256", "PS256"]
    if item["kty"] == "OKP":
        return ["EdDSA"]
    return [{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}.get(str(item.get("crv")), "ES256")]
