"""Any story of grants, uses, withdrawals, new policies and jumps of the clock: the gate says what the rules say."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ombud.gate import plain
from ombud.gate.consents import NEVER
from ombud.gate.plain import PlainConsent, World
from ombud.gate.policy.language import Apps, Expiry, Friends, Limits
from ombud.gate.policy.language import Budgets as BudgetRules
from ombud.gate.request import AppStanding, ReadRequest
from tests.unit.gate.worlds import DAY_ZERO, EVERYTHING, day, twin

if TYPE_CHECKING:
    from ombud.gate.policy import Policy
    from ombud.gate.request import Status

APPS, PEOPLE = ["a", "b"], ["ann", "bob", "cid"]
SCOPES = list(EVERYTHING.scopes)
PURPOSES = [*EVERYTHING.purposes, "gone"]
POLICIES = [
    EVERYTHING,
    msgspec.structs.replace(EVERYTHING, expiry=Expiry(unused_days=2, idle_app_days=5)),
    msgspec.structs.replace(EVERYTHING, friends=Friends(must_use_app=False), apps=Apps("any", "all")),
    msgspec.structs.replace(EVERYTHING, budgets=BudgetRules(people_an_hour=1, fields_a_day=4)),
    msgspec.structs.replace(
        EVERYTHING, scopes={n: s for n, s in EVERYTHING.scopes.items() if n not in {"taste", "album"}}
    ),
]

apps = st.sampled_from(APPS)
people = st.sampled_from(PEOPLE)
scopes = st.frozensets(st.sampled_from(SCOPES))


class GateStory(RuleBasedStateMachine):
    """The model is the plain rules over dictionaries; the system is the compiled gate over its tables."""

    @initialize(friends=st.frozensets(st.sampled_from([frozenset(p) for p in (("ann", "bob"), ("bob", "cid"))])))
    def begin(self, friends: frozenset[frozenset[str]]) -> None:
        standings = {
            name: AppStanding(
                name, DAY_ZERO - timedelta(days=3), purposes=frozenset(["function"]), last_active_at=DAY_ZERO
            )
            for name in APPS
        }
        self.at = DAY_ZERO
        self.both = twin(World(EVERYTHING, standings, {}, set(PEOPLE), set(friends)), ghosts=1)

    def _set(self, app: str, person: str, consent: PlainConsent | None) -> None:
        """Write a consent into the model; what the system is told comes by its own calls."""
        if consent is None:
            self.both.world.consents.pop((app, person), None)
        else:
            self.both.world.consents[app, person] = consent

    def _ids(self, app: str, person: str) -> tuple[int, int]:
        return self.both.gate.compiled.app_index[app], self.both.gate.people[person]

    @rule(app=apps, person=people, ticked=scopes, days=st.none() | st.integers(0, 4))
    def grant(self, app: str, person: str, ticked: frozenset[str], days: int | None) -> None:
        today = day(self.at)
        self._set(app, person, PlainConsent(ticked, today, None if days is None else today + days))
        table = self.both.gate.consents
        ends = NEVER if days is None else today + days
        table.put(*self._ids(app, person), table.scopes.mask(sorted(ticked)), today, ends)

    @rule(app=apps, person=people)
    def use(self, app: str, person: str) -> None:
        known = self.both.world.consents.get((app, person))
        if known and not known.revoked:
            self._set(app, person, known._replace(last_used=max(known.last_used, day(self.at))))
        assert self.both.gate.consents.use(*self._ids(app, person), day(self.at)) == bool(known and not known.revoked)

    @rule(app=apps, person=people)
    def revoke(self, app: str, person: str) -> None:
        known = self.both.world.consents.get((app, person))
        self._set(app, person, known and known._replace(revoked=True))
        assert self.both.gate.consents.revoke(*self._ids(app, person)) == (known is not None)

    @rule(app=apps, person=people, scope=st.sampled_from(SCOPES))
    def untick(self, app: str, person: str, scope: str) -> None:
        known = self.both.world.consents.get((app, person))
        if known:
            self._set(app, person, known._replace(scopes=known.scopes - {scope}))
        ticked = bool(known and scope in known.scopes)
        assert self.both.gate.consents.untick(*self._ids(app, person), scope) == ticked

    @rule(app=apps, person=people)
    def forget(self, app: str, person: str) -> None:
        known = self.both.world.consents.get((app, person))
        self._set(app, person, None)
        assert self.both.gate.consents.remove(*self._ids(app, person)) == (known is not None)

    @rule(hours=st.sampled_from([1, 5, 23, 24, 24 * 40, -3, -30]))
    def move_the_clock(self, hours: int) -> None:
        self.at += timedelta(hours=hours)

    @rule(policy=st.sampled_from(POLICIES))
    def change_the_policy(self, policy: Policy) -> None:
        self.both.compiled_again(policy)

    @rule(
        app=apps,
        status=st.sampled_from(["live", "live", "under_review", "suspended", "banned"]),
        reviewed=scopes,
        contract=st.booleans(),
        purposes=st.frozensets(st.sampled_from(PURPOSES)),
        active=st.booleans(),
    )
    def change_a_standing(  # noqa: PLR0917 - drawn by name
        self,
        app: str,
        status: Status,
        reviewed: frozenset[str],
        contract: bool,  # noqa: FBT001 - drawn by name
        purposes: frozenset[str],
        active: bool,  # noqa: FBT001 - likewise
    ) -> None:
        world = self.both.world
        old = world.apps[app]
        seen = self.at if active else old.last_active_at
        world.apps[app] = AppStanding(app, old.registered_at, status, reviewed, contract, purposes | {"function"}, seen)
        self.both.compiled_again(world.policy)

    @rule(app=apps, limit=st.none() | st.integers(0, 3))
    def slow(self, app: str, limit: int | None) -> None:
        limits = None if limit is None else Limits(people_a_day=limit, fields_an_hour=limit * 2)
        self.both.world.slowed = {**self.both.world.slowed, app: limits or Limits()}
        self.both.gate.budgets.slow(app, limits)

    @rule(stopped=st.sets(apps))
    def stop(self, stopped: set[str]) -> None:
        self.both.world.stopped = stopped
        self.both.gate.stopped = frozenset(stopped)

    @rule(
        app=st.sampled_from([*APPS, "ghost"]),
        person=st.sampled_from([*PEOPLE, "zoe"]),
        through=st.none() | st.sampled_from([*PEOPLE, "zoe"]),
        fields=st.lists(st.sampled_from([*EVERYTHING.fields, "shoe-size"]), max_size=4),
        purpose=st.sampled_from([*["function"] * 4, *PURPOSES]),
        region=st.sampled_from(["PL", "PL", "DE", "US-CA", None, "??"]),
        by_batch=st.booleans(),
    )
    def read(  # noqa: PLR0917 - drawn by name
        self,
        app: str,
        person: str,
        through: str | None,
        fields: list[str],
        purpose: str,
        region: str | None,
        by_batch: bool,  # noqa: FBT001 - drawn by name
    ) -> None:
        request = ReadRequest(app, person, tuple(fields), purpose, through, self.at, region)
        expected = plain.decide(self.both.world, request)
        gate = self.both.gate
        if by_batch:
            decided = gate.decide_batch(gate.batch([request]))
            assert gate.compiled.names(int(decided.allowed[0])) == tuple(
                name for name in gate.compiled.fields if name in expected.allowed
            )
        else:
            decision = gate.decide(request)
            assert (decision.outcome, decision.allowed, decision.refused) == expected

    @precondition(lambda self: hasattr(self, "both"))
    @invariant()
    def the_table_holds_what_was_told(self) -> None:
        bits = self.both.gate.consents.scopes
        names = {number: name for name, number in self.both.gate.compiled.app_index.items()}
        persons = {number: name for name, number in self.both.gate.people.items()}
        held = {
            (names[app], persons[person]): PlainConsent(
                frozenset(bits.of(c.scopes)),
                c.last_used_day,
                None if c.expires_day == NEVER else c.expires_day,
                c.revoked,
            )
            for app, person, c in self.both.gate.consents.all()
        }
        assert held == self.both.world.consents


TestGateStory = GateStory.TestCase
TestGateStory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
