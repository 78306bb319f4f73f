"""A lake with migrated records, and a few rows to put into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from ombud.lake import Lake, open_lake
from ombud.model import schema
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ombud.model.workspace import Workspace


@pytest.fixture
def lake(workspace: Workspace) -> Iterator[Lake]:
    """Return an empty lake."""
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        yield open_lake(workspace, records)


@pytest.fixture
def rows() -> Callable[[str, list[dict[str, Any]]], pa.Table]:
    """Return a function that makes a table's door rows from dicts."""

    def make(table: str, items: list[dict[str, Any]]) -> pa.Table:
        door = schema.table(table).door
        return pa.Table.from_pylist(items, schema=pa.schema([pa.field(f.name, f.type) for f in door]))

    return make


@pytest.fixture
def posts(rows: Callable[[str, list[dict[str, Any]]], pa.Table]) -> pa.Table:
    """Return 60 posts of 6 accounts over 3 days."""
    start = datetime(2016, 11, 7, tzinfo=UTC)
    return rows(
        "posts",
        [
            {"post": f"p{i:03}", "account": f"u{i % 6}", "happened_at": start + timedelta(hours=i), "text": f"text {i}"}
            for i in range(60)
        ],
    )
