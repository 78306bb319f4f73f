"""Innocent explanations, each where it applies and where it cannot be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ombud.detect import detect_networks
from ombud.detect.explanations import _graded
from ombud.lake import Lake, open_lake
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.model.findings import Explanation
    from ombud.model.workspace import Workspace


@pytest.fixture
def empty(workspace: Workspace) -> Iterator[Lake]:
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        yield open_lake(workspace, records)


def explained(lake: Lake, posts: pa.Table) -> dict[str, Explanation]:
    with lake.writing() as batch:
        batch.write("posts", posts, "import_test")
    run = detect_networks(lake)
    assert len(run.findings) == 1
    return {e.code: e for e in run.findings[0].explanations}


def changed(posts: pa.Table, column: str, values: Any) -> pa.Table:  # noqa: ANN401 - an Arrow array of any type
    at = posts.schema.get_field_index(column)
    return posts.set_column(at, posts.schema.field(at), values)


def test_times_to_the_minute_hide_a_tools_rhythm_and_are_said_to(empty: Lake, planted: pa.Table) -> None:
    minutes = pc.floor_temporal(planted["happened_at"], unit="minute")
    found = explained(empty, changed(planted, "happened_at", minutes))
    assert found["shared-tool"].applies == "unknown"
    assert "minute" in found["shared-tool"].sentence


def test_posts_on_whole_minutes_look_like_a_tools(empty: Lake, planted: pa.Table) -> None:
    rows = planted.to_pylist()
    # every member but one posts on the whole minute; its own seconds show that the source has them
    for row in rows:
        if row["account"].startswith("press_") and row["account"] != "press_0":
            row["happened_at"] = row["happened_at"].replace(second=0, microsecond=0)
        elif row["account"] == "press_0":
            row["happened_at"] = row["happened_at"].replace(second=7, microsecond=0)
    found = explained(empty, pa.Table.from_pylist(rows, schema=planted.schema))
    assert found["shared-tool"].applies == "yes"


def test_names_that_are_numbers_tell_no_owner(empty: Lake, planted: pa.Table) -> None:
    names = [str(n).replace("press_", "9990").replace("person", "1") for n in planted["account"].to_pylist()]
    found = explained(empty, changed(planted, "account", pa.array(names)))
    assert found["same-organisation"].applies == "unknown"


def test_names_with_nothing_in_common(empty: Lake, planted: pa.Table) -> None:
    plain = dict(zip([f"press_{n}" for n in range(6)], ["ada", "bob", "cleo", "dan", "eve", "fay"], strict=True))
    names = [plain.get(str(n), str(n)) for n in planted["account"].to_pylist()]
    found = explained(empty, changed(planted, "account", pa.array(names)))
    assert found["same-organisation"].applies == "no"


@pytest.mark.parametrize(
    ("share", "applies"), [(0, "no"), (0.09, "no"), (0.1, "partly"), (0.49, "partly"), (0.5, "yes"), (1, "yes")]
)
def test_grades(share: float, applies: str) -> None:
    assert _graded(share) == applies
