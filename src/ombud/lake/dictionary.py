"""Dictionaries: the strings that the lake's dense integers stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ombud.lake.views import quoted
from ombud.model.errors import NotFoundError
from ombud.model.schema import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from ombud.model.schema import Table

__all__ = ["ERASED", "ids", "named", "names"]

ERASED = "erased"
"""What is shown for an id whose person was erased."""


def names(duck: duckdb.DuckDBPyConnection, kind: str, wanted: pa.Array[Any] | Sequence[int]) -> list[str]:
    """Return the names of ids, in their order; `NotFoundError` for an id that was never given."""
    table = pa.table({"place": range(len(wanted)), "id": pa.array(wanted, pa.int64())})
    rows = _joined(duck, kind, table, "id", "name")
    for number, _, known in rows:
        if not known:
            raise NotFoundError(f"The dictionary `{kind}` has no number {number}.")
    return [ERASED if name is None else str(name) for _, name, _ in rows]


def ids(duck: duckdb.DuckDBPyConnection, kind: str, wanted: Sequence[str]) -> list[int | None]:
    """Return the ids of names, in their order; null for a name that has none."""
    table = pa.table({"place": range(len(wanted)), "name": pa.array(wanted, pa.string())})
    return [number for _, number, _ in _joined(duck, kind, table, "name", "id")]


def _joined(
    duck: duckdb.DuckDBPyConnection, kind: str, wanted: pa.Table, by: str, answer: str
) -> list[tuple[Any, Any, bool]]:
    if kind not in KINDS:
        raise NotFoundError(f"There is no dictionary `{kind}`.", hint=f"There are {', '.join(KINDS)}.")
    duck.register("_wanted", wanted)
    try:
        return duck.execute(
            f"SELECT w.{by}, d.{answer}, d.id IS NOT NULL FROM _wanted AS w"
            f" LEFT JOIN {kind}_ids AS d ON d.{by} = w.{by} ORDER BY w.place"
        ).fetchall()
    finally:
        duck.unregister("_wanted")


def named(spec: Table) -> str:
    """Return SQL of a table's view with names in the place of ids."""
    columns = []
    joins = ""
    for column in spec.columns:
        name = quoted(column.name)
        if column.kind:
            alias = quoted(f"_{column.name}")
            joins += f" LEFT JOIN {column.kind}_ids AS {alias} ON {alias}.id = t.{name}"
            columns.append(f"{alias}.name AS {name}")
        else:
            columns.append(f"t.{name}")
    return f"(SELECT {', '.join(columns)} FROM {quoted(spec.name)} AS t{joins})"
