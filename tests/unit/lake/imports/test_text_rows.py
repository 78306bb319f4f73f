"""Rows the exact way: where each starts and ends, what is wrong with it, and its clean form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ombud.lake.imports import text_rows
from ombud.lake.imports.text_rows import Row, csv_rows, json_rows, split_header, split_row
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

COMMA = ord(",")


def csv_of(tmp_path: Path, content: bytes, columns: int = 2, sign: str = ",") -> list[Row]:
    (tmp_path / "x.csv").write_bytes(content)
    return list(csv_rows(tmp_path / "x.csv", ord(sign), columns))


def json_of(tmp_path: Path, content: bytes) -> list[Row]:
    (tmp_path / "x.ndjson").write_bytes(content)
    return list(json_rows(tmp_path / "x.ndjson"))


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b"1,2\n", ["1", "2"]),
        (b"1,2\r\n", ["1", "2"]),
        (b"1,2", ["1", "2"]),
        (b"1,2\r", ["1", "2"]),
        (b",\n", ["", ""]),
        (b'"1","2"\n', ["1", "2"]),
        (b'"a,b","c\nd"\n', ["a,b", "c\nd"]),
        (b'"a""b",""\n', ['a"b', ""]),
        (b'"""",""""""\n', ['"', '""']),
        (b'1, "2"\n', ["1", "2"]),
        (b'1,a "quoted" word\n', ["1", 'a "quoted" word']),
        (b'"1\r\n",2\n', ["1\r\n", "2"]),
        (b'"1",\n', ["1", ""]),
        ("ä,😀\n".encode(), ["ä", "😀"]),
        (b"1,2,\n", ["1", "2", ""]),
        (b'"1","2",\n', ["1", "2"]),
    ],
)
def test_a_row_and_its_clean_form_hold_the_same_fields(tmp_path: Path, raw: bytes, fields: list[str]) -> None:
    (row,) = csv_of(tmp_path, raw)
    assert (row.line, row.raw, row.problem) == (1, raw, None)
    assert split_row(row.clean, COMMA) == fields
    assert row.clean.endswith(b"\n")
    assert b"\r" not in row.clean.removesuffix(b"\n") or b'"' in row.clean


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"1\n", "1 fields instead of 2"),
        (b"1,2,3\n", "3 fields instead of 2"),
        (b"1,2,,\n", "4 fields instead of 2"),
        (b'"1"\n', "1 fields instead of 2"),
        (b'"1","2","3"\n', "3 fields instead of 2"),
        (b"1,a\rb\n", "a carriage return inside the row"),
        (b"1,a\0b\n", "a NUL byte"),
        (b'"1","a\0b"\n', "a NUL byte"),
        (b'"1","a\xff"\n', "bytes that are not UTF-8"),
        (b'"1"x,2\n', "text after a closing quote"),
        (b'"1" ,2\n', "text after a closing quote"),
        (b'"1,2\n', "a quote that never closes"),
        (b'1,"2', "a quote that never closes"),
    ],
)
def test_what_is_wrong_is_said_and_the_next_row_is_read(tmp_path: Path, raw: bytes, problem: str) -> None:
    rows = csv_of(tmp_path, b"a,b\n" + raw.rstrip(b"\n") + b"\n8,9\n")
    assert [(r.line, r.problem) for r in rows] == [(1, None), (2, problem), (3, None)]
    assert rows[1].raw.rstrip(b"\n") == raw.rstrip(b"\n")


def test_lines_are_counted_through_quotes_blank_lines_and_faults(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfa,b\n\n"x\n\ny",1\n\r\n2\n"open,3\n4,5\n"z\n",6\n'
    rows = csv_of(tmp_path, content)
    assert [(r.line, r.problem) for r in rows] == [
        (1, None),
        (3, None),
        (7, "1 fields instead of 2"),
        (8, "text after a closing quote"),
        (9, None),
        (10, None),
    ]
    assert rows[0].raw == b"a,b\n"  # without the mark of UTF-8


def test_in_a_file_of_one_column_a_blank_line_is_a_row(tmp_path: Path) -> None:
    rows = csv_of(tmp_path, b"a\n\nx\n", columns=1)
    assert [split_row(r.clean, COMMA) for r in rows] == [["a"], [""], ["x"]]


def test_a_space_may_be_what_separates(tmp_path: Path) -> None:
    (row,) = csv_of(tmp_path, b' "x\n', sign=" ")
    assert row.problem == "a quote that never closes"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a row of more than 20 bytes too long."""
    monkeypatch.setattr(text_rows, "LONGEST_ROW", 20)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("length", [21, 40, 79, 81, 500])
