"""The lake: tables of what happened, kept as Parquet files that count when the records say so."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import pyarrow as pa

from ombud.lake import dictionary
from ombud.lake.attach import Attached, attach
from ombud.lake.batch import Batch
from ombud.lake.check import Problem, check
from ombud.lake.compact import Compacted, compact
from ombud.lake.erase import Erasure, erase
from ombud.lake.faults import disk_faults, duck_faults
from ombud.lake.files import abandon, staging_folder, sweep
from ombud.lake.lock import writer_lock
from ombud.lake.views import connect, quoted, register
from ombud.model import schema
from ombud.model.errors import InputError
from ombud.model.ids import random_id
from ombud.records import lake_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ombud.model.workspace import Workspace
    from ombud.records import Records
    from ombud.records.lake_files import LakeFile

__all__ = ["WAIT", "Holding", "Lake", "open_lake"]

WAIT = 10.0
"""Seconds that a writer waits for another one."""


class Holding(msgspec.Struct, frozen=True):
    """What the lake holds of one table."""

    table: str
    files: int
    attached: int
    """of those, files that lie where the platform keeps them"""
    rows: int
    bytes: int
    first: datetime | None
    """earliest `happened_at`"""
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Lake:
    """The tables of one workspace."""

    workspace: Workspace
    records: Records

    @property
    def folder(self) -> Path:
        """Return the folder of the Parquet files."""
        return self.workspace.lake_dir

    @contextmanager
    def writing(self, wait: float = WAIT) -> Iterator[Batch]:
        """Write inside the block; all of it is visible when the block ends, or nothing.

        Raises `BusyError` when another process still writes after `wait` seconds.
        """
        with writer_lock(self.folder, wait):
            with self.records.read() as tx:
                visible = [file.path for file in lake_files.every(tx)]
            with disk_faults(self.folder):
                sweep(self.folder, visible)
                staging = staging_folder(self.folder, "w")
            try:
                with connect(self.workspace.settings, staging / "spill") as duck:
                    batch = Batch(self.folder, staging, self.records, duck)
                    yield batch
                    batch.commit()
            except BaseException:
                abandon(staging)
                raise
            shutil.rmtree(staging, ignore_errors=True)

    def files(self, table: str) -> list[LakeFile]:
        """Return the files that are the table at this moment, attached ones too."""
        schema.table(table)
        with self.records.read() as tx:
            return lake_files.visible(tx, table)

    def holdings(self) -> list[Holding]:
        """Return what the lake holds, one row a table that has any, by name."""
        with self.records.read() as tx:
            tables = {name: lake_files.visible(tx, name) for name in schema.TABLES}
        return [
            Holding(
                table=name,
                files=len(files),
                attached=sum(file.attached for file in files),
                rows=sum(file.rows for file in files),
                bytes=sum(file.bytes for file in files),
                first=min((file.first for file in files if file.first), default=None),
                last=max((file.last for file in files if file.last), default=None),
            )
            for name, files in sorted(tables.items())
            if files
        ]

    @contextmanager
    def duck(self, tables: Sequence[str] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open DuckDB with one view per table (or those of `tables`) over the files of this moment.

        Ids are dense integers; the views `account_ids`, `space_ids`, ... hold `id`
        and `name` (null once erased). What is written meanwhile is not seen.
        """
        with self.records.read() as tx:
            files = {name: lake_files.visible(tx, name) for name in lake_files.tables(tx)}
        spill = self.folder / "_staging" / random_id(f"r-{os.getpid()}")
        try:
            with connect(self.workspace.settings, spill) as duck:
                register(duck, self.folder, files, tuple(schema.TABLES) if tables is None else tables)
                yield duck
        finally:
            shutil.rmtree(spill, ignore_errors=True)

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        parameters: dict[str, Any] | None = None,
        *,
        names: bool = False,
    ) -> pa.Table:
        """Return rows of a table in its stored types; `where` is SQL, with `$name` for `parameters`.

        With `names` the ids are the strings they stand for, and `where` sees those.
        """
        spec = schema.table(table)
        chosen = [spec[name] for name in (columns or spec.names)]
        target = pa.schema([pa.field(c.name, c.door_type if names else c.type) for c in chosen])
        with self.duck([table]) as duck, duck_faults(self.folder, f"`{table}`"):
            source = dictionary.named(spec) if names else quoted(table)
            sql = f"SELECT {', '.join(quoted(c.name) for c in chosen)} FROM {source}"
            if where:
                sql += f" WHERE {where}"
            if len(duckdb.extract_statements(sql)) != 1:
                raise InputError(f"The condition on `{table}` is more than one.", hint="Leave out the semicolon.")
            rows: pa.Table = duck.sql(sql, params=parameters).to_arrow_table()
            return rows.cast(target)

    def names(self, kind: str, ids: pa.Array[Any] | Sequence[int]) -> list[str]:
        """Return the names of `ids`, in their order; `erased` for a person who was erased."""
        with self.duck([]) as duck:
            return dictionary.names(duck, kind, ids)

    def ids(self, kind: str, names: Sequence[str]) -> list[int | None]:
        """Return the ids of `names`, in their order; null for a name that the lake does not know."""
        with self.duck([]) as duck:
            return dictionary.ids(duck, kind, names)

    def compact(self, table: str | None = None) -> list[Compacted]:
        """Put every day's files into one, sorted; see `ombud.lake.compact`."""
        return compact(self, table)

    def attach(
        self, table: str, paths: Sequence[Path], mapping: dict[str, str] | None = None, *, sealed: bool = False
    ) -> Attached:
        """Make a platform's own Parquet files rows of `table`; see `ombud.lake.attach`."""
        return attach(self, table, paths, mapping, sealed=sealed)

    def erase(self, person: str) -> Erasure:
        """Remove every row of an account; see `ombud.lake.erase`."""
        return erase(self, person)

    def check(self, progress: Callable[[int, int | None, str], None] | None = None) -> list[Problem]:
        """Read every file and return what is wrong; see `ombud.lake.check`."""
        return check(self, progress)


def open_lake(workspace: Workspace, records: Records) -> Lake:
    """Open the lake of a workspace."""
    return Lake(workspace, records)
