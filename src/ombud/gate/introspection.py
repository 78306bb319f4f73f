"""Tokens that only the platform can read: it is asked (RFC 7662), and its answers are remembered for a while."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import msgspec

from ombud.gate.claims import Caller, ClaimNames, TokenServiceError, WrongTokenError, caller_of, moment_of
from ombud.gate.jwks import TIMEOUT, fetch, plain_address
from ombud.model import clock

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["LONGEST_TOKEN", "Introspector"]

LONGEST_TOKEN = 16_384


class _Known(NamedTuple):
    caller: Caller | None
    until: datetime


class Introspector:
    """Asks the platform about tokens. Tokens are kept by hash; a token that runs out is forgotten at that moment."""

    def __init__(
        self,
        url: str,
        client_id: str,
        secret: str,
        *,
        names: ClaimNames | None = None,
        issuer: str | None = None,
        audience: str | None = None,
        cache_seconds: float = 30.0,
        wrong_seconds: float = 5.0,
        most: int = 100_000,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        """Take where to ask and as whom; what is checked of the answer, and how long it is believed.

        `cache_seconds` is how long a token that the platform withdrew may still count here.
        """
        self.url = plain_address(url)
        self._auth = httpx.BasicAuth(client_id, secret)
        self._names = names or ClaimNames()
        self._issuer, self._audience = issuer, audience
        self._right, self._wrong = timedelta(seconds=cache_seconds), timedelta(seconds=wrong_seconds)
        self._most = most
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Caller | None]] = {}

    async def read(self, token: str) -> Caller | None:
        """Return who a token was given to; `None` when it does not count.

        Raises `TokenServiceError` when the platform cannot be asked: then it does not count either.
        """
        if not 0 < len(token) <= LONGEST_TOKEN or not token.isascii() or not token.isprintable():
            return None
        name = hashlib.sha256(token.encode()).digest()
        known = self._known.get(name)
        if known is not None:
            if clock.now() < known.until:
                self._known.move_to_end(name)
                return known.caller
            del self._known[name]
        task = self._asking.get(name)
        if task is None:  # those who come with the same token meanwhile wait for one answer
            task = self._asking[name] = asyncio.create_task(self._ask(name, token))
            task.add_done_callback(lambda _: self._asking.pop(name, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def forget(self) -> None:
        """Forget every answer."""
        self._known.clear()

    async def _ask(self, name: bytes, token: str) -> Caller | None:
        form = {"token": token, "token_type_hint": "access_token"}
        asked = {"data": form, "auth": self._auth, "headers": {"Accept": "application/json"}}
        raw = await fetch(self._client, "POST", self.url, **asked)
        now = clock.now()
        try:
            claims = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise TokenServiceError(f"{self.url} did not answer as RFC 7662 says.") from None
        try:
            caller = self._caller(claims, now)
        except WrongTokenError:
            caller = None
        until = now + (self._wrong if caller is None else self._right)
        if caller is not None and caller.expires_at is not None:
            until = min(until, caller.expires_at)
        self._known[name] = _Known(caller, until)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return caller

    def _caller(self, claims: dict[str, Any], now: datetime) -> Caller | None:
        if claims.get("active") is not True:
            return None
        begins = moment_of(claims, "nbf")
        audience = claims.get("aud", [])
        named = [audience] if isinstance(audience, str) else audience
        if (
            (begins is not None and begins > now)
            or (self._issuer is not None and claims.get("iss") != self._issuer)
            or (self._audience is not None and (not isinstance(named, list) or self._audience not in named))
        ):
            return None
        caller = caller_of(claims, self._names)
        return None if caller.expires_at is not None and caller.expires_at <= now else caller