def test_a_long_row_is_rejected_and_the_next_is_whole(tmp_path: Path, length: int) -> None:
    rows = csv_of(tmp_path, b"a,b\n" + b"x" * length + b"\n1,2\n")
    assert [(r.line, r.problem) for r in rows] == [(1, None), (2, "longer than 20 bytes"), (3, None)]
    assert rows[1].raw.startswith(b"x" * 21)
    lines = json_of(tmp_path, b'{"a":"' + b"x" * length + b'"}\n{"a":1}\n')
    assert [(r.line, r.problem) for r in lines] == [(1, "longer than 20 bytes"), (2, None)]


@pytest.mark.usefixtures("short")
def test_of_a_gigantic_row_not_all_is_held(tmp_path: Path) -> None:
    rows = csv_of(tmp_path, b"x" * 10_000 + b"\n1,2\n")
    assert len(rows[0].raw) < 200
    assert rows[1].raw == b"1,2\n"


@pytest.mark.usefixtures("short")
def test_a_quote_that_stays_open_too_long_gives_up_one_line_only(tmp_path: Path) -> None:
    rows = csv_of(tmp_path, b'1,"open\n2,x\n3,y\n4,z\n5,w\n6,v\n')
    assert [r.problem for r in rows] == ["a quote that never closes", *[None] * 5]
    assert [r.line for r in rows] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a": 1}', None),
        (b'  {"a": 1}  ', None),
        (b"null", None),
        (b"{}", None),
        ('{"a": "\\u00e4ä\\ud83d\\ude00"}'.encode(), None),
        (b'{"a": "\\\\u0000"}', None),
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"3", "not a JSON object"),
        (b'{"a": 1', "not JSON: Expecting ',' delimiter at column 8"),
        (b"{'a': 1}", "not JSON: Expecting property name enclosed in double quotes at column 2"),
        (b'{"a": 1} {"b": 2}', "not JSON: Extra data at column 10"),
        (b'{"a": 1, "a": 2}', "not JSON that can be taken: the same key twice"),
        (b'{"b": {"a": 1, "a": 2}}', "not JSON that can be taken: the same key twice"),
        (b'{"a": "\\u0000"}', "a NUL character"),
        (b'{"\\u0000": 1}', "a NUL character"),
        (b'{"a": [{"b": "x\\u0000"}]}', "a NUL character"),
        (b'{"a": "\\ud800"}', "half a surrogate pair"),
        (b'{"a": "x\0"}', "a NUL byte"),
        (b'{"a": "\xff"}', "bytes that are not UTF-8"),
        (b"[" * 100_000, "JSON nested too deep"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_lines_of_json(tmp_path: Path, line: bytes, problem: str | None) -> None:
    rows = json_of(tmp_path, b'\n{"first": 1}\r\n \n' + line + b'\r\n{"last": 1}')
    assert [(r.line, r.problem) for r in rows] == [(2, None), (4, problem), (5, None)]
    assert [r.clean[-1:] for r in rows] == [b"\n"] * 3
    if problem is None:
        assert json.loads(rows[1].clean) == json.loads(line)


def test_a_number_of_too_many_digits_is_a_reject_not_a_crash(tmp_path: Path) -> None:
    (row,) = json_of(tmp_path, b'{"a": ' + b"9" * 10_000 + b"}")
    assert (row.problem or "").startswith("not JSON that can be taken: ")


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"a,b\n1,2\n", [b"a", b"b"]),
        (b"\xef\xbb\xbfa,b\n", [b"a", b"b"]),
        (b"\n\r\n a,b\n", [b" a", b"b"]),
        (b'"a\nb",c\n', [b"a\nb", b"c"]),
        (b'"a"b,c\n', []),
        (b'"a,b\n', []),
        (b"", []),
        (b"\n\n", []),
        (b"a;b\n", [b"a;b"]),
        (b"a,\n", [b"a", b""]),
    ],
)
def test_headers(tmp_path: Path, content: bytes, fields: list[bytes]) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    assert split_header(tmp_path / "x.csv", COMMA) == fields


def test_a_file_that_goes_away_is_one_sentence(tmp_path: Path) -> None:
    for rows in (csv_rows(tmp_path / "no.csv", COMMA, 2), json_rows(tmp_path / "no.ndjson")):
        with pytest.raises(InputError, match=r"Cannot read .*: No such file or directory") as raised:
            list(rows)
        assert raised.value.hint == "Check the path and its permissions."
