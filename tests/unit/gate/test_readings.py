"""What apps read, told from the lake, against plain loops over the same rows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ombud.gate.readings import lines_of_person, readings_of_app, readings_of_person
from ombud.lake import open_lake
from ombud.model import schema
from ombud.model.workspace import Workspace
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ombud.lake import Lake

START = datetime(2026, 3, 1, tzinfo=UTC)
APPS, PEOPLE, FIELDS = ("quiz", "chat"), ("mara", "anna", "jon"), ("name", "likes", "posts")

Row = dict[str, Any]


def _whole(rows: list[Row]) -> list[Row]:
    """Give each read an id and a reason."""
    reasons = {"allowed": None, "reduced": "not-granted:posts;region:likes", "refused": "no-consent"}
    return [{**row, "read": f"read_{n}", "reason": reasons[row["decision"]]} for n, row in enumerate(rows)]


def _write(lake: Lake, rows: list[Row]) -> None:
    door = schema.table("reads").door
    shape = pa.schema([door.field(name) for name in rows[0]])
    with lake.writing() as batch:
        batch.write("reads", pa.Table.from_pylist(rows, schema=shape), "import_1")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lake, list[Row]]]:
    """Return a lake with 400 random reads, and the rows."""
    rng = random.Random(7)  # noqa: S311 - test data, the same every time
    rows = _whole(
        [
            {
                "app": rng.choice(APPS),
                "person": rng.choice(PEOPLE),
                "through": rng.choice((None, None, *PEOPLE)),
                "happened_at": START + timedelta(seconds=rng.randrange(10 * 86_400)),
                "fields": rng.sample(FIELDS, rng.randint(1, 3)),
                "purpose": rng.choice((None, "research", "sign-in")),
                "decision": rng.choice(("allowed", "reduced", "refused")),
            }
            for _ in range(400)
        ]
    )
    workspace = Workspace.create(tmp_path_factory.mktemp("readings") / "w")
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        _write(lake, rows)
        yield lake, rows


spans = st.tuples(st.integers(-1, 11), st.integers(0, 12)).map(
    lambda days: (START + timedelta(days=days[0]), START + timedelta(days=days[0] + days[1], hours=5))
)


class TestApp:
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(app=st.sampled_from(APPS), span=spans)
    def test_as_plain_loops_count(
        self, world: tuple[Lake, list[Row]], app: str, span: tuple[datetime, datetime]
    ) -> None:
        lake, rows = world
        since, until = span
        mine = [row for row in rows if row["app"] == app and since <= row["happened_at"] < until]
        out = [row for row in mine if row["decision"] != "refused"]
        told = readings_of_app(lake, app, since, until)
        assert told.reads == len(out)
        assert told.refused == len(mine) - len(out)
        assert told.people == len({row["person"] for row in out})
        assert told.through_friends == len({row["person"] for row in out if row["through"]})
        assert told.consenting == len({row["through"] or row["person"] for row in out})
        assert [day.day for day in told.days] == sorted(
            {row["happened_at"].replace(hour=0, minute=0, second=0) for row in mine}
        )
        assert all(type(value) is int for day in told.days for value in (day.reads, day.people, day.fields))
        assert sum(day.fields for day in told.days) == sum(len(row["fields"]) for row in out)
        counted = Counter((field, row["purpose"]) for row in out for field in row["fields"])
        assert {(line.field, line.purpose): line.reads for line in told.fields} == counted
        reasons = Counter(row["reason"].split(":")[0] for row in mine if row["reason"])
        assert {line.reason: line.requests for line in told.reasons} == reasons

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(second=st.integers(0, 10 * 86_400))
    def test_the_latest_hour_and_day_are_those_of_budgets(self, world: tuple[Lake, list[Row]], second: int) -> None:
        lake, rows = world
        until = START + timedelta(seconds=second)
        hour, day = until.replace(minute=0, second=0), until.replace(hour=0, minute=0, second=0)
        out = [
            row for row in rows
            if row["app"] == "quiz" and row["decision"] != "refused" and day <= row["happened_at"] <= until
        ]  # fmt: skip
        in_hour = [row for row in out if row["happened_at"] >= hour]
        use = readings_of_app(lake, "quiz", START, until).latest
        assert (use.people_an_hour, use.people_a_day) == (
            len({row["person"] for row in in_hour}), len({row["person"] for row in out}),
        )  # fmt: skip
        assert (use.fields_an_hour, use.fields_a_day) == (
            sum(len(row["fields"]) for row in in_hour), sum(len(row["fields"]) for row in out),
        )  # fmt: skip

    def test_an_app_that_never_asked(self, world: tuple[Lake, list[Row]]) -> None:
        told = readings_of_app(world[0], "nobody's app", START, START + timedelta(days=10))
        assert (told.reads, told.people, told.days, told.fields, told.reasons) == (0, 0, [], [], [])
        assert told.latest.fields_a_day == 0


class TestPerson:
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(person=st.sampled_from(PEOPLE), span=spans)
    def test_as_plain_loops_count(
        self, world: tuple[Lake, list[Row]], person: str, span: tuple[datetime, datetime]
    ) -> None:
        lake, rows = world
        since, until = span
        mine = [row for row in rows if row["person"] == person and since <= row["happened_at"] < until]
        told = {line.app: line for line in readings_of_person(lake, person, since, until).apps}
        assert set(told) == {row["app"] for row in mine}
        for app, line in told.items():
            asked = [row for row in mine if row["app"] == app]
            out = [row for row in asked if row["decision"] != "refused"]
            assert (line.reads, line.refused) == (len(out), len(asked) - len(out))
            assert line.through_friends == sum(row["through"] is not None for row in out)
            assert line.fields == sorted({field for row in out for field in row["fields"]})
            assert line.purposes == sorted({row["purpose"] for row in out if row["purpose"]})
            assert (line.first, line.last) == (
                min(r["happened_at"] for r in asked), max(r["happened_at"] for r in asked),
            )  # fmt: skip

    def test_lines_are_all_of_them_newest_first_and_name_no_friend(self, world: tuple[Lake, list[Row]]) -> None:
        lake, rows = world
        until = START + timedelta(days=11)
        mine = sorted(
            (row for row in rows if row["person"] == "mara" and row["app"] == "quiz"),
            key=lambda row: (-row["happened_at"].timestamp(), row["read"]),
        )
        pieces = [lines_of_person(lake, "mara", "quiz", START, until, 20, offset) for offset in range(0, 200, 20)]
        told = [line for piece in pieces for line in piece]
        assert [line.read for line in told] == [row["read"] for row in mine]
        assert [line.through_friend for line in told] == [row["through"] is not None for row in mine]
        assert [line.fields for line in told] == [row["fields"] for row in mine]
        assert not {"through", "person"} & set(type(told[0]).__struct_fields__)

    def test_somebody_unknown_has_no_record(self, world: tuple[Lake, list[Row]]) -> None:
        until = START + timedelta(days=11)
        assert readings_of_person(world[0], "nobody", START, until).apps == []
        assert lines_of_person(world[0], "nobody", "quiz", START, until) == []


def test_an_empty_lake_has_read_nothing(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w")
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        assert readings_of_app(lake, "quiz", START, START + timedelta(days=1)).reads == 0
        assert readings_of_person(lake, "mara", START, START + timedelta(days=1)).apps == []
