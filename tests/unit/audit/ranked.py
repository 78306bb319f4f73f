"""A small platform in a lake, for tests of the ranking; and reads made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ombud.lake import Lake, open_lake
from ombud.model.schema import table
from ombud.model.workspace import Workspace
from ombud.records import Records, migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ombud.simulate import Case2018

START = datetime(2014, 1, 1, tzinfo=UTC)


def imported(root: Path, case: Case2018) -> tuple[Lake, Records]:
    """Return a lake with the platform's rows, labels left out: nothing here may read them."""
    workspace = Workspace.create(root)
    migrate(workspace.records_url)
    records = open_records(workspace)
    lake = open_lake(workspace, records)
    fill(lake, {name: rows for name, rows in case.tables.items() if name != "labels"})
    return lake, records


def fill(lake: Lake, tables: Mapping[str, pa.Table]) -> None:
    with lake.writing() as batch:
        for name, rows in tables.items():
            batch.write(name, rows, "import_test")


def rows_of(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as the door takes them; columns that no row names are left out."""
    door = table(name).door
    given = {column for row in rows for column in row}
    schema = pa.schema([field for field in door if field.name in given])
    return pa.Table.from_pylist(rows, schema=schema)


def read(n: int, app: str, person: str, hour: float, **more: object) -> dict[str, Any]:
    """Return one read, so many hours after the start."""
    row = {"read": f"read-{n}", "app": app, "person": person, "happened_at": START + timedelta(hours=hour)}
    return row | {"fields": ["name"], "decision": "allowed", "through": None} | more


def grant(app: str, person: str, ended: float | None = None) -> dict[str, Any]:
    """Return one consent from the start on, and until so many hours later."""
    end = None if ended is None else START + timedelta(hours=ended)
    return {"app": app, "person": person, "scope": "basic", "happened_at": START, "ended_at": end}
