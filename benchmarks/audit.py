"""People by app at full size: exact sets kept at import beside DuckDB's exact count, in the same run.

    python benchmarks/audit.py [--reads 100000000] [--people 20000000] [--apps 1000 5000] [--no-walk]
    python benchmarks/audit.py --walk-only

Reads are generated into a lake in a scratch folder: ten days, apps by Zipf's law, people drawn evenly, 30% of the reads
through somebody else, 5% refused, each day's file sorted by app as compaction leaves it. Every part is a process of its
own, so time and memory are its own. DuckDB has the same cores and may use as much memory as `--memory` says, and spills
beyond that. Four questions:

1. the exact distinct people of every app, from the kept sets, beside `GROUP BY app` with `count(DISTINCT person)`; and
   what it costs to keep the sets, in reads a second;
2. the people of one app, beside a raw scan of its rows by DuckDB that counts nothing;
3. everybody who is a friend of 270,000 installers: 107.6 million friendships walked among 210 million people;
4. which apps read one person.

Names are left out of the scratch lake: ids are numbers from the start, and the dictionaries are empty.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyroaring import BitMap

from ombud.audit.people import keeping
from ombud.audit.people.sets import PeopleSets
from ombud.audit.people.walking import Csr, friends_of, installers_by_friend
from ombud.lake import Lake, open_lake
from ombud.lake.files import sha256_of
from ombud.model import schema
from ombud.model.workspace import Workspace
from ombud.records import lake_files, migrate, open_records
from ombud.records.lake_files import LakeFile

DAYS, CHUNK, FULL = 10, 2_000_000, 100_000_000
START = datetime(2014, 6, 1, tzinfo=UTC)
ALL_RATIO, ONE_RATIO, WALK_SECONDS, READERS_MS = 10, 1.2, 5.0, 20.0
BYTES_A_READ = 60
"""Room on the disk that is asked for: the lake, DuckDB's spill, the sets and their passing files."""
INSTALLERS, EDGES, POPULATION = 270_000, 107_600_000, 210_000_000
_ALL = "SELECT app, count(DISTINCT person) FROM reads WHERE decision IN ('allowed', 'reduced') GROUP BY app"
_ONE = "SELECT person FROM reads WHERE app = $app AND decision IN ('allowed', 'reduced')"
_READERS = "SELECT DISTINCT app FROM reads WHERE person = $person AND decision IN ('allowed', 'reduced') ORDER BY app"


class Cost(NamedTuple):
    """What a process took."""

    wall: float
    cpu: float
    memory: int

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s of processor), {self.memory / 1e6:,.0f} MB"


# Generating -------------------------------------------------------------------


def generate(lake: Lake, reads: int, people: int, apps: int, seed: int) -> int:
    """Write reads into the lake, a file a day; return their bytes."""
    rng = np.random.default_rng(seed)
    weights = np.cumsum(1 / np.arange(1, apps + 1))
    files = []
    for day in range(DAYS):
        count = reads // DAYS
        first = START + timedelta(days=day)
        name = f"reads/day={first.date().isoformat()}/part_{day}.parquet"
        place = lake.folder / name
        place.parent.mkdir(parents=True)
        app = np.sort(np.searchsorted(weights, rng.random(count) * weights[-1]).astype(np.int64))
        with pq.ParquetWriter(place, schema.table("reads").stored, compression="zstd", compression_level=1) as writer:
            for start in range(0, count, CHUNK):
                rows = _rows(rng, app[start : start + CHUNK], people, day, day * count + start)
                writer.write_table(rows, row_group_size=131_072)
        last = first + timedelta(days=1, microseconds=-1)
        size = place.stat().st_size
        files.append(
            LakeFile(name, "reads", first.date().isoformat(), count, first, last, size, sha256_of(place), None)
        )
    with lake.records.begin() as tx:
        lake_files.add(tx, files)
    return sum(file.bytes for file in files)


