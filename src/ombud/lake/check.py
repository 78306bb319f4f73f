"""Checking the lake: is every file what its record says, and is nothing there that no record knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ombud.lake.files import retired, sha256_of
from ombud.lake.parquet import moment
from ombud.lake.views import connect, door_relation, ids_relation, present, quoted, reading, register
from ombud.model import schema
from ombud.model.errors import OmbudError, StorageError
from ombud.model.ids import random_id
from ombud.records import dictionaries, lake_files, sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ombud.lake.store import Lake
    from ombud.model.schema import Table
    from ombud.records.lake_files import LakeFile

__all__ = ["Problem", "check"]

_IDS: list[tuple[str, pa.DataType]] = [("id", pa.int64()), ("name", pa.string())]


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with the lake."""

    kind: str
    """missing, changed, unreadable, schema, rows, span, dictionary, orphan or sealed"""
    path: str
    says: str


def check(lake: Lake, progress: Callable[[int, int | None, str], None] | None = None) -> list[Problem]:
    """Read every file and return what is wrong: size, SHA-256, schema, rows, span, numbers of dictionaries, orphans."""
    with lake.records.read() as tx:
        files = lake_files.every(tx)
        following = {kind: dictionaries.next_id(tx, kind) for kind in schema.KINDS}
    problems: list[Problem] = []
    sound: list[LakeFile] = []
    spill = lake.folder / "_staging" / random_id(f"r-{os.getpid()}")  # swept when this process has died
    with connect(lake.workspace.settings, spill) as duck:
        for number, file in enumerate(files):
            found = list(_file(lake, duck, file))
            problems += found
            if not found:
                sound.append(file)
            if progress:
                progress(number + 1, len(files), file.path)
        problems += _numbers(lake, duck, sound, following)
    return [*problems, *_orphans(lake, {file.path for file in files}), *_unsealed(lake)]


def _file(lake: Lake, duck: duckdb.DuckDBPyConnection, file: LakeFile) -> Iterator[Problem]:
    place = lake.folder / file.path
    try:
        present(lake.folder, [file])
        digest = sha256_of(place)
    except StorageError as error:
        yield Problem("changed" if place.is_file() else "missing", file.path, error.message)
        return
    except OSError as error:
        yield Problem("unreadable", file.path, f"{place} cannot be read: {error.strerror}.")
        return
    if digest != file.sha256:
        yield Problem("changed", file.path, f"{place} has other contents than when it was written.")
        return
    try:
        yield from _content(lake, duck, file)
    except (pa.ArrowException, duckdb.Error) as error:
        yield Problem("unreadable", file.path, f"{place} is not what its record says: {type(error).__name__}.")


def _content(lake: Lake, duck: duckdb.DuckDBPyConnection, file: LakeFile) -> Iterator[Problem]:
    place = lake.folder / file.path
    if not file.attached:
        own = file.table.startswith("_ids/")
        there = [(f.name, f.type) for f in pq.read_schema(place)]
        wanted = _IDS if own else _columns(schema.table(file.table), there)
        if there != wanted:
            yield Problem("schema", file.path, f"{place} has other columns than the table `{file.table}`.")
            return
    if file.table.startswith("_ids/"):
        rows = pq.read_metadata(place).num_rows
        first = last = None
    else:
        spec = schema.table(file.table)
        source = door_relation(lake.folder, spec, [file], file.mapping or {}) if file.attached else None
        relation = f"({source})" if source else reading([str(place)])
        rows, low, high = duck.execute(
            f"SELECT count(*), epoch_us(min(happened_at)), epoch_us(max(happened_at)) FROM {relation}"
        ).fetchall()[0]
        first, last = moment(low), moment(high)
    if rows != file.rows:
        yield Problem("rows", file.path, f"{place} has {rows:,} rows; its record says {file.rows:,}.")
    if (first, last) != (file.first, file.last):
        yield Problem(
            "span", file.path, f"{place} spans {first} to {last}; its record says {file.first} to {file.last}."
        )
    elif file.day and (
        first is None or last is None or {first.date().isoformat(), last.date().isoformat()} != {file.day}
    ):
        yield Problem("span", file.path, f"{place} holds rows of other days than {file.day}.")


def _unsealed(lake: Lake) -> Iterator[Problem]:
    """Find sealed files that lie where they lay and have other bytes now; one that is gone is no matter of this."""
    with lake.records.read() as tx:
        seals = sealed.every(tx)
    known = {seal.sha256 for seal in seals}
    for seal in seals:
        place = Path(seal.path)
        try:
            digest = sha256_of(place) if place.is_file() else seal.sha256
        except OSError as error:
            yield Problem("unreadable", seal.path, f"{place} cannot be read: {error.strerror}.")
            continue
        if digest not in known:
            says = f"{place} has other bytes than when it was sealed on {seal.sealed_at:%Y-%m-%d}."
            yield Problem("sealed", seal.path, says)


def _columns(spec: Table, there: list[tuple[str, pa.DataType]]) -> list[tuple[str, pa.DataType]]:
    """Return what a file of the table should have: an older Ombud's may lack columns that were added since."""
    names = {name for name, _ in there}
    return [(c.name, c.type) for c in spec.columns if not c.added or c.name in names]


def _numbers(
    lake: Lake, duck: duckdb.DuckDBPyConnection, files: list[LakeFile], following: dict[str, int]
) -> Iterator[Problem]:
    """Check that dictionaries are dense and unique, and that no table uses a number that was never given."""
    tables: dict[str, list[LakeFile]] = {}
    for file in files:
        tables.setdefault(file.table, []).append(file)
    for kind, end in following.items():
        relation = ids_relation(lake.folder, tables.get(f"_ids/{kind}", []))
        row: tuple[Any, ...] = duck.execute(
            f"SELECT count(*), count(DISTINCT id), coalesce(min(id), 0), coalesce(max(id), -1),"
            f" count(name), count(DISTINCT name) FROM ({relation})"
        ).fetchall()[0]
        if row[:4] != (end, end, 0, end - 1) or row[4] != row[5]:
            says = f"The dictionary `{kind}` has {row[0]:,} numbers and {row[5]:,} different names; {end:,} were given."
            yield Problem("dictionary", f"_ids/{kind}", says)
    try:
        register(duck, lake.folder, tables, tuple(schema.TABLES))
    except OmbudError as error:
        yield Problem("unreadable", "", error.message)
        return
    for spec in schema.TABLES.values():
        if not tables.get(spec.name):
            continue
        for column in (c for c in spec.columns if c.kind):
            name = quoted(column.name)
            high = duck.execute(f"SELECT coalesce(max({name}), -1) FROM {quoted(spec.name)}").fetchall()[0][0]
            if column.kind and high >= following[column.kind]:
                says = f"`{spec.name}.{column.name}` uses the number {high:,}, which the dictionary never gave."
                yield Problem("dictionary", spec.name, says)


def _orphans(lake: Lake, known: set[str]) -> Iterator[Problem]:
    kept = retired(lake.folder)
    for place in sorted(lake.folder.rglob("*.parquet")):
        path = place.relative_to(lake.folder).as_posix()
        if path.startswith("_staging/") or path in known or path in kept:
            continue
        yield Problem("orphan", path, f"{place} is no part of the lake: no record knows it.")
