"""Insert a row unless it is there, or put it in the place of the one that is: the same on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Table

__all__ = ["insert_new", "put"]


def insert_new(tx: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert the rows whose key is not there yet; return how many were."""
    count = 0
    for row in rows:
        statement = _insert(tx, table).values(row).on_conflict_do_nothing().returning(*table.primary_key)
        count += len(tx.execute(statement).all())
    return count


def put(
    tx: Connection, table: Table, rows: Sequence[dict[str, Any]], *, keep: ColumnElement[bool] | None = None
) -> None:
    """Insert the rows; one whose primary key is there replaces it, unless `keep` holds for the row that is there."""
    key = [column.name for column in table.primary_key]
    where = None if keep is None else ~keep
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        alike.setdefault(tuple(row), []).append(row)
    for names, group in alike.items():
        statement = _insert(tx, table)
        rest = {name: statement.excluded[name] for name in names if name not in key}
        tx.execute(statement.on_conflict_do_update(index_elements=key, set_=rest, where=where), group)


def _insert(tx: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)
