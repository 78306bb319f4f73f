"""Where a source file becomes Parquet in a table's door schema before the lake sees any of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ombud.lake.imports.columns import door_type, literal, name
from ombud.model.errors import InputError, StorageError
from ombud.model.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ombud.lake.imports.mapping import Mapping
    from ombud.lake.imports.rejects import Rejects
    from ombud.model.settings import Settings

    Progress = Callable[[int, int | None, str], None]

_PASSING = "FORMAT parquet, COMPRESSION lz4_raw, DICTIONARY_SIZE_LIMIT 2000"
"""For files that are read twice and then removed: little time is better than little space."""

__all__ = ["Options", "Reader", "Reading", "Stage", "Staged"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the user said besides the path."""

    table: str | None = None
    mapping: Mapping | None = None
    keys: Path | None = None
    """the workspace's folder of keys"""


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows of one table that wait to be written: `sql` selects those that fit, in the door schema."""

    table: str
    sql: str
    read: int
    rejected: int
    flagged: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader made of one source file."""

    source_rows: int
    tables: list[Staged]


class Reader(Protocol):
    """A format's way through one file: made, it knows the file's hash; `read` stages its rows."""

    sha256: str

    def read(self) -> Reading:
        """Stage the file's rows; rejects go to the stage's rejects file."""


@dataclass(slots=True)
class Stage:
    """A folder for staged files, a DuckDB connection of its own, and the rejects file."""

    folder: Path
    settings: Settings
    rejects: Rejects
    progress: Progress | None = None
    duck: duckdb.DuckDBPyConnection = field(init=False)
    _files: int = 0

    def __post_init__(self) -> None:
        """Open the connection within the workspace's limits."""
        config: dict[str, Any] = {"memory_limit": self.settings.memory, "temp_directory": str(self.folder / "spill")}
        if self.settings.threads:
            config["threads"] = self.settings.threads
        self.duck = duckdb.connect(":memory:", config=config)
        self.duck.execute("SET TimeZone = 'UTC'")

    def close(self) -> None:
        """Close the connection; the folder is the caller's to remove."""
        self.duck.close()

    def path(self, ending: str) -> Path:
        """Return a new path in the folder."""
        self._files += 1
        return self.folder / f"{self._files}.{ending}"

    def say(self, done: int, total: int | None, what: str) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(done, total, what)

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL and return its rows; a full disk or memory is a `StorageError`, what a parser says is passed on."""
        try:
            return self.duck.execute(sql).fetchall()
        except duckdb.OutOfMemoryException as error:
            raise StorageError(
                f"Memory does not suffice to read this file: {_first_line(error)}.",
                hint="Raise `memory` in ombud.toml.",
            ) from error
        except duckdb.IOException as error:
            if str(self.folder) not in str(error) and "No space" not in str(error):
                raise  # about the source, which its reader explains
            raise StorageError(f"Staging failed: {_first_line(error)}.", hint="Make room in the workspace.") from error

    def write(self, sql: str) -> Path:
        """Write the rows of `sql` to a new Parquet file in their order; return its path."""
        file = self.path("parquet")
        self.run(f"COPY ({sql}) TO {literal(str(file))} ({_PASSING})")
        return file

    def one(self, sql: str) -> tuple[Any, ...]:
        """Return the one row of `sql`."""
        return self.run(sql)[0]

    def count(self, file: Path) -> tuple[int, int, int]:
        """Return rows in all, rejected and flagged of a staged file with `quality` and `reject`."""
        total, rejected, flagged = self.one(
            f"FROM {parquet(file)} SELECT count(*), count(reject), count(quality) FILTER (WHERE reject IS NULL)"
        )
        return total, rejected, flagged

    def staged(self, table: str, file: Path, *, lost: int = 0) -> Staged:
        """Return what waits in a staged file; `lost` rows were rejected before they came there."""
        total, rejected, flagged = self.count(file)
        columns = ", ".join(name(column) for column in TABLES[table].door.names)
        sql = f"FROM {parquet(file)} SELECT {columns}" + (" WHERE reject IS NULL" if rejected else "")
        return Staged(table, sql, total + lost, rejected + lost, flagged)

    def rows(self, table: str, rows: list[dict[str, Any]], *, rejected: int = 0) -> Staged:
        """Stage rows made in Python (for sources that are small), keys named like the door's columns."""
        file = self.path("parquet")
        door = TABLES[table].door
        pq.write_table(pa.Table.from_pylist(rows, schema=door), file, compression="zstd")
        flagged = sum(row.get("quality") is not None for row in rows)
        return Staged(table, f"FROM {parquet(file)}", len(rows) + rejected, rejected, flagged)

    def query(self, table: str, sql: str, *, rejected: int = 0) -> Staged:
        """Stage the rows of `sql`, which has the door's columns; `rejected` rows were left out of it."""
        columns = ", ".join(f"{name(c)}::{door_type(TABLES[table][c])} AS {name(c)}" for c in TABLES[table].door.names)
        file = self.write(f"FROM ({sql}) SELECT {columns}")
        rows, flagged = self.one(f"FROM {parquet(file)} SELECT count(*), count(quality)")
        return Staged(table, f"FROM {parquet(file)}", rows + rejected, rejected, flagged)

    def rejected_rows(self, file: Path) -> Iterator[tuple[int, str]]:
        """Yield number (from 0) and reason of each rejected row of a staged file, in order."""
        with self.duck.cursor() as cursor:
            cursor.execute(
                f"FROM {parquet(file, rows=True)} SELECT file_row_number, reject WHERE reject IS NOT NULL ORDER BY ALL"
            )
            while rows := cursor.fetchmany(10_000):
                yield from rows


def parquet(file: Path, *, rows: bool = False) -> str:
    """Return the table function that reads a Parquet file, with `file_row_number` if `rows`."""
    return f"read_parquet({literal(_exact(file))}{', file_row_number=true' if rows else ''})"


def _exact(file: Path) -> str:
    """Return the path so that DuckDB takes no character of it for a pattern."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(file))


def exact(file: Path) -> str:
    """Return `file` as an SQL string that means this file and no pattern."""
    return literal(_exact(file))


def damaged(path: Path, error: Exception) -> InputError:
    """Return the error for a file that its parser cannot make sense of at all."""
    return InputError(f"{path} cannot be read: {_first_line(error)}.", hint="Look whether it was copied completely.")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
