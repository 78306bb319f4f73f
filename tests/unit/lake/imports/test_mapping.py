"""Mappings: read, checked, written and read again; and what each rule makes of a value."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.lake.imports.mapping import Mapping, Moments, Rule, default_mapping, load_mapping
from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.model.schema import TABLES, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOML = """
table = "posts"

[columns]
post = "id"
account = "user.id"
happened_at = { from = "at", as = "unix-ms" }
links = { from = "urls", split = " " }
platform = { value = "example" }
"""


def test_a_mapping_is_read_from_text_file_and_dict(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(TOML)
    mapping = load_mapping(TOML)
    assert mapping.columns["happened_at"] == Rule(source="at", moments="unix-ms")
    assert mapping.columns["platform"] == Rule(value="example")
    assert mapping == load_mapping(tmp_path / "m.toml")
    as_dict = {"table": "posts", "columns": {"post": "id", "account": "a", "happened_at": "h"}}
    assert load_mapping(as_dict).columns["post"] == Rule(source="id")


sources = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=12)


@given(sources, sources, st.sampled_from(["iso", "unix-seconds", "unix-ms", "unix-us"]), sources, sources)
def test_every_mapping_survives_being_written(one: str, two: str, moments: Moments, sign: str, value: str) -> None:
    columns = {
        "post": Rule(source=one),
        "account": Rule(source=two),
        "happened_at": Rule(source=one, moments=moments),
        "tags": Rule(source=two, split=sign),
        "platform": Rule(value=value),
    }
    mapping = Mapping("posts", columns)
    assert load_mapping(mapping.to_toml()) == mapping


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("table = ", "not TOML"),
        ("[columns]\npost = 'id'", "needs `table`"),
        ("table = 'posts'", "needs `table`"),
        ("table = 'posts'\n[columns]\npost = 3", "neither a source column"),
        ("table = 'posts'\n[columns]\npost = { form = 'id' }", "neither a source column"),
        ("table = 'posts'\n[columns]\npost = { from = 'id', as = 'seconds' }", "cannot be read as `seconds`"),
        ("table = 'posts'\n[columns]\npost = 'a'\naccount = 'b'", "Nothing feeds `happened_at`"),
        ("table = 'posts'\n[columns]\ncolour = 'a'", "no column `colour`"),
        ("table = 'posts'\n[columns]\nquality = 'a'", "no column `quality`"),
        ("table = 'posts'\n[columns]\npost='a'\naccount='b'\nhappened_at={from='c', value='d'}", "either a source"),
        ("table = 'posts'\n[columns]\npost='a'\naccount='b'\nhappened_at={from='c', split=','}", "no list"),
        ("table = 'posts'\n[columns]\npost='a'\naccount='b'\nhappened_at='c'\ntags={from='c', split=''}", "is empty"),
    ],
)
def test_a_wrong_mapping_says_what_is_wrong(toml: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as raised:
        load_mapping(toml)
    assert raised.value.hint


def test_an_unknown_table_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no table `tweets`"):
        load_mapping("table = 'tweets'\n[columns]\npost = 'a'")
    with pytest.raises(InputError, match="Cannot read the mapping"):
        load_mapping(tmp_path / "none.toml")


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_default_mapping_feeds_every_table(name: str) -> None:
    mapping = default_mapping(table(name), None)
    assert mapping.checked().name == name
    assert "quality" not in mapping.columns
    assert "import_id" not in mapping.columns
    assert list(default_mapping(table(name), ["happened_at", "x"]).columns) == ["happened_at"]


def test_rules_turn_values_into_columns(read: Callable[..., Any]) -> None:
    row = b'{"id": 12, "user": {"id": "u1"}, "at": 1464782400123, "urls": " http://a  http://b "}\n'
    done = read(row, "x.ndjson", mapping=load_mapping(TOML))
    assert done.only("posts", "post", "account", "happened_at", "links", "platform") == [
        ("12", "u1", datetime(2016, 6, 1, 12, 0, 0, 123000, UTC), ["http://a", "http://b"], "example")
    ]


@pytest.mark.parametrize(
    ("moments", "written", "expected"),
    [
        ("iso", "2016-06-01T14:00:00+02:00", "2016-06-01T12:00:00"),
        ("iso", "2016-06-01T12:00:00Z", "2016-06-01T12:00:00"),
        ("iso", "2016-06-01 12:00:00.5", "2016-06-01T12:00:00.5"),
        ("iso", "2016-06-01", "2016-06-01T00:00:00"),
        ("iso", "2016-06-01T05:00:00-07:00", "2016-06-01T12:00:00"),
        ("unix-seconds", "1464782400", "2016-06-01T12:00:00"),
        ("unix-seconds", "1464782400.25", "2016-06-01T12:00:00.25"),
        ("unix-ms", "1464782400250", "2016-06-01T12:00:00.25"),
        ("unix-us", "1464782400250000", "2016-06-01T12:00:00.25"),
        ("unix-seconds", "soon", None),
        ("unix-seconds", "1464782400000", None),
        ("unix-ms", "1464782400", None),
        ("unix-us", "nan", None),
        ("unix-us", "1e300", None),
    ],
)
def test_moments_are_read_in_every_way_of_writing(
    read: Callable[..., Any], moments: Moments, written: str, expected: str | None
) -> None:
    columns = {"post": Rule(source="p"), "account": Rule(source="p"), "happened_at": Rule(source="t", moments=moments)}
    done = read(f"p,t\n1,{written}\n".encode(), mapping=Mapping("posts", columns))
    wanted = [] if expected is None else [(datetime.fromisoformat(expected).replace(tzinfo=UTC),)]
    assert done.only("posts", "happened_at") == wanted
    assert len(done.rejects) == (expected is None)


def test_a_date_out_of_range_is_null_and_flagged_where_it_may_be(read: Callable[..., Any]) -> None:
    with clock.frozen(datetime(2020, 1, 1, tzinfo=UTC)):
        done = read(
            b"ad,happened_at,ended_at\n1,1990-01-01,2019-01-01\n2,2020-01-01T12:00:00Z,2020-01-03\n3,,\n",
            table="ads",
        )
    assert [q for (q,) in done.only("ads", "quality")] == [
        ["happened_at:out of range"],
        ["ended_at:out of range"],
        None,
    ]
    assert done.only("ads", "happened_at")[0] == (None,)
    assert done.staged["ads"].flagged == 2


@pytest.mark.parametrize(
    ("written", "spend", "impressions"),
    [
        ("12.50,3", Decimal("12.50"), 3),
        ("12.500, 3 ", Decimal("12.50"), 3),
        ("-1,-3", Decimal(-1), -3),
        (",", None, None),
        ("9999999999999999.99,9223372036854775807", Decimal("9999999999999999.99"), 9223372036854775807),
        ("12.505,3", "spend: no amount with at most two decimals", 0),
        ("1e3,3", "spend: no amount with at most two decimals", 0),
        ("12 RUB,3", "spend: no amount with at most two decimals", 0),
        ("99999999999999999.99,3", "spend: no amount with at most two decimals", 0),
        ("1,3.5", "impressions: no whole number", 0),
        ("1,many", "impressions: no whole number", 0),
        ("1,9223372036854775808", "impressions: no whole number", 0),
    ],
)
def test_numbers_are_taken_exactly_or_not_at_all(
    read: Callable[..., Any], written: str, spend: Decimal | str | None, impressions: int | None
) -> None:
    done = read(f"ad,spend,impressions\n1,{written}\n".encode(), table="ads")
    if isinstance(spend, str):
        assert done.reasons() == [(2, spend)]
    else:
        assert done.only("ads", "spend", "impressions") == [(spend, impressions)]


def test_numbers_of_parquet_are_taken_exactly_or_not_at_all(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = tmp_path / "x.parquet"
    columns: dict[str, list[Any]] = {
        "ad": [1, 2, 3, 4],
        "spend": [0.1, 12.345, None, 7.0],
        "clicks": [1.0, 2.0, 2.5, None],
    }
    pq.write_table(pa.table(columns), path)
    done = read(path, table="ads")
    assert done.only("ads", "ad", "spend", "clicks") == [("1", Decimal("0.10"), 1), ("4", Decimal(7), None)]
    assert [r["line"] for r in done.rejects] == [2, 3]


def test_numbers_are_no_dates_until_a_mapping_says_so(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"post": ["1"], "account": ["a"], "happened_at": [1464782400]}), path)
    with pytest.raises(InputError, match="holds numbers") as raised:
        read(path)
    assert "unix-seconds" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("written", "split", "expected"),
    [
        ('["a", " b ", "", null]', None, ["a", "b"]),
        ("just one", None, ["just one"]),
        ("[no list", None, ["[no list"]),
        ("a|b||c ", "|", ["a", "b", "c"]),
        ("", "|", None),
    ],
)
def test_lists_come_from_json_or_by_splitting(
    read: Callable[..., Any], written: str, split: str | None, expected: list[str] | None
) -> None:
    columns = {n: Rule(source="p") for n in ("post", "account")}
    rules = {**columns, "happened_at": Rule(source="t"), "tags": Rule(source="l", split=split)}
    quoted = written.replace('"', '""')
    done = read(f'p,t,l\n1,2016-01-01,"{quoted}"\n'.encode(), mapping=Mapping("posts", rules))
    assert done.only("posts", "tags") == [(expected,)]


def test_a_required_list_may_not_be_empty(read: Callable[..., Any]) -> None:
    content = (
        b"read,app,person,happened_at,fields,decision\n1,a,p,2016-01-01,[],allowed\n2,a,p,2016-01-01,name,allowed\n"
    )
    done = read(content, table="reads")
    assert (done.reasons(), done.only("reads", "fields")) == ([(2, "fields: missing")], [(["name"],)])


def test_a_source_column_that_is_not_there_is_named(read: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="no column `id`, from which `post` should come"):
        read(b"a,b\n1,2\n", mapping=load_mapping(TOML.replace("user.id", "a")))


def test_constants_fill_lists_but_no_dates(read: Callable[..., Any]) -> None:
    columns = {"post": Rule(source="p"), "account": Rule(value="x'y"), "happened_at": Rule(source="t")}
    tags = Rule(value="a, b", split=",")
    done = read(b"p,t\n1,2016-01-01\n", mapping=Mapping("posts", {**columns, "tags": tags}))
    assert done.only("posts", "account", "tags") == [("x'y", ["a", "b"])]
    with pytest.raises(InputError, match="same value in every row"):
        read(b"p,t\n1,2016-01-01\n", mapping=Mapping("posts", {**columns, "happened_at": Rule(value="2016")}))
