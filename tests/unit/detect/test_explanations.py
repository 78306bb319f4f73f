"""Innocent explanations, each where it applies and where it cannot be told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ombud.detect import detect_networks
from ombud.detect.explanations import _graded, _weighed
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


@pytest.mark.parametrize(
    ("share", "holds", "applies"),
    [(0.05, True, "no"), (0.05, False, "partly"), (0.2, False, "partly"), (0.6, False, "yes"), (0.6, True, "yes")],
)
def test_what_a_finding_cannot_do_without_applies_however_little_it_is(
    share: float, applies: str, *, holds: bool
) -> None:
    """A page that says `does not apply` beside `without them not significant` would be unfair."""
    assert _weighed(share, holds=holds) == applies


def test_sentences_say_of_how_many(empty: Lake, planted: pa.Table) -> None:
    found = explained(empty, planted)
    assert found["news-burst"].sentence.startswith(
        "Of 30 things that members shared together, ordinary accounts shared none within a minute of them"
    )
    assert found["time-zone"].sentence.startswith(
        "Of the pairs of posts that share a thing, 100% lie within a minute (average over the 30 things"
    )
    assert "too little" in found["automation"].sentence


def test_automation_counts_members(empty: Lake, planted: pa.Table) -> None:
    rows = planted.to_pylist()
    begin = min(row["happened_at"] for row in rows)
    # one member posts every half hour of a week, another one at noon only
    for n in range(336):
        extra = dict.fromkeys(planted.schema.names) | {"platform": "x"}
        rows.append(extra | {"post": f"day{n}", "account": "press_0", "happened_at": begin + timedelta(minutes=30 * n)})
        rows.append(extra | {"post": f"noon{n}", "account": "press_1", "happened_at": begin + timedelta(days=n % 7)})
    found = explained(empty, pa.Table.from_pylist(rows, schema=planted.schema))
    assert found["automation"].sentence.startswith(
        "1 of the 2 members who posted 96 times or more did so in every hour"
    )
    assert found["automation"].applies == "yes"
