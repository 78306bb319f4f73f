"""The ledger at 1 and 10 million rows, beside the PyPI package pymerkle and this machine's own limit of SHA-256.

    python benchmarks/ledger.py [--rows 1000000 10000000] [--no-peer] [--peer-rows 1000000]

Every part is a process of its own on one core, so that time and memory are its own. Rows are reads as the gate
writes them, about 300 bytes. Ombud's two ways are measured: rows in batches of 10,000 (commitments, rows and salts
synced to a file, the batch's entry on the ledger: what the gate does), and every row an entry of its own. A row
counts when it would survive a power cut. Proofs come from the second log's tiles: in order, and of random entries
after its files were dropped from the machine's memory; the tiles that are kept in memory meanwhile are at most
1,024, whatever the size. pymerkle (GPL) runs in an environment of its own and is
imported by nothing here; its tree in memory survives nothing, its tree in SQLite rehashes every leaf for a root.
What takes a peer longer than --limit or more memory than --memory is stopped and printed as that.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ombud.ledger.commitments import commit_rows, verify_row
from ombud.ledger.disk import RealDisk
from ombud.ledger.entries import encode_entry
from ombud.ledger.hashing import leaf_hash, verify_inclusion
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.rows import ReadRow, row_bytes, row_time
from ombud.ledger.tree import Tree
from ombud.ledger.writer import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "ledger"
PEER = "pymerkle==7.0.0"
BATCH = 10_000
AHEAD = 4
"""batches that are on their way to the disk while the next one is made"""
AIMS = {"batches": 150_000, "commitments": 300_000, "in order": 20_000, "cold": 2_000}
GROWTH = 1.25
"""how much more memory ten times the rows may take"""


def rows_of(first: int, count: int) -> list[bytes]:
    """Return reads as the gate writes them, each different."""
    start = datetime(2014, 4, 30, tzinfo=UTC)
    policy = "ab" * 32
    return [
        row_bytes(
            ReadRow(
                app=f"app-{n % 997}",
                at=row_time(start + timedelta(milliseconds=n)),
                decision="allowed",
                fields=("name", "likes", "birthday"),
                person=f"person-{n * 7_919 % 1_000_003}",
                policy=policy,
                purpose="game",
                read=f"read_{n:016x}",
                reason=None,
                through=None,
            )
        )
        for n in range(first, first + count)
    ]


class Watch:
    """Adds up the wall and processor seconds of blocks."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter() - self._start[0]
        self.cpu += time.process_time() - self._start[1]

    def rate(self, count: int) -> dict[str, float]:
        """Return how many a second, by the clock and by the processor."""
        return {"wall": count / self.wall, "cpu": count / self.cpu}


def limit() -> dict[str, Any]:
    """Return what SHA-256 costs here at the least: one leaf and one node for each row, and bytes in a row."""
    rows, node, watch = rows_of(0, BATCH), bytes(65), Watch()
    with watch:
        for _ in range(30):
            for row in rows:
                hashlib.sha256(row).digest()
                hashlib.sha256(node).digest()
    block, bulk = bytes(1 << 20), Watch()
    with bulk:
        for _ in range(300):
            hashlib.sha256(block).digest()
    return {"rows": watch.rate(30 * BATCH), "megabytes": bulk.rate(300 << 20)["cpu"] / 1e6, "row": len(rows[0])}


