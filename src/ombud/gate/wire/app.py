"""The gate as an ASGI application: routes by a table, callers by their keys, errors without data."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ombud.gate.wire.callers import DECIDE
from ombud.gate.wire.discovery import PATHS, configuration, well_known_path
from ombud.gate.wire.exchange import Exchange, GoneError, Reply, bearer_of, json_reply, text_reply
from ombud.gate.wire.faults import WireError
from ombud.gate.wire.nginx import KEY_HEADER, answer_nginx
from ombud.gate.wire.openapi import document
from ombud.gate.wire.routes import BODY, NGINX_PATH, QUESTIONS, Health, PlainRoute, QuestionRoute, plain_routes
from ombud.gate.wire.strict import decode, read_object
from ombud.model.errors import OmbudError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from ombud.gate.wire.callers import Access, Caller, CallerKeys
    from ombud.gate.wire.point import DecisionPoint

__all__ = ["PROMPT_PATH", "GateApp", "Settings"]

_LOG = logging.getLogger("ombud.gate")
_CHALLENGE = ((b"www-authenticate", b"Bearer"),)
_REFRESH = 1.0
PROMPT_PATH = PATHS["access_evaluation_endpoint"]
"""The one route of which `at_once` may be asked."""
_JSON_TYPE = b"application/json"
_MAY_DECIDE = frozenset(DECIDE)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the gate is told at its start."""

    url: str = "http://127.0.0.1:8100"
    body_seconds: float = 10.0
    """time that a body may take to arrive"""


def _nothing() -> None:
    """Do nothing."""


