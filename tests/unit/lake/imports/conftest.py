"""A stage to read files in, and a lake to import them into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ombud.lake import Lake, open_lake
from ombud.lake.imports.rejects import Rejects
from ombud.lake.imports.run import FORMATS
from ombud.lake.imports.stage import Options, Stage
from ombud.model.settings import Settings
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ombud.lake.imports.mapping import Mapping
    from ombud.lake.imports.stage import Staged
    from ombud.model.workspace import Workspace


@dataclass
class Read:
    """What a reader made of one file."""

    source_rows: int
    staged: dict[str, Staged]
    rows: dict[str, list[dict[str, Any]]]
    rejects: list[dict[str, Any]]

    def only(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Return some columns of the rows that fit."""
        return [tuple(row[c] for c in columns) for row in self.rows[table]]

    def reasons(self) -> list[tuple[int, str]]:
        """Return line and reason of each reject."""
        return [(r["line"], r["reason"]) for r in self.rejects]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Return a stage in a temporary folder."""
    folder = tmp_path / "stage"
    folder.mkdir()
    with Rejects(folder / "rejects.ndjson") as rejects:
        made = Stage(folder, Settings(), rejects)
        yield made
        made.close()


@pytest.fixture
def read(tmp_path: Path, stage: Stage) -> Callable[..., Read]:
    """Return a function that writes a file and reads it by a format, `table` onto posts unless told."""

    def run(
        content: bytes | Path,
        name: str = "posts.csv",
        *,
        format: str = "table",  # noqa: A002 - the command's word
        table: str | None = None,
        mapping: Mapping | None = None,
    ) -> Read:
        path = content if not isinstance(content, bytes) else tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        if format == "table" and mapping is None and table is None:
            table = "posts"
        reading = FORMATS[format](stage, path, Options(table, mapping)).read()
        rows = {s.table: stage.duck.sql(s.sql).to_arrow_table().to_pylist() for s in reading.tables}
        kept = stage.rejects.keep()
        rejects = [msgspec.json.decode(line) for line in kept.read_bytes().splitlines()] if kept else []
        staged = {s.table: s for s in reading.tables}
        for s in reading.tables:
            assert s.read == len(rows[s.table]) + s.rejected
        return Read(reading.source_rows, staged, rows, rejects)

    return run


@pytest.fixture
def lake(workspace: Workspace) -> Lake:
    """Return an empty lake."""
    migrate(workspace.records_url)
    return open_lake(workspace, open_records(workspace))