def batches(folder: Path, count: int) -> dict[str, Any]:
    """Write rows in batches, as the gate does; the making of the rows is not measured."""
    commit, whole, waiting = Watch(), Watch(), _futures()
    with Ledger.open(folder / "ledger", folder / "keys") as ledger, (folder / "rows").open("wb") as journal:
        for first in range(0, count, BATCH):
            rows = rows_of(first, min(BATCH, count - first))
            with whole:
                with commit:
                    batch = commit_rows(rows)
                journal.write(b"\n".join(rows))
                journal.write(batch.salts)
                journal.write(batch.pad_seed)
                journal.flush()
                os.fdatasync(journal.fileno())
                body = {"batch": f"batch_{first}", "root": batch.root.hex(), "padded": batch.padded}
                waiting.append(ledger.submit([encode_entry("reads", body)]))
                if len(waiting) == AHEAD:
                    waiting.popleft().result()
        with whole:
            for future in waiting:
                future.result()
    tree, watch = batch.tree(), Watch()
    with watch:
        proofs = [tree.proof(at) for at in range(len(rows))]
    check = Watch()
    with check:
        for at in range(0, len(rows), 10):
            verify_row(rows[at], batch.salt(at), at, batch.padded, proofs[at], batch.root)
    return {
        "commitments": commit.rate(count),
        "batches": whole.rate(count),
        "row proofs": watch.rate(len(rows)),
        "row checks": check.rate(-(-len(rows) // 10)),
    }


def _futures() -> deque[Future[int]]:
    return deque()


def singles(folder: Path, count: int) -> dict[str, Any]:
    """Write every row as an entry of its own, in calls of 10,000; then one at a time."""
    watch = Watch()
    with Ledger.open(folder / "ledger", folder / "keys") as ledger:
        for first in range(0, count, BATCH):
            rows = rows_of(first, min(BATCH, count - first))
            with watch:
                ledger.append(rows)
        one = Watch()
        with one:
            for row in rows_of(count, 200):
                ledger.append([row])
    return {"entries": watch.rate(count), "one at a time": one.rate(200)}


def proofs(folder: Path, count: int) -> dict[str, Any]:
    """Prove entries from the tiles: in order, and at random after the files were dropped from memory."""
    log = DirectoryLog(folder / "ledger")
    size = count + 200
    tree, watch = Tree(log), Watch()
    with watch:
        for index in range(min(100_000, count)):
            tree.inclusion(index, size)
    root = tree.root(size)
    del tree
    chance = random.Random(1)  # noqa: S311 - the same entries in each run
    picked = [chance.randrange(size) for _ in range(4_000)]
    for path in (folder / "ledger" / "tile").rglob("*"):
        if path.is_file():
            _forget(path)
    cold, cold_watch = Tree(log), Watch()
    with cold_watch:
        found = [cold.inclusion(index, size) for index in picked]
    with Ledger.open(folder / "ledger", folder / "keys") as ledger:
        for index, proof in list(zip(picked, found, strict=True))[:100]:
            verify_inclusion(index, size, leaf_hash(next(ledger.entries(index, index + 1))), proof, root)
    return {"in order": watch.rate(min(100_000, count)), "cold": cold_watch.rate(len(picked))}


def _forget(path: Path) -> None:
    """Have the machine drop a file from its memory, so that it is read from the disk again."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def syncs(folder: Path) -> dict[str, float]:
    """Return the median milliseconds of a synced small file here, without and with its name."""
    disk, plain, named = RealDisk(), [], []
    for number in range(100):
        start = time.perf_counter()
        disk.write_files([(folder / f"sync-{number}", bytes(4096))])
        middle = time.perf_counter()
        disk.sync_folders([folder])
        plain.append(middle - start)
        named.append(time.perf_counter() - start)
    return {"file": sorted(plain)[50] * 1e3, "file and name": sorted(named)[50] * 1e3}


PEER_PROGRAM = r"""
import json, os, random, resource, sys, time
from pymerkle import InmemoryTree, SqliteTree
kind, count, place, memory = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
def rows():
    for n in range(count):
        yield b'{"app":"app-%d","decision":"allowed","read":"read_%016x","rest":"%s"}' % (n % 997, n, b"x" * 220)
def rate(n, call):
    start = time.perf_counter(); call(); return n / (time.perf_counter() - start)
out = {}
try:
    if kind == "memory":
        tree = InmemoryTree(algorithm="sha256")
        def fill():
            for row in rows(): tree.append_entry(row)
        out["append"] = rate(count, fill)
        some = 2000
    else:
        tree = SqliteTree(place, algorithm="sha256")
        out["append"] = rate(count, lambda: tree.append_entries(rows(), chunksize=10000))
        one = [b"one %d" % n for n in range(100)]
        out["one at a time"] = rate(100, lambda: [tree.append_entry(row) for row in one])
        some = 3
    picked = [random.Random(1).randrange(count) + 1 for _ in range(some)]
    def prove():
        for index in picked: tree.prove_inclusion(index)
    out["random"] = rate(some, prove)
    def ordered():
        for index in range(1, some + 1): tree.prove_inclusion(index)
    out["in order"] = rate(some, ordered)
except MemoryError:
    out["stopped"] = "it needs more memory than allowed"
out["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(out))
"""


def peer(kind: str, count: int, limit_: float, memory: int) -> dict[str, Any] | None:
    """Run pymerkle on as many rows; None, loudly, where it cannot be installed."""
    home = ROOT / ".cache" / "peer-ledger"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=False)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PEER], check=False)
    if subprocess.run([str(python), "-c", "import pymerkle"], check=False, capture_output=True).returncode:
        print(f"SKIPPED: {PEER} could not be installed, so there is nothing to compare with.", file=sys.stderr)
        return None
    place = CACHE / "peer.sqlite"
    place.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            [str(python), "-c", PEER_PROGRAM, kind, str(count), str(place), str(memory)],
            capture_output=True,
            text=True,
            check=True,
            timeout=limit_,
        )
    except subprocess.TimeoutExpired:
        return {"stopped": f"it takes longer than {limit_:.0f} s"}
    finally:
        place.unlink(missing_ok=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


PARTS = {"batches": batches, "singles": singles, "proofs": proofs}


def part(name: str, folder: Path, count: int) -> None:
    """Do one part in this process, on one core, and print what it took."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if name == "limit":
        out = limit()
    elif name == "syncs":
        out = dict(syncs(folder))
    else:
        out = PARTS[name](folder, count)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(out | {"memory": memory}))


def run(name: str, folder: Path, count: int = 0) -> dict[str, Any]:
    """Do one part in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, "--part", name, "--folder", str(folder), "--count", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name} ended with {done.returncode}:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def said(name: str, rate: dict[str, float], aim: str | None = None) -> None:
    """Print a rate, by the clock and by the processor."""
    wanted = f"; aim {AIMS[aim]:,}" if aim else ""
    print(f"  {name}: {rate['wall']:,.0f}/s ({rate['cpu']:,.0f} a second of processor{wanted})")


def ours(count: int, missed: list[str]) -> Iterator[dict[str, Any]]:
    """Measure Ombud at one size and print it."""
    folder = CACHE / f"{count}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        result = run("batches", folder / "batches", count)
        print(f"{count:,} rows, Ombud, one core")
        said("commitments alone", result["commitments"], "commitments")
        said("durable rows in batches of 10,000", result["batches"], "batches")
        said("proofs of rows within a batch", result["row proofs"])
        said("rows checked", result["row checks"])
        print(f"  peak memory {result['memory'] / 1e6:,.0f} MB")
        single = run("singles", folder / "singles", count)
        said("durable entries, each row one, 10,000 a call", single["entries"])
        said("durable entries one at a time", single["one at a time"])
        print(f"  peak memory {single['memory'] / 1e6:,.0f} MB")
        proof = run("proofs", folder / "singles", count)
        said("proofs of entries in order", proof["in order"], "in order")
        said("proofs of random entries from cold tiles", proof["cold"], "cold")
        print(f"  peak memory {proof['memory'] / 1e6:,.0f} MB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rates = {"batches": result["batches"], "commitments": result["commitments"]}
    rates |= {"in order": proof["in order"], "cold": proof["cold"]}
    missed += [f"{name} at {count:,} rows" for name, rate in rates.items() if rate["wall"] < AIMS[name]]
    writing = max(result["memory"], single["memory"])
    yield result | single | proof | {"written in": writing, "most": max(writing, proof["memory"])}


def compared(result: dict[str, Any], count: int, arguments: argparse.Namespace) -> None:
    """Print the peer's figures at one size, and how many times as fast Ombud is."""
    for kind, title in (("memory", "InmemoryTree, durable never"), ("sqlite", "SqliteTree")):
        other = peer(kind, count, arguments.limit, arguments.memory)
        if other is None:
            return
        print(f"{count:,} rows, pymerkle, {title}")
        pairs = [
            ("append", "batches", "rows in batches"),
            ("append", "entries", "each row an entry"),
            ("one at a time", "one at a time", "one at a time"),
            ("in order", "in order", "proofs in order"),
            ("random", "cold", "random proofs (Ombud's from cold tiles)"),
        ]
        for theirs, mine, what in pairs:
            if theirs in other:
                times = result[mine]["wall"] / other[theirs]
                print(f"  {what}: {other[theirs]:,.1f}/s; Ombud {times:,.1f} times")
        if "stopped" in other:
            print(f"  stopped: {other['stopped']}")
        if "memory" in other:
            print(f"  peak memory {other['memory'] / 1e6:,.0f} MB; Ombud {result['most'] / 1e6:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--peer-rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--limit", type=float, default=400.0, help="seconds that one part of the peer may take")
    parser.add_argument("--memory", type=int, default=3 << 30, help="bytes that the peer may take")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        part(arguments.part, arguments.folder, arguments.count)
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    most = run("limit", CACHE)
    load = os.getloadavg()[0]
    print(f"SHA-256 here, one core: {most['megabytes']:,.0f} MB/s; a leaf of {most['row']} bytes and a node,")
    said("called one by one", most["rows"])
    wait = run("syncs", CACHE / "syncs")
    shutil.rmtree(CACHE / "syncs")
    print(f"  a synced file takes {wait['file']:.2f} ms, with its name {wait['file and name']:.2f} ms")
    print(f"  other work on this machine: load {load:.1f} on {os.cpu_count()} cores")
    missed: list[str] = []
    memory = []
    for count in arguments.rows:
        for result in ours(count, missed):
            memory.append(result["written in"])
            share = result["commitments"]["cpu"] / most["rows"]["cpu"]
            print(f"  commitments reach {share:.0%} of the machine's limit, one call a hash")
            if count in arguments.peer_rows and not arguments.no_peer:
                compared(result, count, arguments)
    if len(memory) > 1:
        grown = max(memory) / min(memory)
        print(f"memory to write, from {min(arguments.rows):,} to {max(arguments.rows):,} rows: {grown:.2f} times")
        missed += ["memory that does not grow with the log"] * (grown > GROWTH)
    if missed:
        sys.exit(f"MISSED: {', '.join(missed)}")


if __name__ == "__main__":
    main()
