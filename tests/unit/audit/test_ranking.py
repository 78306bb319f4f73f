"""The ranking: what must hold on a small platform, and on reads made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ombud.audit.exposure.counts import exposure
from ombud.audit.people.sets import PeopleSets, open_sets
from ombud.audit.ranking.app_figures import app_figures
from ombud.audit.ranking.measured import Measured, measure
from ombud.audit.ranking.order import REASONS, Ranking, Scored, counts_for, rank_apps, ranking_of, score_apps
from ombud.audit.ranking.signals import Signal, signals, signals_of
from ombud.audit.ranking.weights import CODES, Weights, load_weights
from ombud.gate import consent, registry
from ombud.gate.policy import load_policy
from ombud.model import clock
from ombud.records import apps
from ombud.simulate import Case2018, case_2018
from ombud.simulate.kinds import KINDS
from tests.unit.audit.ranked import START, fill, grant, imported, read, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.lake import Lake


@dataclass(frozen=True)
class World:
    """A small platform, ranked once for all tests."""

    case: Case2018
    lake: Lake
    sets: PeopleSets
    ranking: Ranking
    measured: Measured
    scored: list[Scored]

    def ranks(self, kind: str) -> list[int]:
        """Return the ranks of the apps of one kind, the first first; the platform knows them, the ranking does not."""
        mine = {f"app-{n}" for n in self.case.platform.apps.of_kind(kind).tolist()}
        order = [self.measured.described[one.app].app for one in self.scored]
        return [rank for rank, app in enumerate(order, 1) if app in mine]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    case = case_2018(11, people=6_000, apps=300, days=100, installers=40)
    lake, records = imported(tmp_path_factory.mktemp("ranked") / "workspace", case)
    with records:
        sets = open_sets(lake.workspace, lake)
        yield World(case, lake, sets, *ranking_of(lake, records, sets, limit=20))


def misusing(world: World) -> int:
    return int(world.case.platform.apps.trait("misuse").sum())


def test_the_quiz_stands_at_the_top(world: World) -> None:
    order = [one.app for one in world.ranking.apps]
    assert order.index(world.case.quiz) < 15


def test_an_innocent_app_with_many_users_ranks_below_small_ones_that_walk_friends(world: World) -> None:
    popular = world.ranks("popular")[0]
    sizes = world.measured.shapes
    number = {item.app: n for n, item in world.measured.described.items()}
    kinds = world.case.platform.apps
    most = max(sizes[number[f"app-{n}"]].installers for n in kinds.of_kind("popular").tolist())
    for kind in ("walker", "slow", "faces", "renamed"):
        assert np.median(world.ranks(kind)) < popular, kind
        assert all(sizes[number[f"app-{n}"]].installers < most / 3 for n in kinds.of_kind(kind).tolist())


@pytest.mark.parametrize("kind", ["walker", "slow", "faces", "hidden", "renamed", "sweeper"])
def test_splitting_slowing_renaming_and_hiding_do_not_help(world: World, kind: str) -> None:
    ranks = world.ranks(kind)
    assert ranks
    assert max(ranks) <= misusing(world) + 10


def test_what_is_sloppy_or_shows_friends_is_not_what_comes_first(world: World) -> None:
    names = [world.measured.described[one.app].app for one in world.scored[:25]]
    kinds = [list(KINDS)[world.case.platform.apps.kind[int(name.removeprefix("app-"))]] for name in names]
    assert sum(KINDS[kind].misuse for kind in kinds) >= 20


def test_the_first_apps_are_shown_with_reasons_that_have_numbers(world: World) -> None:
    assert len(world.ranking.apps) == 20
    assert world.ranking.ranked == len(world.measured.described) == 300
    assert [one.rank for one in world.ranking.apps] == list(range(1, 21))
    scores = [one.score for one in world.ranking.apps]
    assert scores == sorted(scores, reverse=True)
    assert world.ranking.said == []
    for one in world.ranking.apps:
        assert 2 <= len(one.reasons) <= REASONS
        assert all(any(sign.isdigit() for sign in reason) for reason in one.reasons)
        assert all(reason.startswith(("It ", "Together with ")) and reason.endswith(".") for reason in one.reasons)
        assert one.status == "not registered"


def test_people_are_those_of_the_exact_sets(world: World) -> None:
    for number, shape in world.measured.shapes.items():
        assert shape.direct == len(world.sets.direct(number))
        assert shape.via == len(world.sets.via(number))
        assert shape.people == len(world.sets.people(number))
        assert shape.installers == len(world.sets.installers(number))
    first = world.ranking.apps[0]
    number = next(n for n, item in world.measured.described.items() if item.app == first.app)
    assert first.people_exposed == exposure(world.lake, world.sets, number).people
    assert first.people_exposed.possible is not None
    assert first.people_exposed.possible >= first.people_exposed.proved > first.people_direct


def test_every_figure_with_sql_gives_its_number_again(world: World) -> None:
    checked = 0
    with world.lake.duck() as duck:
        for one in (world.scored[0], world.scored[5], world.scored[20], world.scored[40]):
            item, shape = world.measured.described[one.app], world.measured.shapes[one.app]
            asked = world.measured.asked.get(one.app)
            found = app_figures(item.app, shape, asked, one.score, "run", [], recorded=False)
            assert {signal.code for signal in one.signals} <= found.keys()
            for figure in {figure.id: figure for figure in found.values()}.values():
                if figure.query.startswith("SELECT"):
                    row = duck.execute(figure.query, figure.parameters).fetchone()
                    assert row is not None
                    assert row[0] == figure.value, (figure.name, item.app)
                    checked += 1
    assert checked == 4 * 6


def test_twenty_apps_of_one_developer_are_looked_at_as_one(world: World) -> None:
    apps = world.case.platform.apps
    faces = {f"app-{n}" for n in apps.of_kind("faces").tolist()}
    by_name = {item.app: n for n, item in world.measured.described.items()}
    group = world.measured.groups[world.measured.group_of[by_name[min(faces)]]]
    assert {by_name[name] for name in faces} <= set(group.apps)
    whole = world.measured.together[world.measured.group_of[by_name[min(faces)]]]
    assert whole.people > max(world.measured.shapes[by_name[name]].people for name in faces)
    beyond = [one.beyond for one in world.scored if world.measured.described[one.app].app in faces]
    assert np.median(beyond) > 2 * np.median([world.measured.shapes[by_name[name]].people for name in faces])


def test_a_signal_counts_at_most_the_cap_and_less_where_others_did_it(world: World) -> None:
    weights = load_weights()
    whole = Signal("absent", 9.0, "It did.", 0.0, 1_000, 1e-4)
    assert counts_for(whole, weights) == weights.weights["absent"] * weights.cap
    half = Signal("absent", 9.0, "It did.", 0.0, 1_000, 0.05, 4, 0.5)
    assert counts_for(half, weights) == pytest.approx(weights.weights["absent"] * 0.5)
    assert counts_for(Signal("absent", 0.0, "It did.", 0.0, 10, 1.0), weights) < 0
    assert counts_for(Signal("absent", 0.0, "It did.", None, 0, None), weights) == 0
    only = Weights(ombud_weights=1, cap=2.0, level=1.0, weights={})
    assert {one.score for one in score_apps(world.measured, only)} == {0.0}


def test_signals_are_given_for_chosen_apps_too(world: World) -> None:
    number = world.scored[0].app
    chosen = signals(world.lake, world.sets, [number])
    assert list(chosen) == [number]
    every = signals_of(world.measured)
    assert chosen[number] == every[number]
    assert {signal.code for signal in chosen[number]} <= set(CODES)
    assert rank_apps(world.lake, world.lake.records, world.sets, limit=1) == world.ranking.apps[:1]


def test_a_lake_without_anything_ranks_nothing(lake: Lake) -> None:
    ranking, measured, scored = ranking_of(lake, lake.records, open_sets(lake.workspace, lake))
    assert (ranking.apps, ranking.ranked, ranking.above, ranking.said, scored) == ([], 0, 0, [], [])
    assert not measured.consents


def test_old_logs_without_consents_and_ties_say_what_could_not_be_told(lake: Lake) -> None:
    fill(
        lake,
        {"reads": rows_of("reads", [read(1, "quiz", "a", 1), read(2, "quiz", "b", 2, through="a", fields=["shoe"])])},
    )
    ranking, measured, _ = ranking_of(lake, lake.records, open_sets(lake.workspace, lake))
    assert [sentence.split(",")[0].split(":")[0] for sentence in ranking.said[:2]] == [
        "No consent is on record",
        "No friendship is on record",
    ]
    assert "1 field that were read (shoe)" in ranking.said[2]
    assert ranking.apps[0].people_exposed.possible is None
    assert {signal.code for signal in signals_of(measured)[0]}.isdisjoint({"strangers", "after_end", "coverage"})


def test_one_read_after_the_consent_ended_is_counted(lake: Lake) -> None:
    fill(
        lake,
        {
            "grants": rows_of("grants", [grant("quiz", "a", 5), grant("quiz", "b"), grant("game", "a")]),
            "reads": rows_of(
                "reads",
                [
                    read(1, "quiz", "a", 4),
                    read(2, "quiz", "a", 6),
                    read(3, "quiz", "b", 9),
                    read(4, "quiz", "stranger", 9),
                ],
            ),
        },
    )
    measured = measure(lake)
    quiz = next(n for n, item in measured.described.items() if item.app == "quiz")
    shape = measured.shapes[quiz]
    assert (shape.installers, shape.active, shape.ended, shape.strangers, shape.people) == (2, 2, 1, 1, 3)
    game = next(n for n, item in measured.described.items() if item.app == "game")
    assert (measured.shapes[game].installers, measured.shapes[game].reads) == (1, 0)


def test_consents_of_the_records_count_and_end_when_they_are_taken_back(lake: Lake) -> None:
    policy = load_policy("before-2015")
    with lake.records.begin() as tx:
        registry.activate(tx, policy, "eva", "A test.")
        item = apps.App(app="quiz", developer="maker", name="Quiz", registered_at=clock.now())
        apps.register(tx, item)
        for person in ("a", "b", "nobody-in-the-lake"):
            consent.grant(tx, policy, "quiz", person, [], author="eva")
        consent.revoke(tx, "quiz", "a", author="eva")
    later = (clock.now() - START).total_seconds() / 3600 + 1
    rows = [read(1, "quiz", "a", later), read(2, "quiz", "b", later), read(3, "quiz", "c", later)]
    fill(lake, {"reads": rows_of("reads", rows)})
    measured = measure(lake)
    quiz = next(n for n, found in measured.described.items() if found.app == "quiz")
    shape = measured.shapes[quiz]
    assert measured.recorded
    assert (shape.installers, shape.ended, shape.strangers) == (2, 1, 1)
    figures = app_figures("quiz", shape, measured.asked[quiz], 1.0, "run", [], recorded=True)
    assert {name for name, one in figures.items() if one.query.startswith("SELECT")} == {
        "direct", "via", "people", "absent", "via_friends", "per_user",
    }  # fmt: skip


def test_among_four_apps_nothing_is_unusual(lake: Lake) -> None:
    """A small app is given no reason because three others happen to have less."""
    people = [("small", f"u{n}") for n in range(3)] + [("big", f"b{n}") for n in range(60)] + [("mid", "m")]
    reads = [read(n, app, person, n) for n, (app, person) in enumerate(people)]
    fill(
        lake,
        {
            "reads": rows_of("reads", [*reads, read(99, "small", "friend", 1, through="u1")]),
            "grants": rows_of("grants", [grant(app, person) for app, person in [*people, ("ghost", "u1")]]),
        },
    )
    ranking, _, scored = ranking_of(lake, lake.records, open_sets(lake.workspace, lake))
    assert [one.reasons for one in ranking.apps] == [[], [], [], []]
    assert ranking.above == 0
    assert all(signal.p_value is None or signal.p_value >= 0.25 for one in scored for signal in one.signals)
    assert all(one.people_exposed.possible is None for one in ranking.apps)
