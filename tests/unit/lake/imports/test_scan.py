"""The pass over a file's bytes."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from ombud.lake.imports.scan import LONGEST_ROW, file_kind, hash_file, scan_text
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

ALL = frozenset({"csv", "tsv", "ndjson", "parquet", "sqlite"})


def put(tmp_path: Path, content: bytes, name: str = "x.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_clean_file_is_only_counted_and_hashed(tmp_path: Path) -> None:
    content = "a,b\n1,é\n2,x".encode()
    scan = scan_text(put(tmp_path, content), None, None)
    assert (scan.lines, scan.bytes, scan.harmful, scan.quotes, scan.bom) == (3, len(content), False, False, False)
    assert scan.sha256 == hashlib.sha256(content).hexdigest() == hash_file(tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"a\0b\n", "nul"),
        (b"a\xffb\n", "invalid"),
        ("é".encode()[:1], "invalid"),
        (b"x" * (LONGEST_ROW + 1), "long"),
        (b"a\n" + b"x" * (LONGEST_ROW + 1) + b"\nb\n", "long"),
        (b"\xef\xbb\xbfa\n", "bom"),
        (b'"a"\n', "quotes"),
        (b"a\r\n", "returns"),
        (b'{"a":"\\u0000"}\n', "escaped_nul"),
    ],
)
def test_what_would_hurt_is_found(tmp_path: Path, content: bytes, found: str) -> None:
    scan = scan_text(put(tmp_path, content), None, None)
    seen = {n for n in ("nul", "invalid", "long", "bom", "quotes", "returns", "escaped_nul") if getattr(scan, n)}
    assert found in seen
    assert seen <= {found, "quotes"}


def test_the_longest_row_that_is_allowed_is_not_long(tmp_path: Path) -> None:
    assert not scan_text(put(tmp_path, b"x" * (LONGEST_ROW - 1) + b"\ny\n"), None, None).long


def test_many_short_lines_are_never_long(tmp_path: Path) -> None:
    scan = scan_text(put(tmp_path, b"line of text\n" * 900_000), None, None)
    assert (scan.long, scan.lines) == (False, 900_000)


def test_a_character_across_two_chunks_is_valid(tmp_path: Path) -> None:
    content = b"x" * ((4 << 20) - 1) + "é\n".encode()
    assert not scan_text(put(tmp_path, content), None, None).invalid


@pytest.mark.parametrize("packed", ["gzip", "zstd"])
def test_packed_files_are_unpacked_and_hashed_as_they_lie(tmp_path: Path, packed: str) -> None:
    content = b"a,b\n1,2\n" * 1000
    data = gzip.compress(content) if packed == "gzip" else bytes(pa.compress(content, codec="zstd", asbytes=True))
    path = put(tmp_path, data, "x.csv.gz" if packed == "gzip" else "x.csv.zst")
    kind = file_kind(path, ALL)
    assert (kind.kind, kind.packed) == ("csv", packed)
    scan = scan_text(path, kind.packed, tmp_path / "plain")
    assert (tmp_path / "plain").read_bytes() == content
    assert scan.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_packed_file_that_breaks_off_is_refused(tmp_path: Path, cut: int) -> None:
    data = gzip.compress(bytes(range(256)) * 50)
    path = put(tmp_path, data[:-cut], "x.csv.gz")
    with pytest.raises(InputError, match="damaged"):
        scan_text(path, "gzip", tmp_path / "plain")


def test_progress_goes_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None, str]] = []
    path = put(tmp_path, b"x\n" * 3_000_000)
    scan_text(path, None, None, lambda *step: seen.append(step))
    assert seen[-1] == (6_000_000, 6_000_000, "looking through x.csv")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"", "is empty"),
        ("x.doc", b"d", "Cannot tell"),
        ("x", b"d", "Cannot tell"),
        ("x.csv", b"PAR1....", "a Parquet file"),
        ("x.csv", b"\x1f\x8b....", "gzip-compressed"),
        ("x.csv", b"\xff\xfea\0", "UTF-16"),
        ("x.ndjson", b"SQLite format 3\0", "an SQLite database"),
        ("x.csv.gz", b"a,b", "not what its name says"),
        ("x.parquet", b"a,b\n", "not what its name says"),
        ("x.parquet.gz", b"\x1f\x8b", "packed"),
        ("x.db", b"PK\x03\x04", "a zip archive"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as raised:
        file_kind(put(tmp_path, content, name), ALL)
    assert raised.value.hint


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder"):
        file_kind(tmp_path, ALL)
    with pytest.raises(InputError, match="Cannot read"):
        file_kind(tmp_path / "nothing.csv", ALL)
