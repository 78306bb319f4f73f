"""Breakers: an app that reads like a crawler is slowed, then stopped, and a person looks at it.

Each sign is told by the app's own size, never by what is known to be misuse:

- **walk**: in a day, or in four weeks, more people were read through others who
  were not there than the app has users. Three times as many stop it.
- **sweep**: in a day the app asked for more people who never had anything to do
  with it than it has users. Three times as many stop it.
- **bulk**: in an hour it read more people than it has users, and ten times as
  many as in its usual hour of the last week (known from 24 hours on).

Counts may err (one standard error is 4.6 %), so three of those are taken off before
they are compared. Nothing counts below a hundredth of the policy's budget of people a day, or 200
people where there is no budget. A person is there when the platform says that
they used the app that day (`last_used` of the consent), and the app read the
person's own data in that hour or the one before. An app that is slowed goes on
by itself after a day; one that is stopped only when a person says so.

Counting is in memory and by process: several gates each see their part.
"""

from __future__ import annotations

import hashlib
import os
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ombud.gate.batch import Batch, Decisions
from ombud.gate.budgets import HOUR
from ombud.gate.consents import LIVE
from ombud.gate.policy.compiled import NO_LIMIT
from ombud.gate.policy.language import Limits
from ombud.gate.reasons import NUMBER
from ombud.gate.sketches import ERROR, REGISTERS, Registers, counts, mix, observe
from ombud.gate.slots import find
from ombud.model import clock
from ombud.model.compiling import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.gate.decide import Gate
    from ombud.gate.request import Decision, ReadRequest
    from ombud.gate.slots import Words

__all__ = [
    "DAYS", "LEAST", "SLOWED_LEAST", "SLOWED_SHARE", "STOPPED_AT", "USUAL", "Breakers", "Sign", "Trip",
    "columns_of", "slowed_limits",
]  # fmt: skip

Ints = NDArray[np.int64]
Sign = Literal["walk", "sweep", "bulk"]

DAYS = 28
"""Days over which a slow walk is added up."""
STOPPED_AT = 3.0
"""An app is slowed above its number of users, and stopped above so many times that."""
USUAL = 10.0
"""By how much an hour must pass the app's usual one."""
KNOWN = 24
"""Hours in which an app read something, within a week, from which on its usual hour is known."""
LEAST, SHARE = 200, 0.01
"""People below which nothing counts: without a budget, and as a share of the policy's budget of people a day."""
SLOWED_SHARE, SLOWED_LEAST = 0.1, 20
"""A slowed app reads at most this share of its own users in an hour, and at least so many people."""
SURELY = 1 - 3 * ERROR
"""The share of a count that an app surely reached: the rest may be the count's own error."""
_STRANGER = np.array([NUMBER["no-consent"], NUMBER["not-a-friend"]], dtype=np.uint8)
_WEEK = 168
_PLACES = 2**25
"""Bits that remember who was read in an hour; one in thirty of a million people is taken to be there by mistake."""
_U = np.uint64


class Trip(msgspec.Struct, frozen=True):
    """One app that a breaker slows or stops."""

    app: str
    state: Literal["slowed", "stopped"]
    sign: Sign
    people: int
    """about how many, within 5 %"""
    users: int
    hours: int
    """the stretch of time that was looked at"""
    at: int
    """when, in seconds since 1970"""

    @property
    def ratio(self) -> float:
        """Return how many people that is for each user of the app."""
        return self.people / max(self.users, 1)

    @property
    def sentence(self) -> str:
        """Say what the app did, with its numbers."""
        span = {1: "an hour", 24: "a day"}.get(self.hours, f"{self.hours // 24} days")
        users = f"it has {self.users:,} users"
        if self.sign == "walk":
            return f"In {span} it read about {self.people:,} people through others who were not using it; {users}."
        if self.sign == "sweep":
            return f"In {span} it asked for about {self.people:,} people who never had to do with it; {users}."
        return f"In {span} it read about {self.people:,} people, far more than in its usual hour; {users}."


