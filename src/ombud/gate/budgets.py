"""How much each app has read in this hour and this day, and how much it may.

Windows are the hours and days of UTC, and tumble: at the full hour the count
begins again, so within any sixty minutes an app may read at most twice its
budget of an hour. People are counted exactly. A person who is over the budget
is refused and not remembered, so memory is bounded: one row of 32 bytes (in a
table that is at least three tenths full) for each app and person that the
budget of the day, or 24 budgets of the hour, lets through. An app without any
limit is not counted at all.

The clock of the budgets only goes forward: an earlier moment counts as the
present hour.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ombud.gate.addresses import find_at, insert_at, whole, words
from ombud.gate.policy.compiled import NO_LIMIT, REGISTERED, numbers_of
from ombud.gate.reasons import NUMBER
from ombud.gate.slots import KEYS, SlotTable
from ombud.model.compiling import kernel

if TYPE_CHECKING:
    from ombud.gate.policy.compiled import CompiledPolicy
    from ombud.gate.policy.language import Limits
    from ombud.gate.slots import Words

__all__ = ["HOUR", "Budgets", "charge", "roll"]

Ints = NDArray[np.int64]

HOUR = 3_600
_FIRST = NUMBER["people-an-hour"]
_WEEK, _SLOWED = NUMBER["first-week"], NUMBER["slowed"]
_U = np.uint64


@kernel
def roll(  # noqa: PLR0917 - numba takes no keyword-only arguments
    hour: int, clock: Ints, counts: Ints, limits: Ints, registered: Ints, ramp_days: int, people: Words
) -> bool:
    """Begin an hour, and a day when it is a new one; say whether the people of the day were forgotten.

    `limits` is (4, apps, 4): in force, full, of the first week, caps of the breakers.
    """
    if hour <= clock[0]:
        return False
    clock[0] = hour
    counts[:, 0] = 0
    counts[:, 2] = 0
    if hour // 24 <= clock[1]:
        return False
    clock[1] = hour // 24
    counts[:, :] = 0
    people[:, :] = 0
    for app in range(counts.shape[0]):
        ramp = 2 if clock[1] - registered[app] < ramp_days else 1
        for kind in range(4):
            limits[0, app, kind] = min(limits[ramp, app, kind], limits[3, app, kind])
    return True


@kernel
def charge(  # noqa: PLR0917 - numba takes no keyword-only arguments
    app: int, key: int, fields: int, block: int, keys: int, settled: int
) -> tuple[int, bool]:
    """Count one read; return the number of the reason against it, 0 if there is none, and whether a row was made.

    `block` and `keys` are the addresses of `Budgets.block` and of the block of
    its people. With `settled`, nothing is counted and -1 returned when a row
    would have to be made in a table that grows or must.
    """
    g, p = whole(block), whole(keys)
    counts, limits, hour = whole(g[0]), whole(g[1]), _U(whole(g[3])[0])
    here, full, caps = app * 4, (g[2] + app) * 4, (3 * g[2] + app) * 4
    people, new_hour, new_day = words(p[0]), 0, 0
    counting = limits[here] < NO_LIMIT or limits[here + 1] < NO_LIMIT
    if counting:
        at, table = find_at(people, p[1], _U(key)), people
        if at < 0 and p[3] > 0:
            table = words(p[2])
            at = find_at(table, p[3], _U(key))
        new_day = 1 if at < 0 else 0
        new_hour = 1 if at < 0 or table[at + 1] != hour else 0
        if settled and at < 0 and (p[3] > 0 or (p[KEYS] + 1) * 10 > p[1] * 6):
            return -1, False
    for kind in range(4):
        adds = fields if kind > 1 else new_day if kind == 1 else new_hour
        after = counts[here + kind] + adds
        if adds > 0 and after > limits[here + kind]:
            if after > limits[full + kind]:
                return _FIRST + kind, False
            return (_SLOWED if after > limits[caps + kind] else _WEEK), False
    counts[here] += new_hour
    counts[here + 1] += new_day
    counts[here + 2] += fields
    counts[here + 3] += fields
    if counting and new_hour:
        people[insert_at(people, p[1], _U(key)) + 1] = hour
    return 0, new_day == 1


@kernel
def hand_over(before: Ints, after: Ints, block: Ints, places: Ints) -> None:
    """Copy the counts and name their new place at one stroke, so that no read is counted in a copy left behind."""
    after[: before.shape[0]] = before
    block[:] = places


class Budgets:
    """The counts of one process, which single and batch decisions share."""

    def __init__(self, compiled: CompiledPolicy) -> None:
        """Begin with nothing counted."""
        self.people = SlotTable()
        self.clock: Ints = np.zeros(2, dtype=np.int64)
        """the hour and the day that are being counted, since 1970"""
        self.block: Ints = np.zeros(4, dtype=np.int64)
        """for compiled code: addresses of counts and limits, apps, address of the clock"""
        self.lock = threading.Lock()
        self._caps: dict[str, tuple[int, int, int, int]] = {}
        self.counts: Ints = np.zeros((0, 4), dtype=np.int64)
        """by app: people this hour and this day, fields this hour and this day"""
        self.limits: Ints = np.zeros((4, 0, 4), dtype=np.int64)
        """(in force, full, of the first week, caps of the breakers) by app and count"""
        self.adopt(compiled)

    def adopt(self, compiled: CompiledPolicy) -> None:
        """Take the limits of a policy, or of apps that came or changed; what was counted stays."""
        arrays = compiled.arrays
        first = compiled.policy.budgets.first_week
        with self.lock:
            size = max(len(arrays.limits), len(self.counts))  # never less: a batch may be under way
            counts = self.counts if size == len(self.counts) else np.zeros((size, 4), dtype=np.int64)
            full = np.full((size, 4), NO_LIMIT, dtype=np.int64)
            full[: len(arrays.limits)] = arrays.limits
            share = first.share if first else 1.0
            ramp = np.where(full == NO_LIMIT, NO_LIMIT, np.floor(full * share)).astype(np.int64)
            limits = np.stack([full, full, ramp, np.full_like(full, NO_LIMIT)])
            self.registered: Ints = np.zeros(size, dtype=np.int64)
            self.registered[: len(arrays.apps)] = arrays.apps[:, REGISTERED]
            self.ramp_days = first.days if first else 0
            self._index = compiled.app_index
            for app, cap in self._caps.items():
                if app in self._index:
                    limits[3, self._index[app]] = cap
            self.limits = limits
            self._in_force(counts)

    def slow(self, app: str, limits: Limits | None) -> None:
        """Hold an app below `limits`, whatever the policy gives it; null lets it go again. Breakers call this."""
        with self.lock:
            if limits is None:
                self._caps.pop(app, None)
            else:
                self._caps[app] = numbers_of(limits)
            if app in self._index:
                self.limits[3, self._index[app]] = self._caps.get(app, NO_LIMIT)
            self._in_force(self.counts)

    def begin(self, second: int) -> None:
        """Begin the hour of a moment, when it is a new one."""
        with self.lock:
            hour = second // HOUR
            if hour // 24 > self.clock[1]:
                self.people.clear()
            nobody = np.zeros((0, 4), dtype=np.uint64)
            roll(hour, self.clock, self.counts, self.limits, self.registered, self.ramp_days, nobody)

    def grow(self) -> None:
        """Let the table of people grow by a step, after compiled code inserted one."""
        with self.lock:
            self.people.advance()

    def settle(self, cleared: bool, made: int) -> None:  # noqa: FBT001 - both come from compiled code
        """Take note of what compiled code did: whether it forgot the day's people, and the rows that it then made."""
        if cleared:
            self.people.forget()
        self.people.added(made)

    def _in_force(self, counts: Ints) -> None:
        """Compute the limits in force, and go on counting in `counts`."""
        fresh = (self.clock[1] - self.registered < self.ramp_days)[:, None]
        self.limits[0] = np.minimum(np.where(fresh, self.limits[2], self.limits[1]), self.limits[3])
        places = (counts.ctypes.data, self.limits.ctypes.data, len(counts), self.clock.ctypes.data)
        hand_over(self.counts, counts, self.block, np.array(places, dtype=np.int64))
        self.counts = counts
        self._read = counts, self.limits  # kept until the block names others
