"""`ombud gate flush, coverage, canary, egress, release` from the shell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ombud.gate.journal import Journal
from ombud.gate.recorder import Recorder
from ombud.gate.sinks import OutboxSink
from ombud.ledger.rows import ReadRow, row_bytes, row_time
from ombud.model import clock
from ombud.model.workspace import Workspace
from ombud.records import apps, brakes, canary_reads, migrate, open_records
from ombud.records.apps import App

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done


@pytest.fixture
def root(workspace: Workspace) -> Path:
    migrate(workspace.records_url)
    return workspace.root


@pytest.fixture
def run(root: Path, ombud: Callable[..., Done]) -> Callable[..., Done]:
    """Return a function that runs `ombud gate` in the workspace."""

    def command(*words: str) -> Done:
        return ombud("--workspace", str(root), "--json", "gate", *words)

    return command


def test_the_whole_way(root: Path, tmp_path: Path, run: Callable[..., Done]) -> None:
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    row = ReadRow(
        app="quiz", at=row_time(now), decision="allowed", fields=["likes"], person="test-1", policy=None, purpose=None,
        read="r-1", reason=None, through=None,
    )  # fmt: skip
    with open_records(Workspace.open(root)) as records:
        with Recorder(Journal(root / "journal" / "g"), OutboxSink(records)) as recorder:
            recorder.record([row_bytes(row)])
        with records.begin() as tx:
            apps.register(tx, App(app="quiz", developer="d", name="Quiz", registered_at=now))
            for person, minutes in (("test-1", 0), ("test-2", 0)):
                canary_reads.expect(tx, "quiz", person, ["likes"], made_at=now, due_at=now + timedelta(minutes=minutes))
    counts = tmp_path / "counters.csv"
    counts.write_text(f"host,hour,app,reads\nwww1,{hour.isoformat()},quiz,3\n")
    assert run("egress", str(counts)).document == {"counts": 1}
    assert run("flush").document["gates"][0]["rows"] == 1
    until = (now + timedelta(minutes=1)).isoformat()
    done = run("coverage", "--since", hour.isoformat(), "--until", until)
    found = done.document
    assert done.code == 1
    assert (found["canaries"]["hits"], found["canaries"]["of"], found["egress"][0]["missing"]) == (1, 2, 2)
    assert len(found["figures"]) == 3
    made = run("canary", "quiz", "test-3", "--field", "likes", "--field", "name")
    assert (made.code, made.document["fields"]) == (0, ["likes", "name"])
    assert run("flush").document == {"gates": []}
    stray = run("canary", "no-such-app", "test-3", "--field", "likes")
    assert (stray.code, stray.document["error"]["kind"]) == (2, "NotFoundError")


def test_an_app_is_let_go(root: Path, run: Callable[..., Done]) -> None:
    with open_records(Workspace.open(root)) as records, records.begin() as tx:
        apps.register(tx, App(app="quiz", developer="d", name="Quiz", registered_at=clock.now()))
        brakes.pull(tx, "quiz", "stopped", "x")
    done = run("release", "quiz", "--reason", "A reunion.", "--by", "Mara")
    assert (done.code, done.document["released_by"], done.document["note"]) == (0, "Mara", "A reunion.")
    again = run("release", "quiz", "--reason", "Again.")
    assert again.code == 2
    assert "neither slowed nor stopped" in again.out + again.err


def test_what_cannot_be_read(tmp_path: Path, run: Callable[..., Done]) -> None:
    assert run("egress", str(tmp_path / "none.csv")).code == 2
    assert run("coverage", "--since", "2018-06-02", "--until", "2018-06-01").code == 2
    wrong = run("coverage", "--since", "yesterday")
    assert wrong.code == 2
    assert "is no date" in wrong.out + wrong.err
