"""Strip refused fields from the JSON that the platform's own service answers: ASGI middleware, FastAPI dependency.

Whatever cannot be looked at does not go out: a body that is too large, that
is no JSON, that is packed in a way that is not known here, a part of a body,
a place that no shape names. Errors of the service (400 and above) and answers
without a body pass as they are.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from ombud.gate.reasons import SENTENCES
from ombud.gate.request import ReadRequest
from ombud.gate.stripping import UnfitBodyError, is_json, read_body, write_body
from ombud.model.errors import InputError, OmbudError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from re import Pattern

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ombud.gate.asking import Ask
    from ombud.gate.request import Decision
    from ombud.gate.shapes import Shape

__all__ = ["BODY", "GateMiddleware", "Guard", "Who", "gated"]

BODY = 4 * 1024 * 1024
"""Bytes of a body, at most, packed and unpacked."""
PEOPLE = 1_000
"""People in one answer, at most."""
_LOG = logging.getLogger("ombud.gate")
_KEY = "ombud.gate"
_PROBLEM = "application/problem+json"
_DROPPED = ("etag", "content-md5", "digest", "content-digest", "repr-digest", "accept-ranges", "content-encoding")
_NOT_ASKED = frozenset({b"range", b"if-range", b"if-none-match", b"if-modified-since", b"accept-encoding"})
"""What would make the service answer with a part, with nothing, or packed."""
_NO_BODY = frozenset({204, 304})
_PART, _ERRORS = 206, 400


class Who(msgspec.Struct, frozen=True):
    """Who asks the service, as its own sign-in of apps found."""

    app: str
    purpose: str
    through: str | None = None
    region: str | None = None
    key: str | None = None
    acts_for: str | None = None


class _RefusedReadError(HTTPException):
    """Nothing of what was asked for goes out."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(403, "The gate refuses this read.")
        self.problem = _problem(decision)


class _StopError(Exception):
    """The service has sent more than can be looked at."""


@dataclass(slots=True)
class _Visit:
    """One request on its way through the service."""

    gate: GateMiddleware
    shape: Shape | None = None
    decision: Decision | None = None
    by_person: dict[str, Decision] = field(default_factory=dict)
    who: Who | None = None

    async def begin(self, shape: Shape, request: Request, person: str | None) -> Decision | None:
        """Take the shape of the answer; decide now when the person is known. Raises `_RefusedReadError`, 401 or 403."""
        if self.shape is not None:
            raise RefusedError("This request is guarded twice.", hint="Use a guard or the dependency, not both.")
        self.shape = shape
        self.who = await self.gate.who(request)
        if self.who is None:
            raise HTTPException(401, "No app is signed in.", {"WWW-Authenticate": "Bearer"})
        if person is None:
            return None
        self.decision = (await self._decide([person]))[0]
        if self.decision.outcome == "refused":
            raise _RefusedReadError(self.decision)
        return self.decision

    async def strip(self, answer: object) -> object:
        """Return the answer without what is refused; decides first when the people stand in it."""
        shape, decision = self.shape, self.decision
        if shape is None:
            raise RefusedError("This answer has no shape.")
        if decision is not None:
            return shape.strip(answer, lambda _: decision.allowed)
        people = list(dict.fromkeys(shape.people(answer)))
        if len(people) > PEOPLE:
            raise UnfitBodyError("More people are in the answer than can be decided at once.")
        self.by_person = dict(zip(people, await self._decide(people), strict=True)) if people else {}
        by_person = self.by_person
        return shape.strip(answer, lambda name: by_person[name].allowed if name in by_person else ())

    async def _decide(self, people: Sequence[str]) -> list[Decision]:
        if self.who is None or self.shape is None:
            raise RefusedError("Nobody said who asks.")
        by = msgspec.structs.asdict(self.who)
        return await self.gate.ask([ReadRequest(person=name, fields=self.shape.fields, **by) for name in people])


