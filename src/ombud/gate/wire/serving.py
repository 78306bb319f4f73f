"""Serve the gate with uvicorn on uvloop and httptools, and let it end in order."""

from __future__ import annotations

import gc
import logging
import signal
import ssl
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from ombud.gate.wire.line import GuardedLine
from ombud.model.errors import InputError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

    from starlette.types import ASGIApp

__all__ = ["CONNECTIONS", "run_server"]

CONNECTIONS = 2_000
"""Requests and connections at once, at most; more are told 503."""
_KEEP_ALIVE = 30
"""Seconds that an idle connection stays."""
_SWITCH = 0.000_1
"""Seconds for which the recorder's threads may keep the interpreter while a request waits."""
_GRACE = 10
"""Seconds that requests under way have when the server ends."""


def run_server(
    app: ASGIApp, listener: socket.socket, *, certificate: Path | None = None, key: Path | None = None
) -> None:
    """Serve on a listening socket until interrupted; with a certificate, by HTTPS.

    Nothing of a request is logged. Raises `InputError` for a certificate or
    key that cannot be used.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=GuardedLine,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
        ssl_certfile=str(certificate) if certificate is not None else None,
        ssl_keyfile=str(key) if key is not None else None,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"The certificate cannot be used: {type(error).__name__}.",
            hint="Name a PEM file with --certificate, and its key with --key.",
        ) from error
    if config.is_ssl and config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    sys.setswitchinterval(_SWITCH)
    gc.collect()
    gc.freeze()  # what stays for the whole life is not looked at again
    with _ended_by(signal.SIGTERM, signal.SIGINT):
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _ended_by(*signals: signal.Signals) -> Iterator[None]:
    """Let a signal end the server, and not the process: what is open around it is closed in order.

    uvicorn ends by a signal, and raises it once more when it has ended.
    """
    kept = {number: signal.signal(number, _ignore) for number in signals}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _ignore(number: int, frame: FrameType | None) -> None:
    del number, frame