def _rows(rng: np.random.Generator, app: np.ndarray[Any, Any], people: int, day: int, first: int) -> pa.Table:
    count = len(app)
    when = int((START + timedelta(days=day)).timestamp()) * 1_000_000 + rng.integers(86_400_000_000, size=count)
    offsets: Any = pa.array(np.arange(count + 1, dtype=np.int32))
    refused: Any = pa.array((rng.random(count) < 0.05).astype(np.int64))
    columns: dict[str, Any] = {
        "read": pa.array(np.arange(first, first + count)).cast(pa.string()),
        "app": pa.array(app),
        "person": pa.array(rng.integers(people, size=count)),
        "through": pa.array(rng.integers(people, size=count), mask=rng.random(count) >= 0.3),
        "happened_at": pa.array(when).cast(schema.MOMENT),
        "fields": pa.ListArray.from_arrays(offsets, pa.repeat("name", count)),
        "decision": pa.array(["allowed", "refused"]).take(refused),
        "import_id": pa.repeat("import_1", count),
    }
    stored = schema.table("reads").stored
    return pa.table([columns.get(f.name, pa.nulls(count, f.type)) for f in stored], schema=stored)


# Parts, each in a process of its own ------------------------------------------------


def keep(lake: Lake) -> dict[str, Any]:
    """Take all files into the sets, the last one by itself as a flush does; return what it took."""
    with lake.records.read() as tx:
        files = lake_files.visible(tx, "reads")
    last = files[-1]
    with lake.records.begin() as tx:
        lake_files.replace(tx, [last.path], [])
    start, cpu = time.perf_counter(), time.process_time()
    keeping.bring_up(lake, lake.workspace.sets_dir)
    first, used = time.perf_counter() - start, time.process_time() - cpu
    with lake.records.begin() as tx:
        lake_files.add(tx, [last])
    start, cpu = time.perf_counter(), time.process_time()
    keeping.bring_up(lake, lake.workspace.sets_dir)
    rest, more = time.perf_counter() - start, time.process_time() - cpu
    size = sum(path.stat().st_size for path in lake.workspace.sets_dir.glob("*.roar"))
    return {"rows": sum(file.rows for file in files), "last": last.rows, "wall": first, "cpu": used} | {
        "last_wall": rest, "last_cpu": more, "bytes": size
    }  # fmt: skip


