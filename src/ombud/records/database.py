"""Opening the records: one engine, transactions that mean the same on both databases."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import create_engine, event, inspect, text

from ombud.model.errors import RefusedError, StorageError
from ombud.records.columns import to_json
from ombud.records.faults import address, faults, place

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.pool import ConnectionPoolEntry

    from ombud.model.workspace import Workspace

__all__ = ["SCHEMAS", "Records", "engine_for", "open_records", "open_url", "schema_of"]

SCHEMAS = ("0001", "0002", "0003", "0004", "0005")
"""Every schema there has been, the present one last: the names of the migrations."""

WAIT = 10.0
"""Seconds that a writer waits for another one."""


@dataclass(frozen=True, slots=True)
class Records:
    """The open records of one workspace. Safe to share between threads, not across a fork."""

    url: URL
    engine: Engine
    file: tuple[int, int] | None = None
    """device and inode of an SQLite file, as it was opened"""

    @property
    def place(self) -> str:
        """Return the name of the database for messages, without its password."""
        return place(self.url)

    @property
    def is_sqlite(self) -> bool:
        """Return whether the records are one SQLite file."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Run the block in one transaction that may write; commit at its end, undo all on an error."""
        with faults(self.place), self.engine.connect() as connection:
            connection.execution_options(ombud_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Run the block on one unchanging view of the records; writing inside it is refused."""
        options: dict[str, Any] = {"ombud_writes": False}
        if not self.is_sqlite:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with faults(self.place), self.engine.connect() as connection:
            connection.execution_options(**options)
            with connection.begin():
                yield connection

    def check_place(self) -> None:
        """Raise `StorageError` when the SQLite file was moved, or another one lies in its place.

        Open connections would go on with the old file, and never hear what others write to the new one.
        """
        if self.file is not None and _file(self.url) != self.file:
            raise StorageError(
                f"{self.place} is not the file that was opened: it was moved or replaced.",
                hint="Start this process again.",
            )

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def engine_for(url: URL, *, wait: float = WAIT, foreign_keys: bool = True) -> Engine:
    """Return an engine for `url` with the same promises on both databases.

    A commit is on disk before it is acknowledged. A writer waits `wait` seconds
    for another one, then gets `BusyError`. SQLite: WAL, and writers queue from
    their start (`BEGIN IMMEDIATE`), so that none fails half-way.
    """
    with faults(place(url)):
        pool = {"pool_size": 10, "max_overflow": 30}
        if url.get_backend_name() != "sqlite":
            options = f"-c timezone=UTC -c synchronous_commit=on -c lock_timeout={int(wait * 1000)}"
            return create_engine(
                url,
                json_serializer=to_json,
                pool_pre_ping=True,
                **pool,
                connect_args={"options": options, "connect_timeout": 10},
            )
        engine = create_engine(url, connect_args={"timeout": wait}, **pool)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver would begin transactions late; SQLAlchemy begins them below
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("ombud_writes", True)
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def schema_of(connection: Connection) -> str | None:
    """Return the name of the schema that the database has; `None` when it has none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def open_records(workspace: Workspace, *, wait: float = WAIT) -> Records:
    """Open the records of `workspace`.

    Raises `StorageError` when they are missing, damaged, unreachable or may not
    be written, `RefusedError` when their schema is older or newer than this Ombud.
    """
    return open_url(workspace.records_url, wait=wait)


def open_url(url: str, *, wait: float = WAIT) -> Records:
    """Open the records at the address `url`; errors as for `open_records`."""
    parsed = address(url)
    where = place(parsed)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).is_file():
        raise StorageError(
            f"{where} is missing.", hint="Make a workspace with `ombud init`, or bring one back with `ombud restore`."
        )
    records = Records(parsed, engine_for(parsed, wait=wait), _file(parsed))
    try:
        _check(records, where)
    except BaseException:
        records.close()
        raise
    return records


def _file(url: URL) -> tuple[int, int] | None:
    if url.get_backend_name() != "sqlite":
        return None
    try:
        found = Path(str(url.database)).stat()
    except OSError:
        return (0, 0)
    return found.st_dev, found.st_ino


def _check(records: Records, where: str) -> None:
    with records.read() as tx:
        schema = schema_of(tx)
    if schema is None:
        raise StorageError(f"{where} is empty.", hint="Finish it with `ombud upgrade`.")
    if schema not in SCHEMAS:
        raise RefusedError(
            f"{where} was written by a newer Ombud (schema {schema}; this one knows up to {SCHEMAS[-1]}).",
            hint="Install the newer Ombud.",
        )
    if schema != SCHEMAS[-1]:
        raise RefusedError(
            f"{where} has the older schema {schema}; this Ombud needs {SCHEMAS[-1]}.", hint="Run `ombud upgrade`."
        )
