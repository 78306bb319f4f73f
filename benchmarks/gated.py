"""A simulated platform whose reads go through a gate, with breakers or without: what the rule and they are worth."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv

from ombud.gate.batch import Batch
from ombud.gate.breakers import Breakers
from ombud.gate.budgets import Budgets
from ombud.gate.consents import ConsentTable
from ombud.gate.decide import Gate
from ombud.gate.policy import compile_policy, load_policy
from ombud.gate.reasons import NUMBER
from ombud.gate.request import AppStanding
from ombud.gate.ties import Ties
from ombud.simulate import Answers
from ombud.simulate.doors import names
from ombud.simulate.traffic import DAY, HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ombud.gate.breakers import Trip
    from ombud.simulate import Platform, Requests

__all__ = ["Outcome", "interval", "play"]

STEP = HOUR // 4
"""Seconds between two looks of the breakers."""


@dataclass
class Outcome:
    """What became of every app; arrays are by app."""

    asked: NDArray[np.int64]
    """requests"""
    lost: NDArray[np.int64]
    """requests that were refused because the app was slowed or stopped"""
    had: dict[int, NDArray[np.bool_]]
    """by app that misuses, and person: whether anything went out through a friend, or to a crawler"""
    trips: list[Trip] = field(default_factory=list)
    reads: int = 0
    gate_seconds: float = 0.0
    """inside the gate, without breakers"""
    breaker_seconds: float = 0.0

    def people(self, apps: NDArray[np.int64]) -> int:
        """Return how many different people these apps had."""
        return int(np.any([self.had[app] for app in apps.tolist()], axis=0).sum())

    def first(self, app: int, state: str | None = None) -> Trip | None:
        """Return when a breaker first slowed or stopped an app."""
        name = f"app-{app}"
        return next((trip for trip in self.trips if trip.app == name and state in {None, trip.state}), None)

    def braked(self, apps: NDArray[np.int64]) -> list[int]:
        """Return which of these apps a breaker slowed or stopped."""
        tripped = {int(trip.app.removeprefix("app-")) for trip in self.trips}
        return [app for app in apps.tolist() if app in tripped]


class _Gated:
    """The gate of a simulated platform."""

    def __init__(self, platform: Platform, policy: str, *, breakers: bool) -> None:
        self.platform = platform
        self.table = ConsentTable(capacity=2 * len(platform.installs))
        chosen = load_policy(policy)
        if (platform.vocabulary.fields, platform.vocabulary.purposes) != (tuple(chosen.fields), tuple(chosen.purposes)):
            raise ValueError(f"the platform does not speak as {policy} does")
        self.compiled = compile_policy(chosen, _standings(platform), self.table.scopes)
        one, other = platform.people.friends.pairs()
        ties = Ties(one, other.astype(np.int64), len(platform.people))
        self.gate = Gate(self.compiled, self.table, {}, Budgets(self.compiled), ties=ties)
        self.breakers = Breakers(self.gate, key=1) if breakers else None
        counts = np.zeros((2, len(platform.apps)), dtype=np.int64)
        misuse = np.flatnonzero(platform.apps.trait("misuse")).tolist()
        had = {app: np.zeros(len(platform.people), dtype=np.bool_) for app in misuse}
        self.outcome = Outcome(counts[0], counts[1], had)
        own, friends = platform.apps.own.tolist(), platform.apps.of_friends.tolist()
        asked = [platform.vocabulary.wanted(*pair) for pair in zip(own, friends, strict=True)]
        self._scopes = np.array([self.table.scopes.mask(scopes) for scopes in asked], dtype=np.uint64)
        self._slowed: dict[str, int] = {}
        self._allow(np.flatnonzero(platform.installs.day < 0), -1)

    def begin(self, day: int) -> None:
        """Take over who came on a day, and who uses what."""
        self._allow(self.platform.used(day), day)

    def answer(self, requests: Requests) -> Answers:
        """Decide requests, a quarter of an hour after the other, and let the breakers look."""
        allowed = np.zeros(len(requests), dtype=np.uint64)
        later = np.zeros(len(requests), dtype=np.bool_)
        slots = requests.at // STEP
        for rows in np.split(np.arange(len(requests)), np.flatnonzero(np.diff(slots)) + 1):
            if len(rows):
                self._release(int(requests.at[rows[0]]))
                allowed[rows], later[rows] = self._decide(requests[rows])
        return Answers(allowed, later)

    def _decide(self, requests: Requests) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        batch = Batch(
            app=requests.app.astype(np.int64),
            person=requests.person.astype(np.int64),
            through=requests.through.astype(np.int64),
            fields=requests.fields,
            purpose=requests.purpose.astype(np.int64),
            second=requests.at,
            region=np.zeros(len(requests), dtype=np.int64),
        )
        began = time.perf_counter()
        decisions = self.gate.decide_batch(batch)
        decided = time.perf_counter()
        self.outcome.gate_seconds += decided - began
        if self.breakers is not None:
            trips = self.breakers.watch(batch, decisions)
            self.breakers.pull(trips)
            self.outcome.trips += trips
            self._slowed |= {trip.app: trip.at for trip in trips if trip.state == "slowed"}
            self.outcome.breaker_seconds += time.perf_counter() - decided
        held = (decisions.budget == NUMBER["slowed"]) | (decisions.reason == NUMBER["stopped"])
        self.outcome.reads += len(requests)
        self.outcome.asked += np.bincount(requests.app, minlength=len(self.outcome.asked))
        self.outcome.lost += np.bincount(requests.app[held], minlength=len(self.outcome.lost))
        return decisions.allowed, decisions.budget != 0

    def _release(self, second: int) -> None:
        """Let go of what was slowed a day ago, as the gate does; what is stopped stays stopped."""
        for app in [app for app, since in self._slowed.items() if second >= since + DAY]:
            del self._slowed[app]
            self.gate.budgets.slow(app, None)

    def _allow(self, rows: NDArray[np.int64], day: int) -> None:
        """Set consents whose person used the app on a day, for the last time before they left."""
        installs = self.platform.installs
        used = np.minimum(installs.left[rows].astype(np.int64) - 1, day) + self.platform.moment(0) // DAY
        app = installs.app[rows].astype(np.int64)
        self.table.put_many(app, installs.person[rows].astype(np.int64), self._scopes[app], used)


def play(platform: Platform, policy: str, days: int, *, breakers: bool) -> Outcome:
    """Let days pass, and count per app whom it had and what it was refused."""
    gated = _Gated(platform, policy, breakers=breakers)
    misuse = platform.apps.trait("misuse").astype(np.bool_)
    for turn in platform.play(gated.answer, days, begin=gated.begin):
        requests = turn.requests
        taken = (turn.answers.allowed != 0) & (turn.crawling | (requests.through >= 0)) & misuse[requests.app]
        for app in np.unique(requests.app[taken]).tolist():
            gated.outcome.had[app][requests.person[taken & (requests.app == app)]] = True
    return gated.outcome


def interval(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, by Clopper and Pearson (1934)."""
    low = 0.0 if hits == 0 else float(betaincinv(hits, of - hits + 1, 0.025))
    return low, 1.0 if hits == of else float(betaincinv(hits + 1, of - hits, 0.975))


def _standings(platform: Platform) -> list[AppStanding]:
    """Return what the platform found about its apps: those that misuse what they get passed no review."""
    apps, vocabulary = platform.apps, platform.vocabulary
    misuse = apps.trait("misuse")
    out = []
    for number, name in enumerate(names("app", len(apps)).to_pylist()):
        begun = datetime.fromtimestamp(platform.moment(int(apps.registered[number])), UTC)
        wanted = () if misuse[number] else vocabulary.wanted(int(apps.own[number]), int(apps.of_friends[number]))
        out.append(
            AppStanding(
                app=str(name),
                registered_at=begun,
                reviewed=frozenset(wanted),
                contract=not misuse[number],
                purposes=frozenset({vocabulary.purposes[apps.purpose[number]]}),
                last_active_at=begun + timedelta(days=5_000),
                developer=f"developer-{apps.developer[number]}",
            )
        )
    return out