def from_sets(lake: Lake, everybody: int) -> dict[str, Any]:
    """Answer from the kept sets: all apps, one app, one person."""
    start = time.perf_counter()
    sets = PeopleSets(lake.workspace, lake)
    opened = time.perf_counter() - start
    start, cpu = time.perf_counter(), time.process_time()
    sizes = sets.sizes()
    every, used = time.perf_counter() - start, time.process_time() - cpu
    largest = max(sizes, key=lambda app: sizes[app].people)
    middle = sorted(sizes, key=lambda app: sizes[app].people)[len(sizes) // 2]
    one = {}
    for app in (largest, middle):
        start = time.perf_counter()
        people = sets.people(app)
        one[app] = (time.perf_counter() - start, len(people))
    sets.readers(0)
    rng = np.random.default_rng(7)
    took, used_each, found = [], [], []
    for person in rng.integers(everybody, size=100).tolist():
        start, cpu = time.perf_counter(), time.thread_time()
        apps = sets.readers(person)
        took.append(time.perf_counter() - start)
        used_each.append(time.thread_time() - cpu)
        found.append(len(apps))
    checked = rng.integers(everybody, size=3).tolist()
    return {
        "open": opened,
        "all": every,
        "all_cpu": used,
        "counts": {app: size.people for app, size in sizes.items()},
        "one": one,
        "readers_ms": sorted(t * 1000 for t in took),
        "readers_cpu_ms": float(np.median(used_each)) * 1000,
        "readers": {person: sets.readers(person) for person in checked},
        "found": float(np.mean(found)),
    }


def from_duckdb(lake: Lake, apps: list[int], people: list[int]) -> dict[str, Any]:
    """Answer from the rows by DuckDB: all apps by its exact count, one app's rows scanned raw, one person."""
    out: dict[str, Any] = {"raw": {}, "readers": {}}
    with lake.duck(["reads"]) as duck:
        start, cpu = time.perf_counter(), time.process_time()
        rows = duck.execute(_ALL).fetchall()
        out["all"], out["all_cpu"] = time.perf_counter() - start, time.process_time() - cpu
        out["counts"] = dict(rows)
        for app in apps:
            best = []
            for _ in range(3):
                start = time.perf_counter()
                rows_of_app = duck.sql(_ONE, params={"app": app}).to_arrow_reader(131_072)
                scanned = sum(batch.num_rows for batch in rows_of_app)
                best.append(time.perf_counter() - start)
            out["raw"][app] = (min(best), scanned)
        for person in people:
            start = time.perf_counter()
            found = [row[0] for row in duck.execute(_READERS, {"person": person}).fetchall()]
            out["readers"][person] = (time.perf_counter() - start, found)
    return out


def walk(installers: int, edges: int, population: int) -> dict[str, Any]:
    """Walk from installers to all their friends, on one core; people who install are spread evenly."""
    rng = np.random.default_rng(2014)
    degrees = rng.poisson(edges / installers, size=installers)
    chosen = np.unique(rng.integers(population, size=2 * installers))
    chosen = np.sort(rng.permutation(chosen)[:installers])
    starts = np.zeros(population + 1, dtype=np.int64)
    starts[chosen + 1] = degrees
    np.cumsum(starts, out=starts)
    friends = np.empty(int(starts[-1]), dtype=np.int32)
    for first in range(0, len(friends), 1 << 24):
        part = friends[first : first + (1 << 24)]
        part[:] = rng.integers(population, size=len(part), dtype=np.int32)
    csr, people = Csr(starts, friends), BitMap(chosen.tolist())
    small = Csr(np.array([0, 1, 2]), np.array([1, 0], dtype=np.int32))
    friends_of(small, BitMap([0]))  # compiles the kernels, once after installation
    installers_by_friend(small, BitMap([0]))
    start, cpu = time.perf_counter(), time.process_time()
    found = friends_of(csr, people)
    took, used = time.perf_counter() - start, time.process_time() - cpu
    start = time.perf_counter()
    numbers, counts = installers_by_friend(csr, people)
    many = time.perf_counter() - start
    assert len(numbers) == len(found)
    assert int(counts.sum()) == len(friends)
    size = len(found.serialize())
    return {"edges": len(friends), "people": len(found), "wall": took, "cpu": used, "many": many, "bytes": size}


def part(name: str, folder: str, *more: str) -> tuple[dict[str, Any], Cost]:
    """Run a part as a process of its own; return what it found, and its cost."""
    command = [sys.executable, __file__, "--part", name, "--folder", folder, *more]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"The part {name} ended with {process.returncode}.")
    cost = Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
    return json.loads(out), cost


