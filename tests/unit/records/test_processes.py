"""Several processes on one database, some killed: nothing acknowledged is lost, nothing half is seen."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ombud.records import dictionaries, jobs, outbox, worker
from ombud.records.database import open_url

if TYPE_CHECKING:
    from ombud.records import Records

WRITER = Path(__file__).with_name("writer.py")


def start(what: str, url: str, count: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(WRITER), what, url, str(count)], stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> str:
    """Kill without warning; return what the process had still said."""
    process.send_signal(signal.SIGKILL)
    return process.communicate()[0]


def firsts(records: Records) -> list[int]:
    with records.read() as tx:
        return [entry.payload["first"] for entry in outbox.pending(tx, 10_000)]


def test_two_processes_writing_at_once_lose_nothing(url: str) -> None:
    processes = [start("write", url, 40) for _ in range(2)]
    acknowledged = [
        line.split()[0] for process in processes for line in process.communicate(timeout=60)[0].splitlines()
    ]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(map(int, acknowledged)) == list(range(0, 160, 2))
    with open_url(url) as records:
        assert sorted(firsts(records)) == list(range(0, 160, 2))


def test_killed_in_the_middle_of_a_transaction(url: str) -> None:
    process = start("hang", url, 50)
    assert said(process) == "in the middle"
    with open_url(url) as records:
        assert firsts(records) == []
        kill(process)
        with records.begin() as tx:
            assert dictionaries.advance(tx, "account", 1) == 0
        assert firsts(records) == []


@pytest.mark.parametrize("after", [1, 3, 7])
def test_killed_at_any_moment(url: str, after: int) -> None:
    process = start("write", url, 100_000)
    acknowledged = [said(process) for _ in range(after)]
    acknowledged += kill(process).splitlines()
    known = [int(line.split()[0]) for line in acknowledged if line.count(" ") == 1]
    with open_url(url) as records:
        found = firsts(records)
        with records.read() as tx:
            assert dictionaries.next_id(tx, "account") == 2 * len(found)
    assert found == list(range(0, 2 * len(found), 2))
    assert set(known) <= set(found)
    assert len(found) <= len(known) + 1, "at most the one that was under way"


def test_the_job_of_a_killed_worker_is_taken_over(url: str) -> None:
    with open_url(url) as records:
        with records.begin() as tx:
            made = jobs.enqueue(tx, "echo", {})
        process = start("work", url)
        assert said(process) == made.id
        time.sleep(1.2)
        assert not worker.run_one(records, {"echo": lambda _: {"by": "us"}}, "two"), "it lives and keeps its lease"
        kill(process)
        end = time.monotonic() + 10
        while not worker.run_one(records, {"echo": lambda _: {"by": "us"}}, "two"):
            assert time.monotonic() < end
            time.sleep(0.1)
        with records.read() as tx:
            done = jobs.get(tx, made.id)
    assert (done.state, done.result, done.attempts) == ("done", {"by": "us"}, 2)
