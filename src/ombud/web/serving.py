"""Serve the app with uvicorn, and run the background worker beside it."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from ombud.model.errors import InputError, RefusedError
from ombud.records import open_records, users
from ombud.records.worker import run as run_worker
from ombud.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ombud.model.workspace import Workspace
    from ombud.records.worker import Handler

__all__ = ["bind", "serve"]


def bind(host: str, port: int, option: str = "--port") -> socket.socket:
    """Return a listening socket; one sentence says why when it cannot be had. Port 0 takes a free one."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise InputError(
            f"`{host}` is no address of this machine.", hint="Use 127.0.0.1 for this machine only."
        ) from error
    listener = socket.socket(family, kind, proto)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise RefusedError(
                f"Port {port} of {host} is in use by another program.",
                hint=f"End that program, or choose another port with `{option}` (0 takes a free one).",
            ) from error
        if error.errno == errno.EACCES:
            raise RefusedError(
                f"Port {port} of {host} may only be used by root.", hint=f"Choose one from 1024 with `{option}`."
            ) from error
        raise InputError(
            f"Cannot listen on port {port} of {host}: {error.strerror}.", hint="Use 127.0.0.1 for this machine only."
        ) from error
    return listener


def _welcome(workspace: Workspace, address: str) -> str:
    """Return what is printed when the server stands: where to go, and the first-run token while there is no admin."""
    with open_records(workspace) as records, records.begin() as tx:
        token = users.first_run_token(tx)
    lines = [
        f"Ombud serves {workspace.root} on {address}",
        f"  public pages  {address}/",
        f"  console       {address}/console",
    ]
    if token is not None:
        lines.append(f"  first run     {address}/first-run?given={token}")
    return "\n".join([*lines, "Ctrl-C ends it."])


def serve(
    workspace: Workspace,
    host: str | None = None,
    port: int | None = None,
    *,
    worker: bool = True,
    handlers: Mapping[str, Handler] | None = None,
    say: Callable[[str], object] | None = None,
) -> None:
    """Serve until interrupted. `say` gets the lines to print once the address is known; `handlers` are the worker's.

    Raises the records' errors, `RefusedError` for a port in use, `InputError` for a wrong address.
    """
    host = workspace.settings.host if host is None else host
    port = workspace.settings.port if port is None else port
    app = create_app(workspace)
    listener = bind(host, port)
    actual = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - only shown
    (say or print)(_welcome(workspace, f"http://{shown}:{actual}"))
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app, access_log=False, log_config=None, server_header=False, proxy_headers=True, forwarded_allow_ips="127.0.0.1"
    )
    stop = threading.Event()
    thread = None
    if worker:
        thread = threading.Thread(
            target=run_worker, args=(app.state.house.records, handlers or {}, stop), name="ombud-worker", daemon=True
        )
        thread.start()
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        stop.set()
        if thread is not None:
            thread.join(timeout=10)
        listener.close()
        app.state.house.records.close()
