"""The plan of one write: which rows may be repeats, and one pass that writes all others as they come.

Keys are compared by a 64-bit hash first, over the key's columns alone. Only
rows whose hash is met twice are compared exactly; usually there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.lake.engines.sql import queries
from ombud.lake.parquet import CHUNK_ROWS
from ombud.lake.views import mapped, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import duckdb
    import pyarrow as pa

    from ombud.model.schema import Table

__all__ = ["Plan", "chunks"]


class Plan:
    """What is done with the rows of `incoming`, whose names have numbers in `map_KIND`."""

    def __init__(self, duck: duckdb.DuckDBPyConnection, spec: Table, given: set[str]) -> None:
        self._duck = duck
        self._spec = spec
        self._given = given | {"happened_at"}  # rows are cut by it, even where it is null throughout
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
        self._doubtful = self._duck.execute("SELECT count(*) FROM doubtful_keys").fetchall()[0][0]

    def new_rows(self) -> Iterator[pa.RecordBatch]:
        """Return the rows that are new, without `import_id` and the columns that are null throughout."""
        rows = self._kept() if self._doubtful else self._rows(self._given)
        return chunks(self._duck, rows)

    def _key_hash(self) -> str:
        return f"hash({', '.join(quoted(name) for name in self._spec.key)}) AS key_hash"

    def _rows(self, only: Collection[str] | None = None) -> str:
        """Return SQL of the incoming rows with numbers for names."""
        columns, joins = mapped(self._spec, lambda kind: f"map_{kind}", only, self._given)
        return f"SELECT {', '.join(columns)} FROM incoming AS door{joins}"

    def _kept(self) -> str:
        """Return SQL of the rows to keep when some keys are doubtful: those are compared exactly."""
        columns = ", ".join(quoted(name) for name in self._spec.names if name in self._given)
        every = f"SELECT *, {self._key_hash()} FROM ({self._rows({*self._given, *self._spec.key, 'happened_at'})})"
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


def chunks(duck: duckdb.DuckDBPyConnection, sql: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `sql` in any order, a chunk at a time."""
    duck.execute("SET preserve_insertion_order = false")
    reader = duck.sql(sql).to_arrow_reader(CHUNK_ROWS)
    try:
        yield from reader
    finally:
        reader.close()
        duck.execute("RESET preserve_insertion_order")
