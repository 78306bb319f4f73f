"""A witness on the network: its own small server, apart from the platform's."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    import socket

    from starlette.requests import Request

    from ombud.ledger.witness import Witness

__all__ = ["MAX_BODY", "create_app", "serve"]

MAX_BODY = 64 * 1024
"""bytes of a request: the longest proof takes 3 kB, a checkpoint with sixteen ML-DSA-44 signatures 54 kB"""
BODY_SECONDS = 10.0
"""how long a request may take to arrive"""
MOST_AT_ONCE = 200

_log = logging.getLogger(__name__)


def create_app(witness: Witness) -> Starlette:
    """Return the server's app: `add-checkpoint`, the newest checkpoint of each log, and the witness's keys."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            body = await asyncio.wait_for(_body(request), BODY_SECONDS)
        except TimeoutError:
            return PlainTextResponse("The request did not arrive in time.\n", HTTPStatus.REQUEST_TIMEOUT)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        if body is None:
            return PlainTextResponse(
                f"A request has at most {MAX_BODY:,} bytes.\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            )
        answer = await run_in_threadpool(witness.add_checkpoint, body)
        _log.info("add-checkpoint %d", answer.status)
        # the type as it is: Starlette would add a charset to one given as `media_type`
        return Response(answer.body, answer.status, {"content-type": answer.media_type})

    def checkpoint(request: Request) -> Response:
        note = witness.latest(request.path_params["log"])
        if note is None:
            return PlainTextResponse("Nothing was cosigned of this log.\n", HTTPStatus.NOT_FOUND)
        return PlainTextResponse(note, headers={"cache-control": "no-cache"})

    def keys(request: Request) -> Response:
        del request
        return PlainTextResponse("".join(f"{cosigner.vkey}\n" for cosigner in witness.cosigners))

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{log}/checkpoint", checkpoint),
            Route("/vkey", keys),
        ]
    )


async def _body(request: Request) -> bytes | None:
    """Return the request's body; None as soon as it is too large."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > MAX_BODY:
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def serve(witness: Witness, listener: socket.socket) -> None:
    """Answer on a listening socket until the process is told to end."""
    config = uvicorn.Config(
        create_app(witness),
        access_log=False,
        log_config=None,
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=30,
    )
    uvicorn.Server(config).run(sockets=[listener])
