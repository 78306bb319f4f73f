"""The affected set of an app equals brute force, whatever the log holds; rows and salts always lead to the root."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ombud.audit.dossier.freeze import affected, freeze, verify
from ombud.audit.dossier.span import span_of
from ombud.lake.frozen import stored_people
from tests.unit.audit.one_app import Row, affected_by, make_lake, read, write_reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.lake import Lake

PEOPLE = ("anna", "ben", "carl", 'Zoë "Z" \u2028', "anna ")
MINE, OTHER = "mine", "other"
_number = count()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return one lake for all examples, each of which has apps of its own."""
    made = make_lake(tmp_path_factory.mktemp("frozen") / "w")
    yield made
    made.records.close()


@st.composite
def reads(draw: st.DrawFn) -> list[Row]:
    """Return reads of two apps: through friends, through oneself, refused, at one moment, with no or odd fields."""
    return [
        read(
            draw(st.sampled_from(PEOPLE)),
            draw(st.integers(0, 5)) * 100,
            app=draw(st.sampled_from((MINE, MINE, OTHER))),
            through=draw(st.sampled_from((None, *PEOPLE))),
            decision=draw(st.sampled_from(("allowed", "reduced", "refused"))),
            fields=draw(st.lists(st.sampled_from(("name", "likes", "Ünïcode")), max_size=3)),
        )
        for _ in range(draw(st.integers(0, 12)))
    ]


@settings(max_examples=4)
@given(logs=st.lists(reads(), min_size=6, max_size=6))
def test_equals_brute_force(lake: Lake, logs: list[list[Row]]) -> None:
    start = [read("somebody", 1, app=MINE)]
    named = [
        [{**row, "app": f"{row['app']}-{next_one}"} for row in [*rows, *start]]
        for rows, next_one in zip(logs, _number, strict=False)
    ]
    write_reads(lake, [row for rows in named for row in rows], f"r{next(_number)}-")
    for rows in named:
        app = rows[-1]["app"]
        found = affected(lake, app, span_of(lake, app))
        assert {one.person: (one.reach, one.first, one.last, one.reads, one.fields) for one in found} == affected_by(
            rows, app
        )
    _freezes_them(lake, named[0])


def _freezes_them(lake: Lake, rows: list[Row]) -> None:
    app, wanted = rows[-1]["app"], affected_by(rows, rows[-1]["app"])
    item = freeze(lake, app, "a test", "somebody").set
    with lake.duck(["frozen"]) as duck:
        kept = list(stored_people(duck, "frozen", "r.frozen = $set", {"set": item.id}))
    assert {one.person: (one.reach, one.first, one.last, one.reads, one.fields) for one in kept} == wanted
    assert item.people == len(wanted)
    assert item.direct == sum(one[0] != "via" for one in wanted.values())
    assert item.via == sum(one[0] != "direct" for one in wanted.values())
    moments = [row["happened_at"] for row in rows if row["app"] == app]
    assert (item.since, item.until) == (min(moments), max(moments) + timedelta(microseconds=1))
    assert not freeze(lake, app, "again", "somebody").new
    assert verify(lake, item.id).ok
