"""Which files are the lake: a file is visible only through its row here."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import delete, insert, select

from ombud.model import clock
from ombud.model.errors import BusyError
from ombud.records import outbox
from ombud.records.tables import lake_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, RowMapping

__all__ = ["UNCOUNTED", "LakeFile", "add", "every", "replace", "tables", "visible"]

UNCOUNTED = frozenset({"reads", "erased_rows", "frozen"})
"""tables whose rows stand on the ledger in batches that hide how many they are; so no other entry tells it either"""


class LakeFile(msgspec.Struct, frozen=True):
    """One Parquet file of the lake."""

    path: str
    """relative to the lake's folder; absolute when attached"""
    table: str
    day: str | None
    """`YYYY-MM-DD`, or null when the table is not kept by day"""
    rows: int
    first: datetime | None
    """earliest `happened_at` inside"""
    last: datetime | None
    bytes: int
    sha256: str
    import_id: str | None
    attached: bool = False
    """whether it lies where the platform keeps it"""
    mapping: dict[str, Any] | None = None
    """for an attached file: the lake's columns to the file's"""
    created_at: datetime = msgspec.field(default_factory=clock.now)


def add(tx: Connection, files: Sequence[LakeFile]) -> None:
    """Make the files visible, and queue the row of the ledger that says so. No file, no row."""
    if files:
        _insert(tx, files)
        outbox.append(tx, "import", {"action": "add", "files": [_public(f) for f in files], "removed": []})


def replace(tx: Connection, old_paths: Sequence[str], new_files: Sequence[LakeFile]) -> None:
    """Put files in the place of others in one step, and queue the row of the ledger that says so.

    Raises `BusyError` when one of `old_paths` is no longer visible: somebody else replaced it.
    """
    wanted = sorted(set(old_paths))
    if not wanted and not new_files:
        return
    removed = []
    for path in wanted:
        gone = tx.execute(delete(lake_file).where(lake_file.c.path == path).returning(lake_file.c.sha256)).scalar()
        if gone is None:
            raise BusyError(f"The lake's file {path} was replaced by another process.", hint="Try again.")
        removed.append({"path": path, "sha256": gone})
    _insert(tx, new_files)
    outbox.append(tx, "import", {"action": "replace", "files": [_public(f) for f in new_files], "removed": removed})


def visible(tx: Connection, table: str) -> list[LakeFile]:
    """Return the files of `table`, by day, then in the order they came."""
    order = (lake_file.c.day, lake_file.c.created_at, lake_file.c.path)
    query = select(lake_file).where(lake_file.c.table_name == table).order_by(*order)
    return [_from(row) for row in tx.execute(query).mappings()]


def every(tx: Connection) -> list[LakeFile]:
    """Return all files of the lake, dictionaries among them, by path."""
    return [_from(row) for row in tx.execute(select(lake_file).order_by(lake_file.c.path)).mappings()]


def tables(tx: Connection) -> list[str]:
    """Return the names of the tables that have a file, sorted."""
    return list(tx.execute(select(lake_file.c.table_name).distinct().order_by(lake_file.c.table_name)).scalars())


def _insert(tx: Connection, files: Sequence[LakeFile]) -> None:
    if files:
        rows = [msgspec.structs.asdict(f) for f in files]
        tx.execute(insert(lake_file), [row | {"table_name": row.pop("table")} for row in rows])


def _from(row: RowMapping) -> LakeFile:
    values: dict[str, Any] = dict(row)
    return LakeFile(table=values.pop("table_name"), **values)


def _public(file: LakeFile) -> dict[str, Any]:
    told = {"path": file.path, "table": file.table, "sha256": file.sha256, "import_id": file.import_id}
    return told if file.table in UNCOUNTED else told | {"rows": file.rows, "bytes": file.bytes}
