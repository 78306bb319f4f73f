"""Decide what of a request goes out."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from ombud.gate.answers import Answers
from ombud.gate.batch import Batch, Decisions, decide_batch
from ombud.gate.machine import GROW, MIXED, ROLL
from ombud.gate.reasons import NUMBER
from ombud.gate.request import Decision
from ombud.model.clock import now
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


class DecisionIds:
    """Ids of decisions: 12 random letters of the process and a number. A forked process draws its own letters."""

    def __init__(self) -> None:
        """Draw the letters."""
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.prefix = f"{os.urandom(6).hex()}-"
        self.numbers = count(1)

    def next(self) -> str:
        """Return an id that no other decision has."""
        return f"{self.prefix}{next(self.numbers)}"


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
        self.stopped: frozenset[str] = frozenset()
        """apps that a breaker stopped; set a new set to change it"""
        self.monotonic = monotonic
        self.compiled = compiled
        self.replace(compiled)

    def replace(self, compiled: CompiledPolicy) -> None:
        """Decide by another policy, or by new standings, from the next decision on."""
        if compiled.scopes is not self.consents.scopes:
            raise InputError(
                "The policy was not compiled for these consents.",
                hint="Give compile_policy the table's `scopes`.",
            )
        self.budgets.adopt(compiled)
        self._machine = Answers(compiled, self.consents, self.budgets, self.ties)
        self.compiled = compiled

    def decide(self, request: ReadRequest) -> Decision:
        """Say which fields go out and why each other does not; counts what goes out against the budgets.

        A request without any field is refused. A person, or friend, whom the
        gate does not know is treated like one who never consented, so that
        nobody learns here who exists.
        """
        machine, people = self._machine, self.people
        compiled = machine.compiled
        asked = machine.asked.get(request.fields) or machine.look_at(request.fields)
        moment, name, person, other = request.at, request.app, request.person, request.through
        if moment is None:
            moment = now()
        elif moment.tzinfo is None:
            raise InputError("The request's moment has no time zone.", hint="Give `at` one, such as UTC.")
        side = other is not None and other != person
        identity = f"{_IDS.prefix}{next(_IDS.numbers)}"
        if self.monotonic() > self.consents.fresh_until:
            return machine.whole(identity, asked, _STALE, side)
        since = moment - _EPOCH
        region = machine.regions.get(request.region)
        ids = (
            machine.address,
            compiled.app_index.get(name, -1),
            self._row(request) if side else people.get(person, -1),
            people.get(other, -2) if side else -1,  # type: ignore[arg-type]  # a side has a friend
            asked[1],
            compiled.purposes.get(request.purpose, -1),
            since.days * 86_400 + since.seconds,
            machine.region(request.region or "") if region is None else region,
            name in self.stopped,
        )
        code, allowed, scopes, usable = machine.decide(*ids)
        if code >= GROW:
            if code == ROLL:
                self.budgets.begin(ids[6])
                code, allowed, scopes, usable = machine.decide(*ids)
            if code & GROW:
                self.budgets.grow()
                code ^= GROW
        if code:
            if code < MIXED:
                return machine.whole(identity, asked, code, side)
        elif allowed and not asked[2]:
            path = asked[5].get(usable * 2 + side) or machine.given(asked, usable, side)
            return Decision(identity, "allowed", asked[0], (), compiled.hash, path)
        return machine.part(identity, (asked[0], ids[1], ids[5], ids[7], scopes, usable, allowed, code, side))

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
