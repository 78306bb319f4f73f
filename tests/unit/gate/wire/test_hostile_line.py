"""Hostile bytes on one connection: whatever comes, in whatever pieces, the answer is the long way's, and never 5xx.

`OMBUD_WIRE_CASES=20000` tries that many jumbles.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from typing import TYPE_CHECKING

import pytest

from ombud.gate.rules.engine import EMPTY
from ombud.gate.wire.app import GateApp, Settings
from ombud.gate.wire.point import DecisionPoint
from tests.gate_client import URL
from tests.unit.gate.wire.test_line import PLAIN, UNUSUAL, PromptlyListed, Talk, question, request, unnumbered

if TYPE_CHECKING:
    from ombud.gate.wire.callers import CallerKeys

CASES = int(os.environ.get("OMBUD_WIRE_CASES", "400"))
PIECES = [
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n",
    b"Connection: close\r\n", b"Connection: keep-alive, x\r\n", b"Expect: 100-continue\r\n", b"X-Ombud-Person: p\r\n",
    b"Host: other\r\n", b"X-Request-Id: \x01\r\n", b"x-request-id: 1\r\n", b" folded: 1\r\n", b"A\x00: 1\r\n", b"\r\n",
    b"\n", b"\r", b"0\r\n\r\n", b'"fields":["email"],', b'"f\\u0069elds":["email"],', b"[" * 40, b"{" * 40, b"\xff",
    b"\xef\xbb\xbf", b"NaN", b"1e999", b"9" * 400, b'"partial":1,', b'"token":null,', b'"scoped":true,', b"\\ud800",
    b"\xed\xa0\x80", b'"type":"app",', b"null", b"}", b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.0", b"PRI * HTTP/2.0\r\n\r\n",
]  # fmt: skip


def jumbled(chance: random.Random, key: str) -> list[bytes]:
    """Return requests with something wrong in them, cut into pieces anywhere."""
    whole = b"".join(
        b"".join(chance.choice(PLAIN if chance.random() < 0.8 else UNUSUAL)(key)) for _ in range(chance.randint(1, 3))
    )
    for _ in range(chance.randint(0, 3)):
        at, piece = chance.randrange(len(whole)), chance.choice(PIECES)
        if chance.random() < 0.5 and b"\r\n" in whole[at:]:
            at = whole.index(b"\r\n", at) + 2
        whole = whole[:at] + piece + whole[at + chance.choice([0, 0, 1, len(piece)]) :]
    if chance.random() < 0.3:  # the length fits again
        head, cut, body = whole.partition(b"\r\n\r\n")
        whole = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head) + cut + body
    cuts = sorted(chance.sample(range(len(whole)), min(chance.choice([0, 0, 1, 2, 5]), len(whole))))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@pytest.fixture
def app(callers: CallerKeys, key: str) -> GateApp:
    assert key
    return GateApp(DecisionPoint(PromptlyListed(), EMPTY), callers, Settings(url=URL, body_seconds=0.2))


def test_jumbled_bytes_are_answered_as_the_long_way_answers_them(app: GateApp, key: str) -> None:
    met: set[bytes] = set()

    async def talk(parts: list[bytes], *, prompt: bool) -> tuple[bytes, bool]:
        one = Talk(app, prompt=prompt)
        said = b""
        for part in parts:
            if one.wire.closed:
                break
            said += await one.say(part)
        while (more := await one.say()) != b"":
            said += more
        closed = one.wire.closed
        one.end()
        for task in list(one.state.tasks):
            await asyncio.wait_for(task, 2)
        return re.sub(rb"content-length: \d+", b"", unnumbered(said)), closed

    async def run() -> None:
        for case in range(CASES):
            parts = jumbled(random.Random(case), key)  # noqa: S311 - a repeatable choice
            quick, slow = await talk(parts, prompt=True), await talk(parts, prompt=False)
            if b"Invalid HTTP request" in slow[0]:  # uvicorn says so before it answers what came before
                assert quick[1], (case, parts)
                assert b"Invalid HTTP request" in quick[0], (case, parts)
            else:
                assert quick == slow, (case, parts)
            statuses = re.findall(rb"HTTP/1\.1 (\d)\d\d ", quick[0])
            assert b"5" not in statuses, (case, parts)
            met.update(statuses)

    asyncio.run(run())
    assert met >= {b"2", b"4"}


@pytest.mark.parametrize(
    "rest", [b"garbage\r\n\r\n", b"\x00", b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"]
)
def test_what_follows_an_answered_question_ends_the_connection(app: GateApp, key: str, rest: bytes) -> None:
    async def run() -> None:
        talk = Talk(app)
        said = await talk.say(request(key, question()) + rest)
        assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"200", b"400"]
        assert talk.wire.closed
        assert talk.tasks == 0

    asyncio.run(run())


def test_empty_lines_do_not_keep_a_connection_for_ever(app: GateApp, key: str) -> None:
    async def run() -> None:
        talk = Talk(app)
        await talk.say(request(key, question()))
        await talk.say(b"\r\n", b"\r\n\r\n")
        assert [talk.line._timer] != [None]
        assert b"decision" in await talk.say(request(key, question()))
        assert [talk.line._timer] == [None]
        talk.end()

    asyncio.run(run())


def test_an_error_on_the_way_is_no_second_question(app: GateApp, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        talk = Talk(app)
        monkeypatch.setattr(GateApp, "at_once", lambda *_: 1 / 0)
        talk.line._at_once = app.at_once
        said = await talk.say(request(key, question()))
        assert b"decision" not in said
        assert talk.wire.closed
        assert talk.tasks == 0

    asyncio.run(run())
