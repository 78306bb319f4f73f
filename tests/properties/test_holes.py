"""Whatever stands in a log: duplicates, unknown people and apps, reads before their app count as by plain Python."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ombud.audit.logs.holes import find_holes
from ombud.lake import open_lake
from ombud.lake.imports import import_files
from ombud.model.workspace import Workspace
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from ombud.lake import Lake

START = datetime(2014, 3, 1, tzinfo=UTC)
HOURS = st.integers(0, 72)
READS = st.lists(
    st.fixed_dictionaries(
        {
            "read": st.sampled_from([f"r{n}" for n in range(30)]),
            "app": st.sampled_from("abc"),
            "person": st.sampled_from([f"p{n}" for n in range(5)]),
            "hour": HOURS,
            "fits": st.booleans() | st.just(value=True),
        }
    ),
    min_size=1,
    max_size=40,
)
APPS = st.dictionaries(st.sampled_from("abc"), st.none() | HOURS, max_size=3)
PEOPLE = st.sets(st.sampled_from([f"p{n}" for n in range(5)]))


def at(hour: int) -> str:
    return (START + timedelta(hours=hour)).isoformat()


def bring(lake: Lake, folder: Path, table: str, rows: list[dict[str, Any]]) -> None:
    """Import rows as a log of lines."""
    if rows:
        (folder / f"{table}.ndjson").write_text("\n".join(map(json.dumps, rows)))
        import_files(lake, "table", [folder / f"{table}.ndjson"], table=table, sealed=True)


def expected(reads: list[dict[str, Any]], apps: dict[str, int | None], people: set[str]) -> dict[str, int]:
    """Count by plain Python: of reads with one id, the earliest is kept."""
    fitting = [row for row in reads if row["fits"]]
    kept: dict[str, list[dict[str, Any]]] = {}
    for row in fitting:
        kept.setdefault(row["read"], []).append(row)
    first = [min(rows, key=lambda row: row["hour"]) for rows in kept.values()]
    counts = {
        "duplicates": len(fitting) - len(first),
        "rejected lines": len(reads) - len(fitting),
        "before the app": sum((since := apps.get(row["app"])) is not None and row["hour"] < since for row in first),
        "unknown apps": sum(row["app"] not in apps for row in first) if apps else 0,
        "unknown people": sum(row["person"] not in people for row in first) if people else 0,
    }
    return {kind: count for kind, count in counts.items() if count}


@settings(max_examples=6)
@given(reads=READS, apps=APPS, people=PEOPLE)
def test_every_kind_is_counted_as_plain_python_does(
    tmp_path_factory: pytest.TempPathFactory,
    reads: list[dict[str, Any]],
    apps: dict[str, int | None],
    people: set[str],
) -> None:
    # one read an id and hour, so that which of several is the earliest is no matter of chance
    reads = list({(row["read"], row["hour"], row["fits"]): row for row in reads}.values())
    folder = tmp_path_factory.mktemp("holes")
    workspace = Workspace.create(folder / "w")
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        lines = [
            {"read": row["read"], "app": row["app"], "person": row["person"], "happened_at": at(row["hour"]),
             "fields": ["likes"], "decision": "allowed"} if row["fits"] else {"read": row["read"]}
            for row in reads
        ]  # fmt: skip
        bring(lake, folder, "reads", lines)
        bring(lake, folder, "accounts", [{"account": person} for person in sorted(people)])
        known = [{"app": app, "happened_at": None if hour is None else at(hour)} for app, hour in apps.items()]
        bring(lake, folder, "apps", known)
        found = {hole.kind: hole.value for hole in find_holes(lake).holes if hole.kind != "quiet"}
    assert found == expected(reads, apps, people)
