"""Holes: each kind is found, said with what it may hide, and kept as a figure; none is made up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.audit.logs.holes import Hole, find_holes, keep
from ombud.lake.imports import import_files
from ombud.model import clock, schema
from ombud.records import figures, gate_hosts

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake
    from ombud.model.findings import Figure

START = datetime(2014, 3, 1, tzinfo=UTC)


def read(number: int, at: datetime, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any value of a column
    usual = {
        "read": f"r{number}", "app": "quiz", "person": f"p{number % 50}", "happened_at": at, "fields": ["likes"],
        "decision": "allowed",
    }  # fmt: skip
    return usual | more


def put(lake: Lake, table: str, rows: list[dict[str, Any]], import_id: str = "import_1") -> None:
    """Write rows past the formats, as an import does."""
    with lake.writing() as batch:
        batch.write(table, pa.Table.from_pylist(rows, schema=schema.table(table).door), import_id)


def days(count: int, *, each: int = 20, without: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """Return reads of so many days, some of them left out."""
    return [
        read(day * each + n, START + timedelta(days=day, minutes=n))
        for day in range(count)
        if day not in without
        for n in range(each)
    ]


def only(lake: Lake) -> Hole:
    (hole,) = find_holes(lake).holes
    return hole


def again(lake: Lake, figure: Figure) -> Any:  # noqa: ANN401 - a number
    """Return what the figure's query gives now."""
    with lake.duck() as duck:
        row = duck.execute(figure.query, figure.parameters).fetchone()
    assert row is not None
    return row[0]


def test_an_empty_lake(lake: Lake) -> None:
    found = find_holes(lake)
    assert found.holes == []
    assert found.sentences == ["There are no reads of old logs.", "No hole was found, which proves nothing."]


def test_a_whole_log_has_none(lake: Lake) -> None:
    put(lake, "reads", days(60))
    found = find_holes(lake)
    assert (found.reads, found.unit, found.holes) == (1_200, "day", [])
    assert found.sentences[0] == "Looked at 1,200 reads of old logs, day by day."


def test_days_without_a_line(lake: Lake) -> None:
    put(lake, "reads", days(60, without=(30, 31)))
    hole = only(lake)
    assert hole.kind == "quiet"
    assert hole.sentence.startswith("From 2014-03-31 on, 2 days with no line, where about 20 a day would be expected")
    assert hole.hides.endswith("about 40 reads would be usual.")
    assert (hole.value, hole.first) == (0, START + timedelta(days=30))
    assert hole.last == START + timedelta(days=32, microseconds=-1)
    assert hole.p is not None
    assert hole.p < 0.01


def test_a_log_of_hours_is_counted_by_the_minute(lake: Lake) -> None:
    put(lake, "reads", [read(n, START + timedelta(seconds=3 * n)) for n in range(1_200) if not 600 <= n < 640])
    found = find_holes(lake)
    assert found.unit == "minute"
    assert [hole.sentence[:48] for hole in found.holes] == ["From 2014-03-01 00:30 UTC on, 2 minutes with no "]


def test_reads_of_the_gate_are_not_looked_through(lake: Lake) -> None:
    put(lake, "reads", [row | {"batch": "b"} for row in days(60, without=(30, 31))])
    assert find_holes(lake).reads == 0
    assert find_holes(lake).holes == []


def test_numbers_that_a_gate_used_and_nobody_has(lake: Lake) -> None:
    batches = [
        {"batch": f"b{n}", "happened_at": START + timedelta(hours=n), "host": "gate-1", "sequence": n, "rows": 1,
         "padded": 1, "root": "00", "pad_seed": "00"}
        for n in (1, 2, 5)
    ]  # fmt: skip
    put(lake, "batches", batches)
    hole = only(lake)
    assert hole.sentence == ("The gate gate-1 numbered 2 batches of reads, from 3 to 4, that are not in the lake.")
    assert hole.value == 2
    with lake.records.begin() as tx:
        gate_hosts.start(tx, "gate-1")
        gate_hosts.beat(tx, "gate-1", 6, None)
        gate_hosts.flushed(tx, "gate-1", 6, 1)
    assert [(one.value, one.sentence[-24:]) for one in find_holes(lake).holes][1:] == [(1, "that is not in the lake.")]


