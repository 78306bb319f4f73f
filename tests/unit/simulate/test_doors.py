"""The platform as rows for the lake: they fit its tables, and say what the arrays say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from ombud.lake import open_lake
from ombud.model.schema import table
from ombud.records import migrate, open_records
from ombud.simulate import NOBODY, VOCABULARY, Answers, Platform, Requests, simulate_platform
from ombud.simulate.doors import DOORS, days_of_reads, names, reads_door
from ombud.simulate.kinds import KINDS

if TYPE_CHECKING:
    from ombud.model.workspace import Workspace


@pytest.fixture(scope="module")
def platform() -> Platform:
    return simulate_platform(800, 80, 20, np.random.default_rng(6))


def test_ids_are_numbered() -> None:
    assert names("app", 3).to_pylist() == ["app-0", "app-1", "app-2"]
    assert names("app", 0).to_pylist() == []


@pytest.mark.parametrize("name", sorted(DOORS))
def test_rows_fit_the_door_and_each_has_its_key_once(platform: Platform, name: str) -> None:
    rows, spec = DOORS[name](platform), table(name)
    for field in rows.schema:
        assert field.type == spec.door.field(field.name).type
        if spec[field.name].required:
            assert rows[field.name].null_count == 0
    key = [column for column in spec.key if column in rows.column_names]
    assert rows.group_by(key).aggregate([]).num_rows == rows.num_rows > 0


def test_people_and_ties_are_those_of_the_graph(platform: Platform) -> None:
    assert DOORS["accounts"](platform)["account"].to_pylist() == [f"person-{n}" for n in range(800)]
    one, other = platform.people.friends.pairs()
    ties = DOORS["ties"](platform)
    assert ties["account"].to_pylist() == [f"person-{n}" for n in one.tolist()]
    assert ties["other"].to_pylist() == [f"person-{n}" for n in other.tolist()]


def test_apps_say_what_they_declare_and_not_what_they_are(platform: Platform) -> None:
    apps = DOORS["apps"](platform).to_pylist()
    for number, row in enumerate(apps):
        assert row["developer"] == f"developer-{platform.apps.developer[number]}"
        assert row["purpose"] == VOCABULARY.purposes[platform.apps.purpose[number]]
        assert row["hosts"] == [f"host-{platform.apps.host[number]}.example"]
        assert not set(KINDS) & {str(value) for value in row.values()}
    assert {row["label"] for row in DOORS["labels"](platform).to_pylist()} == {
        name for name, kind in KINDS.items() if kind.at_least
    }


def test_grants_are_the_scopes_that_the_apps_ask_for(platform: Platform) -> None:
    grants = DOORS["grants"](platform).to_pylist()
    by_pair: dict[tuple[str, str], set[str]] = {}
    for row in grants:
        by_pair.setdefault((row["app"], row["person"]), set()).add(row["scope"])
        assert row["happened_at"] <= row["last_used_at"]
    installs, apps = platform.installs, platform.apps
    assert len(by_pair) == len(installs)
    for at in range(0, len(installs), 7):
        app, person = int(installs.app[at]), int(installs.person[at])
        wanted = VOCABULARY.wanted(int(apps.own[app]), int(apps.of_friends[app]))
        assert by_pair[f"app-{app}", f"person-{person}"] == set(wanted)


def test_reads_say_what_was_given(platform: Platform) -> None:
    requests = platform.ordinary(10)
    name = np.uint64(VOCABULARY.mask(["name"]))
    allowed = requests.fields.copy()
    allowed[1::3] &= name
    allowed[2::3] = 0
    rows = reads_door(platform, requests, allowed, first=100, policy="p").to_pylist()
    assert [row["read"] for row in rows[:2]] == ["read-100", "read-101"]
    for number, row in enumerate(rows):
        asked = VOCABULARY.names(int(requests.fields[number]))
        given = VOCABULARY.names(int(allowed[number]))
        assert row["decision"] == ("refused" if not given else "allowed" if given == asked else "reduced")
        assert row["fields"] == (given or asked)
        assert row["through"] == (None if requests.through[number] == NOBODY else f"person-{requests.through[number]}")
        assert row["happened_at"].timestamp() == requests.at[number]
        assert row["policy"] == "p"
        assert row["key"] == f"key-{platform.apps.host[requests.app[number]]}"


def test_days_of_reads_are_numbered_through_and_hold_every_request(platform: Platform) -> None:
    def give(requests: Requests) -> Answers:
        return Answers(requests.fields, np.zeros(len(requests), dtype=bool))

    tables = list(days_of_reads(platform, give, 12, policy="p"))
    assert len(tables) == 12
    reads = [name for rows in tables for name in rows["read"].to_pylist()]
    assert reads == [f"read-{number}" for number in range(len(reads))]
    assert len(reads) == sum(len(turn.requests) for turn in platform.play(give, 12, hours=24))
    for day, rows in enumerate(tables):
        moments = [row["happened_at"].timestamp() for row in rows.select(["happened_at"]).to_pylist()]
        assert all(platform.moment(day) <= moment < platform.moment(day + 1) for moment in moments)


def test_a_day_without_reads_is_an_empty_table(platform: Platform) -> None:
    none = platform.ordinary(-9_999)
    rows = reads_door(platform, none, none.fields, first=0)
    assert rows.num_rows == 0
    assert rows.schema.field("fields").type == pa.list_(pa.string())


def test_the_lake_takes_all_of_it(platform: Platform, workspace: Workspace) -> None:
    requests = platform.ordinary(10)
    reads = reads_door(platform, requests, requests.fields, first=0)
    migrate(workspace.records_url)
    lake = open_lake(workspace, open_records(workspace))
    with lake.writing() as batch:
        for name, rows in ({name: door(platform) for name, door in DOORS.items()} | {"reads": reads}).items():
            counts = batch.write(name, rows, "simulated")
            assert (counts.accepted, counts.skipped) == (rows.num_rows, 0), name
    with lake.duck(["reads", "grants"]) as duck:
        joined = duck.execute(
            "SELECT count(DISTINCT read) FROM reads r "
            "JOIN grants g ON g.app = r.app AND g.person = coalesce(r.through, r.person)"
        ).fetchall()
    assert joined == [(len(requests),)]
