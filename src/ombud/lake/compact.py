"""Compaction: the many small files of a day become one, sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ombud.lake.files import Staged, retire
from ombud.lake.parquet import CHUNK_ROWS, write_days
from ombud.lake.views import own_relation, present, quoted, reading
from ombud.model import schema
from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ombud.lake.batch import Batch
    from ombud.lake.store import Lake
    from ombud.records.lake_files import LakeFile

__all__ = ["Compacted", "compact"]


class Compacted(msgspec.Struct, frozen=True):
    """What became of one table's files, or of a dictionary's (`_ids/KIND`)."""

    table: str
    rows: int
    files_before: int
    files_after: int


def compact(lake: Lake, table: str | None = None) -> list[Compacted]:
    """Put every day's files into one: sorted by time, `reads` by app and time, the rest by key.

    The same rows; a second run changes nothing. Replaced files stay on the disk
    for an hour, for readers that began before.
    """
    names = [schema.table(table).name] if table else [*schema.TABLES, *(f"_ids/{kind}" for kind in schema.KINDS)]
    done = []
    for name in names:
        with lake.writing() as batch:
            days = _days(batch.visible(name))
            if not days:
                continue
            new = [_one(batch, name, files) for files in days]
            old = [file for files in days for file in files]
            batch.replace(old, new)
            retire(lake.folder, [file.path for file in old])
        done.append(Compacted(name, sum(f.rows for f in old), len(old), len(new)))
    return done


def _days(files: Iterable[LakeFile]) -> list[list[LakeFile]]:
    """Return the files of each day that needs compaction: several, or one as its import left it."""
    days: dict[str | None, list[LakeFile]] = {}
    for file in files:
        if not file.attached:
            days.setdefault(file.day, []).append(file)
    return [group for group in days.values() if len(group) > 1 or group[0].import_id is not None]


def _one(batch: Batch, table: str, files: list[LakeFile]) -> Staged:
    rows = sum(file.rows for file in files)
    if table.startswith("_ids/"):
        source = reading(present(batch.lake_dir, files))
        staged = batch.stage_names(table.removeprefix("_ids/"), f"SELECT id, name FROM {source} ORDER BY id")
    else:
        spec = schema.table(table)
        source = own_relation(batch.lake_dir, spec, files)
        key = ("app", "happened_at") if table == "reads" else ("happened_at",) if spec.by_day else spec.key
        order = ", ".join(quoted(name) for name in (*key, *spec.key))
        columns = ", ".join(quoted(name) for name in spec.names)
        reader = batch.duck.sql(f"SELECT {columns} FROM {source} ORDER BY {order}").to_arrow_reader(CHUNK_ROWS)
        (part,) = write_days(
            reader, spec, batch.staging, constants={}, memory=batch.memory // 4, threads=2, level=3, sort=False
        )
        staged = batch.staged(spec, part, None)
    if staged.file.rows != rows:
        raise StorageError(
            f"The files of `{table}` ({files[0].day or 'all days'}) hold {staged.file.rows:,} rows instead of {rows:,};"
            " nothing was changed.",
            hint="Run `ombud lake check`.",
        )
    return staged
