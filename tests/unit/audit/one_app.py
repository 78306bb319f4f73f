"""A small log of reads for audits of one app, made row by row, and what plain loops count of it."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ombud.lake import open_lake
from ombud.model import schema
from ombud.model.workspace import Workspace
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake

START = datetime(2014, 3, 1, 9, tzinfo=UTC)
QUIZ, CHAT = "quiz", "chat"
Row = dict[str, Any]


def read(person: str, minutes: float = 0, **more: Any) -> Row:  # noqa: ANN401 - any column of a read
    """Return a read of the quiz, so many minutes after the start."""
    row = {
        "app": QUIZ,
        "person": person,
        "through": None,
        "happened_at": START + timedelta(minutes=minutes),
        "fields": ["likes", "name"],
        "purpose": "research",
        "decision": "allowed",
        "policy": None,
        "key": "key-1",
    }
    return {**row, **more}


def write(lake: Lake, table: str, rows: list[Row]) -> None:
    """Put rows with string ids into a table of the lake; columns that are left out are null."""
    if not rows:
        return
    door = schema.table(table).door
    names = sorted({name for row in rows for name in row})
    shape = pa.schema([door.field(name) for name in names])
    with lake.writing() as batch:
        batch.write(table, pa.Table.from_pylist(rows, schema=shape), f"import_{table}")


def write_reads(lake: Lake, rows: list[Row], prefix: str = "r") -> None:
    """Put reads into the lake, each with an id of its own."""
    write(lake, "reads", [{**row, "read": f"{prefix}{n}"} for n, row in enumerate(rows)])


def make_lake(folder: Path) -> Lake:
    """Return an empty lake in a new workspace; its records must be closed at the end."""
    workspace = Workspace.create(folder)
    migrate(workspace.records_url)
    return open_lake(workspace, open_records(workspace))


def walk(installers: int = 4, friends: int = 12) -> list[Row]:
    """Return a friend walk: each installer, and a minute later each of their friends, a day apart."""
    rows = []
    for one in range(installers):
        day = one * 24 * 60
        rows.append(read(f"installer-{one}", day))
        rows += [read(f"friend-{one * 4 + n}", day + 1 + n / 60, through=f"installer-{one}") for n in range(friends)]
    return rows  # fmt: skip


def affected_by(rows: list[Row], app: str = QUIZ) -> dict[str, tuple[str, datetime, datetime, int, list[str]]]:
    """Count by plain loops: person -> reach, first, last, reads, fields."""
    mine: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["app"] == app and row["decision"] != "refused":
            mine[row["person"]].append(row)
    out = {}
    for person, some in mine.items():
        via = [row["through"] not in {None, person} for row in some]
        reach = "via" if all(via) else "both" if any(via) else "direct"
        moments = [row["happened_at"] for row in some]
        fields = sorted({name for row in some for name in row["fields"]})
        out[person] = (reach, min(moments), max(moments), len(some), fields)
    return out
