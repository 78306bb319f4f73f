"""A connection answers plain questions itself, with the same bytes as the long way, and leaves all else to uvicorn."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from ombud.gate.recorder import RecordError
from ombud.gate.rules.engine import EMPTY
from ombud.gate.wire.app import GateApp, Settings
from ombud.gate.wire.line import GuardedLine
from ombud.gate.wire.point import DecisionPoint
from tests.gate_client import URL, ListedReads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ombud.gate.request import Decision, ReadRequest
    from ombud.gate.wire.callers import CallerKeys


class PromptlyListed(ListedReads):
    """Keeps reads without a task; with `waits` when a test says so."""

    waits = False

    def keep_one(self, request: ReadRequest, decision: Decision) -> asyncio.Future[None] | None:
        if self.fault is not None:
            raise self.fault
        self.kept.append((request, decision))
        if not self.waits:
            return None
        self.waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        return self.waiting


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.out = b""
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as asyncio has it
        return {"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 6)}.get(name, default)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.out += bytes(data)

    def pause_reading(self) -> None:
        """Take no notice."""

    def resume_reading(self) -> None:
        """Take no notice."""


class Talk:
    """One connection to a gate."""

    def __init__(self, app: GateApp, *, prompt: bool = True, limit: int | None = None) -> None:
        config = uvicorn.Config(
            app, lifespan="off", ws="none", log_config=None, proxy_headers=False, limit_concurrency=limit
        )
        config.load()
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"today")]
        self.line = GuardedLine(config, self.state, {})
        if not prompt:
            self.line._at_once = None
        self.wire = Wire()
        self.line.connection_made(self.wire)
        self.tasks = 0

    async def say(self, *parts: bytes) -> bytes:
        for part in parts:
            self.line.data_received(part)
            self.tasks += len(self.state.tasks)
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        out, self.wire.out = self.wire.out, b""
        return out

    def end(self) -> None:
        self.line.connection_lost(None)


def question(app: str = "quiz", *fields: str, person: str = "p1", partial: bool = True) -> bytes:
    wants = {"fields": fields or ("name",), "purpose": "fun", "partial": partial}
    return json.dumps(
        {
            "subject": {"type": "app", "id": app},
            "action": {"name": "read"},
            "resource": {"type": "person", "id": person, "properties": wants},
        },
        ensure_ascii=False,
    ).encode()


def request(key: str, body: bytes, *more: str, path: str = "/access/v1/evaluation", start: str = "POST") -> bytes:
    """Return a request; `start` is its method, and its version where that is not 1.1."""
    method, _, version = start.partition(" ")
    lines = [f"{method} {path} HTTP/{version or '1.1'}", "Host: gate", f"Authorization: Bearer {key}"]
    lines += ["Content-Type: application/json", *more]
    if not any("Transfer-Encoding" in line for line in more):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def listed() -> PromptlyListed:
    return PromptlyListed()


@pytest.fixture
def app(listed: PromptlyListed, callers: CallerKeys, key: str) -> GateApp:
    assert key
    return GateApp(DecisionPoint(listed, EMPTY), callers, Settings(url=URL, body_seconds=0.2))


def unnumbered(answer: bytes) -> bytes:
    """Return an answer without the number of its decision."""
    return re.sub(rb'"id":"d\d+"', b'"id":"d"', answer)


PLAIN: list[Callable[[str], list[bytes]]] = [
    lambda key: [request(key, question())],
    lambda key: [request(key, question("mailer", "name", "email"))],
    lambda key: [request(key, question("quiz", "name", "email"))],
    lambda key: [request(key, question("quiz", "name", "email", partial=False))],
    lambda key: [request(key, question("unknown"))],
    lambda key: [request(key, question(person="péa"), "X-Request-Id: 17", "Connection: Keep-Alive", "Accept: */*")],
    lambda key: [request(key, question(), "X-Request-Id: " + "x" * 513)],
    lambda key: [request(key, question())] * 3,
    lambda key: [request(key, question())[:40], request(key, question())[40:]],
]
UNUSUAL: list[Callable[[str], list[bytes]]] = [
    lambda key: [request(key, question())[:-9], request(key, question())[-9:]],
    lambda key: [request(f"{key}x", question())],
    lambda key: [request(key, question()).replace(b"Bearer", b"Basic")],
    lambda key: [request(key, question(), f"Authorization: Bearer {key}")],
    lambda key: [request(key, question(), "Accept: a", "Accept: b")],
    lambda key: [request(key, question(), "Connection: close")],
    lambda key: [request(key, question(), "Expect: 100-continue")],
    lambda key: [request(key, question(), "Content-Encoding: gzip")],
    lambda key: [request(key, question(), "Upgrade: websocket", "Connection: Upgrade")],
    lambda key: [request(key, b"2\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked")],
    lambda key: [request(key, question()).replace(b"application/json", b"text/plain")],
    lambda key: [request(key, question()).replace(b"application/json", b"application/json; charset=utf-8")],
    lambda key: [request(key, b'{"a":1,"a":1}')],
    lambda key: [request(key, b"")],
    lambda key: [request(key, b"x" * 70_000)],
    lambda key: [request(key, question("a\u200bb"))],
    lambda key: [request(key, question(), path="/access/v1/evaluation?x")],
    lambda key: [request(key, question(), path="/elsewhere")],
    lambda key: [request(key, b"", path="/health", start="GET")],
    lambda key: [request(key, b"", start="GET")],
    lambda key: [request(key, question(), start="POST 1.0")],
    lambda key: [f"nonsense {key}\r\n\r\n".encode()],
    lambda key: [request(key, question(), "X: " + "y" * 40_000)],
]


async def both(app: GateApp, parts: list[bytes], *, at_once: bool) -> None:
    quick, slow = Talk(app), Talk(app, prompt=False)
    said, expected = await quick.say(*parts), await slow.say(*parts)
    assert said.startswith(b"HTTP/1.1 ")
    assert unnumbered(said) == unnumbered(expected)
    assert quick.wire.closed == slow.wire.closed
    if at_once:
        assert quick.tasks == 0 < slow.tasks
        assert quick.state.total_requests == slow.state.total_requests
    quick.end()
    slow.end()


@pytest.mark.parametrize("parts", PLAIN)
def test_plain_questions_have_the_same_answer_without_a_task(
    app: GateApp, key: str, parts: Callable[[str], list[bytes]], listed: PromptlyListed
) -> None:
    asyncio.run(both(app, parts(key), at_once=True))
    half = len(listed.kept) // 2
    assert listed.kept[:half] != []
    assert [one for one, _ in listed.kept[:half]] == [one for one, _ in listed.kept[half:]]


@pytest.mark.parametrize("parts", UNUSUAL)
def test_all_else_is_answered_as_ever(app: GateApp, key: str, parts: Callable[[str], list[bytes]]) -> None:
    asyncio.run(both(app, parts(key), at_once=False))


def test_requests_in_one_piece_are_answered_in_their_order(app: GateApp, key: str) -> None:
    several = [request(key, question("quiz", "name")), request(key, b"{"), request(key, question("mailer", "email"))]
    asyncio.run(both(app, [b"".join(several)], at_once=False))


def waiting(test: Callable[[Talk], Awaitable[None]], app: GateApp, listed: PromptlyListed) -> None:
    listed.waits = True

    async def run() -> None:
        talk = Talk(app)
        await test(talk)
        talk.end()

    asyncio.run(run())


def test_nothing_goes_out_before_the_record_holds(app: GateApp, key: str, listed: PromptlyListed) -> None:
    async def test(talk: Talk) -> None:
        assert await talk.say(request(key, question())) == b""
        listed.waiting.set_result(None)
        said = await talk.say()
        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b'"decision":true' in said
        assert await talk.say(request(key, question())) == b"", "the connection goes on"
        listed.waiting.set_result(None)
        assert b'"decision":true' in await talk.say()
        assert talk.tasks == 0

    waiting(test, app, listed)


def test_a_record_that_fails_lets_nothing_out(app: GateApp, key: str, listed: PromptlyListed) -> None:
    async def test(talk: Talk) -> None:
        await talk.say(request(key, question()))
        listed.waiting.set_exception(RecordError("full", hint="wait"))
        said = await talk.say()
        assert said.startswith(b"HTTP/1.1 503 ")
        assert b"decision" not in said
        await talk.say(request(key, question()))
        listed.waiting.cancel()
        assert (await talk.say()).startswith(b"HTTP/1.1 500 ")
        listed.fault = RecordError("full", hint="wait")
        assert (await talk.say(request(key, question()))).startswith(b"HTTP/1.1 503 ")

    waiting(test, app, listed)


def test_an_error_of_the_gate_lets_nothing_out(
    app: GateApp, key: str, listed: PromptlyListed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(talk: Talk) -> None:
        monkeypatch.setattr(listed, "opened", None)
        said = await talk.say(request(key, question()))
        assert said.startswith(b"HTTP/1.1 500 ")
        assert b"p1" not in said

    waiting(test, app, listed)
    assert "AttributeError" in caplog.text
    assert "p1" not in caplog.text


def test_the_next_question_waits_for_the_answer_before(app: GateApp, key: str, listed: PromptlyListed) -> None:
    async def test(talk: Talk) -> None:
        assert await talk.say(request(key, question()) + request(key, b"{")) == b""
        listed.waiting.set_result(None)
        said = await talk.say()
        assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"200", b"400"]

    waiting(test, app, listed)


def test_a_caller_that_hangs_up_is_told_nothing(app: GateApp, key: str, listed: PromptlyListed) -> None:
    async def test(talk: Talk) -> None:
        await talk.say(request(key, question()))
        talk.line.connection_lost(None)
        listed.waiting.set_result(None)
        assert await talk.say() == b""

    listed.waits = True

    async def run() -> None:
        await test(Talk(app))

    asyncio.run(run())
    assert len(listed.kept) == 1


def test_a_server_that_ends_answers_first(app: GateApp, key: str, listed: PromptlyListed) -> None:
    async def test(talk: Talk) -> None:
        await talk.say(request(key, question()))
        talk.line.shutdown()
        assert not talk.wire.closed
        listed.waiting.set_result(None)
        said = await talk.say()
        assert b"\r\nconnection: close\r\n" in said
        assert b'"decision":true' in said
        assert talk.wire.closed

    waiting(test, app, listed)


def test_a_full_server_says_so(app: GateApp, key: str) -> None:
    async def run() -> bytes:
        talk = Talk(app, limit=1)
        return await talk.say(request(key, question()))

    assert asyncio.run(run()).startswith(b"HTTP/1.1 503 ")


def test_a_caller_that_does_not_read_is_not_answered_at_once(app: GateApp, key: str) -> None:
    async def run() -> bytes:
        talk = Talk(app)
        talk.line.pause_writing()
        assert await talk.say(request(key, question())) == b""
        talk.line.resume_writing()
        return await talk.say()

    assert b'"decision":true' in asyncio.run(run())
