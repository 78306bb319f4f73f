"""A simulated platform: people, apps, who uses which, and days that pass while its adversaries react."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ombud.simulate.adversaries import Aim, Turn, crawl
from ombud.simulate.apps import Apps, simulate_apps
from ombud.simulate.installs import Installs, simulate_installs
from ombud.simulate.kinds import KINDS
from ombud.simulate.people import People, simulate_people
from ombud.simulate.plans import friend_walk, sweep
from ombud.simulate.requests import Answers, Requests
from ombud.simulate.traffic import DAY, HOUR, ordinary_day, used_rows
from ombud.simulate.vocabulary import VOCABULARY, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from ombud.simulate.adversaries import Adversary
    from ombud.simulate.friendships import Ints

__all__ = ["FIRST_DAY", "Platform", "Played", "simulate_platform"]

FIRST_DAY = date(2014, 1, 1)
_PAST = 1_000_000
"""days before the first one that can be asked for"""
_SPEED = {"walker": 4_000.0, "slow": 8.0, "sweeper": 3_000.0, "faces": 600.0, "hidden": 15.0, "renamed": 600.0}
"""people an hour that an adversary wants"""


class Played(NamedTuple):
    """One turn: what was asked, what was answered, and the truth about each request."""

    begins: int
    """seconds since 1970"""
    requests: Requests
    """in order of time"""
    answers: Answers
    crawling: NDArray[np.bool_]
    """whether the request is an adversary's own, and not due to somebody's use of an app"""


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything there is on the first day, and the seeds of what follows."""

    people: People
    apps: Apps
    installs: Installs
    vocabulary: Vocabulary
    days: int
    """for how many days people come to apps"""
    first_day: date
    seed: int

    def moment(self, day: int) -> int:
        """Return when a day begins, in seconds since 1970."""
        return (
            int(datetime(self.first_day.year, self.first_day.month, self.first_day.day, tzinfo=UTC).timestamp())
            + day * DAY
        )

    def ordinary(self, day: int) -> Requests:
        """Return the requests of a day that are nobody's crawling, in order of time; the same at each call."""
        requests = ordinary_day(self.people, self.apps, self.installs, day, self._of_day(day))
        requests.at[:] += self.moment(day)
        return requests

    def used(self, day: int) -> Ints:
        """Return the rows of `installs` whose person uses the app on a day: what the platform notes as use."""
        return used_rows(self.installs, day, self._of_day(day))

    def adversaries(self, *kinds: str) -> list[tuple[int, Adversary]]:
        """Return the day on which each adversary of these kinds begins (all kinds if unset), and the adversary."""
        found: list[tuple[int, Adversary]] = []
        for app in self.apps.of_kind("walker", "slow", "sweeper", "hidden").tolist():
            found += self._begun([app], kinds)
        for kind, joined in (("faces", self.apps.developer), ("renamed", self.apps.host)):
            mine = self.apps.of_kind(kind)
            for owner in np.unique(joined[mine]).tolist():
                found += self._begun(mine[joined[mine] == owner].tolist(), kinds)
        return found

    def play(
        self,
        answer: Callable[[Requests], Answers],
        days: int,
        *,
        kinds: tuple[str, ...] = (),
        hours: int = 1,
        begin: Callable[[int], object] | None = None,
    ) -> Iterator[Played]:
        """Let `days` pass in turns of so many hours, and have `answer` decide; `begin(day)` is told each day.

        Ordinary use is the same whatever is answered, so two rules can be
        compared on it pair by pair; adversaries react.
        """
        acting = [_Acting(begins, adversary) for begins, adversary in self.adversaries(*kinds)]
        for day in range(days):
            if begin is not None:
                begin(day)
            ordinary = self.ordinary(day)
            begins = self.moment(day)
            cuts = np.searchsorted(ordinary.at, np.arange(begins, begins + DAY + 1, hours * HOUR))
            for turn, (low, high) in enumerate(pairwise(cuts.tolist())):
                starts = begins + turn * hours * HOUR
                ends = starts + hours * HOUR
                yield _played(starts, ends, ordinary[low:high], [a for a in acting if a.begins <= day], answer)

    def _of_day(self, day: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, 1, _PAST + day))

    def _begun(self, apps: list[int], kinds: tuple[str, ...]) -> list[tuple[int, Adversary]]:
        kind = list(KINDS)[self.apps.kind[apps[0]]]
        if kinds and kind not in kinds:
            return []
        rng = np.random.default_rng((self.seed, 2, apps[0]))
        begins = int(max(self.apps.registered[apps].max(), 0)) + int(rng.integers(1, max(self.days // 4, 2)))
        asks = self.apps.own if kind == "sweeper" else self.apps.of_friends
        least = self.vocabulary.mask(("name",))
        aim = Aim(int(asks[apps[0]]), least, int(self.apps.purpose[apps[0]]), _SPEED[kind])
        if kind == "sweeper":
            plan = sweep(len(self.people), apps[0], aim, start=int(rng.integers(len(self.people))))
        else:
            people = [(app, self.installs.of(app, begins)) for app in apps]
            plan = friend_walk(self.people.friends, people, aim, mixed=None if kind in {"walker", "renamed"} else rng)
        return [(begins, crawl(plan, rng))]


class _Acting:
    """An adversary, and what it is waiting to hear."""

    def __init__(self, begins: int, adversary: Adversary) -> None:
        self.begins = begins
        self.adversary = adversary
        self.answers: Answers | None = None
        next(adversary)


def simulate_platform(
    people: People | int,
    apps: int,
    days: int,
    rng: np.random.Generator,
    *,
    vocabulary: Vocabulary = VOCABULARY,
    first_day: date = FIRST_DAY,
    more: Mapping[str, int] | None = None,
) -> Platform:
    """Return a platform of these people (or of so many) with so many apps, for so many days.

    `more` says how many apps there are at least of some kinds.
    """
    crowd = simulate_people(people, rng) if isinstance(people, int) else people
    made = simulate_apps(apps, len(crowd), days, vocabulary, rng, more=more)
    installs = simulate_installs(crowd, made, days, rng)
    return Platform(crowd, made, installs, vocabulary, days, first_day, int(rng.integers(2**62)))


def _played(
    begins: int, ends: int, ordinary: Requests, acting: list[_Acting], answer: Callable[[Requests], Answers]
) -> Played:
    """Have one turn's requests answered, and each adversary told its own answers."""
    asked = [one.adversary.send(Turn(begins, ends, one.answers)) for one in acting]
    every = Requests.joined([ordinary, *asked])
    order: Ints = np.argsort(every.at, kind="stable")
    requests = every[order]
    answers = answer(requests)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    at = len(ordinary)
    for one, own in zip(acting, asked, strict=True):
        one.answers = answers[place[at : at + len(own)]]
        at += len(own)
    return Played(begins, requests, answers, order >= len(ordinary))
