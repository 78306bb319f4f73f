"""What rests on sealed files is said, with the day, the ledger's entry, and how much of it that is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.audit.logs.sealed import limits, sealed
from ombud.lake.imports import import_files
from ombud.lake.publisher import publish_all
from ombud.lake.sealing import seal_files
from ombud.ledger.writer import open_ledger
from ombud.model import clock
from ombud.model.errors import NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake

FOUND = datetime(2026, 11, 22, 9, tzinfo=UTC)
HEAD = "read,app,person,happened_at,fields,decision\n"


def write(folder: Path, name: str, days: range) -> Path:
    """Write one read a day of May 2014."""
    path = folder / name
    line = 'r{n},quiz,p{n},2014-05-{n:02}T00:00:00Z,"[""likes""]",allowed\n'
    path.write_text(HEAD + "".join(line.format(n=n) for n in days))
    return path


def bring(lake: Lake, path: Path, *, days: int | None) -> None:
    """Import a file, sealed so many days after the first, or not at all."""
    with clock.frozen(FOUND + timedelta(days=days or 0)):
        import_files(lake, "table", [path], table="reads", sealed=days is not None)


def test_nothing_is_limited_without_sealed_files(lake: Lake, tmp_path: Path) -> None:
    bring(lake, write(tmp_path, "a.csv", range(1, 4)), days=None)
    assert sealed(lake.records) == []
    assert limits(lake, lake.records) == []


def test_a_sealed_import(lake: Lake, tmp_path: Path) -> None:
    bring(lake, write(tmp_path, "a.csv", range(1, 4)), days=0)
    (one,) = sealed(lake.records)
    assert (one.source, one.format, one.sealed_at, one.ledger) == ("a.csv", "table", FOUND, 0)
    assert (one.attached, one.tables) == (False, {"reads": 3})
    said, holes = limits(lake, lake.records)
    assert said == (
        "All 3 rows of `reads` come from one file that was sealed on 2026-11-22 (ledger entry 0): what rests on them"
        " is as found on that day, and nothing here shows what was changed or left out before it."
    )
    assert "`ombud audit holes`" in holes


def test_several_days_and_rows_that_are_not_sealed(lake: Lake, tmp_path: Path) -> None:
    for number, days in enumerate((0, 0, 3, None)):
        bring(lake, write(tmp_path, f"{number}.csv", range(1 + 3 * number, 4 + 3 * number)), days=days)
    first, second, _ = limits(lake, lake.records)
    assert first.startswith(
        "6 of 12 rows of `reads` come from 2 files that were sealed on 2026-11-22 (ledger entries 0, "
    )
    assert second.startswith("3 of 12 rows of `reads` come from one file that was sealed on 2026-11-25 (ledger entry ")


def test_only_the_days_that_are_asked_for(lake: Lake, tmp_path: Path) -> None:
    bring(lake, write(tmp_path, "a.csv", range(1, 9)), days=0)
    since, until = datetime(2014, 5, 2, tzinfo=UTC), datetime(2014, 5, 5, tzinfo=UTC)
    assert limits(lake, lake.records, ["reads"], since, until)[0].startswith("All 3 rows")
    assert limits(lake, lake.records, ["reads"], since)[0].startswith("All 7 rows")
    assert limits(lake, lake.records, ["reads"], None, until)[0].startswith("All 4 rows")
    assert limits(lake, lake.records, ["reads"], datetime(2015, 1, 1, tzinfo=UTC)) == []
    assert limits(lake, lake.records, ["grants"]) == []


def test_compacted_rows_are_still_sealed(lake: Lake, tmp_path: Path) -> None:
    bring(lake, write(tmp_path, "a.csv", range(1, 4)), days=0)
    lines = write(tmp_path, "b.csv", range(1, 4)).read_text().replace("r", "q").replace("qead", "read")
    (tmp_path / "b.csv").write_text(lines.replace("peqson", "person"))
    bring(lake, tmp_path / "b.csv", days=None)
    lake.compact("reads")
    assert limits(lake, lake.records)[0].startswith("3 of 6 rows")


def test_what_waits_for_the_ledger_says_so(lake: Lake, tmp_path: Path) -> None:
    with open_ledger(lake.workspace):
        bring(lake, write(tmp_path, "a.csv", range(1, 4)), days=0)
        assert "(not on the ledger yet)" in limits(lake, lake.records)[0]
    publish_all(lake.workspace, lake.records)
    assert "(ledger entry " in limits(lake, lake.records)[0]


def test_sealed_and_never_imported(lake: Lake, tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", range(1, 4))
    seal_files(lake, "table", [path])
    (one,) = sealed(lake.records)
    assert (one.import_id, one.tables) == (None, {})
    assert limits(lake, lake.records) == []


def test_attached_files(lake: Lake, tmp_path: Path) -> None:
    rows = [{"read": f"r{n}", "app": "a", "person": "p", "happened_at": FOUND, "fields": ["x"], "decision": "allowed"}
            for n in range(4)]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "reads.parquet")
    lake.attach("reads", [tmp_path / "reads.parquet"], sealed=True)
    (one,) = sealed(lake.records)
    assert (one.attached, one.format, one.tables) == (True, "attached", {"reads": 4})
    assert limits(lake, lake.records)[0].startswith("All 4 rows")


@pytest.mark.parametrize("table", ["nothing", "reads; DROP"])
def test_an_unknown_table(lake: Lake, tmp_path: Path, table: str) -> None:
    bring(lake, write(tmp_path, "a.csv", range(1, 4)), days=0)
    with pytest.raises(NotFoundError, match="no table"):
        limits(lake, lake.records, [table])
