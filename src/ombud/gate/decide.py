"""Decide what of a request goes out."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from ombud.gate.answers import Answers
from ombud.gate.batch import Batch, Decisions, decide_batch
from ombud.gate.machine import GIVEN, GROW, MIXED, ROLL
from ombud.gate.reasons import NUMBER
from ombud.gate.request import Decision
from ombud.model.clock import now, second
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ombud.gate.budgets import Budgets
    from ombud.gate.consents import ConsentTable
    from ombud.gate.policy.compiled import CompiledPolicy
    from ombud.gate.request import ReadRequest
    from ombud.gate.ties import Ties

__all__ = ["DecisionIds", "Gate"]

_STALE = NUMBER["stale"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_ENDINGS = tuple(f"{number:03}" for number in range(1_000))


class DecisionIds:
    """Ids of decisions: 12 random letters of the process and a number. A forked process draws its own letters."""

    def __init__(self) -> None:
        """Draw the letters."""
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.prefix = f"{os.urandom(6).hex()}-"
        self._thousands = count(1)
        self.begin()

    def begin(self) -> None:
        """Begin the next thousand: what its ids begin with, and its endings that are left, which threads share."""
        self.block = f"{self.prefix}{next(self._thousands)}", iter(_ENDINGS)

    def next(self) -> str:
        """Return an id that no other decision has."""
        while True:
            start, endings = self.block
            ending = next(endings, None)
            if ending is not None:
                return start + ending
            self.begin()


_IDS = DecisionIds()


class Gate:
    """Decisions by one policy over one table of consents. Safe to share between threads."""

    def __init__(
        self,
        compiled: CompiledPolicy,
        consents: ConsentTable,
        people: Mapping[str, int],
        budgets: Budgets,
        *,
        ties: Ties | None = None,
        newcomers: Callable[[str], int] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the policy, the consents, the dense ids of people, and the budgets.

        Without `ties` the gate believes the platform that two people are
        friends; with them it looks. `newcomers` gives a dense id to a friend
        who never consented to anything; without it there is no such friend.
        """
        self.consents = consents
        self.people = people
        self.budgets = budgets
        self.ties = ties
        self.newcomers = newcomers
        self._stopped: frozenset[str] = frozenset()
        self._changing = threading.Lock()
        self.monotonic = monotonic
        self.compiled = compiled
        self.replace(compiled)

    @property
    def stopped(self) -> frozenset[str]:
        """Apps that a breaker stopped; set a new set to change it."""
        return self._stopped

    @stopped.setter
    def stopped(self, apps: frozenset[str]) -> None:
        with self._changing:
            if apps != self._stopped:
                self._machine.halt(self.compiled.app_index[app] for app in apps if app in self.compiled.app_index)
                self._stopped = apps

    def replace(self, compiled: CompiledPolicy) -> None:
        """Decide by another policy, or by new standings, from the next decision on."""
        if compiled.scopes is not self.consents.scopes:
            raise InputError(
                "The policy was not compiled for these consents.",
                hint="Give compile_policy the table's `scopes`.",
            )
        with self._changing:
            self.budgets.adopt(compiled)
            machine = Answers(compiled, self.consents, self.budgets, self.ties)
            machine.halt(compiled.app_index[app] for app in self._stopped if app in compiled.app_index)
            self._machine = machine
            self._quick = (
                machine, machine.simple, compiled.app_index, self.people, compiled.purposes, machine.regions,
                machine.decide_simply, machine.address, compiled.hash,
            )  # fmt: skip
            self.compiled = compiled

    def decide(self, request: ReadRequest) -> Decision:
        """Say which fields go out and why each other does not; counts what goes out against the budgets.

        A request without any field is refused. A person, or friend, whom the
        gate does not know is treated like one who never consented, so that
        nobody learns here who exists.
        """
        # most requests name what is known, for a person's own data, and one number says the answer; all others, and
        # those that raise on the way, begin again below: until that number is there nothing was counted
        if request.through is None and self.monotonic() <= self.consents.fresh_until:
            machine, simple, apps, people, purposes, regions, decide_simply, address, policy = self._quick
            start, endings = _IDS.block
            moment = request.at
            try:
                asked = simple[request.fields]
                identity = start + next(endings)
                if moment is None:
                    days, seconds = 0, second()
                else:
                    since = moment - _EPOCH
                    days, seconds = since.days, since.seconds
                answer = decide_simply(
                    address,
                    apps[request.app],
                    people[request.person],
                    asked[1],
                    purposes.get(request.purpose, -1),
                    days,
                    seconds,
                    regions[request.region],
                )
            except (KeyError, StopIteration, TypeError):
                return self._decide(request)
            if answer >= GIVEN:
                path = asked[5].get(answer) or machine.given(asked, answer)
                return Decision(identity, "allowed", asked[0], (), policy, path)
            if answer >= 0:
                refused, path = asked[4].get(answer) or machine.refused(asked, answer, side=False)
                return Decision(identity, "refused", (), refused, policy, path)
        return self._decide(request)

    def _decide(self, request: ReadRequest) -> Decision:
        """Decide any request."""
        machine, people = self._machine, self.people
        compiled = machine.compiled
        asked = machine.asked.get(request.fields) or machine.look_at(request.fields)
        moment, name, person, other = request.at, request.app, request.person, request.through
        if moment is not None and moment.tzinfo is None:
            raise InputError("The request's moment has no time zone.", hint="Give `at` one, such as UTC.")
        side = other is not None and other != person
        identity = _IDS.next()
        if self.monotonic() > self.consents.fresh_until:
            return machine.whole(identity, asked, _STALE, side)
        when = second() if moment is None else (moment - _EPOCH) // _SECOND
        region = machine.regions.get(request.region)
        ids = (
            machine.address,
            compiled.app_index.get(name, -1),
            self._row(request) if side else people.get(person, -1),
            people.get(other, -2) if side else -1,  # type: ignore[arg-type]  # a side has a friend
            asked[1],
            compiled.purposes.get(request.purpose, -1),
            0,
            when,
            machine.region(request.region or "") if region is None else region,
            0,
        )
        code, allowed, scopes, usable = machine.decide(*ids)
        if code >= GROW:
            if code == ROLL:
                self.budgets.begin(when)
                code, allowed, scopes, usable = machine.decide(*ids)
            if code & GROW:
                self.budgets.grow()
                code ^= GROW
        if code:
            if code < MIXED:
                return machine.whole(identity, asked, code, side)
        elif allowed and not asked[2]:
            return Decision(identity, "allowed", asked[0], (), compiled.hash, machine.path(usable, asked[1], side=side))
        return machine.part(identity, (asked[0], ids[1], ids[5], ids[8], scopes, usable, allowed, code, side))

    def _row(self, request: ReadRequest) -> int:
        """Return the dense id of whom a request is about; a friend of somebody known gets one when there is none."""
        row = self.people.get(request.person, -1)
        if row < 0 and self.newcomers is not None and request.through in self.people:
            row = self.newcomers(request.person)
        return row

    def decide_batch(self, batch: Batch, *, per_field: bool = False) -> Decisions:
        """Decide columns of dense ids; see `ombud.gate.batch.decide_batch`."""
        return decide_batch(self, batch, _IDS.prefix, per_field=per_field)

    def batch(self, requests: Sequence[ReadRequest]) -> Batch:
        """Return requests as the columns of a batch; fields that the policy does not know have no place in it."""
        compiled, people = self.compiled, self.people
        moments = [now() if request.at is None else request.at for request in requests]
        last = len(compiled.region_refuses) - 1
        regions = [compiled.region(request.region) for request in requests]

        def column(values: Iterable[int]) -> NDArray[np.int64]:
            return np.fromiter(values, dtype=np.int64, count=len(requests))

        return Batch(
            app=column(compiled.app_index.get(r.app, -1) for r in requests),
            person=column(self._row(r) for r in requests),
            through=column(
                -1 if r.through is None or r.through == r.person else people.get(r.through, -2) for r in requests
            ),
            fields=np.array([compiled.mask(r.fields) for r in requests], dtype=np.uint64),
            purpose=column(compiled.purposes.get(r.purpose, -1) for r in requests),
            second=column(int(moment.timestamp()) for moment in moments),
            region=column(last if row < 0 else row for row in regions),
        )
