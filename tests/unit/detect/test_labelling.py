"""The sheet for people who label: half members, blind, the same for everybody."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from ombud.detect import labelling_sheet
from ombud.detect.labelling import COLUMNS

if TYPE_CHECKING:
    from ombud.lake import Lake

MEMBERS = [f"press_{n}" for n in range(6)]


def sheet(lake: Lake, size: int, seed: str = "") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(labelling_sheet(lake, [MEMBERS], size, seed))))


def test_the_sheet_is_filled_with_context_but_not_with_the_answer(lake: Lake) -> None:
    rows = sheet(lake, 12)
    assert len(rows) == 12
    assert tuple(rows[0]) == COLUMNS
    assert sum(r["account"] in MEMBERS for r in rows) == 6
    assert all(r["label"] == r["note"] == "" for r in rows)
    for row in rows:
        assert row["account"] != row["other"]
        assert int(row["things_in_common"]) >= row["examples"].count("\n") + 1
        assert int(row["account_posts"]) > 0
        assert " / 2016-" in row["examples"]
    places = [r["account"] in MEMBERS for r in rows]
    assert places != sorted(places)
    assert places != sorted(places, reverse=True)


def test_members_share_most_with_members(lake: Lake) -> None:
    for row in sheet(lake, 12):
        if row["account"] in MEMBERS:
            assert row["other"] in MEMBERS
            assert int(row["things_in_common"]) >= 30


def test_the_choice_hangs_on_the_seed_alone(lake: Lake) -> None:
    assert sheet(lake, 12) == sheet(lake, 12)
    assert {r["account"] for r in sheet(lake, 12)} != {r["account"] for r in sheet(lake, 12, "other")}
