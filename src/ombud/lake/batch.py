"""Writing rows into the lake: ids assigned set by set, files staged, all made visible in one step."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from ombud.lake.engines.sql import queries
from ombud.lake.faults import disk_faults, duck_faults
from ombud.lake.files import Staged, durable, put_in_place
from ombud.lake.parquet import SALT, moment, write_days
from ombud.lake.plan import Plan
from ombud.lake.views import ids_relation, limits, literal, quoted, reading, sql_type, table_relation
from ombud.model import schema
from ombud.model.errors import InputError, StorageError
from ombud.model.ids import random_id
from ombud.records import dictionaries, lake_files
from ombud.records.lake_files import LakeFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import duckdb
    from sqlalchemy import Connection

    from ombud.lake.parquet import Written
    from ombud.model.schema import Table
    from ombud.records import Records

__all__ = ["Batch", "Counts"]

_UNDATED = "unknown"
PRIVATE = frozenset({"frozen"})
"""tables whose files only their owner may read: each is a list of people"""


class Counts(msgspec.Struct, frozen=True):
    """What became of the rows of one write."""

    read: int
    accepted: int
    skipped: int
    """rows whose key the lake, or the same input, has already"""


class Batch:
    """One writer's work, from `Lake.writing`: nothing is visible before the block ends, then all is."""

    def __init__(self, lake_dir: Path, staging: Path, records: Records, duck: duckdb.DuckDBPyConnection) -> None:
        self.lake_dir = lake_dir
        self.staging = staging
        """a folder for the writer's own passing files; it goes when the block ends"""
        self.duck = duck
        self._records = records
        self._staged: list[Staged] = []
        self._gone: list[str] = []
        self._calls: list[Callable[[Connection], object]] = []
        self._step = 0
        self.memory, self.threads = limits(duck)
        with records.read() as tx:
            self._visible = {name: lake_files.visible(tx, name) for name in lake_files.tables(tx)}
            self._first = {kind: dictionaries.next_id(tx, kind) for kind in schema.KINDS}
        self._next = dict(self._first)

    def write(
        self, table: str, rows: str | pa.Table | pa.RecordBatchReader, import_id: str, *, new: bool = False
    ) -> Counts:
        """Take rows in the table's door schema: Arrow, or SQL that `duck` can run more than once.

        Columns that may be null can be left out. A row whose key the lake has,
        or that stands in `rows` more than once, is skipped; of several rows with
        one key the earliest stays, whatever their order. With `new` the caller
        knows that there is no such row, and nothing is looked for.
        """
        spec = schema.table(table)
        self._step += 1
        with duck_faults(self.lake_dir, f"the rows for `{table}`"):
            self._open(spec, rows)
            try:
                return self._write(spec, import_id, new=new)
            finally:
                self._close()

    def visible(self, table: str) -> list[LakeFile]:
        """Return the files of a table (or of a dictionary, `_ids/KIND`) as this writer found them."""
        return list(self._visible.get(table, []))

    def at_commit(self, call: Callable[[Connection], object]) -> None:
        """Run `call(tx)` in the transaction that makes the rows visible, such as `imports.finish`."""
        self._calls.append(call)

    def replace(self, old: Sequence[LakeFile], new: Sequence[Staged]) -> None:
        """Put staged files in the place of visible ones when the block ends."""
        self._gone += [file.path for file in old]
        self._staged += new

    def commit(self) -> None:
        """Make everything durable, then visible, in one transaction of the records."""
        with disk_faults(self.lake_dir):
            ready = durable([item for item in self._staged if not item.file.attached])
            put_in_place(self.lake_dir, self.staging, ready)
        attached = [item.file for item in self._staged if item.file.attached]
        with self._records.begin() as tx:
            for kind, first in self._first.items():
                taken = self._next[kind] - first
                if taken and dictionaries.advance(tx, kind, taken) != first:
                    raise StorageError(
                        f"Another process took numbers of the `{kind}` dictionary; nothing was changed.",
                        hint="Two installations share these records: give each its own.",
                    )
            new = [*(item.file for item in ready), *attached]
            if self._gone:
                lake_files.replace(tx, self._gone, new)
            elif new:
                lake_files.add(tx, new)
            for call in self._calls:
                call(tx)

    # The steps of one write ---------------------------------------------------

    def _open(self, spec: Table, rows: str | pa.Table | pa.RecordBatchReader) -> None:
        """Make `incoming`: the rows with every door column, typed."""
        if isinstance(rows, pa.RecordBatchReader):
            place = self.staging / f"rows-{self._step}.parquet"
            self.duck.register("_arrow", rows)
            self.duck.execute(f"COPY (FROM _arrow) TO {literal(str(place))} (FORMAT parquet, COMPRESSION lz4_raw)")
            self.duck.unregister("_arrow")
            source = f"SELECT * FROM {reading([str(place)])}"
        elif isinstance(rows, pa.Table):
            self.duck.register("_arrow", rows)
            source = "SELECT * FROM _arrow"
        else:
            source = rows
        found = {row[0] for row in self.duck.execute(f"DESCRIBE ({source})").fetchall()}
        if wrong := found - set(spec.door.names):
            raise InputError(f"The table `{spec.name}` has no column {', '.join(sorted(wrong))}.")
        needed = {c.name for c in spec.columns if c.required and c.name != "import_id"}
        if missing := needed - found:
            raise InputError(f"The rows for `{spec.name}` lack the column {', '.join(sorted(missing))}.")
        columns = ", ".join(
            f"CAST({quoted(c.name) if c.name in found else 'NULL'} AS {sql_type(c.door_type)}) AS {quoted(c.name)}"
            for c in spec.columns
            if c.name != "import_id"
        )
        self.duck.execute(f"CREATE OR REPLACE TEMP VIEW incoming AS SELECT {columns} FROM ({source})")
        self._given = found

    def _close(self) -> None:
        for view in ("incoming_keys", "stored_keys", "stored", "incoming"):
            self.duck.execute(f"DROP VIEW IF EXISTS {view}")
        for table in ("doubtful_keys", "repeated", "seen", *(f"map_{kind}" for kind in schema.KINDS)):
            self.duck.execute(f"DROP TABLE IF EXISTS {table}")
        self.duck.unregister("_arrow")
        (self.staging / f"rows-{self._step}.parquet").unlink(missing_ok=True)

    def _write(self, spec: Table, import_id: str, *, new: bool) -> Counts:
        read = _one(self.duck, "SELECT count(*) FROM incoming")
        if not read:
            return Counts(0, 0, 0)
        self.assign(spec, "incoming", self._given)
        plan = Plan(self.duck, spec, self._given)
        if not new:
            files = self._files(spec.name)
            relation = table_relation(self.lake_dir, spec, files) if files else None
            if relation and any(file.attached for file in files):
                self.dictionary_views()
            plan.find_doubtful(relation)
        written = write_days(
            plan.new_rows(),
            spec,
            self.staging,
            constants={"import_id": import_id},
            memory=self.memory // 4,
            threads=self.threads,
        )
        for part in written:
            self._refuse_nulls(spec, part)
            self._staged.append(self.staged(spec, part, import_id))
        accepted = sum(part.rows for part in written)
        return Counts(read, accepted, read - accepted)

    def assign(self, spec: Table, relation: str, given: set[str]) -> None:
        """Give every name in `relation` its number: one table `map_KIND` per kind, new names staged."""
        sql = queries("ombud.lake.sql")
        for kind in schema.KINDS:
            columns = [c.name for c in spec.columns if c.kind == kind]
            if not columns:
                continue
            parts = [
                f"SELECT DISTINCT {quoted(name)} AS name FROM {relation} WHERE {quoted(name)} IS NOT NULL"
                for name in columns
                if name in given
            ] or ["SELECT CAST(NULL AS VARCHAR) AS name WHERE false"]
            self.duck.execute(f"CREATE OR REPLACE TEMP TABLE seen AS {' UNION '.join(parts)}")
            known = ids_relation(self.lake_dir, self._files(f"_ids/{kind}"))
            self.duck.execute(f"CREATE OR REPLACE TEMP VIEW known AS {known}")
            new = sql["new_ids"].on("duckdb")
            self.duck.execute(f"CREATE OR REPLACE TEMP TABLE map_{kind} AS {new}", {"first": self._next[kind]})
            if count := _one(self.duck, f"SELECT count(*) FROM map_{kind}"):
                self._staged.append(self.stage_names(kind, f"SELECT id, name FROM map_{kind} ORDER BY id"))
                self._next[kind] += count
            self.duck.execute(f"INSERT INTO map_{kind} {sql['known_ids'].on('duckdb')}")
            self.duck.execute("DROP TABLE seen; DROP VIEW known")

    def stage_names(self, kind: str, sql: str) -> Staged:
        """Write a dictionary file from `sql`, which gives `id` and `name` in the order of `id`."""
        name = random_id("ids")
        place = self.staging / f"{name}.parquet"
        self.duck.execute(
            f"COPY ({sql}) TO {literal(str(place))} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1,"
            f" KV_METADATA {{{SALT}: '{secrets.token_hex(16)}'}})"
        )
        file = LakeFile(
            path=f"_ids/{kind}/{name}.parquet",
            table=f"_ids/{kind}",
            day=None,
            rows=_one(self.duck, f"SELECT count(*) FROM {reading([str(place)])}"),
            first=None,
            last=None,
            bytes=place.stat().st_size,
            sha256="",
            import_id=None,
        )
        return Staged(place, file)

    def staged(self, spec: Table, part: Written, import_id: str | None) -> Staged:
        """Return what the records will say of a file that was written."""
        name = random_id("part")
        if spec.name in PRIVATE:
            part.at.chmod(0o600)
        first, last = moment(part.first), moment(part.last)
        day = None
        folder = spec.name
        if spec.by_day:
            day = None if part.day is None else (date(1970, 1, 1) + timedelta(days=part.day)).isoformat()
            folder += f"/day={day or _UNDATED}"
        file = LakeFile(
            path=f"{folder}/{name}.parquet",
            table=spec.name,
            day=day,
            rows=part.rows,
            first=first,
            last=last,
            bytes=part.at.stat().st_size,
            sha256="",
            import_id=import_id,
        )
        return Staged(part.at, file)

    def _refuse_nulls(self, spec: Table, part: Written) -> None:
        for column in spec.columns:
            if column.required and part.nulls.get(column.name, 0):
                raise InputError(
                    f"{part.nulls[column.name]:,} rows for `{spec.name}` have no `{column.name}`, which it needs.",
                    hint="Nothing was written. Reject those rows first.",
                )

    def _files(self, table: str) -> list[LakeFile]:
        """Return the files that this writer sees: the visible ones and its own, where they lie now."""
        own = [
            msgspec.structs.replace(item.file, path=str(item.at), bytes=item.at.stat().st_size)
            for item in self._staged
            if item.file.table == table and not item.file.attached
        ]
        return [f for f in self._visible.get(table, []) if f.path not in self._gone] + own

    def dictionary_views(self) -> None:
        """Make the views `KIND_ids`, which attached files are read with."""
        for kind in schema.KINDS:
            relation = ids_relation(self.lake_dir, self._files(f"_ids/{kind}"))
            self.duck.execute(f"CREATE OR REPLACE TEMP VIEW {kind}_ids AS {relation}")


def _one(duck: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(duck.execute(sql).fetchall()[0][0])
