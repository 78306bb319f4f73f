"""One connection: a request's head has a largest size and a longest time, which uvicorn itself does not ask for.

A question that came whole and is as most are is handed to the gate itself,
and answered without a task and without the steps of ASGI, which cost as much
as the decision. All else, and all that is wrong in any way, is uvicorn's.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.httptools_impl import HEADER_VALUE_RE, STATUS_LINE, HttpToolsProtocol

from ombud.gate.wire.app import PROMPT_PATH
from ombud.gate.wire.exchange import REQUEST_ID, headers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from ombud.gate.wire.exchange import Reply

    AtOnce = Callable[[Mapping[bytes, bytes], bytes, Callable[[Reply], None]], bool]

__all__ = ["HEAD_BYTES", "HEAD_SECONDS", "GuardedLine"]

HEAD_BYTES = 32 * 1024
"""Bytes of a request's first line and headers, at most."""
HEAD_SECONDS = 10.0
"""Time that they may take."""
_PATH = PROMPT_PATH.encode()
_UNUSUAL = frozenset({b"expect", b"upgrade", b"transfer-encoding", b"content-encoding"})


class _TooLargeError(Exception):
    """The head is too large; the parser turns this into a 400."""


class _Waiting:
    """A question whose answer waits for the record, as uvicorn looks at requests that are under way."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")
    message_event = asyncio.Event()
    """set when the caller has gone; nobody waits for it"""

    def __init__(self) -> None:
        self.disconnected = self.response_complete = False
        self.keep_alive = True


class GuardedLine(HttpToolsProtocol):
    """uvicorn's connection, with an end to waiting and to listening."""

    _head = True
    """whether a request's head is awaited or under way"""
    _size = 0
    _timer: asyncio.TimerHandle | None = None
    _held = False
    """whether uvicorn does not know yet of the request that is being read"""
    _body = b""

    def __init__(self, *given: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        """Take what uvicorn gives."""
        super().__init__(*given, **options)
        self._at_once: AtOnce | None = getattr(self.app, "at_once", None)
        self._lines: list[tuple[bytes, bytes]] = []
        self._named: dict[bytes, bytes] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless too many of them are not yet a head."""
        if self._head:
            self._size += len(data)
        super().data_received(data)
        if self.transport.is_closing():  # what came was no request, or the last one
            return
        if self._head:
            if self._size > HEAD_BYTES:
                self.send_400_response("The head of the request is too large.")
            elif self._timer is None:
                self._wait()
        elif self._held:  # the rest of the body is still to come
            self._hand_over()
        elif self._timer is None and self._is_idle():  # empty lines: they have no end of their own
            self._wait()

    def _is_idle(self) -> bool:
        """Say whether nothing is under way, and no time is set for the next request."""
        return self.timeout_keep_alive_task is None and (self.cycle is None or self.cycle.response_complete)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._head, self._size = True, 0
        self._held = True
        self._url = self._body = b""
        self._lines = []

    def on_url(self, url: bytes) -> None:
        """Take a part of the first line."""
        self._grow(len(url))
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._grow(len(name) + len(value))
        self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """Let the request begin."""
        self._head, self._size = False, 0
        self._arrived()
        if not self._is_usual():
            self._hand_over()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._held:
            self._body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer the request, or let uvicorn have it."""
        if self._held:
            if self._answer():
                self._held = False
                return
            self._hand_over()
        super().on_message_complete()

    # What is answered at once -------------------------------------------------

    def _is_usual(self) -> bool:
        """Say whether the head is one of a plain question, and nothing else is under way on this connection."""
        if self._at_once is None or self._url != _PATH or self.parser.get_method() != b"POST":
            return False
        named = self._named = {name.lower(): value for name, value in self._lines}
        request_id = named.get(REQUEST_ID)
        limit = self.limit_concurrency
        return (
            len(named) == len(self._lines)
            and named.keys().isdisjoint(_UNUSUAL)
            and named.get(b"connection", b"keep-alive").lower() == b"keep-alive"
            and (request_id is None or not HEADER_VALUE_RE.search(request_id))
            and (self.cycle is None or self.cycle.response_complete)
            and self.parser.get_http_version() == "1.1"
            and not self.flow.write_paused
            and (limit is None or max(len(self.connections), len(self.tasks)) < limit)
        )

    def _answer(self) -> bool:
        """Ask the gate; return False when it wants the request as any other."""
        waiting = _Waiting()
        request_id = self._named.get(REQUEST_ID)

        def answer(reply: Reply) -> None:
            self._send(reply, request_id, waiting)

        if self._at_once is None or not self._at_once(self._named, self._body, answer):
            return False
        if not waiting.response_complete:
            self.cycle = cast("RequestResponseCycle", waiting)
        return True

    def _send(self, reply: Reply, request_id: bytes | None, waiting: _Waiting) -> None:
        waiting.response_complete = True
        if waiting.disconnected or self.transport.is_closing():
            return
        parts = [STATUS_LINE[reply.status]]
        for name, value in (*self.server_state.default_headers, *headers_of(reply, request_id)):
            parts += (name, b": ", value, b"\r\n")
        parts += (b"\r\n" if waiting.keep_alive else b"connection: close\r\n\r\n", reply.body)
        self.transport.write(b"".join(parts))
        if not waiting.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _hand_over(self) -> None:
        """Let uvicorn have the request, as far as it was read."""
        self._held = False
        super().on_message_begin()
        super().on_url(self._url)
        for name, value in self._lines:
            super().on_header(name, value)
        super().on_headers_complete()
        if self._body:
            super().on_body(self._body)

    # How long and how large a head may be -------------------------------------

    def _grow(self, count: int) -> None:
        self._size += count
        if self._size > HEAD_BYTES:
            raise _TooLargeError

    def _wait(self) -> None:
        self._arrived()
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
