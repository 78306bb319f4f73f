"""What a witness answers over HTTP: types, limits, and what monitors read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ombud.ledger import witness_http
from ombud.ledger.notes import Verifier, open_note
from ombud.ledger.submissions import SIZE_TYPE
from ombud.ledger.witness import Witness
from ombud.ledger.witness_http import MAX_BODY, create_app
from ombud.ledger.witness_state import log_id
from tests.unit.ledger.lying import LyingLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from starlette.types import Message


@pytest.fixture
def log() -> LyingLog:
    return LyingLog().grow(20)


@pytest.fixture
def witness(tmp_path: Path, log: LyingLog) -> Iterator[Witness]:
    opened = Witness.open(tmp_path / "state", [log.vkey], name="witness.example/w1")
    yield opened
    opened.close()


def ask(witness: Witness, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has them
    """Ask the witness's app."""

    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(witness))
        async with httpx.AsyncClient(transport=transport, base_url="http://witness.example") as client:
            return await client.request(method, path, **options)

    return asyncio.run(answer())


def test_cosigns(witness: Witness, log: LyingLog) -> None:
    answer = ask(witness, "POST", "/add-checkpoint", content=log.submission(0, 9))
    assert answer.status_code == 200
    own = [cosigner.verifier for cosigner in witness.cosigners]
    assert len(open_note(log.checkpoint(9) + answer.content, own).signatures) == 2


def test_a_conflict_has_the_type_of_sizes(witness: Witness, log: LyingLog) -> None:
    ask(witness, "POST", "/add-checkpoint", content=log.submission(0, 9))
    answer = ask(witness, "POST", "/add-checkpoint", content=log.submission(0, 12))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == SIZE_TYPE == "text/x.tlog.size"
    assert answer.content == b"9\n"


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"old 5\n\n" + LyingLog().grow(3).checkpoint(), 400), (LyingLog("other").grow(3).submission(0), 404),
     (LyingLog(seed=9).grow(3).submission(0), 403), (LyingLog().grow(3).submission(2), 409)],
)  # fmt: skip
def test_refusals_are_sentences(witness: Witness, body: bytes, status: int) -> None:
    answer = ask(witness, "POST", "/add-checkpoint", content=body)
    assert answer.status_code == status
    assert answer.text.endswith("\n")
    if status != 409:
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_monitors_read_the_newest_checkpoint(witness: Witness, log: LyingLog) -> None:
    path = f"/{log_id(log.origin)}/checkpoint"
    assert ask(witness, "GET", path).status_code == 404
    ask(witness, "POST", "/add-checkpoint", content=log.submission(0, 9))
    answer = ask(witness, "GET", path)
    assert answer.headers["content-type"].startswith("text/plain")
    own = [cosigner.verifier for cosigner in witness.cosigners]
    opened = open_note(answer.content, [*own, Verifier.parse(log.vkey)])
    assert opened.text == log.text(9)
    assert len(opened.signatures) == 3
    for wrong in ("/" + "0" * 64 + "/checkpoint", "/../checkpoint", "/%2e%2e/checkpoint", "/logs/checkpoint", "/"):
        assert ask(witness, "GET", wrong).status_code == 404


def test_says_its_keys(witness: Witness) -> None:
    lines = ask(witness, "GET", "/vkey").text.splitlines()
    assert [Verifier.parse(line) for line in lines] == [cosigner.verifier for cosigner in witness.cosigners]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/add-checkpoint"), ("PUT", "/add-checkpoint"), ("POST", "/vkey")]
)
def test_other_methods_are_refused(witness: Witness, method: str, path: str) -> None:
    assert ask(witness, method, path).status_code == 405


def test_a_long_body_is_refused_before_it_is_read(witness: Witness) -> None:
    assert ask(witness, "POST", "/add-checkpoint", content=b"x" * (MAX_BODY + 1)).status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b"x" * 1024

    assert ask(witness, "POST", "/add-checkpoint", content=endless()).status_code == 413
    lying = {"content-length": "9" * 400}
    assert ask(witness, "POST", "/add-checkpoint", content=b"", headers=lying).status_code == 413


def test_a_body_that_drips_is_cut_off(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness_http, "BODY_SECONDS", 0.05)

    async def drip() -> int:
        sent: list[Message] = []
        first = True

        async def receive() -> Message:
            nonlocal first
            if not first:
                await asyncio.sleep(30)
            first = False
            return {"type": "http.request", "body": b"old 0", "more_body": True}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/add-checkpoint", "headers": [], "query_string": b""}
        await create_app(witness)(scope, receive, send)
        return int(sent[0]["status"])

    assert asyncio.run(drip()) == 408


def test_who_hangs_up_changes_nothing(witness: Witness, log: LyingLog) -> None:
    async def hang_up() -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(_: Message) -> None:
            pass

        scope = {"type": "http", "method": "POST", "path": "/add-checkpoint", "headers": [], "query_string": b""}
        await create_app(witness)(scope, receive, send)

    asyncio.run(hang_up())
    assert witness.logs == {log.origin: None}


def test_logs_name_the_status_and_nobody(witness: Witness, log: LyingLog, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="ombud"):
        ask(witness, "POST", "/add-checkpoint", content=log.submission(0, 9))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("ombud")] == [
        "add-checkpoint 200"
    ]
