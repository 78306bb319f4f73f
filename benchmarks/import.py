"""How fast and in how much memory `ombud import table` takes a large CSV of posts.

    python benchmarks/import.py [--rows 10000000] [--json] [--folder FOLDER]

A CSV of posts is generated (the same for the same number of rows). DuckDB
alone writes it to Parquet, then Ombud imports it: checked byte by byte, typed,
with account ids put into a dictionary, repeats looked for, kept by day, hashed
and durable. Both run in processes of their own, so that each one's peak memory
is its own. The ratio of the two times is what counts: at most 4.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

LIMIT = 4.0
WORDS = ["the", "vote", "city", "market", "school", "police", "water", "people", "news", "today", "every", "where"]
WORDS += ["local", "season", "report", "after", "before", "strike", "music", "house", "river", "train", "storm"]
WORDS += ["council", "game", "study", "farm", "price", "health", "border", "rain", "team"]


def generate(path: Path, rows: int) -> None:
    """Write `rows` posts of rows / 20 accounts over 60 days, some with quotes, commas and accents."""
    words = "[" + ", ".join(f"'{w}'" for w in WORDS) + "]"
    pick = " || ' ' || ".join(f"w[1 + (hash(i, {k}) % {len(WORDS)})::INT]" for k in range(9))
    duck = duckdb.connect()
    duck.execute(
        f"COPY (FROM (FROM range({rows}) AS r(i) SELECT i, {words} AS w) SELECT 'p' || i AS post, "
        f"'u' || (hash(i, 77) % {max(rows // 20, 1)}) AS account, "
        "strftime(make_timestamp(1464739200000000 + (hash(i, 78) % 5184000)::BIGINT * 1000000), '%Y-%m-%dT%H:%M:%SZ') "
        f"AS happened_at, {pick} || CASE i % 50 WHEN 0 THEN ', \"quoted\"' WHEN 1 THEN ' café' ELSE '' END AS text, "
        "CASE i % 3 WHEN 0 THEN 'en' WHEN 1 THEN 'de' ELSE 'es' END AS language, "
        f"CASE WHEN i % 4 = 0 THEN 'https://example.org/story/' || (hash(i, 79) % {max(rows // 100, 1)}) END AS links, "
        "'example' AS platform"
        f") TO '{path}' (FORMAT csv, HEADER)"
    ).fetchall()


def alone(csv: Path, folder: Path) -> dict[str, float]:
    """Let DuckDB write the CSV to one Parquet file."""
    duck = duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(folder / "spill")})
    began = time.perf_counter()
    duck.execute(
        f"COPY (FROM read_csv('{csv}', header=true, all_varchar=true, quote='\"', escape='\"')) "
        f"TO '{folder / 'alone.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
    ).fetchall()
    return {"seconds": time.perf_counter() - began, **_memory()}


def ombud(csv: Path, folder: Path) -> dict[str, float]:
    """Import the CSV into a new workspace."""
    from ombud.lake import open_lake  # noqa: PLC0415 - only this process pays for it
    from ombud.lake.imports import import_files  # noqa: PLC0415
    from ombud.model.workspace import Workspace  # noqa: PLC0415
    from ombud.records import migrate, open_records  # noqa: PLC0415

    workspace = Workspace.create(folder / "workspace")
    migrate(workspace.records_url)
    lake = open_lake(workspace, open_records(workspace))
    idle = _memory()["peak_mb"]
    began = time.perf_counter()
    report = import_files(lake, "table", [csv], table="posts")
    seconds = time.perf_counter() - began
    counts = report.tables["posts"]
    assert counts.accepted == counts.read, counts
    dictionary = sum(p.stat().st_size for p in (workspace.lake_dir / "_ids").rglob("*.parquet"))
    with lake.duck([]) as duck:
        names = duck.execute("FROM account_ids SELECT count(*), sum(strlen(name))").fetchone()
    assert names is not None
    return {
        "seconds": seconds,
        "rows": counts.accepted,
        "idle_mb": idle,
        "dictionary_names": names[0],
        "dictionary_mb": names[1] / 1e6,
        "dictionary_disk_mb": dictionary / 1e6,
        **_memory(),
    }


def _memory() -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"peak_mb": used.ru_maxrss / 1024, "cpu_seconds": used.ru_utime + used.ru_stime}


def _apart(what: str, csv: Path, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--part", what, "--csv", str(csv), "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(rows: int, folder: Path) -> dict[str, Any]:
    """Generate, run both, return the figures."""
    csv = folder / "posts.csv"
    generate(csv, rows)
    one = _apart("alone", csv, folder)
    two = _apart("ombud", csv, folder)
    return {
        "rows": rows,
        "csv_mb": csv.stat().st_size / 1e6,
        "duckdb_seconds": one["seconds"],
        "ombud_seconds": two["seconds"],
        "ratio": two["seconds"] / one["seconds"],
        "limit": LIMIT,
        "cpu_ratio": two["cpu_seconds"] / one["cpu_seconds"],
        "rows_per_second": rows / two["seconds"],
        "duckdb_peak_mb": one["peak_mb"],
        "ombud_peak_mb": two["peak_mb"],
        "dictionary_names": two["dictionary_names"],
        "dictionary_mb": two["dictionary_mb"],
        "dictionary_disk_mb": two["dictionary_disk_mb"],
    }


def table(figures: dict[str, Any]) -> str:
    """Return the figures for people."""
    lines = [
        ("rows", f"{figures['rows']:,}"),
        ("CSV", f"{figures['csv_mb']:,.0f} MB"),
        ("DuckDB alone, CSV to Parquet", f"{figures['duckdb_seconds']:.1f} s"),
        ("ombud import", f"{figures['ombud_seconds']:.1f} s ({figures['rows_per_second']:,.0f} rows/s)"),
        ("ratio (limit 4)", f"{figures['ratio']:.2f}"),
        ("ratio of processor time", f"{figures['cpu_ratio']:.2f} (does not suffer from a busy machine)"),
        ("peak memory of DuckDB alone", f"{figures['duckdb_peak_mb']:,.0f} MB"),
        ("peak memory of the import", f"{figures['ombud_peak_mb']:,.0f} MB"),
        (
            "account dictionary",
            f"{figures['dictionary_names']:,} names: {figures['dictionary_mb']:.1f} MB of text",
        ),
        (
            "account dictionary on disk",
            f"{figures['dictionary_disk_mb']:.1f} MB",
        ),
    ]
    return "\n".join(f"{name:<30} {value}" for name, value in lines)


def main() -> int:
    """Print the figures; 1 when the ratio is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="where to work (about 3 GB for the default); a temporary folder")
    parser.add_argument("--part", choices=["alone", "ombud"], help=argparse.SUPPRESS)
    parser.add_argument("--csv", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        print(json.dumps({"alone": alone, "ombud": ombud}[args.part](args.csv, args.folder)))
        return 0
    folder = Path(tempfile.mkdtemp(prefix="ombud-bench-", dir=args.folder))
    try:
        figures = measure(args.rows, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures) if args.json else table(figures))
    return 0 if figures["ratio"] <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
