"""One archive of the released ads for all tests here, and small ones made by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from ombud.archive import Archive, open_archive
from ombud.lake import Lake, open_lake
from ombud.lake.imports import import_files
from ombud.model.schema import table
from ombud.model.workspace import Workspace
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["lake_at"]


def lake_at(folder: Path) -> Lake:
    """Return the empty lake of a new workspace."""
    workspace = Workspace.create(folder)
    migrate(workspace.records_url)
    return open_lake(workspace, open_records(workspace))


def filled(lake: Lake, name: str, rows: list[dict[str, Any]]) -> None:
    """Write rows given as dictionaries; what is missing is null."""
    door = table(name).door
    whole = [{field: row.get(field) for field in door.names} for row in rows]
    with lake.writing() as batch:
        batch.write(name, pa.Table.from_pylist(whole, schema=door), "import_made")


@pytest.fixture(scope="session")
def ira_lake(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Iterator[Lake]:
    """Return a lake that holds the released ads."""
    lake = lake_at(tmp_path_factory.mktemp("ira") / "workspace")
    import_files(lake, "ira-ads", [examples / "ira-facebook-ads" / "russian-ads.db"])
    yield lake
    lake.records.close()


@pytest.fixture(scope="session")
def ira(ira_lake: Lake) -> Archive:
    """Return the archive of the released ads."""
    return open_archive(ira_lake)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., Lake]]:
    """Return a function that makes a lake with the given ads."""
    lakes: list[Lake] = []

    def make(*ads: dict[str, Any], versions: list[dict[str, Any]] | None = None) -> Lake:
        lake = lake_at(tmp_path / f"made-{len(lakes)}")
        lakes.append(lake)
        plain = {"space": "https://www.facebook.com/first/", "happened_at": datetime(2016, 5, 1, tzinfo=UTC)}
        filled(lake, "ads", [plain | {"spend": Decimal("1.00"), "currency": "EUR"} | ad for ad in ads])
        if versions:
            filled(lake, "ad_versions", versions)
        return lake

    yield make
    for lake in lakes:
        lake.records.close()
