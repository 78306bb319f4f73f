"""A gate that lives: it decides by what the records say now, and notes there what people and apps do."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from ombud.gate import consent, registry
from ombud.gate.breakers import Breakers, columns_of, slowed_limits
from ombud.gate.budgets import Budgets
from ombud.gate.decide import Gate
from ombud.gate.feed import EVERY, ConsentFeed, Poll
from ombud.gate.policy import compile_policy, load_policy
from ombud.gate.tripping import write_down
from ombud.model import clock
from ombud.model.errors import BusyError
from ombud.records import apps, brakes, changes, consents, gate_hosts
from ombud.records.consents import Use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from ombud.gate.breakers import Trip
    from ombud.gate.policy import Policy
    from ombud.gate.request import Decision, ReadRequest
    from ombud.records import Records
    from ombud.records.consents import Consent

__all__ = ["FALLBACK", "LiveGate"]

FALLBACK = "locked-down"
"""The policy that decides before any was put in force."""
RULES_AGE = 60.0
"""Seconds after which apps, reviews and brakes are read again even without a change: some run out by themselves."""
JUDGE_EVERY, JUDGE_MOST = 2.0, 20_000
"""Seconds, or decisions, after which the breakers look at what was decided."""
NOTE_EVERY = 5.0
"""Seconds between two notes of who used what, which app was active, and that this gate lives."""


class LiveGate:
    """A gate, the feed of its consents, and the changes that this host makes itself."""

    def __init__(self, records: Records, policy: Policy | None = None, *, breakers: bool = True) -> None:
        """Take the records; `policy` decides as long as none was put in force there. Call `refresh`, or `start`.

        Without `breakers` apps that read like crawlers are not noticed here; brakes that are on hold all the same.
        """
        self.records = records
        self.feed = ConsentFeed(records)
        self._fallback = policy or load_policy(FALLBACK)
        self._rules = -1
        self._read_at = float("-inf")
        self._slowed: frozenset[str] = frozenset()
        self._decided: list[tuple[ReadRequest, Decision]] = []
        self._judged = time.monotonic()
        self._unwritten: list[Trip] = []
        """what breakers did that the records do not have yet"""
        self._uses: dict[tuple[str, str], datetime] = {}
        self._active: dict[str, datetime] = {}
        self._lock = threading.Lock()
        self._polls: list[Poll] = []
        self._beat: Callable[[Connection], object] | None = None
        compiled = compile_policy(self._fallback, [], self.feed.table.scopes, self.feed.apps)
        people = self.feed.people
        self.gate = Gate(compiled, self.feed.table, people, Budgets(compiled), newcomers=people.number)
        self.breakers = Breakers(self.gate) if breakers else None

    @property
    def policy(self) -> Policy:
        """Return the policy that decides."""
        return self.gate.compiled.policy

    def start(self, host: str | None = None, sequence: Callable[[], int] = int) -> None:
        """Follow the records in a thread of its own; with `host` note there that this gate lives.

        What is noted has another thread: it waits for whoever writes to the
        database, and what this gate hears of consents must not wait with it.
        """
        if host is not None:
            with self.records.begin() as tx:
                gate_hosts.start(tx, host)
            self._beat = lambda tx: gate_hosts.beat(tx, host, sequence(), self.policy.hash)
        self.refresh()
        self._polls = [
            Poll(self.refresh, EVERY, name="gate feed"),
            Poll(self._note_soon, NOTE_EVERY, name="gate notes"),
        ]
        for poll in self._polls:
            poll.start()

    def close(self) -> None:
        """Stop following, and note what is still to be noted."""
        for poll in self._polls:
            poll.stop()
        self.note()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def refresh(self) -> None:
        """Take over what changed in the records. Raises what they raise; the gate then refuses before long."""
        self.records.check_place()
        with self.records.read() as tx:
            latest = changes.latest(tx).rules
        if latest != self._rules or time.monotonic() - self._read_at > RULES_AGE:
            self._read_rules()
            self._rules = latest
        self.feed.refresh()
        if time.monotonic() - self._judged >= JUDGE_EVERY or len(self._decided) > JUDGE_MOST:
            self.judge()

    # What happens here ---------------------------------------------------------

    def grant(self, app: str, person: str, scopes: Iterable[str]) -> Consent:
        """Give an app scopes; this host's next decision knows. Errors as for `consent.grant`."""
        with self.records.begin() as tx:
            made = consent.grant(tx, self.policy, app, person, scopes)
        self.feed.take([made])
        return made

    def untick(self, app: str, person: str, *scopes: str) -> Consent:
        """Take scopes back, one at least: all of them, or none when one cannot be."""
        with self.records.begin() as tx:
            for scope in scopes:
                made = consent.untick(tx, self.policy, app, person, scope)
        self.feed.take([made])
        return made

    def revoke(self, app: str, person: str) -> Consent:
        """Take everything back."""
        with self.records.begin() as tx:
            made = consent.revoke(tx, app, person)
        self.feed.take([made])
        return made

    def used(self, app: str, person: str) -> None:
        """Take note that the person used the app: it is brought to the records within seconds, once a day.

        Nothing is noted without a consent. Raises `NotFoundError` for an app that is not registered.
        """
        now = clock.now()
        row, number = self.feed.apps.get(app), self.feed.people.get(person)
        if app not in self.gate.compiled.apps:
            with self.records.read() as tx:
                apps.get(tx, app)
        if row is None or number is None or not self.feed.table.use(row, number, int(now.timestamp() // 86_400)):
            return
        with self._lock:
            self._uses.setdefault((app, person), now)

    def called(self, app: str) -> None:
        """Take note that the app called."""
        self._active[app] = clock.now()

    def decided(self, request: ReadRequest, decision: Decision) -> None:
        """Show a decision to the breakers; they look at it at the next `judge`."""
        if self.breakers is not None:
            self._decided.append((request, decision))

    def judge(self) -> list[Trip]:
        """Let the breakers look at what was decided; apps that read like crawlers are slowed or stopped everywhere."""
        decided, self._decided = self._decided, []
        self._judged = time.monotonic()
        if self.breakers is None:
            return []
        return self.trip(self.breakers.watch(*columns_of(self.gate, decided)) if decided else [])

    def trip(self, trips: list[Trip]) -> list[Trip]:
        """Slow or stop apps here at once, and write it down for other gates and for people, now or the next time."""
        if self.breakers is not None and trips:
            self.breakers.pull(trips)
            self._unwritten += trips
        if self._unwritten:
            with suppress(BusyError):
                with self.records.begin() as tx:
                    write_down(tx, self._unwritten)
                self._unwritten = []
        return trips

    def note(self) -> None:
        """Bring to the records who used what, which apps were active, and that this gate lives."""
        with self._lock:
            uses, self._uses = self._uses, {}
            active, self._active = self._active, {}
        try:
            if uses or active or self._beat:
                with self.records.begin() as tx:
                    consents.use(tx, [Use(app, person, at) for (app, person), at in uses.items()])
                    apps.active(tx, active)
                    if self._beat:
                        self._beat(tx)
        except BaseException:
            with self._lock:
                self._uses = uses | self._uses
                self._active = active | self._active
            raise

    def _note_soon(self) -> None:
        with suppress(BusyError):  # the database is busy: a later note will do
            self.note()

    # The rules -----------------------------------------------------------------

    def _read_rules(self) -> None:
        now = clock.now()
        with self.records.read() as tx:
            policy = registry.policy_in_force(tx, now) or self._fallback
            known = registry.standings(tx, now)
            braked = brakes.in_force(tx, now)
            users = {one.app: consents.count(tx, one.app) for one in braked}
        for standing in known:
            self.feed.apps.number(standing.app)
        self.gate.replace(compile_policy(policy, known, self.feed.table.scopes, self.feed.apps))
        stopped = frozenset(one.app for one in braked if one.state == "stopped")
        slowed = {one.app for one in braked if one.state == "slowed"}
        if self.breakers is not None:
            for app in (self.gate.stopped | self._slowed) - stopped - slowed:
                self.breakers.release(app)  # a person let it go, or its time is over
        self.gate.stopped = stopped
        for app in slowed:
            self.gate.budgets.slow(app, slowed_limits(users[app]))
        for app in self._slowed - slowed:
            self.gate.budgets.slow(app, None)
        self._slowed = frozenset(slowed)
        self._read_at = time.monotonic()
