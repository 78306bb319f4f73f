"""The platform on which a review of all apps is tried: thousands of apps, and a quiz like the one of 2014 among them.

Everything is simulated: people, friendships, apps, reads. One quiz is taken by
some hundred people and reads all of their friends; beside it there are slow
walks over months, a walk shared by twenty apps of one developer, one that goes
on under four names, games that walk, one that sweeps, and innocent apps that
look like them: a popular game, reminders of birthdays, and hundreds that ask
for more than they need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ombud.simulate.apps import simulate_apps
from ombud.simulate.doors import DOORS, days_of_reads
from ombud.simulate.installs import simulate_installs
from ombud.simulate.people import simulate_people
from ombud.simulate.platform import FIRST_DAY, Platform
from ombud.simulate.requests import Answers, Requests
from ombud.simulate.vocabulary import VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["MORE", "SMALLER", "Case2018", "case_2018", "give_all", "review_platform", "tables_of"]

PEOPLE, APPS, DAYS, DEGREE = 200_000, 2_000, 120, 32.0
"""Ours: as many as one core makes and imports within twenty seconds each. Friends on Facebook were 190 (2011)."""
MORE = {"reminder": 20, "hidden": 3, "renamed": 4}
"""Kinds that have no share of their own, and how many apps of them a review is tried on."""
INSTALLERS = 400
"""People who take the quiz: about as many, of 200,000, as 270,000 were of the Facebook of 2014 (a fifth of 1 %)."""

SMALLER = 5
"""By how much ordinary apps are smaller here than usual, so that the demo imports within seconds."""

_USE = 0.15


@dataclass(frozen=True, slots=True)
class Case2018:
    """Everything that the lake takes, and what the demo says of it."""

    tables: dict[str, pa.Table]
    """by table of the lake, in the door schema, `reads` last; `labels` hold the truth, for evaluation alone"""
    quiz: str
    """the quiz app's id, as imported"""
    platform: Platform

    @property
    def degree(self) -> float:
        """Return how many friends a person has on average: what the simulation assumes."""
        return float(self.platform.people.friends.degree.mean())


def case_2018(
    seed: int = 2018, *, people: int = PEOPLE, apps: int = APPS, days: int = DAYS, installers: int = INSTALLERS
) -> Case2018:
    """Return the platform of the demo, or a smaller one for tests; reads are those of the rules of before 2015."""
    platform = review_platform(seed, people=people, apps=apps, days=days, first_quiz=installers)
    quiz = int(platform.apps.of_kind("walker")[0])
    return Case2018(tables_of(platform, days), f"app-{quiz}", platform)


def review_platform(
    seed: int,
    *,
    people: int,
    apps: int,
    days: int,
    degree: float = DEGREE,
    more: Mapping[str, int] | None = None,
    first_quiz: int | None = None,
    smaller: int = SMALLER,
) -> Platform:
    """Return a platform whose ordinary apps are used seldom enough for months of reads to stay small.

    With `smaller=1` ordinary apps have as many people as on any simulated platform: benchmarks say that.
    `first_quiz` is how many people the first walker has at least about; drawn like the others if unset.
    """
    rng = np.random.default_rng(seed)
    crowd = simulate_people(people, rng, degree=degree)
    made = simulate_apps(apps, people, days, VOCABULARY, rng, more=MORE if more is None else more)
    misuse, popular = made.trait("misuse").astype(np.bool_), np.isin(np.arange(apps), made.of_kind("popular"))
    less = np.where(misuse, 1, np.where(popular, -(-smaller // 2), smaller))
    size = np.maximum(made.size // less, 3)
    if first_quiz is not None:
        size[made.of_kind("walker")[0]] = first_quiz
    made = replace(made, size=size)
    installs = simulate_installs(crowd, made, days, rng)
    seldom = replace(installs, rate=installs.rate * np.float32(_USE))
    return Platform(crowd, made, seldom, VOCABULARY, days, FIRST_DAY, int(rng.integers(2**62)))


def tables_of(platform: Platform, days: int) -> dict[str, pa.Table]:
    """Return a platform's rows by table, with the reads of so many days in which every request is given."""
    tables = {name: door(platform) for name, door in DOORS.items()}
    return {**tables, "reads": pa.concat_tables(_reads(platform, days))}


def give_all(requests: Requests) -> Answers:
    """Answer without any rule."""
    return Answers(requests.fields, np.zeros(len(requests), dtype=np.bool_))


def _reads(platform: Platform, days: int) -> Iterator[pa.Table]:
    return days_of_reads(platform, give_all, days)