def test_a_clock_that_was_put_back(lake: Lake) -> None:
    batches = [
        {"batch": f"b{n}", "happened_at": START + timedelta(hours=hour), "host": "gate-1", "sequence": n, "rows": 1,
         "padded": 1, "root": "00", "pad_seed": "00"}
        for n, hour in ((1, 0), (2, 5), (3, 4), (4, 6))
    ]  # fmt: skip
    put(lake, "batches", batches)
    hole = only(lake)
    assert (hole.kind, hole.value, hole.first) == ("clock", 1, START + timedelta(hours=4))


def test_lines_that_an_import_left_out(lake: Lake, tmp_path: Path) -> None:
    rows = [json.loads(json.dumps(row, default=str)) for row in days(1, each=4)]
    lines = [json.dumps(row) for row in [*rows, rows[0], rows[1], {"read": "x"}]]
    (tmp_path / "log.ndjson").write_text("\n".join(lines))
    import_files(lake, "table", [tmp_path / "log.ndjson"], table="reads")
    kinds = {hole.kind: hole for hole in find_holes(lake).holes}
    assert set(kinds) == {"duplicates", "rejected lines"}
    assert kinds["duplicates"].sentence.startswith("2 lines of 1 import with the id of a read that is there already")
    assert kinds["rejected lines"].value == 1


def test_attached_lines_that_repeat(lake: Lake, tmp_path: Path) -> None:
    rows = pa.Table.from_pylist([*days(1, each=4), days(1)[0]])
    pq.write_table(rows, tmp_path / "reads.parquet")
    lake.attach("reads", [tmp_path / "reads.parquet"])
    hole = only(lake)
    assert (hole.kind, hole.value) == ("duplicates", 1)
    keep(lake, find_holes(lake))
    with lake.records.read() as tx:
        assert again(lake, figures.get(tx, hole.figure)) == 1


@pytest.mark.parametrize(
    ("table", "row", "kind", "value"),
    [
        ("apps", {"app": "quiz", "happened_at": START + timedelta(minutes=5)}, "before the app", 5),
        ("apps", {"app": "other"}, "unknown apps", 20),
        ("accounts", {"account": "p0"}, "unknown people", 19),
    ],
)
def test_reads_that_cannot_be_as_they_stand(lake: Lake, table: str, row: dict[str, Any], kind: str, value: int) -> None:
    put(lake, "reads", days(1))
    put(lake, table, [row])
    hole = only(lake)
    assert (hole.kind, hole.value) == (kind, value)
    assert f"{value:,} reads" in hole.sentence
    keep(lake, find_holes(lake))
    with lake.records.read() as tx:
        figure = figures.get(tx, hole.figure)
    assert again(lake, figure) == figure.value == value
    assert figure.inputs[0].path == lake.files("reads")[0].path


def test_an_app_whose_day_is_not_known_is_no_hole(lake: Lake) -> None:
    put(lake, "reads", days(1))
    put(lake, "apps", [{"app": "quiz", "happened_at": None}])
    assert find_holes(lake).holes == []


def test_reads_dated_after_their_import(lake: Lake, tmp_path: Path) -> None:
    rows = [read(1, START), read(2, START + timedelta(days=40))]
    (tmp_path / "log.ndjson").write_text("\n".join(json.dumps(row, default=str) for row in rows))
    with clock.frozen(START + timedelta(days=39, hours=1)):
        import_files(lake, "table", [tmp_path / "log.ndjson"], table="reads")
    assert find_holes(lake).holes == []  # within a day: time zones differ
    with clock.frozen(START + timedelta(days=10)):
        put(lake, "reads", [read(3, START + timedelta(days=20))], "import_9")
    assert find_holes(lake).holes == []  # what no import's record tells of is not held against anything
