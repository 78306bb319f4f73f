"""An erased installer's friends stay people read through somebody: in sets, ranking, dossier, frozen set, exposure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ombud.audit.dossier.freeze import freeze
from ombud.audit.dossier.whole import dossier
from ombud.audit.exposure.breakdown import Span, by_span
from ombud.audit.exposure.counts import exposure
from ombud.audit.people.sets import open_sets
from ombud.audit.ranking.app_figures import app_figures
from ombud.audit.ranking.measured import measure
from tests.unit.audit.one_app import QUIZ, START, make_lake, read, walk, write, write_reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.lake import Lake

FRIENDS = 16
"""people in the circles of four installers, none of them an installer"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake in which one of two installers was erased; a friend of hers was read at one moment twice over."""
    made = make_lake(tmp_path_factory.mktemp("erased") / "w")
    rows = walk(2, 12)
    late = read("friend-0", 60 * 24 * 9, through="installer-0")
    write_reads(made, [*rows, late])
    write(made, "grants", [
        {"app": QUIZ, "person": f"installer-{n}", "scope": "friends_likes", "happened_at": START,
         "ended_at": START + timedelta(days=5)} for n in range(2)
    ])  # fmt: skip
    made.erase("installer-0")
    yield made
    made.records.close()


def test_all_ways_of_counting_agree(lake: Lake) -> None:
    """Of installers only the one who is left is read directly; all sixteen friends are read through somebody."""
    app = lake.ids("app", [QUIZ])[0]
    assert app is not None
    sets = open_sets(lake.workspace, lake)
    assert (len(sets.direct(app)), len(sets.via(app))) == (1, FRIENDS)
    found = exposure(lake, sets, app)
    assert (found.direct.proved, found.via.proved, found.people.proved) == (1, FRIENDS, 1 + FRIENDS)
    (span,) = by_span(lake, app, [Span(None, None)])
    assert (span.direct, span.via, span.people) == (1, FRIENDS, 1 + FRIENDS)
    shape = measure(lake).shapes[app]
    assert (shape.direct, shape.via, shape.people) == (1, FRIENDS, 1 + FRIENDS)
    made = dossier(lake, lake.records, sets, QUIZ)
    whom = made.reach
    assert [one.proved.value for one in (whom.direct, whom.via, whom.people)] == [1, FRIENDS, 1 + FRIENDS]
    assert sum(one.through_friends for one in made.time.fields if one.field == "likes") == FRIENDS
    assert sum(one.through_friends for one in made.sessions.listed) >= FRIENDS
    done = freeze(lake, QUIZ, "They are to be told.", "Some reviewer")
    assert (done.set.direct, done.set.via, done.set.people) == (1, FRIENDS, 1 + FRIENDS)
    reach = {row["person"]: row["reach"] for row in lake.read("frozen", names=True).to_pylist()}
    assert reach == {"installer-1": "direct", **{f"friend-{n}": "via" for n in range(FRIENDS)}}


def test_nobody_consents_to_their_own_reading_because_their_friend_was_erased(lake: Lake) -> None:
    """Consent is told of the installer who is left alone; her friends are nobody's consenting people."""
    made = dossier(lake, lake.records, open_sets(lake.workspace, lake), QUIZ)
    assert made.reach.consenting.value == 1
    assert made.reach.amplification.value == 13
    assert [(one.band, one.least, one.people) for one in made.reach.through] == [("1", 1, FRIENDS)]
    odd = {one.code: one.number.value for one in made.checks}
    assert (odd["without-consent"], odd["after-consent"], odd["twice"]) == (0, 0, 0)


def test_the_figures_of_the_ranking_count_the_same_again(lake: Lake) -> None:
    """Each figure's SQL over the lake gives the number that the ranking measured."""
    app = lake.ids("app", [QUIZ])[0]
    assert app is not None
    shape = measure(lake).shapes[app]
    made = app_figures(QUIZ, shape, None, 1.0, "run", [], recorded=False)
    with lake.duck(["reads", "grants", "apps"]) as duck:
        for name in ("direct", "via", "people", "absent", "strangers", "after_end"):
            figure = made[name]
            assert duck.execute(figure.query, figure.parameters).fetchall() == [(figure.value,)], name
