"""All rows of the records as text, and back: what a backup of a PostgreSQL database consists of."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, text

from ombud.model.errors import InputError, RefusedError
from ombud.records.columns import Moment, to_json
from ombud.records.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection, Table

__all__ = ["TABLES", "dump", "load", "refuse_unless_empty"]

TABLES: tuple[str, ...] = tuple(table.name for table in metadata.sorted_tables)
"""The tables in an order in which they can be filled."""

_NOT_KEPT = {"staff_session"}  # a restored backup signs nobody in
_EARLIEST_FIRST = {"decision": "decided_at"}  # a decision may point at the one it reverses
_BATCH = 1000


def dump(tx: Connection, name: str) -> Iterator[bytes]:
    """Return the rows of one table, a JSON object and a line feed each."""
    table = metadata.tables[name]
    if name in _NOT_KEPT:
        return
    order = [table.c[_EARLIEST_FIRST[name]]] if name in _EARLIEST_FIRST else []
    query = select(table).order_by(*order, *table.primary_key).execution_options(yield_per=_BATCH)
    with tx.execute(query) as result:
        for row in result.mappings():
            values = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
            yield to_json(values).encode() + b"\n"


def load(tx: Connection, name: str, lines: Iterable[bytes]) -> int:
    """Fill one empty table with what `dump` returned; return the number of rows."""
    table = metadata.tables[name]
    moments = [column.name for column in table.columns if isinstance(column.type, Moment)]
    count, batch = 0, []
    for line in lines:
        batch.append(_row(name, line, moments))
        if len(batch) == _BATCH:
            tx.execute(insert(table), batch)
            count, batch = count + len(batch), []
    if batch:
        tx.execute(insert(table), batch)
    _go_on_counting(tx, table)
    return count + len(batch)


def refuse_unless_empty(tx: Connection, where: str) -> None:
    """Raise `RefusedError` when the records at `where` hold a row already."""
    for table in metadata.sorted_tables:
        if tx.execute(select(table).limit(1)).first() is not None:
            raise RefusedError(f"{where} is not empty.", hint="Restore into an empty database.")


def _row(name: str, line: bytes, moments: list[str]) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(line)
        return values | {key: datetime.fromisoformat(values[key]) for key in moments if values[key] is not None}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"A row of the table `{name}` in this backup cannot be read.") from error


def _go_on_counting(tx: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows after those that were loaded."""
    serial = table.autoincrement_column
    if tx.dialect.name == "sqlite" or serial is None or serial.name != "id":
        return
    last = tx.execute(select(func.max(serial))).scalar()
    if last is not None:
        go_on = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)")
        tx.execute(go_on, {"name": table.name, "last": last})
