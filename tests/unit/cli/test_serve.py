"""`ombud serve` and `ombud worker`: what they hand on, and how they stop."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

import ombud.cli.serve as serve_command
from ombud.model.workspace import Workspace
from ombud.records import jobs, open_records
from ombud.records import worker as records_worker
from tests.unit.cli.test_archive import ADS, bought

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from threading import Event

    from ombud.records import Records
    from tests.unit.cli.conftest import Done

    Ombud = Callable[..., Done]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what the server is started with; none is started."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(
        serve_command, "serve_pages", lambda workspace, **rest: calls.append({"workspace": workspace, **rest})
    )
    return calls


@pytest.fixture
def signals() -> Iterator[None]:
    """Give back the handlers that a command replaces."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_host_and_port_come_from_the_settings(ombud: Ombud, root: Path, served: list[dict[str, Any]]) -> None:
    (root / "ombud.toml").write_text('host = "::1"\nport = 8123\n')
    assert ombud("serve", "--workspace", root).code == 0
    (call,) = served
    assert (call["host"], call["port"], call["worker"]) == ("::1", 8123, True)
    assert call["workspace"].root == root


def test_options_win_over_the_settings(ombud: Ombud, root: Path, served: list[dict[str, Any]]) -> None:
    (root / "ombud.toml").write_text("port = 8123\n")
    ombud("serve", "--host", "127.0.0.2", "--port", "0", "--no-worker", "--workspace", root)
    assert (served[0]["host"], served[0]["port"], served[0]["worker"]) == ("127.0.0.2", 0, False)


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_cannot_be_is_refused(ombud: Ombud, bare: Path, served: list[dict[str, Any]], port: str) -> None:
    done = ombud("serve", "--port", port, "--json", "--workspace", bare)
    assert done.code == 2
    assert "--port" in done.document["error"]["message"]
    assert served == []


def test_serving_asks_for_the_archive_when_there_are_new_ads(
    ombud: Ombud, root: Path, served: list[dict[str, Any]]
) -> None:
    ombud("serve", "--workspace", root)
    bought(root, ADS)
    ombud("serve", "--workspace", root)
    ombud("serve", "--workspace", root)
    with open_records(Workspace.open(root)) as records, records.begin() as tx:
        assert jobs.claim(tx, "test", 60, {"archive.build"}) is not None
        assert jobs.claim(tx, "test", 60, {"archive.build"}) is None
        assert jobs.claim(tx, "test", 60, {"ledger.publish"}) is not None
    assert served[0]["handlers"].keys() >= {"archive.build", "gate.flush", "ledger.cosign", "ledger.publish"}


@pytest.mark.usefixtures("signals")
def test_the_worker_builds_the_archive_and_stops_when_asked(
    ombud: Ombud, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought(root, ADS)
    run = records_worker.run

    def until_done(records: Records, handlers: dict[str, Any], stop: Event) -> None:
        def built(job: Any) -> Any:  # noqa: ANN401 - passed on
            result = handlers["archive.build"](job)
            os.kill(os.getpid(), signal.SIGTERM)
            return result

        run(records, {"archive.build": built}, stop)
        assert stop.is_set()

    monkeypatch.setattr(records_worker, "run", until_done)
    done = ombud("worker", "--workspace", root)
    assert (done.code, done.out) == (0, "Working. Ctrl-C stops after the job at hand.\n")
    assert Workspace.open(root).archive_file.is_file()
    with open_records(Workspace.open(root)) as records, records.begin() as tx:
        assert jobs.claim(tx, "test", 60, {"archive.build"}) is None
