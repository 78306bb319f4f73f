"""Resolution over a lake: which spaces it reads, and what is kept of its outcome."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from ombud.lake import Lake, open_lake
from ombud.lake.resolution.outcome import Doubtful, Merged, Resolution
from ombud.lake.resolution.store import KIND, apart_by_people, record_resolution, space_rows
from ombud.records import entities, imports, migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.model.workspace import Workspace

NOON = datetime(2016, 11, 7, 12, tzinfo=UTC)


@pytest.fixture
def lake(workspace: Workspace) -> Iterator[Lake]:
    """Return a lake with ads and spaces of two formats."""
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        made = open_lake(workspace, records)
        for number, name in ((1, "ira-ads"), (2, "table")):
            import_id = f"import_{number}"
            spaces: dict[str, list[Any]] = {
                "space": [f"https://a.example/{number}"],
                "space_kind": ["page"],
                "name": [f"Page {number}"],
                "url": [f"https://a.example/{number}"],
            }
            ads: dict[str, list[Any]] = {
                "ad": [f"{number}-{i}" for i in range(3)],
                "space": [f"https://a.example/{number}", f"https://a.example/{number}", f"only in ads {number}"],
            }
            with made.writing() as batch:
                batch.write("spaces", pa.table(spaces), import_id)
                batch.write("ads", pa.table(ads), import_id)
            with records.begin() as tx:
                imports.start(tx, name, "x", f"sha-{number}", "options", import_id=import_id)
        with made.writing() as batch:
            batch.write("spaces", pa.table({"space": ["quiet"], "space_kind": ["group"]}), "import_1")
        yield made


def test_each_space_comes_once_weighed_by_its_ads(lake: Lake) -> None:
    rows = {row.space: row for row in space_rows(lake)}
    assert {name: row.weight for name, row in rows.items()} == {
        "https://a.example/1": 2,
        "https://a.example/2": 2,
        "only in ads 1": 1,
        "only in ads 2": 1,
        "quiet": 1,
    }
    assert rows["only in ads 1"].url is None
    assert rows["https://a.example/2"].url == "https://a.example/2"


def test_addresses_read_by_ocr_are_told_by_their_import(lake: Lake) -> None:
    rows = {row.space: row for row in space_rows(lake)}
    assert {name for name, row in rows.items() if row.ocr} == {"https://a.example/1", "only in ads 1", "quiet"}
    # Beside an OCR address the name was cut out of it; elsewhere it was given.
    assert (rows["https://a.example/1"].name, rows["https://a.example/2"].name) == (None, "Page 2")
    assert not any(row.ocr for row in space_rows(lake, ocr_formats=frozenset()))


def test_an_empty_lake_has_no_spaces(workspace: Workspace) -> None:
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        assert space_rows(open_lake(workspace, records)) == []


OUTCOME = Resolution(
    entities=(),
    merges=(Merged("s1", "e1", "same number", 1.0), Merged("s2", "e1", "one letter misread", 0.97)),
    doubtful=(Doubtful("e1", "e2", "two letters", 0.6),),
    unresolved=("-",),
    calibration="by hand",
)


def test_merges_and_doubts_are_kept_and_counted(lake: Lake) -> None:
    assert record_resolution(lake.records, OUTCOME) == 3
    with lake.records.read() as tx:
        kept = entities.merges(tx, KIND)
    assert {(m.alias, m.entity, m.status, m.score, m.decided_by) for m in kept} == {
        ("s1", "e1", "merged", 1.0, None),
        ("s2", "e1", "merged", 0.97, None),
        ("e1", "e2", "doubtful", 0.6, None),
    }
    assert apart_by_people(lake.records) == set()


def test_what_a_person_undid_stays_undone(lake: Lake) -> None:
    record_resolution(lake.records, OUTCOME)
    undone = entities.Merge(KIND, "s2", "e1", "not the same", 0.97, "apart", decided_by="Mara")
    with lake.records.begin() as tx:
        entities.save_merges(tx, [undone])
    assert apart_by_people(lake.records) == {("s2", "e1")}
    record_resolution(lake.records, OUTCOME)  # the tool says again what it said before
    assert apart_by_people(lake.records) == {("s2", "e1")}
    with lake.records.read() as tx:
        assert {m.alias for m in entities.merges(tx, KIND, "merged")} == {"s1"}


def test_what_a_tool_set_apart_is_no_decision(lake: Lake) -> None:
    with lake.records.begin() as tx:
        entities.save_merges(tx, [entities.Merge(KIND, "s1", "e1", "other number", 0.1, "apart")])
    assert apart_by_people(lake.records) == set()