class Breakers:
    """Watches what one process decides. Safe between threads."""

    def __init__(self, gate: Gate, *, key: int | None = None) -> None:
        """Take the gate whose decisions are watched; `key` mixes people's ids, at random if unset."""
        self.gate = gate
        self._key = _U(int.from_bytes(os.urandom(8)) if key is None else key)
        self._lock = threading.Lock()
        self._hour = -1
        self._day = -1
        self._tripped: dict[str, str] = {}
        self._users: Ints = np.zeros(0, dtype=np.int64)
        self._walked: Registers = np.zeros((DAYS, 0, REGISTERS), dtype=np.uint8)
        self._before: Registers = np.zeros((0, REGISTERS), dtype=np.uint8)
        """the walks of the days before this one, together"""
        self._swept: Registers = np.zeros((0, REGISTERS), dtype=np.uint8)
        self._read: Registers = np.zeros((0, REGISTERS), dtype=np.uint8)
        self._hours = np.zeros((_WEEK, 0))
        self._here = np.zeros((2, _PLACES // 8), dtype=np.uint8)

    def watch(self, batch: Batch, decisions: Decisions) -> list[Trip]:
        """Take in decided requests, in the order of time; return the apps that trip a breaker now, hardest first."""
        if not len(batch.app):
            return []
        with self._lock:
            self._fit(len(self.gate.compiled.arrays.app_closed))
            found: list[Trip] = []
            hours = batch.second // HOUR
            cuts = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), len(hours)]
            for start, end in pairwise(cuts):
                self._turn(int(hours[start]))
                table = self.gate.consents.table
                part = (column[start:end] for column in (batch.app, batch.person, batch.through))
                answers = decisions.allowed[start:end], decisions.reason[start:end]
                counters = self._walked[self._day % DAYS], self._swept, self._read
                here = self._here[self._hour % 2], self._here[1 - self._hour % 2]
                _observe(*part, *answers, self._day, table.new, table.old, *counters, *here, self._key)
                found += self._judge(int(batch.second[end - 1]), np.unique(batch.app[start:end]))
            return found

    def pull(self, trips: list[Trip]) -> None:
        """Slow or stop apps in this process at once; the records tell other hosts, and outlast this process."""
        for trip in trips:
            if trip.state == "stopped":
                self.gate.stopped |= {trip.app}
            else:
                self.gate.budgets.slow(trip.app, slowed_limits(trip.users))

    def release(self, app: str) -> None:
        """Let an app go on in this process, and begin to count it anew."""
        with self._lock:
            self._tripped.pop(app, None)
            row = self.gate.compiled.app_index.get(app)
            if row is not None and row < len(self._users):
                self._walked[:, row] = 0
                self._before[row] = self._swept[row] = self._read[row] = 0
        self.gate.stopped -= {app}
        self.gate.budgets.slow(app, None)

    def _fit(self, apps: int) -> None:
        """Make room for apps that came."""
        more = apps - len(self._swept)
        if more > 0:
            self._walked = np.pad(self._walked, ((0, 0), (0, more), (0, 0)))
            self._before, self._swept, self._read = (
                np.pad(one, ((0, more), (0, 0))) for one in (self._before, self._swept, self._read)
            )
            self._hours = np.pad(self._hours, ((0, 0), (0, more)))
            self._users = self._count_users(apps)

    def _turn(self, hour: int) -> None:
        """Begin an hour, and a day when it is a new one."""
        if hour <= self._hour:
            return
        if self._hour >= 0:
            self._hours[self._hour % _WEEK] = counts(self._read)
            for skipped in range(self._hour + 1, min(hour, self._hour + _WEEK)):
                self._hours[skipped % _WEEK] = 0
        self._read[:] = 0
        self._here[hour % 2] = 0
        if hour > self._hour + 1:
            self._here[1 - hour % 2] = 0
        self._hour = hour
        day = hour // 24
        if day > self._day:
            for one in range(max(self._day + 1, day - DAYS + 1), day + 1):
                self._walked[one % DAYS] = 0
            self._swept[:] = 0
            self._day = day
            self._before = self._walked.max(axis=0)
            for app in [app for app, state in self._tripped.items() if state == "slowed"]:
                del self._tripped[app]  # if it still reads like that, it is slowed again at once
                self.gate.budgets.slow(app, None)
        self._users = self._count_users(len(self._swept))

    def _count_users(self, apps: int) -> Ints:
        """Count the live consents of each app."""
        with self.gate.consents.lock:
            rows = self.gate.consents.table.rows()
        live = rows[rows[:, 3] & _U(255) == LIVE]
        numbers = ((live[:, 0] - _U(1)) >> _U(40)).astype(np.int64)
        return np.bincount(numbers, minlength=apps)[:apps].astype(np.int64)

    def _judge(self, second: int, touched: Ints) -> list[Trip]:
        """Return what trips at this moment, one trip an app, of the apps that were met."""
        compiled = self.gate.compiled
        rows = touched[(touched >= 0) & (touched < len(self._users))]
        users, budget = self._users[rows], compiled.arrays.limits[rows, 1]
        least = np.where(budget >= NO_LIMIT, LEAST, np.maximum(1, budget * SHARE))
        hours = self._hours[:, rows]
        active = (hours > 0).sum(axis=0)
        usual = np.where(active >= KNOWN, hours.sum(axis=0) / np.maximum(active, 1), np.inf)
        today, bulk = self._walked[self._day % DAYS, rows], counts(self._read[rows])
        signs: list[tuple[Sign, int, NDArray[np.float64]]] = [
            ("walk", 24, counts(today)),
            ("walk", 24 * DAYS, counts(np.maximum(self._before[rows], today))),
            ("sweep", 24, counts(self._swept[rows])),
            ("bulk", 1, np.where(bulk > USUAL * usual, bulk, 0)),
        ]
        found: dict[str, Trip] = {}
        names = {row: name for name, row in compiled.app_index.items()} if len(rows) else {}
        for sign, span, people in signs:
            surely = people * SURELY
            for at in np.flatnonzero((surely > users) & (people >= least)).tolist():
                app, own, many = names[int(rows[at])], int(users[at]), int(people[at])
                hard = sign != "bulk" and surely[at] > STOPPED_AT * own
                trip = Trip(app, "stopped" if hard else "slowed", sign, many, own, span, second)
                held = self._tripped.get(app)
                if held in {"stopped", trip.state}:
                    continue
                if app not in found or (found[app].state == "slowed" and hard):
                    found[app] = trip
        for trip in found.values():
            self._tripped[trip.app] = trip.state
        return sorted(found.values(), key=lambda trip: (trip.state != "stopped", -trip.ratio))


