from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ombud.gate.asking import AskHere, AskThere, NoAnswerError
from ombud.gate.request import ReadRequest
from ombud.gate.rules.engine import EMPTY
from ombud.gate.wire.app import GateApp, Settings
from ombud.gate.wire.callers import CallerKeys
from ombud.gate.wire.point import DecisionPoint
from ombud.model.clock import now
from ombud.model.errors import InputError
from tests.gate_client import URL, ListedReads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ombud.gate.request import Decision

    Asking = Callable[[Sequence[ReadRequest]], list[Decision]]


def read(person: str = "p1", app: str = "mailer", **rest: Any) -> ReadRequest:  # noqa: ANN401 - fields of a read
    return ReadRequest(**{"app": app, "person": person, "fields": ("name", "email"), "purpose": "service", **rest})


@pytest.fixture
def reads() -> ListedReads:
    return ListedReads()


@pytest.fixture
def there(reads: ListedReads, tmp_path: Path) -> Asking:
    """Return a way to ask a gate by HTTP, without a socket."""
    callers = CallerKeys(tmp_path / "callers.json")
    key = callers.add("profiles")
    app = GateApp(DecisionPoint(reads, EMPTY), callers, Settings(url=URL))

    def ask(requests: Sequence[ReadRequest]) -> list[Decision]:
        async def asked() -> list[Decision]:
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app))
            gate = AskThere(URL + "/", key, client=client)
            try:
                return await gate(requests)
            finally:
                await gate.close()

        return asyncio.run(asked())

    return ask


def test_here_and_there_say_the_same(reads: ListedReads, there: Asking) -> None:
    requests = [
        read(),
        read(app="quiz"),
        read("p9"),
        read(through="p2", region="GB", key="thumb", acts_for="agent"),
        read(fields=("name", "name")),
        read(app="nobody"),
    ]
    here = asyncio.run(AskHere(reads)(requests))
    kept, reads.kept = reads.kept, []
    reads.judged = 0
    assert there(requests) == [
        type(one)(one.id, one.outcome, tuple(dict.fromkeys(one.allowed)), one.refused, one.policy, one.path)
        for one in here
    ]
    assert [request for request, _ in reads.kept[:4]] == [request for request, _ in kept[:4]]
    assert [one.outcome for one in here] == ["allowed", "reduced", "refused", "allowed", "allowed", "refused"]


def test_nothing_is_asked_for_nobody(there: Asking) -> None:
    assert there([]) == []


def test_a_request_that_the_gate_refuses_by_itself(there: Asking, reads: ListedReads) -> None:
    first, second = there([read("p\u202e1"), read()])
    assert first.outcome == "refused"
    assert {one.reason for one in first.refused} == {"bad-request"}
    assert second.outcome == "allowed"
    assert len(reads.kept) == 1


def test_a_gate_over_http_has_its_own_clock(there: Asking) -> None:
    with pytest.raises(InputError):
        there([read(at=now())])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b"who?"),
        (500, b""),
        (503, b""),
        (200, b""),
        (200, b"[]"),
        (200, b'{"evaluations":[]}'),
        (200, b'{"evaluations":[{"decision":true},{"decision":true}]}'),
        (200, b'{"decision":true}'),
    ],
)
def test_answers_that_are_none(status: int, body: bytes) -> None:
    async def asked() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
        await AskThere(URL, "key", client=httpx.AsyncClient(transport=transport))([read()])

    with pytest.raises(NoAnswerError):
        asyncio.run(asked())


def test_a_gate_that_cannot_be_reached() -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("p1 refused", request=request)

    async def asked() -> None:
        await AskThere(URL, "key", client=httpx.AsyncClient(transport=httpx.MockTransport(down)))([read()])

    with pytest.raises(NoAnswerError) as caught:
        asyncio.run(asked())
    assert "p1" not in str(caught.value)


TOLD = '"id":"d","outcome":"%s","allowed":%s,"refused":[],"policy":"p","path":"own"'


@pytest.mark.parametrize(
    ("answer", "outcome", "allowed"),
    [
        ('{"decision":true}', "refused", ()),
        ('{"decision":"yes"}', "refused", ()),
        ("5", "refused", ()),
        ('{"decision":false,"context":{' + TOLD % ("allowed", '["name"]') + "}}", "refused", ()),
        ('{"decision":true,"context":{' + TOLD % ("refused", '["name"]') + "}}", "refused", ()),
        ('{"decision":true,"context":{' + TOLD % ("allowed", '["name","phone"]') + "}}", "reduced", ("name",)),
        ('{"decision":true,"context":{' + TOLD % ("allowed", '["name","email"]') + "}}", "allowed", ("name", "email")),
        ('{"decision":true,"context":{' + TOLD % ("allowed", "[]") + "}}", "refused", ()),
    ],
)
def test_an_answer_that_contradicts_itself_opens_nothing(answer: str, outcome: str, allowed: tuple[str, ...]) -> None:
    async def asked() -> list[Decision]:
        body = f'{{"evaluations":[{answer}]}}'.encode()
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
        return await AskThere(URL, "key", client=httpx.AsyncClient(transport=transport))([read()])

    (decision,) = asyncio.run(asked())
    assert (decision.outcome, decision.allowed) == (outcome, allowed)
