"""Rows to Parquet: cut at midnight, whatever the memory and however many days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.lake import parquet
from ombud.lake.parquet import moment, write_days
from ombud.model.errors import InputError
from ombud.model.schema import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake.parquet import Written

POSTS, ADS, ACCOUNTS = TABLES["posts"], TABLES["ads"], TABLES["accounts"]
EVE = datetime(2016, 11, 7, 23, 59, 59, 999_999, tzinfo=UTC)
MICRO = timedelta(microseconds=1)


def batch(moments: list[datetime | None], first: int = 0) -> pa.RecordBatch:
    n = len(moments)
    return pa.RecordBatch.from_pydict(
        {
            "post": [f"p{first + i}" for i in range(n)],
            "account": pa.array(range(n), pa.int64()),
            "happened_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
        }
    )


def write(folder: Path, batches: list[pa.RecordBatch], **changed: Any) -> list[Written]:  # noqa: ANN401 - any option
    options: dict[str, Any] = {"constants": {"import_id": "import_1"}, "memory": 1 << 30, "threads": 2} | changed
    return write_days(batches, options.pop("spec", POSTS), folder, **options)


def test_days_end_at_midnight_utc_to_the_microsecond(tmp_path: Path) -> None:
    before_1970 = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    rows = [EVE + MICRO, before_1970, EVE, before_1970 + MICRO]
    done = sorted(write(tmp_path, [batch(list(rows))]), key=lambda w: w.day or 0)
    assert [w.day for w in done] == [-1, 0, 17_112, 17_113]
    assert [(moment(w.first), moment(w.last)) for w in done] == [
        (t, t) for t in (before_1970, before_1970 + MICRO, EVE, EVE + MICRO)
    ]


def test_each_row_is_written_once_and_sorted_within_what_is_held(tmp_path: Path) -> None:
    days = [EVE + timedelta(hours=7 * i % 100) for i in range(200)]
    done = write(tmp_path, [batch(list(days[i : i + 10]), i) for i in range(0, 200, 10)])
    assert sum(w.rows for w in done) == 200
    for written in done:
        times: list[Any] = pq.read_table(written.at)["happened_at"].to_pylist()
        assert times == sorted(times)
        assert len(times) == written.rows
        assert {t.date().toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal() for t in times} == {written.day}
        assert (moment(written.first), moment(written.last)) == (times[0], times[-1])


def test_little_memory_gives_more_row_groups_of_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_GROUP_ROWS", 10)
    batches = [batch([EVE - timedelta(minutes=i) for i in range(10)], 10 * n) for n in range(8)]
    (one,) = write(tmp_path, batches)
    (many,) = write(tmp_path, batches, memory=1)
    assert (one.rows, many.rows) == (80, 80)
    assert pq.read_metadata(one.at).num_row_groups == 1
    assert pq.read_metadata(many.at).num_row_groups == 8
    assert pq.read_table(one.at).sort_by("post") == pq.read_table(many.at).sort_by("post")
    assert (one.first, one.last) == (many.first, many.last)


def test_more_days_than_files_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_OPEN_FILES", 5)
    monkeypatch.setattr(parquet, "_GROUP_ROWS", 1)
    batches = [batch([EVE + timedelta(days=i) for i in range(12)], 12 * n) for n in range(3)]
    done = write(tmp_path, batches, memory=1)
    assert sum(w.rows for w in done) == 36
    posts: list[Any] = [post for w in done for post in pq.read_table(w.at)["post"].to_pylist()]
    assert sorted(posts) == sorted(f"p{i}" for i in range(36))
    assert {w.day for w in done} == {17_112 + i for i in range(12)}
    assert len(done) > 12  # files were closed in between, and their days begun anew


def test_undated_rows_and_tables_without_days_have_no_day(tmp_path: Path) -> None:
    ads = pa.RecordBatch.from_pydict(
        {"ad": ["1", "2", "3"], "happened_at": pa.array([None, EVE, None], pa.timestamp("us", tz="UTC"))}
    )
    done = {w.day: w for w in write(tmp_path, [ads], spec=ADS)}
    assert {day: (w.rows, moment(w.first)) for day, w in done.items()} == {None: (2, None), 17_112: (1, EVE)}
    accounts = batch([EVE, None, EVE - timedelta(days=40)]).drop_columns(["post"])
    (whole,) = write(tmp_path, [accounts], spec=ACCOUNTS)
    assert (whole.day, whole.rows, moment(whole.first), moment(whole.last)) == (None, 3, EVE - timedelta(days=40), EVE)


def test_columns_that_are_not_given_are_constant_or_null_and_typed(tmp_path: Path) -> None:
    (done,) = write(tmp_path, [batch([EVE])])
    table = pq.read_table(done.at)
    assert table.schema.remove_metadata().equals(POSTS.stored.remove_metadata())
    assert table.schema.metadata[b"ombud.table"] == b"posts"
    assert table.to_pylist()[0] == dict.fromkeys(POSTS.names) | {
        "post": "p0",
        "account": 0,
        "happened_at": EVE,
        "import_id": "import_1",
    }


def test_missing_values_are_counted_by_column(tmp_path: Path) -> None:
    rows = batch([EVE, EVE, None])
    rows = rows.set_column(1, "account", pa.array([1, None, None], pa.int64()))
    nulls: dict[str, int] = {}
    for written in write(tmp_path, [rows]):
        for name in ("post", "account", "happened_at", "import_id"):
            nulls[name] = nulls.get(name, 0) + written.nulls.get(name, 0)
    assert nulls == {"post": 0, "account": 2, "happened_at": 1, "import_id": 0}


def test_nothing_gives_no_file(tmp_path: Path) -> None:
    assert write(tmp_path, []) == []
    assert write(tmp_path, [batch([])]) == []
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_sorted_otherwise_keep_their_order_when_told(tmp_path: Path) -> None:
    rows = batch([EVE, EVE - timedelta(hours=1), EVE - timedelta(minutes=5)])
    (done,) = write(tmp_path, [rows], sort=False)
    assert pq.read_table(done.at)["post"].to_pylist() == ["p0", "p1", "p2"]
    assert moment(done.first) == EVE - timedelta(hours=1)


def test_an_error_in_the_midst_leaves_the_files_closed(tmp_path: Path) -> None:
    def rows() -> Any:  # noqa: ANN401 - a generator of batches
        yield batch([EVE])
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        write(tmp_path, rows(), memory=1)


@pytest.mark.parametrize("micros", [2**63 - 1, -(2**62), 253_402_300_800_000_000])
def test_moments_outside_the_calendar_are_refused(micros: int) -> None:
    with pytest.raises(InputError, match="outside the years 1 to 9999") as raised:
        moment(micros)
    assert raised.value.hint == "Nothing was written."


def test_moments_at_its_edges_are_exact() -> None:
    assert moment(None) is None
    assert moment(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert moment(253_402_300_799_999_999) == datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert moment(-62_135_596_800_000_000) == datetime(1, 1, 1, tzinfo=UTC)
