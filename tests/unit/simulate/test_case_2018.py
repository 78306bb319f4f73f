"""The platform of the demo and of the ranking's tests: thousands of apps, every kind of misuse, one quiz."""

from __future__ import annotations

import numpy as np
import pytest

from ombud.model.schema import table
from ombud.simulate import Case2018, case_2018
from ombud.simulate.apps import NAMES
from ombud.simulate.case_2018 import MORE
from ombud.simulate.kinds import KINDS
from ombud.simulate.requests import NOBODY
from ombud.simulate.traffic import DAY, HOUR


@pytest.fixture(scope="module")
def case() -> Case2018:
    return case_2018(7, people=3_000, apps=150, days=60, installers=30)


def test_every_table_fits_its_door_and_reads_come_last(case: Case2018) -> None:
    assert list(case.tables)[-1] == "reads"
    for name, rows in case.tables.items():
        door = table(name).door
        assert all(field.type == door.field(field.name).type for field in rows.schema)
        assert rows.num_rows > 0


def test_the_quiz_is_a_walker_with_about_so_many_people(case: Case2018) -> None:
    number = int(case.quiz.removeprefix("app-"))
    assert list(KINDS)[case.platform.apps.kind[number]] == "walker"
    people = case.platform.installs.of(number, case.platform.days)
    assert 15 <= len(people) <= 30
    reached = {row["person"] for row in case.tables["reads"].to_pylist() if row["app"] == case.quiz}
    assert len(reached) > 5 * len(people)
    assert 20 < case.degree < 40


def test_all_kinds_are_there_and_the_same_seed_gives_the_same(case: Case2018) -> None:
    labels = {row["label"] for row in case.tables["labels"].to_pylist()}
    assert labels == set(KINDS)
    for kind, least in MORE.items():
        assert len(case.platform.apps.of_kind(kind)) >= least
    again = case_2018(7, people=3_000, apps=150, days=60, installers=30)
    assert all(again.tables[name].equals(rows) for name, rows in case.tables.items())


def test_one_walk_under_four_names_comes_from_one_host(case: Case2018) -> None:
    apps = case.platform.apps
    mine = apps.of_kind("renamed")
    assert len(mine) == NAMES
    assert len(np.unique(apps.host[mine])) == 1
    assert not np.isin(apps.host[mine[0]], np.delete(apps.host, mine))
    names = [row["name"] for row in case.tables["apps"].to_pylist() if row["app"] in {f"app-{n}" for n in mine}]
    assert len(set(names)) == NAMES


def test_reminders_read_their_peoples_friends_once_a_month_at_night(case: Case2018) -> None:
    platform = case.platform
    for day in range(28):
        requests = platform.ordinary(day)
        mine = np.isin(requests.app, platform.apps.of_kind("reminder")) & (requests.through != NOBODY)
        assert set((requests.app[mine] % 28).tolist()) <= {day}
        assert set((requests.at[mine] % DAY // HOUR).tolist()) <= {3}


def test_one_in_three_who_leave_takes_the_consent_back(case: Case2018) -> None:
    assert 0.2 < case.platform.installs.ended.mean() < 0.45
    grants = case.tables["grants"].to_pylist()
    ended = [row for row in grants if row["ended_at"] is not None]
    assert 0 < len(ended) < len(grants) / 2
    assert all(row["ended_at"] > row["happened_at"] for row in ended)
