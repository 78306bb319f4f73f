"""The worker asks the witnesses again and again, and stops for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from ombud.lake.witnessing import COSIGN, QUIET, ask_for_cosigning, cosign_ledger, handlers
from ombud.ledger.entries import encode_entry
from ombud.ledger.witness import Witness
from ombud.ledger.writer import open_ledger
from ombud.model import clock
from ombud.model.workspace import Workspace
from ombud.records import jobs, migrate, open_records
from ombud.records.worker import run_one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.records import Records

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def grow(workspace: Workspace) -> str:
    """Append an entry and return the log's key."""
    with open_ledger(workspace) as ledger:
        ledger.append([encode_entry("policy", {"hash": "ab"})])
        return ledger.vkey


@pytest.fixture
def asked(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Return the statuses of what a witness was asked; it is at `w.example`, and nobody anywhere else."""
    statuses: list[int] = []
    witness = Witness.open(workspace.root.parent / "state", [grow(workspace)], name="w.example")

    def answer(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.url.host != "w.example":
            raise httpx.ConnectError("refused", request=request)
        given = witness.add_checkpoint(request.read())
        statuses.append(given.status)
        return httpx.Response(given.status, content=given.body)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    settings = workspace.root / "ombud.toml"
    lines = [f"{witness.cosigners[0].vkey} https://w.example"]
    settings.write_text(settings.read_text() + f"ledger_witnesses = {lines}\nledger_cosign_seconds = 60\n")
    with clock.frozen(NOW):
        yield statuses
    witness.close()


@pytest.fixture
def own(workspace: Workspace, asked: list[int]) -> Workspace:
    """Return the workspace with its witness in the settings."""
    del asked
    return Workspace.open(workspace.root)


@pytest.fixture
def records(workspace: Workspace) -> Iterator[Records]:
    """Return the workspace's records."""
    migrate(workspace.records_url)
    with open_records(workspace) as opened:
        yield opened


def test_asks_when_there_is_a_need(own: Workspace, asked: list[int]) -> None:
    assert cosign_ledger(own, always=False)["kept"]
    assert cosign_ledger(own, always=False) == {}
    assert asked == [200]
    grow(own)
    assert cosign_ledger(own, always=False)["size"] == 2
    with clock.frozen(NOW + QUIET + timedelta(seconds=1)):
        assert cosign_ledger(own, always=False)["kept"]
    assert cosign_ledger(own)["kept"]
    assert asked == [200] * 4


def test_without_witnesses_or_ledger_nothing_is_asked(workspace: Workspace, own: Workspace, asked: list[int]) -> None:
    assert cosign_ledger(workspace) == {}
    for path in own.ledger_dir.iterdir():
        if path.is_file():
            path.unlink()
    assert cosign_ledger(own) == {}
    assert asked == []


def test_there_is_one_question_for_each_minute(own: Workspace, workspace: Workspace, records: Records) -> None:
    first = ask_for_cosigning(own, records)
    assert first is not None
    assert ask_for_cosigning(own, records) == first
    later = ask_for_cosigning(own, records, after=timedelta(seconds=61))
    assert later is not None
    assert (later.id != first.id, later.run_at) == (True, NOW + timedelta(seconds=61))
    assert ask_for_cosigning(workspace, records) is None


def test_the_worker_asks_again_whatever_happens(own: Workspace, records: Records, asked: list[int]) -> None:
    ask_for_cosigning(own, records)
    work = handlers(own, records)
    for minute in range(4):
        with clock.frozen(NOW + timedelta(seconds=61 * minute)):
            grow(own)
            if minute == 2:
                (own.ledger_dir / "checkpoint").write_bytes(b"garbage")
            assert run_one(records, work, "worker")
            if minute == 2:
                (own.ledger_dir / "checkpoint").unlink()
                break
    with records.read() as tx:
        found = jobs.listing(tx)
    assert [job.kind for job in found] == [COSIGN] * 4
    assert sorted(job.state for job in found) == ["done", "done", "failed", "waiting"]
    assert asked == [200, 200]


def test_old_questions_are_forgotten(own: Workspace, records: Records) -> None:
    for hour in range(5):
        with clock.frozen(NOW + timedelta(hours=hour)):
            ask_for_cosigning(own, records)
            while run_one(records, handlers(own, records), "worker"):
                pass
    with records.read() as tx:
        assert jobs.count(tx) <= 4
