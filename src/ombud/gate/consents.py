"""The consents of all people for all apps, in memory: what single and batch decisions look up."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ombud.gate.policy.scope_bits import ScopeBits
from ombud.gate.slots import SlotTable
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ombud.gate.slots import Words

__all__ = ["ABSENT", "LIVE", "MOST_APPS", "MOST_PEOPLE", "NEVER", "REVOKED", "Consent", "ConsentTable", "key_of"]

NEVER = 2**31 - 1
"""The day of an expiry that never comes."""
MOST_APPS, MOST_PEOPLE = 2**23, 2**40 - 1
LIVE, REVOKED, ABSENT = 0, 1, 2


class Consent(NamedTuple):
    """What one person allowed one app."""

    scopes: int
    """mask of the ticked scopes, by the table's `scopes`"""
    last_used_day: int
    """UTC day, since 1970, on which the person last used the app"""
    expires_day: int
    """first day on which the consent no longer counts; `NEVER` if unset"""
    revoked: bool


def key_of(app: int, person: int) -> int:
    """Return the key of an app's and a person's dense ids."""
    if not (0 <= app < MOST_APPS and 0 <= person < MOST_PEOPLE):
        raise InputError(f"The ids {app} and {person} do not fit a table of consents.", hint="Use dense ids.")
    return (app << 40) + person + 1


class ConsentTable:
    """Consents by (app, person), 32 bytes a place, found in one look.

    Writers take a lock; readers take none. A reader sees a row as it was
    before or after a write; a revocation counts for the next decision.
    """

    def __init__(self, scopes: ScopeBits | None = None, capacity: int = 1024) -> None:
        """Take which bit stands for which scope, and the number of places to begin with."""
        self.scopes = scopes or ScopeBits()
        self.table = SlotTable(capacity)
        self.fresh_until = float("inf")
        """`time.monotonic()` until which the table may be trusted; a feed of consents moves it on"""
        self.lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many pairs the table knows, revoked ones too."""
        return len(self.table)

    def heard(self, seconds: float = 1.0) -> None:
        """Note that the table is up to date now, and may be trusted for `seconds`."""
        self.fresh_until = time.monotonic() + seconds

    def get(self, app: int, person: int) -> Consent | None:
        """Return a consent, also one that was revoked; null when there never was one."""
        found = self.table.row(key_of(app, person))
        if found is None:
            return None
        words, at = found
        _, scopes, used, last = words[at : at + 4].tolist()
        if last & 255 == ABSENT:
            return None
        return Consent(scopes, used, last >> 8, last & 255 == REVOKED)

    def put(
        self, app: int, person: int, scopes: int, last_used_day: int, expires_day: int = NEVER, *, revoked: bool = False
    ) -> None:
        """Set a consent."""
        key = key_of(app, person)
        if not (0 <= scopes < 2**64 and 0 <= last_used_day <= NEVER and 0 <= expires_day <= NEVER):
            raise InputError("The consent's scopes or days do not fit.", hint="Days count from 1970-01-01.")
        with self.lock:
            self.table.write(key, scopes, last_used_day, expires_day << 8 | (REVOKED if revoked else LIVE))

    def revoke(self, app: int, person: int) -> bool:
        """Withdraw a consent; say whether there was one."""
        return self._mark(app, person, REVOKED)

    def remove(self, app: int, person: int) -> bool:
        """Forget a consent, as if it had never been; say whether there was one."""
        return self._mark(app, person, ABSENT)

    def use(self, app: int, person: int, day: int) -> bool:
        """Note that the person used the app on a day; say whether there is a consent."""
        key = key_of(app, person)
        with self.lock:  # or a revocation in between would be undone
            consent = self.get(app, person)
            if consent is None or consent.revoked:
                return False
            used = min(max(day, consent.last_used_day), NEVER)
            self.table.write(key, consent.scopes, used, consent.expires_day << 8 | LIVE)
            return True

    def untick(self, app: int, person: int, scope: str) -> bool:
        """Take one scope out of a consent; say whether it was ticked."""
        key = key_of(app, person)
        bit = 1 << self.scopes.bit(scope)
        with self.lock:
            consent = self.get(app, person)
            if consent is None or not consent.scopes & bit:
                return False
            last = consent.expires_day << 8 | (REVOKED if consent.revoked else LIVE)
            self.table.write(key, consent.scopes & ~bit, consent.last_used_day, last)
            return True

    def put_many(  # noqa: PLR0917 - columns, in the order of `put`
        self,
        app: NDArray[np.int64],
        person: NDArray[np.int64],
        scopes: NDArray[np.uint64],
        last_used_day: NDArray[np.int64],
        expires_day: NDArray[np.int64] | None = None,
        revoked: NDArray[np.bool_] | None = None,
    ) -> None:
        """Set many consents; of equal pairs the last counts."""
        if len(app):
            key_of(int(app.min()), int(person.min()))
            key_of(int(app.max()), int(person.max()))
            days = (last_used_day,) if expires_day is None else (last_used_day, expires_day)
            if any(int(column.min()) < 0 or int(column.max()) > NEVER for column in days):
                raise InputError("A consent's days do not fit.", hint="Days count from 1970-01-01.")
        rows: Words = np.empty((len(app), 4), dtype=np.uint64)
        rows[:, 0] = (app.astype(np.uint64) << np.uint64(40)) + person.astype(np.uint64) + np.uint64(1)
        rows[:, 1] = scopes
        rows[:, 2] = last_used_day
        state = (
            np.full(len(app), NEVER << 8, dtype=np.uint64)
            if expires_day is None
            else expires_day.astype(np.uint64) << np.uint64(8)
        )
        rows[:, 3] = state if revoked is None else state | revoked.astype(np.uint64)
        with self.lock:
            self.table.put_all(rows)

    def all(self) -> Iterator[tuple[int, int, Consent]]:
        """Return every consent with its app and person, revoked ones too."""
        with self.lock:
            rows = self.table.rows()
        for key, scopes, used, last in rows.tolist():
            yield (key - 1) >> 40, (key - 1) & (2**40 - 1), Consent(scopes, used, last >> 8, last & 255 == REVOKED)

    def _mark(self, app: int, person: int, state: int) -> bool:
        key = key_of(app, person)
        with self.lock:
            consent = self.get(app, person)
            if consent is None:
                return False
            kept = (0, 0) if state == ABSENT else (consent.scopes, consent.last_used_day)
            self.table.write(key, *kept, consent.expires_day << 8 | state)
            return True