def work(args: argparse.Namespace) -> dict[str, Any]:
    """Do one part and return what it found."""
    if args.part == "walk":
        return walk(INSTALLERS // args.scale, EDGES // args.scale, POPULATION // args.scale)
    workspace = Workspace.open(Path(args.folder))
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        if args.part == "generate":
            return {"bytes": generate(lake, args.reads, args.people, args.apps[0], args.seed)}
        if args.part == "keep":
            return keep(lake)
        if args.part == "sets":
            return from_sets(lake, args.people)
        return from_duckdb(lake, json.loads(args.ask_apps), json.loads(args.ask_people))


# Printing ------------------------------------------------------------------------


def compare(args: argparse.Namespace, apps: int) -> bool:
    """Make a lake with so many apps, ask both, and print; return whether a target was missed."""
    folder = Path(tempfile.mkdtemp(prefix="ombud-audit-", dir=args.scratch))
    try:
        free, needed = shutil.disk_usage(folder).free, args.reads * BYTES_A_READ
        if free < needed:
            sys.exit(f"{folder} has {free / 1e9:.1f} GB free; this takes about {needed / 1e9:.1f} GB.")
        root = folder / "workspace"
        workspace = Workspace.create(root)
        (root / "ombud.toml").write_text(f'memory = "{args.memory}"\n')
        migrate(workspace.records_url)
        size = ["--reads", str(args.reads), "--people", str(args.people), "--apps", str(apps)]
        made, cost = part("generate", str(root), *size)
        print(f"{args.reads:,} reads of {args.people:,} people by {apps:,} apps: {made['bytes'] / 1e6:,.0f} MB, {cost}")
        warm()
        return printed(root, apps, args.people)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def printed(root: Path, apps: int, people: int) -> bool:
    """Ask both, and print what they say."""
    kept, cost = part("keep", str(root))
    before = kept["rows"] - kept["last"]
    print(
        f"  keeping the sets: {before / kept['wall']:,.0f} reads/s ({before / kept['cpu']:,.0f} per processor second)"
    )
    print(f"    then {kept['last']:,} more: {kept['last_wall']:.2f} s ({kept['last_cpu']:.2f} s of processor)")
    print(f"    {kept['bytes'] / 1e6:,.1f} MB on disk; process: {cost}")
    ours, mine = part("sets", str(root), "--people", str(people))
    asked = [int(app) for app in ours["one"]]
    some = [int(person) for person in ours["readers"]]
    theirs, other = part("duckdb", str(root), "--ask-apps", json.dumps(asked), "--ask-people", json.dumps(some))
    assert ours["counts"] == theirs["counts"]
    ratio = theirs["all"] / ours["all"]
    pairs = sum(ours["counts"].values())
    print(
        f"  1. people of all {apps:,} apps ({pairs:,} pairs): sets {ours['all']:.3f} s (opening {ours['open']:.3f} s)"
    )
    work = theirs["all_cpu"] / ours["all_cpu"]
    print(f"     DuckDB {theirs['all']:.2f} s: 1/{ratio:,.0f} of its time, 1/{work:,.0f} of its processor time")
    failed = ratio < ALL_RATIO and kept["rows"] >= FULL  # with few reads, opening files is all there is to do
    for app in ours["one"]:
        took, count = ours["one"][app]
        raw, rows = theirs["raw"][app]
        print(
            f"  2. one app, {rows:,} rows, {count:,} people: {took * 1e3:.1f} ms; raw scan {raw * 1e3:,.0f} ms:", end=""
        )
        print(f" {took / raw:.3f} of it")
        failed |= took > ONE_RATIO * raw
    ms = ours["readers_ms"]
    print(
        f"  4. which apps read a person ({ours['found']:.1f} of {apps:,}): median {ms[50]:.2f} ms, p99 {ms[98]:.2f} ms"
    )
    for person in some:
        took, found = theirs["readers"][str(person)]
        assert found == ours["readers"][str(person)]
        print(f"     DuckDB's scan for the same: {took * 1e3:,.0f} ms")
    failed |= ours["readers_cpu_ms"] > READERS_MS
    print(f"  processes: sets {mine}; DuckDB {other}", flush=True)
    return bool(failed)


def warm() -> None:
    """Compile the kernels, once after installation, so that no part pays for it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        migrate(Workspace.create(root).records_url)
        for name, *more in (("generate", "--reads", "100", "--apps", "3"), ("keep",), ("sets",)):
            part(name, str(root), *more)


def walked(scale: int) -> bool:
    """Print what the walk took; return whether a target was missed."""
    found, cost = part("walk", "", "--scale", str(scale))
    print(
        f"  3. {found['edges']:,} friendships of {INSTALLERS // scale:,} installers: {found['people']:,} people", end=""
    )
    print(f" in {found['wall']:.2f} s ({found['cpu']:.2f} s of processor, one core), {found['bytes'] / 1e6:.1f} MB")
    print(f"     through how many installers, for each: {found['many']:.2f} s; process: {cost}")
    return bool(found["wall"] > WALK_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=100_000_000)
    parser.add_argument("--people", type=int, default=20_000_000)
    parser.add_argument("--apps", type=int, nargs="+", default=[1_000, 5_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", default="4GB", help="what DuckDB may use before it spills")
    parser.add_argument("--scratch", help="where the scratch lake goes; the system's folder for that if unset")
    parser.add_argument("--scale", type=int, default=1, help="the walk at one n-th of its size")
    parser.add_argument("--no-walk", action="store_true")
    parser.add_argument("--walk-only", action="store_true")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--ask-apps", default="[]", help=argparse.SUPPRESS)
    parser.add_argument("--ask-people", default="[]", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        print(json.dumps(work(args)))
        return
    print(f"DuckDB {duckdb.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    failed = False
    if not args.walk_only:
        for apps in args.apps:
            failed |= compare(args, apps)
    if not args.no_walk:
        failed |= walked(args.scale)
    own = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"largest process: {own / 1e6:,.0f} MB; load {os.getloadavg()[0]:.1f} at the end")
    if failed:
        sys.exit("FAILED: a figure misses its target.")


if __name__ == "__main__":
    main()
