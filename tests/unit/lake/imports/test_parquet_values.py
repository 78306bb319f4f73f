"""Every type that a Parquet or JSON column may have, on its way into a lake column."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.lake.imports.mapping import Mapping, Rule, load_mapping
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ombud.lake.imports.mapping import Moments

NOON = datetime(2016, 11, 7, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())


def posts(path: Path, when: pa.Array[Any]) -> Path:
    n = len(when)
    pq.write_table(pa.table({"post": [str(i) for i in range(n)], "account": ["a"] * n, "happened_at": when}), path)
    return path


@pytest.mark.parametrize(
    "when",
    [
        pa.array([NOON], pa.timestamp("us", tz="UTC")),
        pa.array([NOON], pa.timestamp("s", tz="UTC")),
        pa.array([NOON], pa.timestamp("ns", tz="Europe/Berlin")),
        pa.array([NOON.replace(tzinfo=None)], pa.timestamp("ms")),
        pa.array(["2016-11-07 12:00"], pa.string()),
        pa.array(["2016-11-07T13:00:00+01:00"], pa.large_string()),
        pa.array(["2016-11-07T12:00Z"]).dictionary_encode(),
    ],
    ids=lambda a: str(a.type),
)
def test_moments_of_any_type_are_the_same_moment(tmp_path: Path, read: Callable[..., Any], when: pa.Array[Any]) -> None:
    done = read(posts(tmp_path / "x.parquet", when))
    assert done.only("posts", "happened_at") == [(NOON,)]


def test_a_day_is_its_midnight_in_utc(tmp_path: Path, read: Callable[..., Any]) -> None:
    done = read(posts(tmp_path / "x.parquet", pa.array([date(2016, 11, 7)])))
    assert done.only("posts", "happened_at") == [(datetime(2016, 11, 7, tzinfo=UTC),)]


@pytest.mark.parametrize(
    "kind",
    [
        pa.int16(),
        pa.int32(),
        pa.int64(),
        pa.uint8(),
        pa.uint16(),
        pa.uint32(),
        pa.uint64(),
        pa.float32(),
        pa.float64(),
        pa.decimal128(24, 2),
    ],
    ids=str,
)
def test_no_kind_of_number_is_taken_for_a_date(tmp_path: Path, read: Callable[..., Any], kind: pa.DataType) -> None:
    path = posts(tmp_path / "x.parquet", pa.array([100]).cast(kind, safe=False))
    with pytest.raises(InputError, match="The source of `happened_at` holds numbers, not dates") as raised:
        read(path)
    assert 'as = "unix-seconds"' in (raised.value.hint or "")


@pytest.mark.parametrize("kind", [pa.uint32(), pa.int64(), pa.float64(), pa.decimal128(24, 2), pa.string()], ids=str)
@pytest.mark.parametrize(("moments", "scale"), [("unix-seconds", 1), ("unix-ms", 10**3), ("unix-us", 10**6)])
def test_counted_moments_of_any_type(
    tmp_path: Path, read: Callable[..., Any], kind: pa.DataType, moments: Moments, scale: int
) -> None:
    if kind == pa.uint32() and scale > 1:
        kind = pa.uint64()
    when = pa.array([str(SECONDS * scale)]).cast(kind)
    rules = {"post": Rule("post"), "account": Rule("account"), "happened_at": Rule("happened_at", moments)}
    done = read(posts(tmp_path / "x.parquet", when), mapping=Mapping("posts", rules))
    assert done.only("posts", "happened_at") == [(NOON,)]


@pytest.mark.parametrize("when", [pa.array([NOON]), pa.array([NOON.date()])], ids=["timestamp", "date"])
def test_dates_are_not_counted_from_1970(tmp_path: Path, read: Callable[..., Any], when: pa.Array[Any]) -> None:
    rules = {"post": Rule("post"), "account": Rule("account"), "happened_at": Rule("happened_at", "unix-ms")}
    with pytest.raises(InputError, match="holds dates, not numbers") as raised:
        read(posts(tmp_path / "x.parquet", when), mapping=Mapping("posts", rules))
    assert raised.value.hint == 'Drop `as = "unix-ms"`.'


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("1e308", "no date that can be read"),
        ("inf", "no date that can be read"),
        ("nan", "no date that can be read"),
        ("1e400", "no date that can be read"),
        ("soon", "no date that can be read"),
        ("", "missing"),
        ("  ", "missing"),
        ("0", "out of range"),
        ("-1478520000", "out of range"),
        ("1478520000000", "out of range"),
    ],
)
def test_counts_that_are_no_moment_are_rejected_one_by_one(read: Callable[..., Any], written: str, reason: str) -> None:
    rules = {"post": Rule("p"), "account": Rule("p"), "happened_at": Rule("t", "unix-seconds")}
    done = read(f"p,t\n1,{SECONDS}\n2,{written}\n3, {SECONDS}.5 \n".encode(), mapping=Mapping("posts", rules))
    assert done.only("posts", "post", "happened_at") == [("1", NOON), ("3", NOON.replace(microsecond=500_000))]
    assert done.reasons() == [(3, f"happened_at: {reason}")]


def test_a_truth_value_is_neither_number_nor_date(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = tmp_path / "x.parquet"
    columns: dict[str, list[Any]] = {
        "ad": ["1", "2"],
        "clicks": [None, True],
        "spend": [None, False],
        "happened_at": [None, True],
    }
    pq.write_table(pa.table(columns), path)
    done = read(path, table="ads")
    assert done.only("ads", "ad") == [("1",)]
    assert len(done.rejects) == 1
    assert done.rejects[0]["line"] == 2


@pytest.mark.parametrize(
    ("column", "values", "kept", "reason"),
    [
        ("clicks", pa.array([3, 2**64 - 1], pa.uint64()), [3], "clicks: no whole number"),
        ("clicks", pa.array([3.0, float("inf")]), [3], "clicks: no whole number"),
        ("clicks", pa.array([3.0, float("nan")]), [3], "clicks: no whole number"),
        ("clicks", pa.array([3, 4]).cast(pa.timestamp("us")), [], "clicks: no whole number"),
        ("clicks", pa.array([[1, 2]]), [], "clicks: no whole number"),
        ("clicks", pa.array(["+3", "3e0"]), [3], "clicks: no whole number"),
        ("spend", pa.array([1.10, 1.101]), [Decimal("1.10")], "spend: no amount with at most two decimals"),
        ("spend", pa.array([1e15, 1e17]), [Decimal(10**15)], "spend: no amount with at most two decimals"),
        ("spend", pa.array([5, None]), [Decimal(5), None], None),
        ("spend", pa.array([Decimal("2.5000")]), [Decimal("2.50")], None),
        ("spend", pa.array([Decimal("2.5010")]), [], "spend: no amount with at most two decimals"),
        (
            "spend",
            pa.array(["+5.", "-0.00", "5,50"]),
            [Decimal(5), Decimal(0)],
            "spend: no amount with at most two decimals",
        ),
        ("spend", pa.array([float("nan")]), [], "spend: no amount with at most two decimals"),
    ],
    ids=str,
)
def test_numbers_of_any_type_are_exact_or_rejected(
    read: Callable[..., Any], column: str, values: pa.Array[Any], kept: list[Any], reason: str | None, *, tmp_path: Path
) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"ad": [str(i) for i in range(len(values))], column: values}), path)
    done = read(path, table="ads")
    assert [value for (value,) in done.only("ads", column)] == kept
    assert {r["reason"] for r in done.rejects} == ({reason} if reason else set())
    assert len(done.rejects) == len(values) - len(kept)


def test_texts_come_from_numbers_truths_and_lists(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = tmp_path / "x.parquet"
    columns: dict[str, Any] = {
        "post": [1, 2],
        "account": [True, False],
        "happened_at": [NOON] * 2,
        "text": [["a", "b"], None],
        "tags": [["x ", "", None], []],
        "links": pa.array([["u"], None], pa.large_list(pa.string())),
    }
    pq.write_table(pa.table(columns), path)
    done = read(path)
    assert done.only("posts", "post", "account", "text", "tags", "links") == [
        ("1", "true", "[a, b]", ["x"], ["u"]),
        ("2", "false", None, [], None),
    ]


@pytest.mark.parametrize("column", ["post", "account", "text", "tags"])
def test_a_nul_in_parquet_is_rejected_by_column(tmp_path: Path, read: Callable[..., Any], column: str) -> None:
    path = tmp_path / "x.parquet"
    columns: dict[str, list[Any]] = {n: ["x", "y"] for n in ("post", "account", "text", "tags")}
    columns[column] = ["x", "y\0z"]
    pq.write_table(pa.table({**columns, "happened_at": [NOON] * 2}), path)
    done = read(path)
    assert done.only("posts", "post") == [("x",)]
    assert done.reasons() == [(2, f"{column}: a NUL byte")]


def test_a_rejected_parquet_row_is_kept_with_all_its_columns(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = tmp_path / "x.parquet"
    columns: dict[str, list[Any]] = {
        "post": ["1", None],
        "account": ["a", "b"],
        "happened_at": [NOON] * 2,
        'odd "name': [[1], [2, 3]],
    }
    pq.write_table(pa.table(columns), path)
    done = read(path)
    assert done.reasons() == [(2, "post: missing")]
    assert '"odd \\"name":[2,3]' in done.rejects[0]["row"]


def test_the_name_of_the_row_number_is_refused(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"post": ["1"], "account": ["a"], "happened_at": [NOON], "FILE_ROW_NUMBER": [1]}), path)
    with pytest.raises(InputError, match="has a column `file_row_number`") as raised:
        read(path)
    assert raised.value.hint == "Rename it."


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("user.id", '{"user": {"id": "x"}}'),
        ("user.id", '{"user.id": "x"}'),
        ("a.b.c", '{"a": {"b": {"c": "x"}}}'),
        ("über.größe", '{"über": {"größe": "x"}}'),
        ("u.a b", '{"u": {"a b": "x"}}'),
        ("u.it's", """{"u": {"it's": "x"}}"""),
        ("it's", """{"it's": "x"}"""),
        ("u.0", '{"u": {"0": "x"}}'),
        ("*", '{"*": "x"}'),
    ],
)
def test_keys_of_json_are_found_by_their_very_name(read: Callable[..., Any], source: str, row: str) -> None:
    head = '{"p": "1", "t": "2016-11-07T12:00:00Z", '
    rules = {"post": Rule("p"), "account": Rule(source), "happened_at": Rule("t")}
    done = read((head + row[1:] + "\n").encode(), "x.ndjson", mapping=Mapping("posts", rules))
    assert done.rejects == []
    assert done.only("posts", "account") == [("x",)]


def test_json_values_become_text(read: Callable[..., Any]) -> None:
    values = ["12345678901234567890", "1.50", "true", "null", '"\\u00e4"', '{"a":1}', "[1,2]", '""']
    rows = [
        f'{{"post": "{i}", "account": "a", "happened_at": "2016-01-01", "text": {v}}}' for i, v in enumerate(values)
    ]
    done = read("\n".join(rows).encode(), "x.ndjson")
    assert [text for (text,) in done.only("posts", "text")] == [
        "12345678901234567890",
        "1.5",
        "true",
        None,
        "ä",
        '{"a":1}',
        "[1,2]",
        "",
    ]


@pytest.mark.parametrize(("value", "says"), [("", "is empty"), ("  ", "is empty"), ("a\\u0000b", "is no text")])
def test_a_value_for_every_row_is_a_value(value: str, says: str) -> None:
    toml = f'table="posts"\n[columns]\npost="id"\naccount={{value="{value}"}}\nhappened_at="t"\n'
    with pytest.raises(InputError, match=f"The value of `account` {says}") as raised:
        load_mapping(toml)
    assert raised.value.hint


def test_a_value_that_may_be_null_may_be_empty(read: Callable[..., Any]) -> None:
    toml = 'table="posts"\n[columns]\npost="p"\naccount="p"\nhappened_at="t"\nplatform={value=""}\ntags={value=" "}\n'
    done = read(b"p,t\n1,2016-01-01\n", mapping=load_mapping(toml))
    assert done.only("posts", "platform", "tags") == [("", [])]
