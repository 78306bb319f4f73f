"""Apps and who uses them are as their kinds say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ombud.simulate import VOCABULARY, simulate_people
from ombud.simulate.apps import FACES, Apps, simulate_apps
from ombud.simulate.installs import Installs, simulate_installs
from ombud.simulate.kinds import ADVERSARIES, CATEGORIES, KINDS

if TYPE_CHECKING:
    from ombud.simulate.people import People

PEOPLE, APPS, DAYS = 20_000, 400, 120


@pytest.fixture(scope="module")
def people() -> People:
    return simulate_people(PEOPLE, np.random.default_rng(1))


@pytest.fixture(scope="module")
def apps() -> Apps:
    return simulate_apps(APPS, PEOPLE, DAYS, VOCABULARY, np.random.default_rng(2))


@pytest.fixture(scope="module")
def installs(people: People, apps: Apps) -> Installs:
    return simulate_installs(people, apps, DAYS, np.random.default_rng(3))


def test_there_is_every_kind_and_most_are_honest(apps: Apps) -> None:
    counts = {name: len(apps.of_kind(name)) for name in KINDS}
    assert sum(counts.values()) == len(apps) == APPS
    assert all(counts[name] >= kind.at_least for name, kind in KINDS.items())
    assert counts["honest"] > APPS / 2
    assert counts["faces"] == FACES
    assert set(apps.of_kind(*ADVERSARIES, "harvester").tolist()) == set(np.flatnonzero(apps.trait("misuse")).tolist())


def test_large_platforms_have_kinds_in_their_shares() -> None:
    many = simulate_apps(5_000, PEOPLE, DAYS, VOCABULARY, np.random.default_rng(1))
    assert len(many.of_kind("faces")) % FACES == 0
    for name in ("social", "sloppy", "popular", "walker"):
        assert len(many.of_kind(name)) == round(KINDS[name].share * 5_000)


def test_too_few_apps_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        simulate_apps(20, PEOPLE, DAYS, VOCABULARY, np.random.default_rng(1))


def test_one_developer_has_all_the_faces_and_no_other_app(apps: Apps) -> None:
    faces = apps.of_kind("faces")
    (developer,) = np.unique(apps.developer[faces])
    assert (apps.developer == developer).sum() == FACES
    assert apps.developers == apps.developer.max() + 1
    shelves = [CATEGORIES[n].name for n in np.unique(apps.category[faces])]
    assert shelves == ["games"]


def test_apps_of_one_developer_share_hosts_and_others_do_not(apps: Apps) -> None:
    shared = 0
    for host in np.unique(apps.host).tolist():
        behind = np.flatnonzero(apps.host == host)
        assert len(np.unique(apps.developer[behind])) == 1
        shared += len(behind) > 1
    assert shared


def test_greedy_kinds_ask_for_everything_and_honest_ones_for_what_their_shelf_needs(apps: Apps) -> None:
    everything = VOCABULARY.mask({field for fields in VOCABULARY.scopes.values() for field in fields})
    assert (apps.own[apps.of_kind("sloppy", "walker")] == everything).all()
    for app in apps.of_kind("honest").tolist():
        shelf = CATEGORIES[apps.category[app]]
        assert VOCABULARY.names(int(apps.own[app])) == [f for f in VOCABULARY.fields if f in shelf.fields]
        assert apps.of_friends[app] == 0
        assert VOCABULARY.purposes[apps.purpose[app]] == shelf.purpose
    assert (apps.of_friends[apps.of_kind("social")] == VOCABULARY.mask(["name", "picture"])).all()
    sloppy = apps.of_kind("sloppy")
    assert (apps.second_purpose[sloppy] != apps.purpose[sloppy]).all()


def test_sizes_are_unequal_and_the_popular_one_is_the_largest(apps: Apps) -> None:
    assert apps.size.argmax() in apps.of_kind("popular")
    assert apps.size.max() > PEOPLE / 20
    honest = apps.size[apps.of_kind("honest")]
    assert honest.max() > 20 * np.median(honest)


def test_each_person_has_an_app_at_most_once(installs: Installs) -> None:
    pairs = installs.app.astype(np.int64) * PEOPLE + installs.person
    assert (np.diff(pairs) > 0).all()
    assert installs.person.min() >= 0
    assert installs.person.max() < PEOPLE


def test_rows_of_an_app_are_where_it_says(installs: Installs) -> None:
    for app in (0, 17, APPS - 1):
        rows = np.flatnonzero(installs.app == app)
        assert rows.tolist() == list(range(installs.start[app], installs.start[app + 1]))
        early = installs.person[rows][installs.day[rows] <= 5]
        assert installs.of(app, 5).tolist() == early.tolist()


def test_nobody_has_an_app_before_it_exists_or_leaves_before_coming(apps: Apps, installs: Installs) -> None:
    assert (installs.day >= apps.registered[installs.app]).all()
    assert (installs.day < DAYS).all()
    assert (installs.left > installs.day).all()
    assert (installs.rate >= 0).all()


def test_people_come_by_friends(people: People, installs: Installs) -> None:
    ratios = []
    for app in range(APPS):
        users = installs.of(app, DAYS).astype(np.int64)
        if len(users) > 30:
            has = np.isin(np.arange(PEOPLE), users)
            chance = has[people.friends.friend].mean()
            ratios.append(has[people.friends.of_all(users)[1]].mean() / chance)
    assert len(ratios) > 20
    assert np.median(ratios) > 2


def test_a_launch_is_a_matter_of_days(installs: Installs, apps: Apps) -> None:
    popular, honest = apps.of_kind("popular"), apps.of_kind("honest")
    waits = [
        np.median((installs.day - apps.registered[installs.app])[np.isin(installs.app, kind)])
        for kind in (popular, honest)
    ]
    assert waits[0] < 10 < waits[1]


def test_the_same_seed_gives_the_same_apps(people: People, apps: Apps, installs: Installs) -> None:
    again = simulate_apps(APPS, PEOPLE, DAYS, VOCABULARY, np.random.default_rng(2))
    assert (again.size == apps.size).all()
    assert (again.kind == apps.kind).all()
    same = simulate_installs(people, again, DAYS, np.random.default_rng(3))
    assert (same.person == installs.person).all()
    assert (same.day == installs.day).all()
