"""The plan of one write: which rows may be repeats, and one pass that writes all others as they come.

Keys are compared by a 64-bit hash first, over the key's columns alone. Only
rows whose hash is met twice are compared exactly; usually there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ombud.lake.engines.sql import queries
from ombud.lake.views import literal, mapped, quoted

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from ombud.model.schema import Table

__all__ = ["DAY", "OPTIONS", "Plan", "Written", "copied"]

DAY = "CAST(EPOCH_US(happened_at) // 86400000000 AS INTEGER)"
OPTIONS = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, RETURN_STATS"


@dataclass(frozen=True, slots=True)
class Written:
    """One Parquet file that DuckDB wrote: its day (from 1970-01-01), rows, span and nulls by column."""

    at: Path
    day: int | None
    rows: int
    first: str | None
    last: str | None
    nulls: dict[str, int]


class Plan:
    """What is done with the rows of `incoming`, whose names have numbers in `map_KIND`."""

    def __init__(self, duck: duckdb.DuckDBPyConnection, spec: Table, given: set[str]) -> None:
        self._duck = duck
        self._spec = spec
        self._given = given
        self._stored = False
        self._doubtful = 0

    def find_doubtful(self, stored: str | None) -> None:
        """Make `doubtful_keys`: hashes of keys that repeat in the input or are in `stored` (SQL) already."""
        sql = queries("ombud.lake.sql")
        key = self._spec.key
        hashed = self._key_hash()
        self._duck.execute(f"CREATE OR REPLACE TEMP VIEW incoming_keys AS SELECT {hashed} FROM ({self._rows(key)})")
        self._duck.execute(f"CREATE OR REPLACE TEMP TABLE doubtful_keys AS {sql['repeated_keys'].on('duckdb')}")
        if stored:
            self._stored = True
            self._duck.execute(f"CREATE OR REPLACE TEMP VIEW stored AS {stored}")
            self._duck.execute(f"CREATE OR REPLACE TEMP VIEW stored_keys AS SELECT {hashed} FROM stored")
            self._duck.execute(f"INSERT INTO doubtful_keys {sql['taken_keys'].on('duckdb')}")
        row: Any = self._duck.execute("SELECT count(*) FROM doubtful_keys").fetchone()
        self._doubtful = int(row[0])

    def copy(self, folder: Path, import_id: str) -> list[Written]:
        """Write the rows that are new, one file a day or one in all; return the files."""
        rows = self._kept() if self._doubtful else self._rows()
        return copied(self._duck, self._spec, f"SELECT *, {literal(import_id)} AS import_id FROM ({rows})", folder)

    def _key_hash(self) -> str:
        return f"hash({', '.join(quoted(name) for name in self._spec.key)}) AS key_hash"

    def _rows(self, only: tuple[str, ...] | None = None) -> str:
        """Return SQL of the incoming rows with numbers for names."""
        columns, joins = mapped(self._spec, lambda kind: f"map_{kind}", only, self._given)
        return f"SELECT {', '.join(columns)} FROM incoming AS door{joins}"

    def _kept(self) -> str:
        """Return SQL of the rows to keep when some keys are doubtful: those are compared exactly."""
        columns = ", ".join(quoted(name) for name in self._spec.names if name != "import_id")
        every = f"SELECT *, {self._key_hash()} FROM ({self._rows()})"
        match = " AND ".join(f"s.{quoted(k)} IS NOT DISTINCT FROM r.{quoted(k)}" for k in self._spec.key)
        known = (
            f" ANTI JOIN (SELECT {', '.join(quoted(k) for k in self._spec.key)} FROM stored"
            f" WHERE {self._key_hash().removesuffix(' AS key_hash')} IN (SELECT key_hash FROM doubtful_keys)) AS s"
            f" ON {match}"
            if self._stored
            else ""
        )
        return (
            f"SELECT {columns} FROM ({every}) AS r ANTI JOIN doubtful_keys AS d ON d.key_hash = r.key_hash"
            f" UNION ALL "
            f"SELECT {columns} FROM ({every}) AS r SEMI JOIN doubtful_keys AS d ON d.key_hash = r.key_hash{known}"
            f" QUALIFY row_number() OVER (PARTITION BY {', '.join(quoted(k) for k in self._spec.key)}"
            f" ORDER BY happened_at NULLS LAST, hash({columns})) = 1"
        )


def copied(
    duck: duckdb.DuckDBPyConnection, spec: Table, rows: str, folder: Path, options: str = OPTIONS
) -> list[Written]:
    """Write `rows` (SQL in the stored schema) below `folder`, one file a day for a table kept by day."""
    names = ", ".join(quoted(name) for name in spec.names)
    if spec.by_day:
        target = f"{literal(str(folder))} ({options}, PARTITION_BY (_day))"
        sql = f"COPY (SELECT {names}, {DAY} AS _day FROM ({rows})) TO {target}"
    else:
        sql = f"COPY (SELECT {names} FROM ({rows})) TO {literal(str(folder / 'rows.parquet'))} ({options})"
    duck.execute("SET preserve_insertion_order = false")
    try:
        written = duck.execute(sql).fetchall()
    finally:
        duck.execute("RESET preserve_insertion_order")
    return [part for part in (_written(folder, row) for row in written) if part.rows]


def _written(folder: Path, row: tuple[Any, ...]) -> Written:
    place, rows, _bytes, _footer, statistics, partition, *_ = row
    columns = {name.strip('"'): values for name, values in statistics.items()}
    span = columns.get("happened_at", {})
    day = (partition or {}).get("_day")
    return Written(
        at=folder / place,
        day=None if day in {None, "NULL"} else int(day),
        rows=int(rows),
        first=span.get("min"),
        last=span.get("max"),
        nulls={name: int(values["null_count"]) for name, values in columns.items() if "null_count" in values},
    )
