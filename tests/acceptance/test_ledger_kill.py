"""A process that writes to the ledger is killed again and again; what it was told is durable is always there.

Twenty kills; `OMBUD_LEDGER_KILLS=200` for more.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest

from ombud.ledger.entries import encode_entry
from ombud.ledger.fsck import check_folder
from ombud.ledger.hashing import leaf_hashes, root_of
from ombud.ledger.notes import Verifier, open_note
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.tree import tree_root
from ombud.ledger.writer import Ledger

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("OMBUD_LEDGER_KILLS", "20"))

WRITER = textwrap.dedent(
    """
    import os, sys, threading
    from pathlib import Path
    from ombud.ledger.entries import encode_entry
    from ombud.ledger.writer import Ledger

    folder, keys, life = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    ledger = Ledger.open(folder, keys)
    os.write(1, b"open\\n")

    def write(thread):
        number = 0
        while True:
            words = [f"{life} {thread} {number} {i}" for i in range(number * 7 % 23 + 1)]
            entries = [encode_entry("decision", {"decision": word}) for word in words]
            first = ledger.append(entries)
            os.write(1, f"{first} {life} {thread} {number} {len(entries)}\\n".encode())
            number += 1

    for thread in range(4):
        threading.Thread(target=write, args=(thread,), daemon=True).start()
    seen = None
    while True:
        note = (folder / "checkpoint").read_bytes()
        if note != seen:
            os.write(2, note.split(b"\\n\\n")[0] + b"\\n")
        seen = note
    """
)


@pytest.mark.acceptance
def test_kills_lose_nothing_and_contradict_nothing(tmp_path: Path) -> None:
    folder, keys = tmp_path / "ledger", tmp_path / "keys"
    rng = random.Random(11)  # noqa: S311 - how long each process lives
    told: list[tuple[int, list[bytes]]] = []
    seen: set[tuple[int, bytes]] = set()
    for life in range(KILLS):
        out, err = tmp_path / "out", tmp_path / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            command = [sys.executable, "-c", WRITER, str(folder), str(keys), str(life)]
            process = subprocess.Popen(command, stdout=stdout, stderr=stderr)
        started, lines = time.monotonic(), rng.randint(4, 24)  # `open`, then what it was told
        while out.read_bytes().count(b"\n") < lines and time.monotonic() - started < 30:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, err.read_text()
        told += _told(out.read_text())
        seen |= _seen(err.read_text())
    with Ledger.open(folder, keys) as ledger:
        entries = list(ledger.entries())
        for first, own in told:
            assert entries[first : first + len(own)] == own
        assert len(told) >= 3 * KILLS
        leaves = leaf_hashes(entries)
        assert len(seen) > KILLS // 2
        for size, root in seen:
            assert size <= len(entries)
            assert root_of(leaves[:size]) == root, f"the checkpoint of {size} entries was contradicted"
        assert ledger.append([entry("on")]) == len(entries)
        log = DirectoryLog(folder)
        open_note(log.checkpoint(), [Verifier.parse(ledger.vkey)])
        assert tree_root(log, len(entries) + 1) == root_of([*leaves, *leaf_hashes([entry("on")])])
    found = check_folder(folder)
    assert (found.ok, found.beyond, found.stale, found.strays) == (True, 0, 0, []), found


def entry(word: str) -> bytes:
    return encode_entry("decision", {"decision": word})


def _told(text: str) -> list[tuple[int, list[bytes]]]:
    """Return what a process was told is durable: first index and entries."""
    told = []
    for line in text.splitlines(keepends=True)[1:]:
        if not line.endswith("\n"):
            continue
        first, life, thread, number, count = map(int, line.split())
        told.append((first, [entry(f"{life} {thread} {number} {inner}") for inner in range(count)]))
    return told


def _seen(text: str) -> set[tuple[int, bytes]]:
    """Return size and root of each checkpoint that could be read while a process wrote."""
    lines = text.splitlines()
    whole = len(lines) // 3 * 3 - (0 if text.endswith("\n") else 3)
    return {(int(lines[at + 1]), b64decode(lines[at + 2])) for at in range(0, whole, 3)}
