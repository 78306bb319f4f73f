"""Apps that crawl, and react to what they are answered.

An adversary is a generator. It is told when its turn begins and ends and what
became of its last requests; it yields its next ones::

    adversary = crawl(plan, rng)
    next(adversary)
    requests = adversary.send(Turn(begins, ends, None))
    requests = adversary.send(Turn(begins, ends, answers))

It knows nothing of the rules but what its answers tell.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ombud.simulate.requests import Requests
from ombud.simulate.traffic import DAY, HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ombud.simulate.friendships import Ints, Small
    from ombud.simulate.requests import Answers

__all__ = ["Adversary", "Aim", "Plan", "Turn", "crawl"]

_SOME, _NEARLY = 0.05, 0.9
_FASTER, _FASTEST = 1.1, 3.0
_SLOWEST = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch of time in which an adversary may act, and what became of its last requests."""

    begins: int
    """seconds since 1970, a whole hour"""
    ends: int
    answers: Answers | None
    """in the order of the requests of the last turn; null in the first one"""


Adversary = Generator[Requests, Turn, None]


@dataclass(frozen=True, slots=True)
class Aim:
    """What an adversary asks for, and how fast."""

    fields: int
    """what it asks for at first"""
    least: int
    """what it asks for when that is refused"""
    purpose: int
    speed: float
    """people an hour, over all its apps"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an adversary is after, and how it goes about it. One row a way to one person, in the order of trying.

    A person may be reached by several ways: through other friends, by another
    of the adversary's apps. Who was had by one way is not asked for by the next.
    """

    app: Small
    person: Small
    through: Small
    """through whom, or `NOBODY`"""
    aim: Aim
    hours: tuple[int, int] = (0, 24)
    """hours of the day in which it acts: from, up to"""
    patience: int = 72
    """turns in a row in which nothing was given until it stops for good"""

    def __len__(self) -> int:
        return len(self.person)


class _Crawl:
    """What a crawling adversary remembers."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.speed = plan.aim.speed
        self.fields = plan.aim.fields
        self.queue: Ints = np.arange(len(plan))
        self.asked: Ints = self.queue[:0]
        self.pause = 0
        self.in_vain = 0
        self._had = np.zeros(int(plan.person.max(initial=0)) + 1, dtype=np.bool_)
        self._dropped: list[int] = []

    @property
    def goes_on(self) -> bool:
        """Say whether there is anything left to try, and the patience for it."""
        return self.in_vain <= self.plan.patience and len(self.queue) > 0

    def learn(self, answers: Answers) -> None:
        """Take in what became of the last requests."""
        asked, self.asked = self.asked, self.queue[:0]
        if not len(asked):
            return
        given = answers.allowed != 0
        refused = ~given & ~answers.later
        self._had[self.plan.person[asked[given]]] = True
        self.in_vain = 0 if given.any() else self.in_vain + 1
        again = answers.later.copy()
        if answers.later.mean() > _SOME:
            self.speed = max(self.speed / 2, _SLOWEST)
            self.pause = 1
        elif given.mean() > _NEARLY:
            self.speed = min(self.speed * _FASTER, self.plan.aim.speed * _FASTEST)
        if refused.mean() > _NEARLY and self.fields != self.plan.aim.least:
            self.fields = self.plan.aim.least
            again |= refused
        else:
            self._drop(self.plan.app[asked], refused)
        self.queue = np.concatenate([asked[again], self.queue])

    def ask(self, turn: Turn, rng: np.random.Generator) -> Requests:
        """Return the requests of a turn."""
        hours = _acting(turn, self.plan.hours)
        count = int(self.speed * len(hours) + rng.random())
        if self.pause:
            self.pause -= 1
            count = 0
        self.asked = self._next(count) if count and len(hours) else self.queue[:0]
        rows, plan = self.asked, self.plan
        at = np.sort(rng.choice(hours, len(rows)) + rng.integers(0, HOUR, len(rows))) if len(rows) else rows
        return Requests.of(
            plan.app[rows], plan.person[rows], plan.through[rows], fields=self.fields, purpose=plan.aim.purpose, at=at
        )

    def _next(self, count: int) -> Ints:
        """Take the next ways from the queue, past the people it has and the apps it dropped; each person once."""
        wanted = ~self._had[self.plan.person[self.queue]]
        if self._dropped:
            wanted &= ~np.isin(self.plan.app[self.queue], self._dropped)
        self.queue = self.queue[wanted]
        window = self.queue[: count * 2]
        _, first = np.unique(self.plan.person[window], return_index=True)
        places = np.sort(first)[:count]
        taken = window[places]
        self.queue = np.delete(self.queue, places)
        return taken

    def _drop(self, by: Small, refused: NDArray[np.bool_]) -> None:
        """Use an app no more that was refused nearly everything, if there is another."""
        for app in np.unique(by).tolist():
            left = np.setdiff1d(self.plan.app, [*self._dropped, app])
            if refused[by == app].mean() > _NEARLY and len(left):
                self._dropped.append(app)


def crawl(plan: Plan, rng: np.random.Generator) -> Adversary:
    """Read everybody of the plan, as fast as the answers allow.

    - Told to come back later: half the speed, a pause, and then the same people again.
    - Refused nearly everything: ask for less. Refused that too: use the app no
      more and go on with another one, if the plan has one.
    - Given nearly everything: a tenth faster each turn, up to three times the first speed.
    - Given nothing for as long as its patience lasts: stop.
    """
    memory = _Crawl(plan)
    turn = yield Requests.joined([])
    while True:
        if turn.answers is not None:
            memory.learn(turn.answers)
        turn = yield memory.ask(turn, rng) if memory.goes_on else Requests.joined([])


def _acting(turn: Turn, hours: tuple[int, int]) -> Ints:
    """Return the beginnings of the hours of a turn in which the adversary acts."""
    begins = np.arange(turn.begins, turn.ends, HOUR)
    of_day = begins % DAY // HOUR
    result: Ints = begins[(hours[0] <= of_day) & (of_day < hours[1])]
    return result
