"""Search latency of the ad archive at many generated ads, against plain SQLite LIKE in the same run.

`python benchmarks/archive.py [--ads 300000]`. CPU milliseconds, best and median of several runs each.
The texts are made of words with a Zipf distribution, so that rare and common words both occur.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ombud.archive import AdQuery, build_archive
from ombud.archive.layout import read_only
from ombud.archive.store import Archive
from ombud.lake import open_lake
from ombud.model.schema import table
from ombud.model.workspace import Workspace
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.lake import Lake

RUNS = 7
VOCABULARY = 30_000
PAGES = 2_000


def generated(ads: int, rng: np.random.Generator) -> pa.Table:
    """Return `ads` rows for the table `ads`: 20 to 60 words each, three currencies, four targeting terms."""
    words = np.array([f"w{n:05d}" for n in range(VOCABULARY)], dtype=object)
    lengths = rng.integers(20, 60, ads)
    drawn = words[np.minimum((rng.pareto(0.7, int(lengths.sum())) * 3).astype(np.int64), VOCABULARY - 1)]
    ends = np.cumsum(lengths)
    texts = [" ".join(part) for part in np.split(drawn, ends[:-1])]
    moments = 1_450_000_000_000_000 + rng.integers(0, 20, ads) * 86_400_000_000
    columns: dict[str, Any] = {
        "ad": [f"ad-{n}" for n in range(ads)],
        "space": [f"https://www.facebook.com/page{n}/" for n in rng.integers(0, PAGES, ads)],
        "happened_at": pa.array(moments, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "text": texts,
        "spend": pa.array(rng.integers(0, 100_000, ads), pa.int64())
        .cast(pa.decimal128(19, 0))
        .cast(pa.decimal128(18, 2)),
        "currency": np.array(["RUB", "USD", "EUR"], dtype=object)[rng.integers(0, 3, ads)],
        "impressions": rng.integers(0, 10**6, ads),
        "clicks": rng.integers(0, 10**4, ads),
        "targeting": [
            [f"interests:topic {n % 300}", "age:18 - 65+", f"location:us:{n % 50}", "gender:All"] for n in range(ads)
        ],
    }
    door = table("ads").door
    arrays = [pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(ads, f.type) for f in door]
    return pa.Table.from_arrays(arrays, schema=door)


def timed(call: Callable[[], object], runs: int = RUNS) -> tuple[float, float]:
    """Return the best and the median CPU milliseconds of a call."""
    took = []
    for _ in range(runs):
        start = time.process_time()
        call()
        took.append((time.process_time() - start) * 1000)
    return min(took), statistics.median(took)


def filled(root: Path, ads: int) -> Lake:
    """Return a lake with the generated ads."""
    workspace = Workspace.create(root)
    migrate(workspace.records_url)
    lake = open_lake(workspace, open_records(workspace))
    with lake.writing() as batch:
        batch.write("ads", generated(ads, np.random.default_rng(2016)), "import_generated")
    return lake


QUESTIONS = {
    "rare word": AdQuery(text="w09000"),
    "two common words": AdQuery(text="w00003 w00007", sort="relevance"),
    "phrase": AdQuery(text='"w00003 w00007"'),
    "beginning of a word": AdQuery(text="w0123*"),
    "word, currency and period": AdQuery(text="w00100", currency="RUB", since=date(2015, 12, 20)),
    "one page": AdQuery(page="page7"),
    "everything, newest": AdQuery(),
}


def like(sql: Any, *words: str) -> list[Any]:  # noqa: ANN401 - a SQLite connection
    """Ask the same table without an index: the rows and their number, nothing else."""
    where = " AND ".join("text LIKE ?" for _ in words)
    values = [f"%{word}%" for word in words]
    count = sql.execute(f"SELECT count(*), sum(impressions) FROM ad WHERE {where}", values).fetchall()  # noqa: S608 - ours
    return [*count, *sql.execute(f"SELECT * FROM ad WHERE {where} ORDER BY created DESC LIMIT 25", values)]  # noqa: S608


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ads", type=int, default=300_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = filled(Path(folder) / "workspace", asked.ads)
        start, cpu = time.perf_counter(), time.process_time()
        file = build_archive(lake)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wall, spent = time.perf_counter() - start, time.process_time() - cpu
        print(f"build {asked.ads:,} ads: {wall:.1f} s wall, {spent:.1f} s CPU")
        print(f"{file.stat().st_size / 2**20:.0f} MB, peak {peak:.0f} MB of memory with the generator")
        archive = Archive.open(lake.workspace)
        page = archive.pages(limit=1).rows[0].slug
        print(f"{'question':<28}{'found':>9}{'best ms':>10}{'median':>10}   rows, totals and facets, CPU")
        for name, query in QUESTIONS.items():
            question = AdQuery(page=page) if query.page else query
            best, median = timed(lambda question=question: archive.search(question))  # type: ignore[misc]
            print(f"{name:<28}{archive.search(question).totals.ads:>9,}{best:>10.1f}{median:>10.1f}")
        sql = read_only(file)
        for words in (("w09000",), ("w00003", "w00007")):
            best, median = timed(lambda words=words: like(sql, *words), 3)  # type: ignore[misc]
            print(
                f"{'LIKE ' + ' '.join(words):<28}{like(sql, *words)[0][0]:>9,}{best:>10.1f}{median:>10.1f}   rows, sum"
            )
        sql.close()
        lake.records.close()


if __name__ == "__main__":
    main()
