"""One exchange over HTTP: its headers once each, its body within bounds and time, and the answer sent whole."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ombud.gate.wire.faults import WireError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence
    from typing import Any

    from starlette.types import Receive, Scope, Send

__all__ = [
    "REQUEST_ID",
    "Exchange",
    "GoneError",
    "Headers",
    "Reply",
    "bearer_of",
    "headers_of",
    "json_reply",
    "text_reply",
]

Headers = tuple[tuple[bytes, bytes], ...]

_ONCE = frozenset({b"host", b"content-type", b"content-length", b"content-encoding", b"authorization", b"x-request-id"})
_OURS = b"x-ombud-"
_ALWAYS: Headers = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
REQUEST_ID = b"x-request-id"
_LONGEST_ID = 512
"""Characters of a request id, at most."""
_ENCODE = msgspec.json.Encoder().encode


class GoneError(Exception):
    """The caller has hung up."""


class Reply(msgspec.Struct, frozen=True):
    """What goes back."""

    status: int
    body: bytes = b""
    headers: Headers = ()


def json_reply(value: object, headers: Headers = ()) -> Reply:
    """Return `value` as a JSON answer."""
    return Reply(200, _ENCODE(value), (_JSON, *headers))


def text_reply(status: int, message: str, headers: Headers = ()) -> Reply:
    """Return an error as AuthZEN asks: a status, and a message as the body."""
    return Reply(status, message.encode(), (_TEXT, *headers))


def bearer_of(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the token of an `Authorization: Bearer` header."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip():
        return None
    return token.strip().decode("ascii", "replace")


def headers_of(reply: Reply, request_id: bytes | None) -> list[tuple[bytes, bytes]]:
    """Return all headers of an answer, with the caller's request id unless that is too long."""
    headers = [*reply.headers, *_ALWAYS, (b"content-length", b"%d" % len(reply.body))]
    if request_id and len(request_id) <= _LONGEST_ID:
        headers.append((REQUEST_ID, request_id))
    return headers


@dataclass(slots=True)
class Exchange:
    """A request, and the way to answer it."""

    scope: Scope
    receive: Receive
    send: Send
    headers: dict[bytes, bytes]

    @classmethod
    def begin(cls, scope: Scope, receive: Receive, send: Send) -> Exchange:
        """Take a request; `headers` holds the last of each name until `check_headers`."""
        return cls(scope, receive, send, dict(scope["headers"]))

    def check_headers(self) -> None:
        """Refuse what two parties could read differently. Raises `WireError` (400)."""
        pairs: Sequence[tuple[bytes, bytes]] = self.scope["headers"]
        if len(self.headers) != len(pairs):
            names = [name for name, _ in pairs]
            for name in self.headers:
                if (name in _ONCE or name.startswith(_OURS)) and names.count(name) > 1:
                    raise WireError(f"The header {name.decode()} stands twice.")
        if b"transfer-encoding" in self.headers and b"content-length" in self.headers:
            raise WireError("The request has both a length and a transfer coding.")

    def text(self, name: bytes) -> str:
        """Return a header as UTF-8, empty when absent. Raises `WireError` (400)."""
        try:
            return self.headers.get(name, b"").decode()
        except UnicodeDecodeError:
            raise WireError(f"The header {name.decode()} is not UTF-8.") from None

    def bearer(self) -> str | None:
        """Return the token of an `Authorization: Bearer` header."""
        return bearer_of(self.headers)

    async def body(self, limit: int, seconds: float) -> bytes:
        """Return the body. Raises `WireError`: 413 over `limit` bytes, 408 when it takes too long."""
        announced = self.headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            raise WireError(f"The body is larger than {limit:,} bytes.", status=413)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise GoneError
                    part = message.get("body", b"")
                    size += len(part)
                    if size > limit:
                        raise WireError(f"The body is larger than {limit:,} bytes.", status=413)
                    if part:
                        parts.append(part)
                    if not message.get("more_body", False):
                        return parts[0] if len(parts) == 1 else b"".join(parts)
        except TimeoutError:
            raise WireError("The body took too long to arrive.", status=408) from None

    async def answer(self, reply: Reply) -> None:
        """Send the answer, with the caller's request id."""
        headers = headers_of(reply, self.headers.get(REQUEST_ID))
        if reply.status in {408, 413}:
            headers.append((b"connection", b"close"))  # the rest of the body is not read as another request
        start: MutableMapping[str, Any] = {"type": "http.response.start", "status": reply.status, "headers": headers}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": reply.body})
