"""Checking: every kind of damage is found and named; a sound lake has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pyarrow.parquet as pq
import pytest

from ombud.lake.files import sha256_of
from ombud.records import dictionaries, lake_files

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from ombud.lake import Lake
    from ombud.records.lake_files import LakeFile


@pytest.fixture
def filled(lake: Lake, posts: pa.Table) -> Lake:
    """Return a lake with three days of posts."""
    with lake.writing() as batch:
        batch.write("posts", posts, "import_1")
    return lake


def kinds(lake: Lake) -> list[tuple[str, str]]:
    return [(p.kind, p.path) for p in lake.check()]


def record(lake: Lake, file: LakeFile) -> None:
    """Let the records say that a file is what it now is."""
    place = lake.folder / file.path
    file = msgspec.structs.replace(file, bytes=place.stat().st_size, sha256=sha256_of(place))
    with lake.records.begin() as tx:
        lake_files.replace(tx, [file.path], [file])


def place_of(lake: Lake, file: LakeFile) -> Path:
    return lake.folder / file.path


def test_a_sound_lake_has_no_problem(filled: Lake) -> None:
    seen: list[int] = []
    assert filled.check(lambda done, _total, _what: seen.append(done)) == []
    assert seen == [1, 2, 3, 4]


def test_a_missing_file(filled: Lake) -> None:
    file = filled.files("posts")[1]
    place_of(filled, file).unlink()
    assert kinds(filled) == [("missing", file.path)]


def test_one_bit_that_changed(filled: Lake) -> None:
    file = filled.files("posts")[0]
    content = bytearray(place_of(filled, file).read_bytes())
    content[len(content) // 2] ^= 1
    place_of(filled, file).write_bytes(content)
    assert kinds(filled) == [("changed", file.path)]


def test_a_file_of_another_size(filled: Lake) -> None:
    file = filled.files("posts")[0]
    place_of(filled, file).write_bytes(b"short")
    assert kinds(filled) == [("changed", file.path)]


def test_a_file_that_is_not_parquet(filled: Lake) -> None:
    file = filled.files("posts")[0]
    place_of(filled, file).write_bytes(b"not Parquet at all")
    record(filled, file)
    assert kinds(filled)[0] == ("unreadable", file.path)


def test_other_columns(filled: Lake) -> None:
    file = filled.files("posts")[0]
    pq.write_table(pq.read_table(place_of(filled, file)).drop_columns(["text"]), place_of(filled, file))
    record(filled, file)
    assert kinds(filled) == [("schema", file.path)]


def test_other_rows_and_another_span(filled: Lake) -> None:
    file = filled.files("posts")[0]
    pq.write_table(pq.read_table(place_of(filled, file)).slice(1), place_of(filled, file))
    record(filled, file)
    assert kinds(filled) == [("rows", file.path), ("span", file.path)]


def test_rows_of_another_day(filled: Lake) -> None:
    file = filled.files("posts")[0]
    record(filled, msgspec.structs.replace(file, day="2016-11-01"))
    assert kinds(filled) == [("span", file.path)]


def test_a_file_that_no_record_knows(filled: Lake) -> None:
    (filled.folder / "posts" / "stranger.parquet").write_bytes(b"")
    assert kinds(filled) == [("orphan", "posts/stranger.parquet")]


def test_a_dictionary_with_a_gap(filled: Lake) -> None:
    with filled.records.begin() as tx:
        dictionaries.advance(tx, "account", 1)
    assert kinds(filled) == [("dictionary", "_ids/account")]


def test_a_number_that_was_never_given(filled: Lake) -> None:
    file = filled.files("posts")[0]
    rows = pq.read_table(place_of(filled, file))
    at = rows.schema.get_field_index("account")
    column = rows.column(at)
    rows = rows.set_column(at, rows.schema.field(at), [[99] * len(column)])
    pq.write_table(rows, place_of(filled, file))
    record(filled, file)
    assert kinds(filled) == [("dictionary", "posts")]
