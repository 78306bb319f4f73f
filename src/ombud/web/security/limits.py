"""Limit what one client can ask: the size of a body, the rate of sign-ins."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ANSWERS_BYTES", "BODY_BYTES", "Attempts", "BodyLimit"]

BODY_BYTES = 64 * 1024
"""A note of 20,000 characters fits; nothing else that people fill in is larger but a developer's answers."""
ANSWERS_AT = "/developer/answer/"
ANSWERS_BYTES = 2 * 1024 * 1024
"""Forty answers of 5,000 characters each fit in any script: a form writes up to nine bytes a character."""


class BodyLimit:
    """Refuse bodies over `limit` bytes with status 413, whether or not their length is announced.

    What a developer answers may be longer: who is heard is heard out.
    """

    def __init__(self, app: ASGIApp, limit: int = BODY_BYTES) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a changing request's body up to the limit, then pass it on whole."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        limit = max(self.limit, ANSWERS_BYTES) if scope["path"].startswith(ANSWERS_AT) else self.limit
        body = bytearray()
        more = True
        too_large = announced.isdigit() and int(announced) > limit
        while more and not too_large:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            too_large = len(body) > limit
        if too_large:
            text = f"The request is larger than {limit:,} bytes.\n"
            await PlainTextResponse(text, status_code=413)(scope, receive, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)


class Attempts:
    """Count failed sign-ins per client and per name in a sliding window, in memory.

    Names are kept as hashes only. After `allowed` failures within `seconds`
    the next attempt must wait; a success clears the name's count.
    """

    _KEPT = 10_000

    def __init__(self, allowed: int = 10, seconds: float = 900.0) -> None:
        self.allowed = allowed
        self.seconds = seconds
        self._failures: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    @staticmethod
    def _keys(client: str, name: str) -> tuple[str, str]:
        return (f"client:{client}", "name:" + hashlib.sha256(name.casefold().encode()).hexdigest())

    def _recent(self, key: str, now: float) -> list[float]:
        return [moment for moment in self._failures.get(key, []) if now - moment < self.seconds]

    def wait(self, client: str, name: str) -> int:
        """Return the seconds until another attempt is allowed; 0 when it is allowed now."""
        now = time.monotonic()
        with self._lock:
            waits = [0.0]
            for key in self._keys(client, name):
                recent = self._recent(key, now)
                if len(recent) >= self.allowed:
                    waits.append(self.seconds - (now - recent[-self.allowed]))
        return int(max(waits) + 0.999)

    def failed(self, client: str, name: str) -> None:
        """Count one failure."""
        now = time.monotonic()
        with self._lock:
            if len(self._failures) > self._KEPT:
                self._failures = {key: kept for key in self._failures if (kept := self._recent(key, now))}
            for key in self._keys(client, name):
                self._failures[key] = [*self._recent(key, now), now]

    def succeeded(self, client: str, name: str) -> None:
        """Forget the failures of this name and client."""
        with self._lock:
            for key in self._keys(client, name):
                self._failures.pop(key, None)
