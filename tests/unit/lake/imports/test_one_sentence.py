"""Whatever stops a whole import is one sentence with what to do, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.lake.imports import FORMATS, load_mapping
from ombud.lake.imports import scan as scanning
from ombud.lake.imports.columns import fit, fitted
from ombud.lake.imports.mapping import Mapping, Rule, default_mapping
from ombud.lake.imports.scan import file_kind, hash_file, scan_text
from ombud.lake.imports.sources import CsvSource, ParquetSource
from ombud.lake.imports.stage import Options, Stage, damaged
from ombud.lake.imports.table import KINDS, open_source
from ombud.lake.imports.usual_names import USUAL, plain
from ombud.model.errors import InputError, OmbudError, StorageError
from ombud.model.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = b"post,account,happened_at\n"


# Reading: what DuckDB and the disk say ------------------------------------------


def failing(stage: Stage, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def execute(self, sql: str) -> None:
            assert sql
            raise error

    monkeypatch.setattr(stage, "duck", Broken())


def test_too_little_memory_says_which_setting(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        failing(stage, duckdb.OutOfMemoryException("failed to pin block\nof size 3"), patch)
        with pytest.raises(StorageError, match="Memory does not suffice to read this file: failed to pin") as raised:
            stage.run("SELECT 1")
    assert (raised.value.hint, "\n" in raised.value.message) == ("Raise `memory` in ombud.toml.", False)


@pytest.mark.parametrize("text", ["IO Error: No space left on device", "IO Error: cannot write {folder}/1.parquet"])
def test_a_full_staging_folder_is_told_from_a_bad_source(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    with monkeypatch.context() as patch:
        failing(stage, duckdb.IOException(text.format(folder=stage.folder)), patch)
        with pytest.raises(StorageError, match="Staging failed: ") as raised:
            stage.run("SELECT 1")
        assert raised.value.hint == "Make room in the workspace."
        failing(stage, duckdb.IOException("cannot read /elsewhere/x.csv"), patch)
        with pytest.raises(duckdb.IOException):
            stage.run("SELECT 1")


def test_what_a_parser_says_is_shown_in_one_line(tmp_path: Path) -> None:
    error = damaged(tmp_path / "x.parquet", duckdb.InvalidInputException("  No magic bytes.\nLINE 1: SELECT"))
    assert error.message == f"{tmp_path}/x.parquet cannot be read: No magic bytes."
    assert error.hint == "Look whether it was copied completely."


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_while_unpacking(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.zst"
    with pa.CompressedOutputStream(str(path), "zstd") as out:
        out.write(HEAD)

    class Full:
        write = staticmethod(full)

    with pytest.raises(StorageError, match=r"Cannot unpack .*x.csv.zst: No space left") as raised:
        scanning._write(Full(), b"x", path)  # type: ignore[arg-type]  # a disk that fills at this step
    assert raised.value.hint == "Make room in the workspace."
    done = scan_text(path, "zstd", tmp_path / "out")
    assert (done.bytes, (tmp_path / "out").read_bytes(), done.sha256) == (len(HEAD), HEAD, hash_file(path))


@pytest.mark.parametrize("name", ["x.csv", "x.ndjson", "x.parquet", "x.csv.gz"])
def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(HEAD)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(InputError, match=f"Cannot read {path}: Permission denied") as raised:
        file_kind(path, KINDS)
    assert raised.value.hint == "Check the path and its permissions."
    with pytest.raises(InputError, match="Permission denied"):
        hash_file(path)


@pytest.mark.parametrize(
    ("name", "start", "says"),
    [
        ("x.csv", b"PAR1", "by its first bytes it is a Parquet file"),
        ("x.csv", b"PK\x03\x04", "a zip archive or Office document"),
        ("x.csv", b"\xd0\xcf\x11\xe0", "an old Office document"),
        ("x.tsv", b"\xff\xfea\0", "UTF-16 text"),
        ("x.tab", b"\xfe\xff\0a", "UTF-16 text"),
        ("x.ndjson", b"\x1f\x8b\x08", "gzip-compressed"),
        ("x.json", b"\x28\xb5\x2f\xfd", "zstd-compressed"),
        ("x.jsonl", b"SQLite format 3\0", "an SQLite database"),
        ("x.csv", b"%PDF-1.7", "a PDF"),
        ("x.parquet", b"a,b\n1,2\n", "something else"),
        ("x.pq", b"\x1f\x8b\x08", "gzip-compressed"),
        ("x.csv.gz", b"a,b\n", "something else"),
        ("x.csv.zst", b"\x1f\x8b", "gzip-compressed"),
    ],
)
def test_first_bytes_are_believed_more_than_names(tmp_path: Path, name: str, start: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(start + b"rest")
    with pytest.raises(InputError, match="is not what its name says") as raised:
        file_kind(tmp_path / name, KINDS)
    assert says in raised.value.message
    assert raised.value.hint == "Give it the right ending, or convert it to UTF-8 text."


@pytest.mark.parametrize(
    ("name", "kind", "packed"),
    [
        ("X.CSV", "csv", None),
        ("a.b.TsV", "tsv", None),
        ("x.jsonl.gz", "ndjson", "gzip"),
        ("x.json.ZST", "ndjson", "zstd"),
        ("2016.11.pq", "parquet", None),
    ],
)
def test_endings_in_any_case(tmp_path: Path, name: str, kind: str, packed: str | None) -> None:
    start = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", None: b"PAR1" if kind == "parquet" else b"a"}[packed]
    (tmp_path / name).write_bytes(start)
    found = file_kind(tmp_path / name, KINDS)
    assert (found.kind, found.packed) == (kind, packed)


@pytest.mark.parametrize("name", ["x", "x.txt", "x.gz", "x.xlsx", "x.sqlite", "csv"])
def test_an_ending_that_is_not_known_lists_those_that_are(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"a,b\n")
    with pytest.raises(InputError, match="Cannot tell from its name") as raised:
        file_kind(tmp_path / name, KINDS)
    assert raised.value.hint == "Known here: .csv .json .jsonl .ndjson .parquet .pq .tab .tsv, also .gz and .zst."


# Settling: mappings and options ---------------------------------------------------


def opened(stage: Stage, tmp_path: Path, content: bytes, options: Options, name: str = "x.csv") -> None:
    (tmp_path / name).write_bytes(content)
    FORMATS["table"](stage, tmp_path / name, options)


def test_a_table_or_a_mapping_is_needed_and_they_agree(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Which table is this for") as raised:
        opened(stage, tmp_path, HEAD, Options())
    assert "--mapping" in (raised.value.hint or "")
    mapping = default_mapping(TABLES["posts"], ["post", "account", "happened_at"])
    with pytest.raises(InputError, match="The mapping is for posts, not for ads") as raised:
        opened(stage, tmp_path, HEAD, Options("ads", mapping))
    assert raised.value.hint == "Say one of them only."
    opened(stage, tmp_path, HEAD, Options("posts", mapping))


def test_of_many_columns_the_first_twelve_are_shown(stage: Stage, tmp_path: Path) -> None:
    head = ",".join(f"c{i}" for i in range(20)).encode() + b"\n"
    with pytest.raises(InputError, match="`c11` and 8 more") as raised:
        opened(stage, tmp_path, head, Options("posts"))
    assert "--suggest-mapping" in (raised.value.hint or "")


@pytest.mark.parametrize("name", ["ira-ads", "ira-tweets", "cooccurrence"])
def test_formats_of_their_own_take_no_mapping(stage: Stage, tmp_path: Path, name: str) -> None:
    for options in (Options("posts"), Options(None, Mapping("posts", {}))):
        with pytest.raises(InputError, match=f"`{name}` takes no table and no mapping") as raised:
            FORMATS[name](stage, tmp_path / "x.csv", options)
        assert raised.value.hint == "Leave them out."


@pytest.mark.parametrize("column", ["spend", "clicks", "happened_at"])
def test_one_value_for_all_rows_is_text(column: str) -> None:
    with pytest.raises(InputError, match=f"`{column}` cannot have the same value in every row") as raised:
        fit(TABLES["ads"][column], Rule(value="1"), None, "", text_nul=False)
    assert "leave it" in (raised.value.hint or "")


def test_columns_that_nothing_feeds_are_null_of_their_type() -> None:
    with duckdb.connect() as duck:
        found = duck.execute(f"SELECT {fitted(TABLES['ads'], [])}")
        types = {d[0]: str(d[1]) for d in found.description}
        row = found.fetchall()[0]
    assert set(row) == {None}
    assert types["spend"] == "DECIMAL(18,2)"
    assert types["targeting"] == "VARCHAR[]"
    assert [name for name in types if name not in TABLES["ads"].names] == ["reject"]


def test_a_parquet_file_needs_no_clean_copy(stage: Stage, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    source = open_source(stage, tmp_path / "x.parquet")
    assert isinstance(source, ParquetSource)
    assert not source.harmful
    with pytest.raises(InputError, match="cannot be read"):
        source.clean(stage, "posts")


def test_the_delimiter_is_what_splits_the_header_most(stage: Stage, tmp_path: Path) -> None:
    for content, sign in ((b"a,b;c;d\n", ";"), (b"a\tb,c\n", ","), (b"a|b|c,d\n", "|"), (b"one\n", ",")):
        (tmp_path / "x.csv").write_bytes(content)
        source = open_source(stage, tmp_path / "x.csv")
        assert isinstance(source, CsvSource)
        assert chr(source.delimiter) == sign


def test_a_disk_that_is_full_while_cleaning(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(HEAD + b"1,a\0,2016-01-01\n")
    source = open_source(stage, tmp_path / "x.csv")
    stage.folder = tmp_path / "gone"
    with pytest.raises(StorageError, match=r"Cannot write .*gone.*No such file or directory") as raised:
        source.clean(stage, "posts")
    assert raised.value.hint == "Make room in the workspace."


# The ads' database ------------------------------------------------------------------


def ads(path: Path, **values: Any) -> Path:  # noqa: ANN401 - any value of SQLite
    row = dict.fromkeys(("pdf", "clicks", "impressions", "text", "url", "spend_amount", "spend_currency"))
    row |= {"id": 1, "created": "2016-06-01", "ended": None} | values
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE ads ({', '.join(row)})")
        db.execute("CREATE TABLE targets (id, name)")
        db.execute("CREATE TABLE ad_targets (ad_id, target_id)")
        db.executemany("INSERT INTO targets VALUES (?, ?)", [(1, "age:18\n - 65"), (2, None), (3, b"place:\xff")])
        db.executemany("INSERT INTO ad_targets VALUES (?, ?)", [(row["id"], 3), (row["id"], 2), (row["id"], 1)])
        places = ", ".join("?" * len(row))
        db.execute("INSERT INTO ads VALUES (PLACES)".replace("PLACES", places), tuple(row.values()))
        db.commit()
    return path


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"id": None}, "id: missing"),
        ({"id": ""}, "id: missing"),
        ({"clicks": "many"}, "clicks: no whole number"),
        ({"impressions": 1.5}, "impressions: no whole number"),
        ({"impressions": str(2**63)}, "impressions: no whole number"),
        ({"spend_amount": "1.005"}, "spend_amount: no amount with at most two decimals"),
        ({"spend_amount": "-1"}, "spend_amount: no amount with at most two decimals"),
        ({"text": b"a\xff"}, "text: bytes that are not UTF-8"),
        ({"text": b"a\0b"}, "text: a NUL byte"),
        ({"text": "x" * 1_000_001}, "text: longer than 1,000,000 bytes"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_an_ad_that_does_not_fit(tmp_path: Path, read: Callable[..., Any], values: dict[str, Any], reason: str) -> None:
    done = read(ads(tmp_path / "a.sqlite", **values), format="ira-ads")
    assert done.reasons() == [(1, reason)]
    assert (done.source_rows, done.rows) == (1, {"ads": [], "spaces": []})


@pytest.mark.parametrize(
    ("values", "column", "kept", "flags"),
    [
        ({"created": "no day"}, "happened_at", None, ["happened_at:no date", "currency:not stated"]),
        ({"created": "2014-12-31"}, "happened_at", None, ["happened_at:out of range", "currency:not stated"]),
        ({"created": "2018-01-01"}, "happened_at", None, ["happened_at:out of range", "currency:not stated"]),
        ({"created": None}, "happened_at", None, ["happened_at:not stated", "currency:not stated"]),
        ({"ended": "2016-05-31"}, "ended_at", None, ["currency:not stated", "ended_at:before it began"]),
        ({"ended": "9999-12-31T23:59:59-23:00"}, "ended_at", None, ["currency:not stated", "ended_at:no date"]),
        ({"spend_currency": "USD"}, "currency", None, ["currency:not stated"]),
        ({"spend_currency": "RUB"}, "currency", "RUB", None),
        ({"spend_amount": "1.50", "spend_currency": "USD"}, "currency", "USD", None),
        ({"url": " - "}, "space", None, ["space:not an address", "currency:not stated"]),
    ],
    ids=str,
)
def test_what_an_ad_does_not_state_is_null_and_flagged(
    read: Callable[..., Any], values: dict[str, Any], column: str, kept: str | None, flags: list[str], *, tmp_path: Path
) -> None:
    done = read(ads(tmp_path / "a.sqlite", **values), format="ira-ads")
    assert done.only("ads", column, "quality") == [(kept, flags)]
    assert done.only("ads", "targeting") == [(["place:\ufffd", "age:18 - 65"],)]


# Names ------------------------------------------------------------------------------


def test_usual_names_are_plain_known_and_never_the_columns_own() -> None:
    columns = {name for table in TABLES.values() for name in table.names}
    assert set(USUAL) <= columns
    for column, names in USUAL.items():
        assert all(plain(n) == n for n in names), column
        assert column not in names


def test_wrong_values_in_a_mapping_are_errors_of_ours() -> None:
    for text in ('table="x"\n[columns]\n', "[columns]", 'table="posts"\n[columns]\npost={}', "\0", 'table="posts"'):
        with pytest.raises(OmbudError) as raised:
            load_mapping(text)
        assert raised.value.hint
