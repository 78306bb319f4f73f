"""Bringing the records to the present schema: Alembic's migrations, run from inside the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from ombud.model.errors import RefusedError, StorageError
from ombud.records.database import SCHEMAS, Records, engine_for, schema_of
from ombud.records.faults import address, place

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["configuration", "migrate", "migrate_within"]

_LOCK = 0x0B0D  # any number that every Ombud agrees on


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's settings for the packaged migrations, run on `connection`."""
    config = Config()
    folder = Path(__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def migrate(url: str) -> None:
    """Make or upgrade the records at `url` to the present schema, wholly or not at all.

    Two processes may call this at once. Raises `RefusedError` when the schema is
    newer than this Ombud, `StorageError` when the place cannot be written.
    """
    parsed = address(url)
    if parsed.get_backend_name() == "sqlite":
        _create_private(Path(str(parsed.database)))
    records = Records(parsed, engine_for(parsed, foreign_keys=False))
    try:
        with records.begin() as tx:
            migrate_within(tx, place(parsed))
    finally:
        records.close()


def migrate_within(tx: Connection, where: str) -> None:
    """Run the missing migrations inside the caller's transaction."""
    if tx.dialect.name != "sqlite":
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    schema = schema_of(tx)
    if schema == SCHEMAS[-1]:
        return
    if schema is not None and schema not in SCHEMAS:
        raise RefusedError(f"{where} was written by a newer Ombud (schema {schema}).", hint="Install the newer Ombud.")
    command.upgrade(configuration(tx), "head")
    # SQLite rebuilds a table to alter it, which needs its foreign keys off: look at them afterwards
    if tx.dialect.name == "sqlite" and tx.execute(text("PRAGMA foreign_key_check")).first() is not None:
        raise StorageError(
            f"The upgrade of {where} would break links between its rows; nothing was changed.",
            hint="Restore the last backup with `ombud restore`.",
        )


def _create_private(file: Path) -> None:
    """Create the file so that only its owner can read it: it holds password hashes."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StorageError(
            f"The records file {file} cannot be written: {error.strerror}.",
            hint="Let this user write to the file and its folder.",
        ) from error