def columns_of(gate: Gate, decided: Sequence[tuple[ReadRequest, Decision]]) -> tuple[Batch, Decisions]:
    """Return single decisions as columns, in the order of time; only what breakers look at is filled in."""
    compiled, people = gate.compiled, gate.people
    rows = []
    for request, decision in decided:
        via = -1 if request.through is None else people.get(request.through, -2)
        why = NUMBER.get(decision.refused[0].reason, 0) if decision.refused else 0
        at = int((request.at or clock.now()).timestamp())
        place = compiled.app_index.get(request.app, -1), people.get(request.person, -1), via
        rows.append((at, *place, compiled.mask(decision.allowed), why, request.person))
    rows.sort(key=lambda row: row[0])
    second, app, person, through, allowed, reason = (np.array([row[n] for row in rows]) for n in range(6))
    # somebody whom the gate does not know is counted by a number of their own
    strangers = np.array([_unknown(row[6]) if row[2] < 0 else 0 for row in rows], dtype=np.int64)
    person = np.where(person < 0, strangers, person)
    nothing = np.zeros(len(rows), dtype=np.int64)
    batch = Batch(app, person, through, nothing.astype(np.uint64), nothing, second, nothing)
    masks, reasons = allowed.astype(np.uint64), reason.astype(np.uint8)
    return batch, Decisions(masks, reasons, nothing.astype(np.uint8), masks[:0], masks[:0], "")


def _unknown(person: str) -> int:
    return int.from_bytes(hashlib.blake2b(person.encode("utf-8", "replace"), digest_size=8).digest()) >> 1


def slowed_limits(users: int) -> Limits:
    """Return what a slowed app may read, by the number of its own users."""
    people = max(SLOWED_LEAST, int(users * SLOWED_SHARE))
    return Limits(people_an_hour=people, people_a_day=10 * people)


@kernel
def _observe(  # noqa: PLR0917 - numba takes no keyword-only arguments
    app: Ints, person: Ints, through: Ints, allowed: NDArray[np.uint64], reason: NDArray[np.uint8], day: int,
    new: Words, old: Words, walked: Registers, swept: Registers, read: Registers, here: Registers, before: Registers,
    key: int,
) -> None:  # fmt: skip
    """Count each request's person where it belongs."""
    for n in range(app.shape[0]):
        row = app[n]
        if row < 0 or row >= read.shape[0] or person[n] < 0:
            continue
        if allowed[n] != 0:
            observe(read[row], person[n], key)
            own = through[n] < 0 or through[n] == person[n]
            at = (_U(row) << _U(40)) + _U(person[n] if own else through[n]) + _U(1)
            mixed = mix(at, key)
            byte, bit = np.int64((mixed >> _U(3)) & _U(here.shape[0] - 1)), np.uint8(1 << (mixed & _U(7)))
            if own:
                here[byte] |= bit
                continue
            words, place = new, find(new, at)
            if place < 0:
                words, place = old, find(old, at)
            used = place >= 0 and np.int64(words[place, 2]) >= day
            if not (used and (here[byte] | before[byte]) & bit):
                observe(walked[row], person[n], key)
        elif reason[n] == _STRANGER[0] or reason[n] == _STRANGER[1]:
            observe(swept[row], person[n], key)
