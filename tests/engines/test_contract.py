"""Every query, on DuckDB and on Spark, against its oracle; and the kernels."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark import cloudpickle

from ombud.lake import Lake, open_lake
from ombud.lake.engines.duckdb import DuckEngine
from ombud.lake.engines.spark import SparkEngine, show
from ombud.lake.engines.sql import parse
from ombud.records import migrate, open_records
from tests.engines.contract import Case, all_queries, comparable, load_oracles

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from ombud.model.workspace import Workspace

pytestmark = pytest.mark.engines

QUERIES = all_queries()
ALL = load_oracles()


def test_every_query_has_a_case_and_every_case_a_query() -> None:
    assert {c.query for c in ALL} == set(QUERIES)


@pytest.mark.parametrize("case", ALL, ids=lambda c: c.query)
def test_on_duckdb(case: Case) -> None:
    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        for name, table in case.tables().items():
            duck.register(name, table)
        rows = DuckEngine(duck, {"it": QUERIES[case.query]}).run("it", **case.parameters)
    assert comparable(rows.to_pylist()) == comparable(case.expected())


@pytest.mark.parametrize("case", ALL, ids=lambda c: c.query)
def test_on_spark(case: Case, spark: SparkSession) -> None:
    for name, table in case.tables().items():
        spark.createDataFrame(table).createOrReplaceTempView(name)
    rows = SparkEngine(spark, {"it": QUERIES[case.query]}).run("it", **case.parameters)
    assert comparable(rows.to_pylist()) == comparable(case.expected())


NAMED = """
-- name: named
-- One row per event: each named function once.
SELECT
  day_of(happened_at) AS day,
  whole_div(micros_of(happened_at), 60000000) AS minute,
  moment_of(micros_of(happened_at)) AS again,
  sample_prefix(name) AS prefix,
  bucket_of(name, 7) AS bucket
FROM events
WHERE happened_at >= $since
"""

GROUPED = """
-- name: grouped
-- One row in all: the functions that fold many rows.
SELECT sorted_list(name) AS names, sorted_set(kind) AS kinds, quantile_of(number, 0.25) AS quarter
FROM events
"""

EVENTS = pa.table(
    {
        "name": ["a", "ä", "😀", "a"],
        "kind": ["y", "x", "y", "y"],
        "number": [1.0, 2.0, 4.0, 8.0],
        "happened_at": pa.array(
            [
                datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
                *(datetime(2016, m, 6, tzinfo=UTC) for m in (3, 7, 11)),
            ],
            pa.timestamp("us", tz="UTC"),
        ),
    }
)


def test_named_functions_agree(spark: SparkSession) -> None:
    queries = {q.name: q for text in (NAMED, GROUPED) for q in parse(text, "here")}
    spark.createDataFrame(EVENTS).createOrReplaceTempView("events")
    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        duck.register("events", EVENTS)
        here, there = DuckEngine(duck, queries), SparkEngine(spark, queries)
        since = datetime(2016, 1, 1, tzinfo=UTC)
        rows = here.run("named", since=since).to_pylist()
        assert comparable(rows) == comparable(there.run("named", since=since).to_pylist())
        assert len(rows) == 3
        grouped = here.run("grouped").to_pylist()
        assert comparable(grouped) == comparable(there.run("grouped").to_pylist())
    assert grouped == [{"names": ["a", "a", "ä", "😀"], "kinds": ["x", "y"], "quarter": 1.75}]


COUNTED = pa.table(
    {"name": pa.array([], pa.string()), "total": pa.array([], pa.float64()), "rows": pa.array([], pa.int64())}
).schema


def count(rows: pa.Table) -> pa.Table:
    groups = rows.group_by("name").aggregate([("number", "sum"), ("number", "count")])
    return groups.select(["name", "number_sum", "number_count"]).rename_columns(COUNTED.names)


def test_a_kernel_gives_the_same_on_both(spark: SparkSession) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # Spark's workers cannot import the tests
    spark.createDataFrame(EVENTS).createOrReplaceTempView("events")
    with duckdb.connect() as duck:
        duck.register("events", EVENTS)
        here = DuckEngine(duck, {}).apply(count, "events", bucket_by="name", buckets=3, schema=COUNTED)
    there = SparkEngine(spark, {}).apply(count, "events", bucket_by="name", buckets=3, schema=COUNTED)
    assert comparable(here.to_pylist()) == comparable(there.to_pylist())
    assert pc.sum(here["rows"]).as_py() == 4
    assert here.num_rows == 3  # a name is in one bucket only


def test_both_read_exactly_the_files_that_count(workspace: Workspace, spark: SparkSession) -> None:
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        lake: Lake = open_lake(workspace, records)
        with lake.writing() as batch:
            batch.write(
                "posts",
                "SELECT 'p' || i AS post, 'u' || (i % 3) AS account, ['x', 'ä'] AS links,"
                " TIMESTAMPTZ '2016-11-08 00:00:00.000001+00' + to_hours(CAST(i AS INTEGER)) AS happened_at"
                " FROM range(50) AS r(i)",
                "import_1",
            )
        (lake.folder / "posts" / "day=2016-11-08" / "stranger.parquet").write_bytes(b"PAR1")
        show(spark, lake, ["posts", "ads"])
        sql = "SELECT p.post, i.name, p.happened_at, p.links FROM posts AS p JOIN account_ids AS i ON i.id = p.account"
        with lake.duck() as duck:
            here = duck.sql(sql).to_arrow_table().to_pylist()
        assert comparable(spark.sql(sql).toArrow().to_pylist()) == comparable(here)
        assert len(here) == 50
        assert spark.table("ads").count() == 0
