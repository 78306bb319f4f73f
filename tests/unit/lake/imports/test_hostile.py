"""Files that hurt: every bad row is a reject with its line, every good one is taken, nothing else happens."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = b"post,account,happened_at,text\n"
GOOD = b"g,a,2016-06-01T12:00:00Z,hello\n"
LAST = b"z,a,2016-06-01,bye\n"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"1,a,2016-01-01,x\0y", "a NUL byte"),
        (b"1,a,2016-01-01,x\xffy", "bytes that are not UTF-8"),
        (b"1,a,2016-01-01,\xed\xa0\x80", "bytes that are not UTF-8"),
        (b"1,a,2016-01-01," + b"x" * 3_000_000, "text: longer than 1,000,000 bytes"),
        (b"1,a,2016-01-01," + b"x" * 4_100_000, "longer than 4,000,000 bytes"),
        (b"1,a,2016-01-01", "3 fields instead of 4"),
        (b"1", "1 fields instead of 4"),
        (b"1,a,2016-01-01,x,y", "5 fields instead of 4"),
        (b'1,a,2016-01-01,"x"y', "text after a closing quote"),
        (b'1,a,2016-01-01,"never', "a quote that never closes"),
        (b"1,a,2016-01-01,x\ry", "a carriage return inside the row"),
        (b",a,2016-01-01,x", "post: missing"),
        (b"1,,2016-01-01,x", "account: missing"),
        (b'1,"",2016-01-01,x', "account: missing"),
        (b"1,a,,x", "happened_at: missing"),
        (b"1,a,yesterday,x", "happened_at: no date that can be read"),
        (b"1,a,1464782400,x", "happened_at: no date that can be read"),
        (b"1,a,1916-01-01,x", "happened_at: out of range"),
        (b"1,a,2716-01-01,x", "happened_at: out of range"),
        (b"1,a,infinity,x", "happened_at: out of range"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_bad_csv_row_is_rejected_with_line_and_reason(
    read: Callable[..., Any], row: bytes, reason: str, *, packed: bool
) -> None:
    content = HEAD + GOOD + row + b"\n" + LAST
    done = read(gzip.compress(content), "x.csv.gz") if packed else read(content)
    assert done.only("posts", "post", "text") == [("g", "hello"), ("z", "bye")]
    assert done.reasons() == [(3, reason)]
    kept = done.rejects[0].get("row")
    if kept is not None:
        assert kept.encode() == row
    else:
        assert b"\xff" in row or b"\xed" in row


def test_lines_are_right_after_quoted_line_breaks_and_blank_lines(read: Callable[..., Any]) -> None:
    rows = b'1,a,2016-01-01,"one\ntwo\n"\n\n2,a,,x\n3,a,2016-01-02,"x\r\ny"\n4,,2016-01-01,x\n5,a\n6,a,no,x\n'
    done = read(HEAD + rows)
    assert done.only("posts", "post", "text") == [("1", "one\ntwo\n"), ("3", "x\r\ny")]
    assert done.reasons() == [
        (10, "2 fields instead of 4"),
        (6, "happened_at: missing"),
        (9, "account: missing"),
        (11, "happened_at: no date that can be read"),
    ]


def test_an_open_quote_swallows_no_good_row(read: Callable[..., Any]) -> None:
    done = read(HEAD + b'1,a,2016-01-01,"open\n' + GOOD * 3 + LAST)
    assert [p for (p,) in done.only("posts", "post")] == ["g", "g", "g", "z"]
    assert done.reasons() == [(2, "a quote that never closes")]


@pytest.mark.parametrize(
    "content",
    [
        (HEAD + GOOD + LAST).replace(b"\n", b"\r\n"),
        (HEAD + GOOD).replace(b"\n", b"\r\n") + LAST,
        b"\xef\xbb\xbf" + HEAD + GOOD + LAST,
        HEAD + GOOD + LAST.rstrip(),
        HEAD + b"\n" + GOOD + b"\n\n" + LAST,
        (HEAD + GOOD + LAST).replace(b",", b";"),
        (HEAD + GOOD + LAST).replace(b",", b"|"),
        b'"post","account","happened_at","text"\n"g","a","2016-06-01T12:00:00Z","hello"\n' + LAST,
        HEAD.replace(b"post", b" post") + GOOD + LAST,
        HEAD + GOOD.replace(b"hello", b"hello,") + LAST,
    ],
    ids=["crlf", "mixed", "bom", "no end", "blank", "semicolon", "pipe", "quoted", "spaces", "comma at end"],
)
def test_harmless_forms_of_csv_are_taken(read: Callable[..., Any], content: bytes) -> None:
    done = read(content)
    assert done.only("posts", "post", "text") == [("g", "hello"), ("z", "bye")]
    assert done.rejects == []


def test_tabs_separate_a_tsv_and_commas_do_not(read: Callable[..., Any]) -> None:
    done = read((HEAD + GOOD).replace(b",", b"\t").replace(b"hello", b"one, two"), "x.tsv")
    assert done.only("posts", "text") == [("one, two",)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (GOOD + LAST, "is called like one of posts"),
        (b"post,account,account\n1,2,3\n", "`account` twice"),
        (b"post,,account\n1,2,3\n", "Column 2"),
        (b"po\0st,account\n1,2\n", "NUL"),
        (b"po\xffst,account\n1,2\n", "UTF-8"),
        (b'"post,account\n1,2\n', "no CSV header"),
        (b"post,text\n1,2\n", "Nothing feeds `account`, `happened_at`"),
    ],
)
def test_a_csv_without_a_usable_header_is_refused(read: Callable[..., Any], content: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as raised:
        read(content)
    assert raised.value.hint


def test_a_header_alone_is_no_error(read: Callable[..., Any]) -> None:
    assert read(HEAD).source_rows == 0


OBJECT = b'{"post":"g","account":7,"happened_at":"2016-06-01T14:00:00+02:00","tags":["a","b"]}\n'


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'{"post":', "not JSON: Expecting value at column 9"),
        (b'{"post":1}{"post":2}', "not JSON: Extra data at column 11"),
        (b"[1,2]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "post: missing"),
        (b"{}", "post: missing"),
        (b'{"post":1,"post":2}', "not JSON that can be taken: the same key twice"),
        (b'{"post":"a\\u0000b","account":"x"}', "a NUL character"),
        (b'{"post":"\\ud800"}', "half a surrogate pair"),
        (b'{"post":"a\0b"}', "a NUL byte"),
        (b'{"post":"\xff"}', "bytes that are not UTF-8"),
        (b"[" * 100_000, "JSON nested too deep"),
        (b'{"post":1,"account":2,"happened_at":true}', "happened_at: no date that can be read"),
        (
            b'{"post":1,"account":2,"happened_at":"2016-01-01","text":"' + b"x" * 1_000_001 + b'"}',
            "text: longer than 1,000,000 bytes",
        ),
    ],
)
def test_a_bad_json_row_is_rejected_with_line_and_reason(read: Callable[..., Any], row: bytes, reason: str) -> None:
    done = read(OBJECT + row + b"\n\n" + OBJECT, "x.ndjson")
    assert done.only("posts", "post", "account", "tags") == [("g", "7", ["a", "b"])] * 2
    assert done.reasons() == [(2, reason)]


def test_a_literal_backslash_u0000_is_no_nul(read: Callable[..., Any]) -> None:
    row = OBJECT.replace(b'"g"', b'"\\\\u0000"')
    assert read(row, "x.jsonl").only("posts", "post") == [("\\u0000",)]


@pytest.mark.parametrize("content", [b"[\n" + OBJECT + b"]", b"[]", b"1\n2\n"])
def test_a_file_without_objects_is_refused(read: Callable[..., Any], content: bytes) -> None:
    with pytest.raises(InputError, match="one JSON object a line"):
        read(content, "x.json")


def test_bad_rows_of_parquet_are_rejected_by_number(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = tmp_path / "x.parquet"
    day = 1_464_782_400_000_000
    table = pa.table(
        {
            "post": ["1", "2\0", "3", None, "5"],
            "account": [1, 2, None, 4, 5],
            "happened_at": pa.array([day, day, day, day, day + 10**18], pa.timestamp("us")),
            "text": ["x", "y", "z", "q", "r"],
            "links": [["http://a", None, " "], None, [], ["b"], ["c"]],
        }
    )
    pq.write_table(table, path)
    done = read(path)
    assert done.only("posts", "post", "account", "links") == [("1", "1", ["http://a"])]
    assert done.reasons() == [
        (2, "post: a NUL byte"),
        (3, "account: missing"),
        (4, "post: missing"),
        (5, "happened_at: out of range"),
    ]
    assert '"text":"z"' in done.rejects[1]["row"]


@pytest.mark.parametrize("damage", ["cut", "middle", "magic"])
def test_a_damaged_parquet_file_is_refused_whole(tmp_path: Path, read: Callable[..., Any], damage: str) -> None:
    path = tmp_path / "x.parquet"
    columns = {"post": [f"{i}-{i * 7919}" for i in range(20_000)], "account": ["a"] * 20_000}
    pq.write_table(pa.table({**columns, "happened_at": ["2016-01-01"] * 20_000}), path, compression="zstd")
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "middle":
        data[2_000:6_000] = bytes(4_000)
    else:
        data = bytearray(b"PAR1PAR1")
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be read"):
        read(path)


def test_bytes_columns_of_parquet_are_refused(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"post": [b"1"], "account": ["a"], "happened_at": ["2016-01-01"]}), path)
    with pytest.raises(InputError, match="holds bytes"):
        read(path)


def test_a_path_full_of_pattern_characters_is_one_file(tmp_path: Path, read: Callable[..., Any]) -> None:
    (tmp_path / "other.csv").write_bytes(HEAD + LAST)
    path = tmp_path / "it's [a]*? file.csv"
    path.write_bytes(HEAD + GOOD)
    assert read(path).only("posts", "post") == [("g",)]
