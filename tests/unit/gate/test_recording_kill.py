"""Real kills: a gate that records is killed again and again; nothing that it answered is lost or doubled."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ombud.gate.flush import flush
from ombud.gate.journal import Journal, heads
from ombud.gate.recorder import Recorder
from ombud.gate.sinks import LedgerSink
from ombud.lake.batches import stored_batch
from ombud.ledger.entries import decode_entry
from ombud.ledger.writer import Ledger

if TYPE_CHECKING:
    from ombud.lake import Lake

PROCESS = Path(__file__).with_name("recording_process.py")
KILLS = int(os.environ.get("OMBUD_TEST_KILLS", "4"))
"""`OMBUD_TEST_KILLS=200` for a long run."""


def until_killed(root: Path, start: int, seconds: float) -> int:
    """Run a gate for a while and kill it; return the number after the last row that it answered."""
    command = [sys.executable, str(PROCESS), str(root), str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.kill()
        lines = [line for line in process.stdout.read().split("\n")[:-1] if line]
    return int(lines[-1]) if lines else start


def test_what_was_answered_is_on_record_after_any_kill(lake: Lake) -> None:
    root, draw = lake.workspace.root, random.Random(7)  # noqa: S311 - when to kill
    answered: set[str] = set()
    number = 0
    for kill in range(KILLS):
        reached = until_killed(root, number, draw.uniform(0.01, 0.25))
        answered |= {f"r-{n}" for n in range(number, reached)}
        number = reached + 10  # rows that were under way may be there too
        if kill % 3 == 1:
            flush(lake)
    with (
        Ledger.open(root / "ledger", root / "keys") as ledger,
        Recorder(Journal(root / "journal" / "gate"), LedgerSink(ledger)),
    ):
        entries = [decode_entry(data).body for data in ledger.entries()]
    flush(lake)
    found = [str(name) for name in lake.read("reads", ["read"])["read"].to_pylist()]
    assert answered <= set(found)
    assert len(found) == len(set(found))
    kept = lake.read("batches").sort_by("sequence").to_pylist()
    assert [item["sequence"] for item in kept] == list(range(1, len(kept) + 1))
    assert {item["batch"]: item["ledger_index"] for item in kept} == {
        body["batch"]: index for index, body in enumerate(entries)
    }
    assert stored_batch(lake, kept[-1]["batch"]).root.hex() == entries[kept[-1]["ledger_index"]]["root"]
    assert all(head.last <= len(kept) for _, head in heads(root / "journal" / "gate"))
    assert len(answered) > KILLS
