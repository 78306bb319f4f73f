"""One connection: a request's head has a largest size and a longest time, which uvicorn itself does not ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["HEAD_BYTES", "HEAD_SECONDS", "GuardedLine"]

HEAD_BYTES = 32 * 1024
"""Bytes of a request's first line and headers, at most."""
HEAD_SECONDS = 10.0
"""Time that they may take."""


class _TooLargeError(Exception):
    """The head is too large; the parser turns this into a 400."""


class GuardedLine(HttpToolsProtocol):
    """uvicorn's connection, with an end to waiting and to listening."""

    _head = True
    """whether a request's head is awaited or under way"""
    _size = 0
    _timer: asyncio.TimerHandle | None = None

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
        if self._head and self._size > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._head, self._size = True, 0
        self._wait()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the first line."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._grow(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the request begin."""
        self._head, self._size = False, 0
        self._arrived()
        super().on_headers_complete()

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
