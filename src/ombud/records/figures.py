"""Every number that is shown, with what is needed to compute it again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import RowMapping, Text, cast, select, update

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.model.findings import Figure, SourceFile
from ombud.records.tables import figure
from ombud.records.upsert import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["about", "from_row", "get", "not_on_ledger", "put_on_ledger", "save", "save_all"]


def save(tx: Connection, item: Figure) -> None:
    """Keep the figure; one with the same id takes its place."""
    save_all(tx, [item])


def save_all(tx: Connection, items: Sequence[Figure]) -> None:
    """Keep the figures; those with the same ids take their places."""
    now = clock.now()
    for item in items:
        if isinstance(item.value, float) and not math.isfinite(item.value):
            raise InputError(f"The figure `{item.name}` is {item.value}, which is no number to show.")
    put(tx, figure, [msgspec.to_builtins(item) | {"saved_at": now} for item in items])


def get(tx: Connection, figure_id: str) -> Figure:
    """Return the figure `figure_id`; `NotFoundError` when there is none."""
    row = tx.execute(select(figure).where(figure.c.id == figure_id)).mappings().first()
    if row is None:
        raise NotFoundError(f"There is no figure `{figure_id}`.", hint="`ombud explain` takes the id beside a number.")
    return from_row(row)


def about(tx: Connection, subject: str) -> list[Figure]:
    """Return the figures about `subject`, by name."""
    query = select(figure).where(figure.c.subject == subject).order_by(figure.c.name, figure.c.id)
    return [from_row(row) for row in tx.execute(query).mappings()]


def not_on_ledger(tx: Connection) -> dict[str, list[SourceFile]]:
    """Return the files of each figure, by id, that names files but no place on the ledger yet."""
    query = select(figure.c.id, figure.c.inputs).where(cast(figure.c.ledger, Text) == "[]")
    return {row.id: [SourceFile(**file) for file in row.inputs] for row in tx.execute(query) if row.inputs}


def put_on_ledger(tx: Connection, indexes: dict[str, list[int]]) -> None:
    """Note where the files of figures (keys) are on the ledger."""
    for id_, places in indexes.items():
        tx.execute(update(figure).where(figure.c.id == id_).values(ledger=places))


def from_row(row: RowMapping) -> Figure:
    """Return the figure in a row of the table."""
    return msgspec.convert({name: row[name] for name in Figure.__struct_fields__}, Figure)
