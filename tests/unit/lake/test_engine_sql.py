"""Named queries: what is refused before it can mean two things, and what each engine is given."""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

from ombud.lake.engines.duckdb import DuckEngine
from ombud.lake.engines.sql import BANNED, FUNCTIONS, Query, lint, parse, queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize("word", sorted(BANNED))
def test_every_banned_function_is_refused_with_what_to_write(word: str) -> None:
    faults = lint("SELECT WORD (x) AS y FROM t".replace("WORD", word.upper()))
    assert faults == [f"`{word}` differs between the engines: use {BANNED[word]}"]
    assert (
        lint("SELECT WORD AS y, my_WORD(x) AS z FROM t".replace("WORD", word)) == []
    )  # a column's name, another function
    assert lint("SELECT 'WORD(x)' AS y FROM t".replace("WORD", word)) == []


@pytest.mark.parametrize("word", sorted(BANNED))
def test_what_is_named_instead_exists(word: str) -> None:
    known = {*FUNCTIONS, "min", "max", "with", "or"}
    assert set(BANNED[word].split()) <= known


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT a FROM x ASOF JOIN y USING (t)", "ASOF"),
        ("SELECT CAST(a AS UBIGINT) AS b FROM x", "unsigned"),
        ("SELECT a::uint8 AS b FROM x", "unsigned"),
        ("SELECT a::UHUGEINT AS b FROM x", "unsigned"),
        ("SELECT [y + 1 for y in a] AS b FROM x", "comprehensions"),
        ("SELECT CAST('0xff' AS INTEGER) AS b FROM x", "hexadecimal"),
        ("SELECT 0xFF AS b FROM x", "hexadecimal"),
        ("SELECT a // 2 AS b FROM x", "whole_div"),
        ("SELECT * FROM x", "instead of"),
        ("SELECT DISTINCT * FROM x", "instead of"),
        ("SELECT a FROM (SELECT * FROM x)", "instead of"),
        ("SELECT x.* EXCLUDE (a) FROM x", "name the columns"),
        ("SELECT x.* REPLACE (a AS b) FROM x", "name the columns"),
        ("SELECT COLUMNS('a.*') FROM x", "name the columns"),
    ],
)
def test_what_would_mean_something_else_on_spark_is_refused(sql: str, says: str) -> None:
    assert any(says in fault for fault in lint(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM x",
        "SELECT a * b AS c FROM x",
        "SELECT 'https://a.example/x' AS u FROM x",
        "SELECT 'it''s // all ASOF text' AS u FROM x",
        "SELECT replace(a, 'x', 'y') AS b FROM x",
        "SELECT a[1] AS b FROM x",
        "SELECT list_value, epoch_day, first_seen FROM x",
    ],
)
def test_what_is_the_same_everywhere_passes(sql: str) -> None:
    assert lint(sql) == []


TWO = """
A line before the first name is nobody's.
-- name: one
-- What a row
-- means.
SELECT a FROM t WHERE b = $b AND c > $a;

-- name: two
-- Another.
WITH own AS (SELECT a FROM u JOIN t USING (a))
SELECT a FROM own
"""


def test_a_file_is_split_into_its_queries() -> None:
    one, two = parse(TWO, "pkg/x.sql")
    assert (one.name, one.doc, one.source) == ("one", "What a row means.", "pkg/x.sql")
    assert one.sql == "SELECT a FROM t WHERE b = $b AND c > $a"
    assert one.parameters == ("a", "b")
    assert (one.tables, two.tables) == (("t",), ("t", "u"))
    assert two.parameters == ()