@dataclass(slots=True)
class GateApp:
    """Answers HTTP requests. `healthy` says whether it can decide; `policy` gives the hash in force."""

    point: DecisionPoint
    callers: CallerKeys
    settings: Settings = field(default_factory=Settings)
    policy: Callable[[], str] = str
    healthy: Callable[[], bool] = lambda: True
    refresh: Callable[[], None] = _nothing
    """called each second"""
    stop: Callable[[], None] = _nothing
    _plain: dict[str, PlainRoute] = field(init=False)
    _documents: dict[str, Reply] = field(init=False)

    def __post_init__(self) -> None:
        """Make the documents that do not change."""
        well_known = well_known_path(self.settings.url)
        self._plain = plain_routes(well_known)
        self._documents = {
            well_known: json_reply(configuration(self.settings.url)),
            "/openapi.json": json_reply(document(self.settings.url)),
        }
        self.callers.refresh()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the server."""
        if scope["type"] == "http":
            exchange = Exchange.begin(scope, receive, send)
            with contextlib.suppress(GoneError):
                await exchange.answer(await self._reply(exchange))
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    def at_once(self, headers: Mapping[bytes, bytes], body: bytes, answer: Callable[[Reply], None]) -> bool:
        """Answer a question of `PROMPT_PATH` that came whole, now or when it is on record, without a task.

        `headers` has each header once. Returns False when the question must be asked as any other request; then
        nothing was done. What stands in the way of a good answer is said there, and not here.
        """
        if headers.get(b"content-type") != _JSON_TYPE or len(body) > BODY:
            return False
        caller = self.callers.find(bearer_of(headers) or "")
        if caller is None or not caller.rights & _MAY_DECIDE:
            return False
        try:
            found = self.point.at_once(body)
            if found is None:
                return False
            told, kept = found
            reply = json_reply(told)
        except Exception as error:  # noqa: BLE001 - the last line: no data and no traceback may leave
            answer(_failed(error))
            return True
        if kept is None:
            answer(reply)
        else:
            kept.add_done_callback(lambda future: answer(_reply_after(future, reply)))
        return True

    async def _reply(self, exchange: Exchange) -> Reply:
        """Return the answer to a request, whatever goes wrong; no error repeats what was asked."""
        try:
            return await self._routed(exchange)
        except WireError as error:
            return text_reply(error.status, error.message, error.headers)
        except GoneError:
            raise
        except Exception as error:  # noqa: BLE001 - the last line: no data and no traceback may leave
            return _failed(error)

    async def _routed(self, exchange: Exchange) -> Reply:
        path = exchange.scope["path"]
        route = QUESTIONS.get(path)
        if route is not None:
            return await self._question(exchange, route)
        plain = self._plain.get(path)
        if plain is None:
            return text_reply(404, "There is nothing here.")
        if exchange.scope["method"] not in {"GET", "HEAD", "POST"} or (
            exchange.scope["method"] == "POST" and path != NGINX_PATH
        ):
            return text_reply(405, "This takes GET.", ((b"allow", b"GET, HEAD"),))
        exchange.check_headers()
        if path == NGINX_PATH:
            return await self._nginx(exchange)
        if path == "/health":
            return self._health()
        return self._documents[path]

    async def _question(self, exchange: Exchange, route: QuestionRoute) -> Reply:
        if exchange.scope["method"] != "POST":
            return text_reply(405, "This takes POST.", ((b"allow", b"POST"),))
        exchange.check_headers()
        self._admit(exchange.bearer(), route.access)
        _check_content_type(exchange.text(b"content-type"))
        if exchange.headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            raise WireError("A compressed body is not taken.", status=415)
        body = await exchange.body(route.limit, self.settings.body_seconds)
        read_object(body)
        return json_reply(await route.handle(self.point, decode(body, route.decoder)))

    async def _nginx(self, exchange: Exchange) -> Reply:
        try:
            self._admit(
                exchange.headers.get(KEY_HEADER, b"").decode("ascii", "replace"), self._plain[NGINX_PATH].access
            )
        except WireError:
            # 401 would reach the app, which can do nothing about the platform's own key
            return text_reply(403, "nginx's key is not known here.", ((b"x-ombud-reason", b"unknown-caller"),))
        return await answer_nginx(exchange, self.point.reads, self.point.tokens)

    def _admit(self, key: str | None, access: Access) -> Caller:
        """Return who asks. Raises `WireError`: 401 without a known key, 403 without the right."""
        caller = self.callers.find(key) if key else None
        if caller is None:
            raise WireError("A key of the platform's services is needed.", status=401, headers=_CHALLENGE)
        if isinstance(access, frozenset) and not access & caller.rights:
            raise WireError("This caller may not ask that.", status=403)
        return caller

    def _health(self) -> Reply:
        fine = self.healthy()
        reply = json_reply(Health(ok=fine, policy=self.policy()))
        return reply if fine else Reply(503, reply.body, reply.headers)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start and stop with the server."""
        await receive()
        watching = asyncio.create_task(self._watch())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await asyncio.to_thread(self.stop)
        await send({"type": "lifespan.shutdown.complete"})

    async def _watch(self) -> None:
        """Notice callers that come and go, and whatever else changes."""
        while True:
            await asyncio.sleep(_REFRESH)
            for look in (self.callers.refresh, self.refresh):
                try:
                    look()
                except OmbudError as error:
                    _LOG.error("what changed cannot be taken over: %s", type(error).__name__)


def _reply_after(kept: asyncio.Future[None], reply: Reply) -> Reply:
    """Return the answer to a read, unless it is not on record."""
    error = asyncio.CancelledError() if kept.cancelled() else kept.exception()
    return reply if error is None else _failed(error)


def _failed(error: BaseException) -> Reply:
    """Return the answer when something went wrong; of what was asked it says nothing, and the log neither."""
    if isinstance(error, OmbudError):
        _LOG.error("a request was refused: %s", type(error).__name__)
        return text_reply(503, "The gate cannot decide this or put it on record now, so nothing goes out.")
    trace = traceback.extract_tb(error.__traceback__)
    name, line = (trace[-1].name, trace[-1].lineno) if trace else ("nowhere", 0)
    _LOG.error("a request failed: %s in %s, line %s", type(error).__name__, name, line)
    return text_reply(500, "The gate could not answer. Nothing goes out.")


def _check_content_type(value: str) -> None:
    kind, _, parameters = value.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise WireError("The content type must be application/json.")
