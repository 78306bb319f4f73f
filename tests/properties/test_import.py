"""Any rows at all: what is read is what Python's own parsers read, and every row is accounted for."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from ombud.lake.imports.rejects import Rejects
from ombud.lake.imports.stage import Options, Stage
from ombud.lake.imports.table import TableReader
from ombud.model.errors import InputError
from ombud.model.settings import Settings

NAMES = ["post", "account", "happened_at", "text"]

anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
nasty = st.sampled_from(["", " ", ",", '"', '""', "\n", "\r\n", "a,b", ' "x"', "x\r", ";", "\t", "#", "null", "\ufeff"])
texts = st.one_of(anything, nasty)
dates = st.sampled_from(["2016-01-01", "2016-01-01T10:00:00+02:00", "", "tomorrow", "1816-01-01", "2016-13-01"])
rows = st.lists(st.tuples(texts, texts, dates, texts), max_size=8)


def read(content: bytes, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Return the rows that fit, the rejects, and how many rows were read."""
    with tempfile.TemporaryDirectory() as folder, Rejects(Path(folder) / "r.ndjson") as rejects:
        path = Path(folder) / name
        path.write_bytes(content)
        stage = Stage(Path(folder), Settings(threads=1), rejects)
        try:
            reading = TableReader(stage, path, Options("posts")).read()
            staged = reading.tables[0]
            fit = stage.duck.sql(staged.sql).to_arrow_table().to_pylist()
            kept = rejects.keep()
            refused = [msgspec.json.decode(line) for line in kept.read_bytes().splitlines()] if kept else []
        finally:
            stage.close()
    assert staged.rejected == len(refused)
    assert staged.read == len(fit) + len(refused)
    return fit, refused, staged.read


def fits(row: tuple[str, ...]) -> bool:
    return bool(row[0] and row[1]) and row[2] in {"2016-01-01", "2016-01-01T10:00:00+02:00"}


def wanted(row: tuple[str, ...]) -> tuple[Any, ...]:
    moment = datetime.fromisoformat(row[2])
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (row[0], row[1], moment, row[3] or None)


@given(
    content=rows,
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    bom=st.booleans(),
)
def test_csv_is_read_as_python_reads_it(
    content: list[tuple[str, ...]], end: str, quoting: Literal[0, 1], *, bom: bool
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    writer.writerow(NAMES)
    writer.writerows(content)
    text = out.getvalue()
    oracle = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))][1:]
    assume(oracle == content)  # Python's writer leaves a lone carriage return bare, its reader breaks there
    fit, refused, count = read(text.encode("utf-8-sig" if bom else "utf-8"), "x.csv")
    assert count == len(content)
    assert [tuple(row[n] for n in NAMES) for row in fit] == [wanted(row) for row in content if fits(row)]
    lines = text.encode().split(b"\n")
    for reject in refused:
        assert lines[reject["line"] - 1].decode().rstrip("\r") == reject["row"].split("\n")[0].rstrip("\r")


values = st.one_of(st.none(), texts, st.integers(-(10**20), 10**20), st.booleans(), st.lists(texts, max_size=3))
objects = st.lists(
    st.fixed_dictionaries({}, optional=dict(zip(NAMES, (values, values, dates, values), strict=True))), max_size=8
)


def as_text(value: object) -> str | None:
    """Return what a text column makes of a JSON value: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def as_json(text: object) -> object:
    """Return what a text says as JSON, or itself: control characters may be escaped with small or great letters."""
    with suppress(ValueError, TypeError):
        return json.loads(text) if isinstance(text, str) else text
    return text


@given(content=objects, ascii_only=st.booleans())
def test_ndjson_is_read_as_python_reads_it(content: list[dict[str, Any]], *, ascii_only: bool) -> None:
    start = {"post": "start", "account": "a", "happened_at": "2016-01-01", "text": "t"}
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in [start, *content]]
    fit, refused, count = read("\n".join(lines).encode(), "x.ndjson")
    assert count == len(lines)
    rows_ = [tuple(as_text(row.get(n)) or "" for n in NAMES) for row in [start, *content]]
    expected = [wanted(row) for row in rows_ if fits(row)]
    got = [(*(row[n] for n in NAMES[:3]), row["text"] or None) for row in fit]
    assert [[as_json(cell) for cell in row] for row in got] == [[as_json(cell) for cell in row] for row in expected]
    assert [lines[r["line"] - 1] for r in refused] == [r["row"] for r in refused]


@given(st.lists(st.binary(max_size=30), max_size=12), st.sampled_from(["x.csv", "x.tsv", "x.ndjson"]))
def test_any_bytes_are_accounted_for_line_by_line(content: list[bytes], name: str) -> None:
    if name == "x.ndjson":
        good = b'{"post":"1","account":"a","happened_at":"2016-01-01"}'
        head = good
    else:
        sign = b"\t" if name == "x.tsv" else b","
        head = sign.join(n.encode() for n in NAMES)
        good = sign.join([b"1", b"a", b"2016-01-01", b"x"])
    body = b"\n".join([head, good, *content, good]) + b"\n"
    fit, refused, _ = read(body, name)
    assert [row["post"] for row in fit].count("1") >= 1
    lines = body.split(b"\n")
    for reject in refused:
        row = reject["row"].encode() if "row" in reject else None
        if row is not None:
            start = lines[reject["line"] - 1]
            assert row.startswith(start.rstrip(b"\r")) or start.startswith(row.split(b"\n")[0].rstrip(b"\r"))


@given(
    st.binary(min_size=1, max_size=200), st.sampled_from(["x.csv", "x.ndjson", "x.csv.gz", "x.parquet", "x.csv.zst"])
)
def test_any_file_is_read_or_refused_in_one_sentence(content: bytes, name: str) -> None:
    try:
        read(content, name)
    except InputError as error:
        assert error.message  # noqa: PT017 - both ways are right
        assert error.hint  # noqa: PT017