@pytest.mark.parametrize("text", ["-- name: x\nSELECT 1", "-- name: x\n-- Only a comment.\n"])
def test_a_query_needs_its_comment_and_its_sql(text: str) -> None:
    with pytest.raises(ValueError, match=r"here: x needs a comment that says what a row means, and SQL"):
        parse(text, "here")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of a package that can be imported as `some_queries`."""
    folder = tmp_path / "some_queries"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "notes.txt").write_text("-- name: no\n-- Not SQL.\nSELECT * FROM t")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    queries.cache_clear()
    sys.modules.pop("some_queries", None)


def test_a_package_gives_all_its_queries(package: Path) -> None:
    (package / "b.sql").write_text(TWO)
    (package / "a.sql").write_text("-- name: three\n-- Doc.\nSELECT 1 AS n")
    assert list(queries("some_queries")) == ["three", "one", "two"]


def test_a_name_is_used_once(package: Path) -> None:
    (package / "a.sql").write_text(TWO)
    (package / "b.sql").write_text("-- name: two\n-- Doc.\nSELECT 1 AS n")
    with pytest.raises(ValueError, match=r"some_queries/b.sql: the name two is used twice"):
        queries("some_queries")


def test_a_fault_stops_the_loading_and_names_its_place(package: Path) -> None:
    (package / "a.sql").write_text("-- name: bad\n-- Doc.\nSELECT any_value(a) AS b, last(a) AS c FROM t")
    with pytest.raises(ValueError, match=r"a.sql, bad: `any_value` .* use min; `last` .* use max"):
        queries("some_queries")


def query(sql: str) -> Query:
    return Query("it", "Doc.", sql, "here")


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_named_function_is_gone_from_what_an_engine_is_given(name: str) -> None:
    arguments = "a, 4" if name in {"whole_div", "quantile_of", "bucket_of"} else "a"
    for engine in ("duckdb", "spark"):
        said = query("SELECT CALL AS b FROM t".replace("CALL", f"{name.upper()}({arguments})")).on(engine)
        assert name not in said.lower()


def test_parameters_are_written_as_each_engine_wants_them() -> None:
    both = query("SELECT whole_div(micros_of(t.moment), $step) AS n FROM t WHERE t.name = $name")
    assert both.on("duckdb") == "SELECT (EPOCH_US(t.moment) // $step) AS n FROM t WHERE t.name = $name"
    assert both.on("spark") == "SELECT (UNIX_MICROS(t.moment) DIV :step) AS n FROM t WHERE t.name = :name"


def test_named_functions_inside_each_other_are_all_replaced() -> None:
    said = query("SELECT sorted_set(day_of(moment_of(whole_div(a, 2)))) AS b FROM t").on("spark")
    assert said == "SELECT SORT_ARRAY(COLLECT_SET(CAST(TIMESTAMP_MICROS((a DIV 2)) AS DATE))) AS b FROM t"


# On DuckDB, against what plain Python makes of the same values. ----------------

TEXTS = ["", "a", "ä", "😀", "O'Neil", "0", "x" * 200]
WHOLES = [-(10**12), -7, -1, 0, 1, 7, 10**12]
MOMENTS = [
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2016, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(9999, 12, 31, tzinfo=UTC),
]


def on_duckdb(expression: str, values: pa.Array[Any], **parameters: Any) -> list[Any]:  # noqa: ANN401 - any SQL value
    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        duck.register("t", pa.table({"n": range(len(values)), "v": values}))
        engine = DuckEngine(duck, {"it": query("SELECT n, IT AS out FROM t ORDER BY n".replace("IT", expression))})
        return list(engine.run("it", **parameters)["out"].to_pylist())


def micros(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**6 + since.microseconds


def test_moments_are_counted_exactly() -> None:
    column = pa.array(MOMENTS, pa.timestamp("us", tz="UTC"))
    assert on_duckdb("micros_of(v)", column) == [micros(m) for m in MOMENTS]
    assert on_duckdb("moment_of(micros_of(v))", column) == MOMENTS
    assert on_duckdb("day_of(v)", column) == [m.date() for m in MOMENTS]
    assert on_duckdb("day_of(v)", column)[0] == date(1969, 12, 31)


@pytest.mark.parametrize("by", [1, 7, 86_400_000_000])
def test_whole_division_cuts_towards_zero_as_spark_does(by: int) -> None:
    expected = [abs(v) // by * (1 if v >= 0 else -1) for v in WHOLES]
    assert on_duckdb("whole_div(v, $by)", pa.array(WHOLES), by=by) == expected


def test_samples_and_buckets_are_what_any_machine_computes() -> None:
    assert on_duckdb("sample_prefix(v)", pa.array(TEXTS)) == [hashlib.sha256(t.encode()).hexdigest()[:8] for t in TEXTS]

    def bucket(value: object, n: int) -> int:
        return int(hashlib.md5(str(value).encode(), usedforsecurity=False).hexdigest()[:7], 16) % n

    assert on_duckdb("bucket_of(v, 7)", pa.array(TEXTS)) == [bucket(t, 7) for t in TEXTS]
    assert on_duckdb("bucket_of(v, 64)", pa.array(WHOLES)) == [bucket(v, 64) for v in WHOLES]


def test_lists_and_quantiles_are_sorted_and_exact() -> None:
    values = pa.array([5, 1, 5, None, 3])
    with duckdb.connect() as duck:
        duck.register("t", pa.table({"v": values}))
        sql = "SELECT sorted_list(v) AS l, sorted_set(v) AS s, quantile_of(v, 0.5) AS q FROM t WHERE v IS NOT NULL"
        row = DuckEngine(duck, {"it": query(sql)}).run("it").to_pylist()[0]
    assert row == {"l": [1, 3, 5, 5], "s": [1, 3, 5], "q": 4.0}


def test_an_unknown_query_is_an_error_of_its_name() -> None:
    with duckdb.connect() as duck, pytest.raises(KeyError, match="nothing"):
        DuckEngine(duck, {}).run("nothing")


OUT = pa.table({"v": pa.array([], pa.string()), "rows": pa.array([], pa.int64())}).schema


def kernel(rows: pa.Table) -> pa.Table:
    assert rows.num_rows > 0  # an empty bucket is not handed on
    groups = rows.group_by("v").aggregate([("v", "count")])
    return pa.table({"v": groups["v"].to_pylist(), "rows": pa.array(groups["v_count"].to_pylist(), pa.int32())})


def test_a_kernel_sees_every_row_once_and_all_of_a_key_together() -> None:
    with duckdb.connect() as duck:
        duck.register("t", pa.table({"v": [f"k{i % 10}" for i in range(100)]}))
        for buckets in (1, 3, 50):
            done = DuckEngine(duck, {}).apply(kernel, "t", bucket_by="v", buckets=buckets, schema=OUT)
            assert sorted(done.to_pylist(), key=lambda r: r["v"]) == [{"v": f"k{i}", "rows": 10} for i in range(10)]
            assert done.schema == OUT


def test_a_kernel_over_nothing_gives_no_rows_of_the_schema() -> None:
    with duckdb.connect() as duck:
        duck.register("t", pa.table({"v": pa.array([], pa.string())}))
        done = DuckEngine(duck, {}).apply(kernel, "t", bucket_by="v", buckets=4, schema=OUT)
    assert (done.num_rows, done.schema) == (0, OUT)