class Guard:
    """A path of the service and the shape of what it answers: `Guard("/people/{person}", shape)`.

    `person` names the part of the path that holds the person's id; a shape
    with `each` finds the people in the answer, and then it is not needed.
    """

    def __init__(self, path: str, shape: Shape, *, person: str = "person") -> None:
        """Take a path with its parameters in braces. Raises `InputError` when none of them is `person`."""
        self._pattern: Pattern[str] = compile_path(path)[0]
        if shape.each is None and person not in self._pattern.groupindex:
            raise InputError(f"The path {path} has no part {{{person}}}.", hint="Name the part that holds the person.")
        self.shape = shape
        self._person = person

    def match(self, path: str) -> tuple[bool, str | None]:
        """Say whether a path is guarded, and whose data it is about, None when that stands in the answer."""
        found = self._pattern.match(path)
        if found is None:
            return False, None
        return True, None if self.shape.each is not None else found.group(self._person)


def gated(shape: Shape, *, person: str = "person") -> Callable[[Request], Awaitable[Decision | None]]:
    """Return a FastAPI dependency that guards one route: `Depends(gated(shape))`; it needs the middleware.

    The route's parameter `person` holds the person's id; with a shape that has
    `each`, the people are found in the answer. It decides before the route
    works; refused entirely, the route never does.
    """

    async def decided(request: Request) -> Decision | None:
        visit = request.scope.get(_KEY)
        if not isinstance(visit, _Visit):
            raise RefusedError("The gate's middleware is missing.", hint="app.add_middleware(GateMiddleware, ...)")
        name = str(request.path_params[person]) if shape.each is None else None
        try:
            return await visit.begin(shape, request, name)
        except OmbudError as error:
            _LOG.error("a read was not decided: %s", type(error).__name__)
            raise HTTPException(503, "The gate gave no answer, so nothing goes out.") from None

    return decided


class GateMiddleware:
    """Strips what the gate refuses. Stands around the service, inside of anything that packs answers."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        ask: Ask,
        who: Callable[[Request], Awaitable[Who | None]],
        guards: Sequence[Guard] = (),
        limit: int = BODY,
        not_json: Literal["refuse", "pass"] = "refuse",
        unguarded: Literal["refuse", "pass"] = "pass",
    ) -> None:
        """Take the service, how to ask the gate, and how to know which app asks.

        `who` returns None when no app is signed in. `not_json` is for guarded
        answers that are no JSON; `unguarded` for answers of routes that no
        guard and no dependency speaks of.
        """
        self.app = app
        self.ask = ask
        self.who = who
        self.guards = tuple(guards)
        self.limit = limit
        self.not_json = not_json
        self.unguarded = unguarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and what it answers back without what is refused."""
        if scope["type"] == "websocket" and any(guard.match(_path(scope))[0] for guard in self.guards):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = _Visit(self)
        headers = [pair for pair in scope["headers"] if pair[0] not in _NOT_ASKED]
        inner: Scope = {**scope, _KEY: visit, "extensions": {}}
        for guard in self.guards:
            guarded, person = guard.match(_path(scope))
            if guarded:
                refusal = await _begun(visit, guard.shape, Request(inner, receive), person)
                if refusal is not None:
                    await refusal(scope, receive, send)
                    return
                inner["headers"] = headers
                break
        answer = _Answer(visit, scope, receive, send)
        with suppress(_StopError):
            await self.app(inner, receive, answer.take)
        await answer.end()


async def _begun(visit: _Visit, shape: Shape, request: Request, person: str | None) -> Response | None:
    """Begin a guarded request; return the answer when it goes no further."""
    try:
        await visit.begin(shape, request, person)
    except HTTPException as error:
        body = error.problem if isinstance(error, _RefusedReadError) else {"title": error.detail}
        return Response(write_body(body), error.status_code, dict(error.headers or {}), _PROBLEM)
    except OmbudError as error:
        _LOG.error("a read was not decided: %s", type(error).__name__)
        return _closed(503, "The gate gave no answer, so nothing goes out.")
    return None


