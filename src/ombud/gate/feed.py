"""The gate's memory follows the records: consents, apps, policy and brakes, as other hosts change them.

Four times a second the numbers of the latest changes are looked at, and what
changed is taken over. A table of consents that was last known to be up to date
a second ago or more is not believed any longer: the gate then refuses (`stale`)
until it has heard from the records again.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from ombud.gate.consents import NEVER, ConsentTable
from ombud.gate.policy.compiled import day_of
from ombud.records import changes, consents

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ombud.records import Records
    from ombud.records.consents import Consent

__all__ = ["EVERY", "FRESH", "ConsentFeed", "Ids", "Poll"]

EVERY, FRESH = 0.25, 1.0
"""Seconds between two looks, and how long what was seen is believed."""
FORGIVEN = 30.0
"""Seconds without word from the records after which everything is read again: an erased person's row may be gone."""
_PAGE = 20_000

_log = logging.getLogger(__name__)


class Ids(dict[str, int]):
    """Dense numbers for names, given in the order in which they are first needed. Safe between threads."""

    def __init__(self) -> None:
        """Begin without names."""
        super().__init__()
        self._lock = threading.Lock()

    def number(self, name: str) -> int:
        """Return the number of a name, a new one when it has none."""
        found = self.get(name)
        if found is None:
            with self._lock:  # or two names that come at once would share a number, and so a consent
                found = self.setdefault(name, len(self))
        return found


class ConsentFeed:
    """Keeps a table of consents like the records'. One thread calls `refresh`; any may call `take`."""

    def __init__(self, records: Records, table: ConsentTable | None = None, *, fresh: float = FRESH) -> None:
        """Take the records; nothing is believed before the first `refresh`."""
        self.records = records
        self.table = table or ConsentTable()
        self.apps, self.people = Ids(), Ids()
        """dense ids: the rows of the compiled policy, and the people that the gate knows"""
        self._fresh = fresh
        self._seen = 0
        self._heard = float("-inf")
        self._lock = threading.Lock()
        self.table.fresh_until = float("-inf")

    @property
    def age(self) -> float:
        """Return how many seconds ago the table was known to be up to date."""
        return time.monotonic() - self._heard

    def refresh(self) -> int:
        """Take over what changed; return how many consents that were. Raises what the records raise."""
        began = time.monotonic()
        with self._lock:
            count = self._read_all() if began - self._heard > FORGIVEN else self._follow()
        self._heard = began
        self.table.fresh_until = began + self._fresh
        return count

    def take(self, changed: Sequence[Consent]) -> None:
        """Take over consents that this host changed itself, so that its next decision knows."""
        with self._lock:
            self._put(changed)

    def users(self, app: str) -> int:
        """Return how many people consent to an app at this moment, by the records."""
        with self.records.read() as tx:
            return consents.count(tx, app)

    def _follow(self) -> int:
        count = 0
        while True:
            with self.records.read() as tx:
                if changes.latest(tx).consent <= self._seen:
                    return count
                page = consents.since(tx, self._seen, _PAGE)
            if not page:
                return count
            self._put(page)
            self._seen = page[-1].change
            count += len(page)

    def _read_all(self) -> int:
        """Read every consent, and forget those that are not there any more."""
        count, seen, known = 0, 0, set[tuple[int, int]]()
        while True:
            with self.records.read() as tx:
                page = consents.since(tx, seen, _PAGE)
            if not page:
                break
            self._put(page)
            known |= {(self.apps[one.app], self.people[one.person]) for one in page}
            seen = page[-1].change
            count += len(page)
        for app, person, _ in list(self.table.all()):
            if (app, person) not in known:
                self.table.remove(app, person)
        self._seen = seen
        return count

    def _put(self, items: Sequence[Consent]) -> None:
        if not items:
            return
        mask = self.table.scopes.mask
        used = [day_of(one.last_used_at or one.granted_at) for one in items]
        ends = [NEVER if one.expires_at is None else max(day_of(one.expires_at), 0) for one in items]
        self.table.put_many(
            np.array([self.apps.number(one.app) for one in items], dtype=np.int64),
            np.array([self.people.number(one.person) for one in items], dtype=np.int64),
            np.array([mask(one.scopes) for one in items], dtype=np.uint64),
            np.array(used, dtype=np.int64),
            np.array(ends, dtype=np.int64),
            np.array([one.revoked_at is not None for one in items], dtype=np.bool_),
        )


class Poll:
    """A thread that calls a function again and again until it is stopped; an error is logged once, and tried again."""

    def __init__(self, call: Callable[[], object], every: float = EVERY, *, name: str = "feed") -> None:
        """Take the function, and the seconds between two calls."""
        self._call, self._every = call, every
        self._stop = threading.Event()
        self._wrong = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the call that is under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._call()
                self._wrong = False
            except Exception as error:  # noqa: BLE001 - whatever it is, what is known ages and the gate refuses
                if not self._wrong:
                    _log.warning("The gate does not hear from the records: %s", error)
                self._wrong = True
            self._stop.wait(max(0.0, self._every - (time.monotonic() - began)))
