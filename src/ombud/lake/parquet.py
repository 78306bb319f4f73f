"""Rows to Parquet, one file a day: chunk by chunk, every chunk sorted by time and cut at midnight.

DuckDB's own partitioned COPY moves each row through a row store and took three
times as long, most of all for columns that are null throughout; here those are
never moved.
"""

from __future__ import annotations

import secrets
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ombud.model.errors import InputError
from ombud.model.ids import random_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ombud.model.schema import Table

__all__ = ["CHUNK_ROWS", "SALT", "Written", "moment", "write_days"]

CHUNK_ROWS = 16_384
"""Rows that are fetched at a time."""

SALT = "ombud_salt"
"""Name of 16 random bytes in every file's metadata. The file's hash stands on the ledger, where anybody may try which
rows give it; with the file the salt goes, and so does that chance."""

_GROUP_ROWS = 500_000
_GROUP_BYTES = 64 << 20
_ROW_GROUP = 131_072
_OPEN_FILES = 400
_DAY = 86_400_000_000
_UNDATED = np.iinfo(np.int64).min

Chunk = tuple[int, "list[tuple[int | None, pa.RecordBatch]]"]


@dataclass(slots=True)
class Written:
    """One Parquet file: its day (counted from 1970-01-01; null when undated), rows, span and nulls by column."""

    at: Path
    day: int | None
    rows: int = 0
    first: int | None = None
    """earliest `happened_at`, microseconds from 1970"""
    last: int | None = None
    nulls: dict[str, int] = field(default_factory=dict)


def write_days(
    batches: Iterable[pa.RecordBatch],
    spec: Table,
    folder: Path,
    *,
    constants: dict[str, str],
    memory: int,
    threads: int,
    level: int = 1,
    sort: bool = True,
) -> list[Written]:
    """Write rows below `folder`, one file a day (one in all for a table not kept by day).

    Columns that the batches lack are null or the constant of that name. About
    `memory` bytes of rows are held; then each day gets a row group.
    """
    days = _Days(spec, folder, constants, level)
    with ThreadPoolExecutor(max_workers=max(2, threads)) as pool:
        held: dict[int | None, list[pa.RecordBatch]] = {}
        size = 0
        try:
            for taken, parts in _chunks(batches, pool, by_day=spec.by_day, sort=sort):
                size += taken
                for day, part in parts:
                    held.setdefault(day, []).append(part)
                if size > memory:
                    days.write(held, pool)
                    held, size = {}, 0
            days.write(held, pool)
        finally:
            days.close()
    return days.written


def _chunks(
    batches: Iterable[pa.RecordBatch], pool: ThreadPoolExecutor, *, by_day: bool, sort: bool
) -> Iterator[Chunk]:
    """Yield groups of rows, cut by day; a few are worked on while the next are fetched."""
    waiting: deque[Future[Chunk]] = deque()
    for group in _groups(batches):
        waiting.append(pool.submit(_cut, group, by_day=by_day, sort=sort))
        if len(waiting) > 3:  # noqa: PLR2004 - enough to keep the threads busy
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the batches joined to groups that are worth sorting."""
    group: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        group.append(batch)
        rows += len(batch)
        size += batch.nbytes
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield _joined(group)
            group, rows, size = [], 0, 0
    if rows:
        yield _joined(group)


def _joined(group: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(group).combine_chunks().to_batches()[0]


def _cut(batch: pa.RecordBatch, *, by_day: bool, sort: bool) -> Chunk:
    """Sort a group by time and cut it into days."""
    if not by_day and not sort:
        return batch.nbytes, [(None, batch)]
    times = _times(batch.column("happened_at"))
    if sort and len(times) > 1 and bool(np.any(times[1:] < times[:-1])):
        order = np.argsort(times)
        batch, times = batch.take(pa.array(order, pa.int64())), times[order]
    if not by_day:
        return batch.nbytes, [(None, batch)]
    days = np.where(times == _UNDATED, _UNDATED, times // _DAY)
    starts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist()]
    ends = [*starts[1:], len(days)]
    cut = [
        (None if days[start] == _UNDATED else int(days[start]), batch.slice(start, end - start))
        for start, end in zip(starts, ends, strict=True)
    ]
    return batch.nbytes, cut


def _times(column: pa.Array[Any]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return microseconds from 1970; the smallest integer where there is no time."""
    return np.asarray(column.cast(pa.int64()).fill_null(_UNDATED), dtype=np.int64)


def moment(micros: int | None) -> datetime | None:
    """Return the moment so many microseconds from 1970; `InputError` outside the years 1 to 9999."""
    try:
        return None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    except OverflowError:
        raise InputError("A row's time is outside the years 1 to 9999.", hint="Nothing was written.") from None


class _Days:
    """The open files, one a day."""

    def __init__(self, spec: Table, folder: Path, constants: dict[str, str], level: int) -> None:
        self.written: list[Written] = []
        self._schema = spec.stored
        self._folder = folder
        self._constants = constants
        self._open: dict[int | None, tuple[pq.ParquetWriter, Written]] = {}
        skipped = {*spec.key, "text"}
        self._options: dict[str, Any] = {
            "compression": "zstd",
            "compression_level": level,
            "use_dictionary": [
                f"{c.name}.list.element" if pa.types.is_list(c.type) else c.name
                for c in spec.columns
                if c.name not in skipped and (pa.types.is_list(c.type) or pa.types.is_string(c.type))
            ],
        }

    def write(self, held: dict[int | None, list[pa.RecordBatch]], pool: ThreadPoolExecutor) -> None:
        """Write what is held, a row group a day, the days side by side."""
        days = list(held)
        while days:
            now, days = days[:_OPEN_FILES], days[_OPEN_FILES:]
            if len(self._open.keys() | now) > _OPEN_FILES:
                self.close()
            for day in now:
                if day not in self._open:
                    at = self._folder / f"{random_id('part')}.parquet"
                    written = Written(at, day)
                    writer = pq.ParquetWriter(at, self._schema, **self._options)
                    writer.add_key_value_metadata({SALT: secrets.token_hex(16)})
                    self._open[day] = (writer, written)
                    self.written.append(written)
            list(pool.map(lambda day: self._one(day, held[day]), now))

    def _one(self, day: int | None, parts: list[pa.RecordBatch]) -> None:
        rows = self._complete(pa.Table.from_batches(parts))
        writer, written = self._open[day]
        written.rows += len(rows)
        for name in self._schema.names:
            if nulls := rows.column(name).null_count:
                written.nulls[name] = written.nulls.get(name, 0) + nulls
        span = pc.min_max(rows.column("happened_at").cast(pa.int64()))
        first, last = span["min"].as_py(), span["max"].as_py()
        if first is not None:
            written.first = first if written.first is None else min(written.first, first)
            written.last = last if written.last is None else max(written.last, last)
        if not any(written.nulls.get(f.name) for f in self._schema if not f.nullable):
            writer.write_table(rows, row_group_size=_ROW_GROUP)

    def _complete(self, rows: pa.Table) -> pa.Table:
        """Return the rows with every stored column."""
        columns: list[Any] = []
        for f in self._schema:
            if f.name in rows.column_names:
                columns.append(rows.column(f.name).cast(f.type))
            elif f.name in self._constants:
                columns.append(pa.repeat(pa.scalar(self._constants[f.name], f.type), len(rows)))
            else:
                columns.append(pa.nulls(len(rows), f.type))
        return pa.Table.from_arrays(columns, schema=self._schema)

    def close(self) -> None:
        """Finish the open files."""
        for writer, _ in self._open.values():
            writer.close()
        self._open = {}
