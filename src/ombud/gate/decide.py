"""Decide what of a request goes out."""

from __future__ import annotations

import os
import time
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from ombud.gate.batch import Batch, Decisions, decide_batch
from ombud.gate.consents import ABSENT, LIVE
from ombud.gate.policy.compiled import DAY, REMEMBERED
from ombud.gate.reasons import NUMBER, UNKNOWN_FIELD
from ombud.gate.request import Decision, Refusal
from ombud.gate.slots import FACTOR
from ombud.model.clock import now
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ombud.gate.budgets import Budgets
    from ombud.gate.consents import ConsentTable
    from ombud.gate.policy.compiled import AppMasks, CompiledPolicy
    from ombud.gate.request import ReadRequest
    from ombud.gate.ties import Ties

__all__ = ["DecisionIds", "Gate"]


class DecisionIds:
    """Ids of decisions: 12 random letters of the process and a number. A forked process draws its own letters."""

    def __init__(self) -> None:
        """Draw the letters."""
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.prefix = f"{os.urandom(6).hex()}-"
        self._count = count(1)

    def next(self) -> str:
        """Return an id that no other decision has."""
        return f"{self.prefix}{next(self._count):x}"


_IDS = DecisionIds()
Asked = tuple[tuple[str, ...], int, tuple[Refusal, ...], tuple[str, ...]]
"""Fields once each, their mask, the unknown ones refused, the known ones."""


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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the policy, the consents, the dense ids of people, and the budgets.

        Without `ties` the gate believes the platform that two people are
        friends; with them it looks.
        """
        self.consents = consents
        self.people = people
        self.budgets = budgets
        self.ties = ties
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
        self.compiled = compiled
        self._asked: dict[tuple[str, ...], Asked] = {}
        self._paths: dict[tuple[bool, int, int], str] = {}

    def decide(self, request: ReadRequest, *, counted: bool = True) -> Decision:
        """Say which fields go out and why each other does not; counts what goes out against the budgets.

        Without `counted` nothing is counted and no budget refuses: what the decision would be, for a search.

        A request without any field is refused. A person, or friend, whom the
        gate does not know is treated like one who never consented, so that
        nobody learns here who exists.
        """
        compiled = self.compiled
        asked = self._asked.get(request.fields) or self._look_at(request.fields)
        moment = request.at
        if moment is None:
            moment = now()
        elif moment.tzinfo is None:
            raise InputError("The request's moment has no time zone.", hint="Give `at` one, such as UTC.")
        second = moment.timestamp()
        through = request.through if request.through != request.person else None
        app = compiled.apps.get(request.app)
        person = self.people.get(request.person, -1)
        day = int(second // DAY)
        reason = self._standing(compiled, app, request.purpose, day)
        if reason or app is None:
            return self._refused(asked, reason, through)
        if through is None:
            scopes = self._consent(app, person, day)
        else:
            scopes = self._through(app, person, self.people.get(through, -1), day)
        if isinstance(scopes, str):
            return self._refused(asked, scopes, through)
        need = app.needs.get(request.purpose, compiled.every)
        closed = compiled.region_refuses[compiled.region(request.region)]
        usable = scopes & app.usable
        mask = asked[1]
        allowed = mask & compiled.opens(usable)[through is not None] & need & ~closed
        if allowed:
            if counted:
                reason = self.budgets.charge(app.row, app.key + person, allowed.bit_count(), second)
            if not reason and allowed == mask and not asked[2]:
                path = self._path(through is not None, usable, allowed)
                return Decision(_IDS.next(), "allowed", asked[0], (), compiled.hash, path)
        return self._part(asked, allowed, reason, (scopes, app, need, closed), through)

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
            app=column(compiled.apps[r.app].row if r.app in compiled.apps else -1 for r in requests),
            person=column(people.get(r.person, -1) for r in requests),
            through=column(
                -1 if r.through is None or r.through == r.person else people.get(r.through, -2) for r in requests
            ),
            fields=np.array([compiled.mask(r.fields) for r in requests], dtype=np.uint64),
            purpose=column(compiled.purposes.get(r.purpose, -1) for r in requests),
            second=column(int(moment.timestamp()) for moment in moments),
            region=column(last if row < 0 else row for row in regions),
        )

    def _standing(self, compiled: CompiledPolicy, app: AppMasks | None, purpose: str, day: int) -> str:
        """Return the reason for which the app gets nothing at all, whoever it asks about."""
        if self.monotonic() > self.consents.fresh_until:
            return "stale"
        if app is None or app.closed:
            return app.closed if app else "unknown-app"
        if app.name in self.stopped:
            return "stopped"
        if day - app.active > compiled.idle_app_days:
            return "app-idle"
        if purpose in app.needs or compiled.any_purpose:
            return ""
        return "purpose-not-declared" if purpose in compiled.purposes else "unknown-purpose"

    def _consent(self, app: AppMasks, person: int, day: int) -> int | str:
        """Return the scopes that a person's consent allows, or the reason why there are none."""
        if person < 0:
            return "no-consent"
        key = app.key + person
        words, mask, old, old_mask = self.consents.table.view
        at = ((((key ^ (key >> 32)) * FACTOR) >> 32) << 2) & mask
        while words[at] != key:
            if words[at]:
                at = (at + 4) & mask
                continue
            if old_mask < 0:
                return "no-consent"
            words, mask, old_mask = old, old_mask, -4
            at = ((((key ^ (key >> 32)) * FACTOR) >> 32) << 2) & mask
        last = words[at + 3]
        if last & 255 != LIVE:
            return "no-consent" if last & 255 == ABSENT else "consent-revoked"
        if day >= last >> 8:
            return "consent-expired"
        if day - words[at + 2] > self.compiled.unused_days:
            return "consent-unused"
        return words[at + 1] | self.compiled.basic

    def _through(self, app: AppMasks, person: int, through: int, day: int) -> int | str:
        """Return the scopes of the consent of the person `through` whom a friend's data is read."""
        if person < 0 or (self.ties is not None and (through, person) not in self.ties):
            return "not-a-friend"
        scopes = self._consent(app, through, day)
        if (
            isinstance(scopes, int)
            and self.compiled.friend_must_use_app
            and isinstance(self._consent(app, person, day), str)
        ):
            return "friend-not-in-app"
        return scopes

    def _look_at(self, fields: tuple[str, ...]) -> Asked:
        """Return what is to be known of a list of fields, and remember it."""
        compiled = self.compiled
        names = tuple(dict.fromkeys(fields))
        known = tuple(name for name in names if name in compiled.field_bits)
        unknown = tuple(Refusal(name, UNKNOWN_FIELD) for name in names if name not in compiled.field_bits)
        asked = names, compiled.mask(known), unknown, known
        if len(self._asked) >= REMEMBERED:
            self._asked = {}
        self._asked[fields] = asked
        return asked

    def _path(self, through: bool, usable: int, allowed: int) -> str:  # noqa: FBT001 - a key of the memory
        """Return by whose consent and which scopes fields go out."""
        key = through, usable, allowed
        found = self._paths.get(key)
        if found is None:
            opening = [
                name
                for name, scope in self.compiled.policy.scopes.items()
                if usable >> self.compiled.scopes.bit(name) & 1
                and self.compiled.mask(scope.opens_of_friends if through else scope.opens) & allowed
            ]
            found = f"{'through' if through else 'own'}/{'+'.join(opening) or '-'}"
            if len(self._paths) >= REMEMBERED:
                self._paths = {}
            self._paths[key] = found
        return found

    def _refused(self, asked: Asked, reason: str, through: str | None) -> Decision:
        """Return the decision that nothing goes out, for one reason."""
        names, _, unknown, known = asked
        refused = tuple(Refusal(name, reason) for name in known)
        if unknown:
            by_name = {refusal.field: refusal for refusal in (*unknown, *refused)}
            refused = tuple(by_name[name] for name in names)
        path = f"{'own' if through is None else 'through'}/-/{UNKNOWN_FIELD if unknown else reason}"
        return Decision(_IDS.next(), "refused", (), refused, self.compiled.hash, path)

    def _part(
        self, asked: Asked, allowed: int, reason: str, ruled: tuple[int, AppMasks, int, int], through: str | None
    ) -> Decision:
        """Return a decision that refuses something: each field with its first reason."""
        compiled = self.compiled
        scopes, app, need, closed = ruled
        side = through is not None
        bits = compiled.field_bits
        steps = (
            (~compiled.open_at_all[side], "closed-through-friends" if side else "closed"),
            (closed, "region"),
            (~need, "not-for-purpose"),
            (~compiled.opens(scopes)[side], "not-granted"),
            (~compiled.opens(scopes & app.reviewed)[side], "not-reviewed"),
            (~compiled.opens(scopes & app.reviewed & app.contracted)[side], "no-contract"),
            (~allowed, "app-under-review"),
            (-1 if reason else 0, reason),
        )
        out, refused = [], []
        for name in asked[0]:
            bit = bits.get(name)
            if bit is None:
                refused.append(Refusal(name, UNKNOWN_FIELD))
                continue
            why = next((code for mask, code in steps if mask & bit), None)
            if why is None:
                out.append(name)
            else:
                refused.append(Refusal(name, why))
        given = 0 if reason else allowed
        first = min((refusal.reason for refusal in refused), key=NUMBER.__getitem__, default="")
        return Decision(
            _IDS.next(),
            "reduced" if out else "refused",
            tuple(out),
            tuple(refused),
            compiled.hash,
            self._path(side, scopes & app.usable, given) + (first and f"/{first}"),
        )
