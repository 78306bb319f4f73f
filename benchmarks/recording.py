"""Reads that are put on record: decided in batches, committed to, in the journal and on the ledger, durable.

    python benchmarks/recording.py [--rows 500000] [--batch 65536] [--singles 2000] [--folder DIR]

One process on one core, with the ledger's own thread. The parts of the time are
told apart; the limit of the machine is what SHA-256 alone takes for as many
leaves and nodes. `fsync` is that of the folder's disk.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ombud.gate.batch import Batch, decide_batch
from ombud.gate.batch_rows import rows_of_batch
from ombud.gate.budgets import Budgets
from ombud.gate.consents import ConsentTable
from ombud.gate.decide import Gate
from ombud.gate.flush import flush
from ombud.gate.journal import Journal
from ombud.gate.policy import compile_policy, load_policy
from ombud.gate.recorder import Recorder
from ombud.gate.request import AppStanding, ReadRequest
from ombud.gate.rows import row_of
from ombud.gate.sinks import LedgerSink
from ombud.lake import open_lake
from ombud.ledger.writer import Ledger
from ombud.model import clock
from ombud.model.workspace import Workspace
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Iterator

APPS, PEOPLE = 1_000, 100_000


def world(rng: np.random.Generator) -> tuple[Gate, list[str], list[str]]:
    """Return a gate with consents of everybody for ten apps, and the names."""
    policy = load_policy("before-2015")
    apps, people = [f"app-{n}" for n in range(APPS)], [f"person-{n:06}" for n in range(PEOPLE)]
    table = ConsentTable(capacity=4 * PEOPLE)
    now = clock.now()
    standings = [AppStanding(app=name, registered_at=now, purposes=frozenset(policy.purposes)) for name in apps]
    compiled = compile_policy(policy, standings, table.scopes)
    mask = table.scopes.mask(policy.scopes)
    who, app = np.repeat(np.arange(PEOPLE), 10), rng.integers(0, APPS, 10 * PEOPLE)
    used = np.full(len(who), int(now.timestamp() // 86_400))
    table.put_many(app, who, np.full(len(who), mask, dtype=np.uint64), used)
    return Gate(compiled, table, {name: n for n, name in enumerate(people)}, Budgets(compiled)), apps, people


def requests(gate: Gate, rows: int, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield batches of requests, nine in ten of which have a consent."""
    known = np.array([(app, person) for app, person, _ in gate.consents.all()])
    fields = np.uint64(gate.compiled.mask(["name", "picture", "likes"]))
    second = int(clock.now().timestamp())
    for start in range(0, rows, size):
        count = min(size, rows - start)
        app, person = known[rng.integers(0, len(known), count)].T.copy()
        strangers = rng.random(count) < 0.1
        person[strangers] = rng.integers(0, PEOPLE, strangers.sum())
        zero = np.zeros(count, dtype=np.int64)
        yield Batch(app, person, zero - 1, np.full(count, fields), zero + 1, zero + second, zero)


def batches(gate: Gate, names: tuple[list[str], list[str]], place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Decide, write and wait for batches; return the seconds of each part."""
    parts = dict.fromkeys(("decide", "rows", "record"), 0.0)
    every = list(requests(gate, options.rows, options.batch, np.random.default_rng(2)))
    decide_batch(gate, every[0], "warm-")
    with (
        Ledger.open(place / "ledger", place / "keys") as ledger,
        Recorder(Journal(place / "journal" / "bench"), LedgerSink(ledger)) as recorder,
    ):
        began, cpu = time.perf_counter(), time.process_time()
        waiting = []
        for n, batch in enumerate(every):
            at = time.perf_counter()
            decisions = decide_batch(gate, batch, f"b{n}-", per_field=True)
            then = time.perf_counter()
            rows = rows_of_batch(gate.compiled, *names, batch, decisions)
            end = time.perf_counter()
            parts["decide"] += then - at
            parts["rows"] += end - then
            waiting.append(recorder.submit(rows, gate.compiled.hash))
            while len(waiting) > 1:
                waiting.pop(0).result()
            parts["record"] += time.perf_counter() - end
        for future in waiting:
            future.result()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    found = {"reads": options.rows, "seconds": seconds, "cpu_seconds": cpu, "a_second": options.rows / seconds}
    return found | {"a_cpu_second": options.rows / cpu, "wall_seconds_of": parts}


def singles(gate: Gate, place: Path, count: int) -> dict[str, Any]:
    """Decide and record one read at a time, before each answer."""
    taken = []
    with (
        Ledger.open(place / "ledger", place / "keys") as ledger,
        Recorder(Journal(place / "journal" / "single"), LedgerSink(ledger)) as recorder,
    ):
        for n in range(count):
            request = ReadRequest(f"app-{n % APPS}", f"person-{n % PEOPLE:06}", ("name", "likes"), "app-function")
            at = time.perf_counter()
            decision = gate.decide(request)
            recorder.record([row_of(request, decision)], decision.policy)
            taken.append(time.perf_counter() - at)
    p50, p99 = np.percentile(taken, [50, 99]) * 1000
    return {"reads": count, "p50_ms": p50, "p99_ms": p99, "a_second": count / sum(taken)}


def limit(rows: int) -> float:
    """Return the seconds that SHA-256 alone takes for leaves of 350 bytes and as many nodes."""
    leaf, node = os.urandom(350), os.urandom(65)
    began = time.perf_counter()
    for _ in range(rows):
        hashlib.sha256(leaf).digest()
        hashlib.sha256(node).digest()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--batch", type=int, default=65_536)
    parser.add_argument("--singles", type=int, default=2_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        workspace = Workspace.create(Path(scratch) / "workspace")
        migrate(workspace.records_url)
        gate, *names = world(np.random.default_rng(1))
        found = {"batches": batches(gate, (names[0], names[1]), workspace.root, options)}
        found["sha256_limit"] = {"seconds": limit(options.rows)}
        found["singles"] = singles(gate, workspace.root, options.singles)
        with open_records(workspace) as records:
            began, cpu = time.perf_counter(), time.process_time()
            done = flush(open_lake(workspace, records))
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        rows = sum(one.rows for one in done)
        found["flush"] = {"reads": rows, "seconds": seconds, "a_second": rows / seconds, "a_cpu_second": rows / cpu}
        size = sum(path.stat().st_size for path in (workspace.lake_dir / "reads").rglob("*.parquet"))
        found["flush"]["bytes_a_row"] = size / rows
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
