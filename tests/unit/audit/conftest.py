"""What tests of the audit share: records on both databases where they are asked for, a lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ombud.lake import Lake, open_lake
from ombud.records import migrate, open_records
from tests.databases import backend, blank_url, migrated, new_url, postgres, records, template, url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.model.workspace import Workspace

__all__ = ["backend", "blank_url", "lake", "migrated", "new_url", "postgres", "records", "template", "url"]


@pytest.fixture
def lake(workspace: Workspace) -> Iterator[Lake]:
    """Return an empty lake over a file of records."""
    migrate(workspace.records_url)
    with open_records(workspace) as opened:
        yield open_lake(workspace, opened)