@dataclass(slots=True)
class _Answer:
    """The service's answer, held back until it has been looked at."""

    visit: _Visit
    scope: Scope
    receive: Receive
    send: Send
    start: Message | None = None
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    passes: bool = False
    done: bool = False

    async def take(self, message: Message) -> None:
        """Take one message of the service."""
        if self.done:
            return
        if self.passes:
            await self.send(message)
        elif message["type"] == "http.response.start":
            self.start = message
            self.passes = self._passes(message)
            if self.passes:
                await self.send(self._without_length(message) if self.scope["method"] == "HEAD" else message)
        elif message["type"] == "http.response.body" and self.start is not None:
            part = message.get("body", b"")
            self.parts.append(part)
            self.size += len(part)
            if self.size > self.visit.gate.limit:
                await self._refuse("The answer is too large to be looked at.")
                raise _StopError
            if not message.get("more_body", False):
                await self._finish()

    async def end(self) -> None:
        """Close what the service left open: an answer that never ended does not go out."""
        if self.start is not None and not self.passes and not self.done:
            await self._refuse("The answer broke off.")

    def _passes(self, start: Message) -> bool:
        """Say whether an answer goes out as it is. Raises nothing: what is unclear is held back."""
        guarded = self.visit.shape is not None
        if not guarded and self.visit.gate.unguarded == "pass":
            return True
        status = start["status"]
        if status >= _ERRORS or status in _NO_BODY or self.scope["method"] == "HEAD":
            return True
        return guarded and self.visit.gate.not_json == "pass" and not is_json(Headers(raw=start["headers"]))

    def _without_length(self, start: Message) -> Message:
        if self.visit.shape is None:
            return start
        dropped = {b"content-length", *(name.encode() for name in _DROPPED)}
        return {**start, "headers": [pair for pair in start["headers"] if pair[0].lower() not in dropped]}

    async def _finish(self) -> None:
        start = self.start or {}
        headers = MutableHeaders(raw=list(start.get("headers", [])))
        if self.visit.shape is None:
            await self._refuse("No shape says what of this answer may go out.")
            return
        if start.get("status") == _PART or not is_json(headers):
            await self._refuse("The answer is not one JSON document, so it cannot be looked at.")
            return
        try:
            answer = read_body(headers, b"".join(self.parts), self.visit.gate.limit)
            body = write_body(await self.visit.strip(answer))
        except UnfitBodyError as error:
            await self._refuse(error.message)
            return
        except OmbudError as error:
            _LOG.error("a read was not decided: %s", type(error).__name__)
            await self._close(_closed(503, "The gate gave no answer, so nothing goes out."))
            return
        for name in _DROPPED:
            del headers[name]
        headers["content-length"] = str(len(body))
        headers["cache-control"] = "private, no-store"
        for name, value in _told(self.visit):
            headers[name] = value
        self.done = True
        await self.send({"type": "http.response.start", "status": start["status"], "headers": headers.raw})
        await self.send({"type": "http.response.body", "body": body})

    async def _refuse(self, why: str) -> None:
        _LOG.error("an answer was held back: %s", why)
        await self._close(_closed(500, why))

    async def _close(self, response: Response) -> None:
        self.done = True
        await response(self.scope, self.receive, self.send)


def _path(scope: Scope) -> str:
    """Return the path within the service."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if root and path.startswith(root + "/") else path


def _closed(status: int, why: str) -> Response:
    return Response(write_body({"title": why}), status, {"cache-control": "no-store"}, _PROBLEM)


def _problem(decision: Decision) -> dict[str, Any]:
    refused = [
        {"field": one.field, "reason": one.reason, "says": SENTENCES.get(one.reason, "")} for one in decision.refused
    ]
    return {"title": "The gate refuses this read.", "read": decision.id, "refused": refused}


def _told(visit: _Visit) -> list[tuple[str, str]]:
    """Return headers that name the reads, and for one person what was refused; ids are the gate's own, no people."""
    if visit.decision is None:
        return [("ombud-reads", ",".join(one.id for one in visit.by_person.values())[:4_000])]
    refused = ", ".join(f"{one.field};{one.reason}" for one in visit.decision.refused)
    return [("ombud-reads", visit.decision.id), *([("ombud-refused", refused)] if refused else [])]
