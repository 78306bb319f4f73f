"""Decide many requests at once: the same rules as `Gate.decide`, compiled, over columns of dense ids.

Rows are decided one after the other in their order, so budgets count as if
each had come alone. Unknown fields have no bit and so no place here: whoever
turns names into masks refuses them as `unknown-field`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ombud.gate.budgets import HOUR, charge, roll
from ombud.gate.consents import ABSENT, LIVE, MOST_PEOPLE
from ombud.gate.policy.compiled import ACTIVE, CLOSED, CONTRACTED, DAY, DECLARED, OPEN, REVIEWED, Arrays
from ombud.gate.reasons import FIELD, NUMBER
from ombud.gate.slots import find, place
from ombud.gate.ties import tied
from ombud.model.compiling import inlined, kernel
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from ombud.gate.budgets import Budgets
    from ombud.gate.decide import Gate
    from ombud.gate.policy.compiled import CompiledPolicy
    from ombud.gate.slots import Words

__all__ = [
    "NO_TIES",
    "Batch",
    "Decisions",
    "Givers",
    "decide_batch",
    "decide_rows",
    "empty_decisions",
    "givers",
    "mask_batch",
]

Ints = NDArray[np.int64]
Masks = NDArray[np.uint64]

FIRST_FIELD = NUMBER[FIELD[0]]
"""The number of the first reason against single fields."""
FIELD_REASONS = len(FIELD)
_REGION, _PURPOSE, _GRANT, _REVIEW, _CONTRACT = range(2, 7)
"""Places in `FIELD`; the first two are the one for own fields and the one for friends'."""
_TOUCHED = 32
_CHUNK = 65_536
"""Rows that are decided before other threads may run."""
_STALE, _UNKNOWN_APP, _STOPPED, _IDLE = (NUMBER[c] for c in ("stale", "unknown-app", "stopped", "app-idle"))
_UNKNOWN_PURPOSE, _UNDECLARED = NUMBER["unknown-purpose"], NUMBER["purpose-not-declared"]
_STRANGER, _NONE, _REVOKED = NUMBER["not-a-friend"], NUMBER["no-consent"], NUMBER["consent-revoked"]
_EXPIRED, _UNUSED, _ABSENT_FRIEND = NUMBER["consent-expired"], NUMBER["consent-unused"], NUMBER["friend-not-in-app"]
_U = np.uint64


class Batch(NamedTuple):
    """Requests as columns of one length; ids are dense, -1 stands for one that is unknown or missing."""

    app: Ints
    person: Ints
    through: Ints
    """the person whose consent is used; -1 for their own, -2 for somebody unknown"""
    fields: Masks
    purpose: Ints
    second: Ints
    """when, in seconds since 1970"""
    region: Ints
    """row of the region's rules, by `CompiledPolicy.region`; -1 for a place unknown"""


class Decisions(NamedTuple):
    """Answers in the order of the requests."""

    allowed: Masks
    """fields that go out"""
    reason: NDArray[np.uint8]
    """number, in `reasons.CODES`, of the earliest reason for which anything was refused; 0 if nothing was"""
    budget: NDArray[np.uint8]
    """number of the reason for which a budget refused all that the rules let through; 0 if none did"""
    refused: Masks
    """(rows, 8): by reason of `reasons.FIELD`, the fields it refused; empty unless asked for"""
    scopes: Masks
    """scopes that were used: ticked, reviewed, contracted, open"""
    batch: str
    """the id of decision n is this and n"""

    def id(self, row: int) -> str:
        """Return the id of one decision."""
        return f"{self.batch}{row:x}"


@inlined
def opened(table: Masks, scopes: Any) -> Any:  # noqa: ANN401 - numba's unsigned integers
    """Return the fields that a mask of scopes opens."""
    mask = _U(0)
    for byte in range(table.shape[0]):
        mask |= table[byte, np.int64(scopes & _U(255))]
        scopes >>= _U(8)
    return mask


@inlined
def ones(mask: Any) -> Any:  # noqa: ANN401 - numba's unsigned integers
    """Return how many bits of a mask are set (Warren, Hacker's Delight, 5-1)."""
    mask -= (mask >> _U(1)) & _U(0x5555555555555555)
    mask = (mask & _U(0x3333333333333333)) + ((mask >> _U(2)) & _U(0x3333333333333333))
    mask = (mask + (mask >> _U(4))) & _U(0x0F0F0F0F0F0F0F0F)
    return np.int64((mask * _U(0x0101010101010101)) >> _U(56))


@kernel
def against_app(  # noqa: PLR0917 - numba takes no keyword-only arguments
    closed: int, stopped: int, idle: int, most_idle: int, rule: int, purpose: int, declared: int
) -> int:
    """Return the number of the reason why an app gets nothing; 0 if there is none.

    `idle` in days; `rule` is `Arrays.purpose_rule`; `declared` the mask of the app's purposes.
    """
    if closed:
        return closed
    if stopped:
        return _STOPPED
    if idle > most_idle:
        return _IDLE
    if rule == 0:
        return 0
    if purpose < 0:
        return _UNKNOWN_PURPOSE
    return _UNDECLARED if rule > 1 and not _U(declared) >> _U(purpose) & _U(1) else 0


@kernel
def standing(arrays: Arrays, stopped: NDArray[np.bool_], app: int, purpose: int, day: int) -> int:
    """Return the number of the reason why an app gets nothing; 0 if there is none.

    `stopped` has one value an app, or is empty.
    """
    if app < 0 or app >= arrays.apps.shape[0]:
        return _UNKNOWN_APP
    row, halted = arrays.apps[app], 1 if stopped.shape[0] and stopped[app] else 0
    idle, most = day - row[ACTIVE], arrays.idle_app_days
    why: int = against_app(row[CLOSED], halted, idle, most, arrays.purpose_rule, purpose, row[DECLARED])
    return why


@kernel
def against_consent(last: Any, unused: int, most_unused: int, day: int) -> int:  # noqa: ANN401 - numba's unsigned integers
    """Return the number of the reason against a consent, 0 if it is live, by the last word of its row."""
    state = last & _U(255)
    if state != LIVE:
        return _NONE if state == ABSENT else _REVOKED
    if day >= np.int64(last >> _U(8)):
        return _EXPIRED
    return _UNUSED if unused > most_unused else 0


@kernel
def consented(  # noqa: PLR0917 - numba takes no keyword-only arguments
    arrays: Arrays, new: Words, old: Words, app: int, person: int, day: int
) -> tuple[int, Any]:
    """Return the number of the reason against a person's consent, and the scopes it allows if there is none."""
    if person < 0:
        return _NONE, _U(0)
    key = (_U(app) << _U(40)) + _U(person) + _U(1)
    words, row = new, find(new, key)
    if row < 0:
        words, row = old, find(old, key)
    if row < 0:
        return _NONE, _U(0)
    why = against_consent(words[row, 3], day - np.int64(words[row, 2]), arrays.unused_days, day)
    return why, words[row, 1] | arrays.basic if why == 0 else _U(0)


class Givers(NamedTuple):
    """What the consents say, a row a request."""

    why: NDArray[np.uint8]
    """number of the reason against the consent that is used; 0 if it is live"""
    scopes: Masks
    """scopes that it allows"""
    friend_why: NDArray[np.uint8]
    """for a read through a friend: the reason against the read person's own consent"""


def givers(rows: int) -> Givers:
    """Return room for what the consents of `rows` requests say."""
    return Givers(np.zeros(rows, dtype=np.uint8), np.zeros(rows, dtype=np.uint64), np.zeros(rows, dtype=np.uint8))


@kernel
def look_up(arrays: Arrays, batch: Batch, start: int, end: int, new: Words, old: Words, out: Givers) -> None:  # noqa: PLR0917 - numba takes no keyword-only arguments
    """Fill in what the table of consents says to the rows from `start` to `end`.

    The places of a few rows are touched before any is read, so that memory answers for all of them at once.
    """
    for first in range(start, end, _TOUCHED):
        last = min(first + _TOUCHED, end)
        for n in range(first, last):
            giver = batch.person[n] if batch.through[n] < 0 else batch.through[n]
            key = (_U(batch.app[n]) << _U(40)) + _U(giver) + _U(1)
            out.scopes[n - start] = new[place(key, new.shape[0]), 0]
        for n in range(first, last):
            app, person, through = batch.app[n], batch.person[n], batch.through[n]
            day = batch.second[n] // DAY
            to = n - start
            own = through in (-1, person)
            out.why[to], out.scopes[to] = consented(arrays, new, old, app, person if own else through, day)
            if not own and arrays.friend_must_use_app:
                out.friend_why[to] = consented(arrays, new, old, app, person, day)[0]


@kernel
def rule(  # noqa: PLR0917, C901, PLR0912, PLR0915 - one compiled loop over the rows, each rule once
    arrays: Arrays, batch: Batch, start: int, end: int, given: Givers, stopped: NDArray[np.bool_],
    ties: tuple[Ints, Ints], clock: Ints, counts: Ints, limits: Ints, registered: Ints,
    ramp_days: int, people: Words, block: int, keys: int, allowed: Masks, reason: NDArray[np.uint8],
    budget: NDArray[np.uint8], refused: Masks, scopes_out: Masks,
) -> tuple[bool, int]:  # fmt: skip
    """Decide rows; return whether the people of a day were forgotten, and the rows of people made since."""
    cleared, made = False, 0
    detailed = refused.shape[0] > 0
    for n in range(start, end):
        app, person, through = batch.app[n], batch.person[n], batch.through[n]
        if through == person:
            through = -1
        day = batch.second[n] // DAY
        why = standing(arrays, stopped, app, batch.purpose[n], day)
        scopes = _U(0)
        if why == 0:
            why, scopes = given.why[n - start], given.scopes[n - start]
            if through != -1 and (person < 0 or (ties[0].shape[0] and not tied(ties[0], ties[1], through, person))):
                why = _STRANGER
            elif why == 0 and through != -1 and arrays.friend_must_use_app and given.friend_why[n - start] != 0:
                why = _ABSENT_FRIEND
        if why != 0:
            reason[n] = why
            continue
        side = 0 if through == -1 else 1
        table = arrays.opens if side == 0 else arrays.opens_of_friends
        need = arrays.purpose_needs[batch.purpose[n]] if arrays.purpose_rule else ~_U(0)
        closed = arrays.region_refuses[batch.region[n]]
        reviewed = scopes & _U(arrays.apps[app, REVIEWED])
        contracted = reviewed & _U(arrays.apps[app, CONTRACTED])
        usable = contracted & _U(arrays.apps[app, OPEN])
        scopes_out[n] = usable
        asked = batch.fields[n]
        out = asked & opened(table, usable) & need & ~closed
        if out != asked:
            left = asked
            for step in range(FIELD_REASONS):
                if step < _REGION:
                    against = ~arrays.open_at_all[side] if step == side else _U(0)
                elif step == _REGION:
                    against = closed
                elif step == _PURPOSE:
                    against = ~need
                elif step == _GRANT:
                    against = ~opened(table, scopes)
                elif step == _REVIEW:
                    against = ~opened(table, reviewed)
                elif step == _CONTRACT:
                    against = ~opened(table, contracted)
                else:
                    against = ~out
                hit = left & against
                if hit != 0:
                    left &= ~hit
                    if reason[n] == 0:
                        reason[n] = FIRST_FIELD + step
                    if detailed:
                        refused[n, step] = hit
                    if left == 0 or not detailed:
                        break
        if out != 0:
            if roll(batch.second[n] // HOUR, clock, counts, limits, registered, ramp_days, people):
                cleared, made = True, 0
            over, fresh = charge(app, (app << 40) + person + 1, ones(out), block, keys, 0)
            made += fresh
            if over != 0:
                out = _U(0)
                budget[n] = over
                if reason[n] == 0:
                    reason[n] = over
        allowed[n] = out
    return cleared, made


NO_TIES: tuple[Ints, Ints] = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
_LOWEST = {"person": -1, "through": -2, "purpose": -1, "region": -1}
_BATCHES = itertools.count(1)


def empty_decisions(rows: int, batch: str, *, per_field: bool) -> Decisions:
    """Return room for the answers to `rows` requests."""
    return Decisions(
        allowed=np.zeros(rows, dtype=np.uint64),
        reason=np.zeros(rows, dtype=np.uint8),
        budget=np.zeros(rows, dtype=np.uint8),
        refused=np.zeros((rows if per_field else 0, FIELD_REASONS), dtype=np.uint64),
        scopes=np.zeros(rows, dtype=np.uint64),
        batch=batch,
    )


def decide_batch(gate: Gate, batch: Batch, prefix: str, *, per_field: bool = False) -> Decisions:
    """Decide all rows of a batch, in order; `per_field` fills `Decisions.refused`, 64 bytes a row.

    Ids begin with `prefix`, which no other process has.
    """
    rows = len(batch.app)
    if any(len(column) != rows for column in batch):
        raise InputError("The columns of the batch differ in length.", hint="Give each column a value a row.")
    compiled, budgets, consents = gate.compiled, gate.budgets, gate.consents
    _fits(compiled, batch)
    out = empty_decisions(rows, f"{prefix}b{next(_BATCHES):x}.", per_field=per_field)
    stopped = np.zeros(len(compiled.arrays.apps), dtype=np.bool_)
    stopped[[compiled.app_index[name] for name in gate.stopped if name in compiled.app_index]] = True
    ties = (gate.ties.starts, gate.ties.friends) if gate.ties else NO_TIES
    for start in range(0, rows, _CHUNK):
        end = min(start + _CHUNK, rows)
        if gate.monotonic() > consents.fresh_until:
            out.reason[start:end] = _STALE
            continue
        given = givers(end - start)
        with consents.lock:
            look_up(compiled.arrays, batch, start, end, consents.table.new, consents.table.old, given)
        decide_rows(compiled.arrays, budgets, batch, start, end, given, stopped, ties, out)
    return out


def decide_rows(  # noqa: PLR0917 - the parts of one call
    arrays: Arrays,
    budgets: Budgets,
    batch: Batch,
    start: int,
    end: int,
    given: Givers,
    stopped: NDArray[np.bool_],
    ties: tuple[Ints, Ints],
    out: Decisions,
) -> None:
    """Decide the rows from `start` to `end` of which it is known what the consents say."""
    with budgets.lock:
        budgets.people.reserve(end - start)
        seen = rule(
            arrays, batch, start, end, given, stopped, ties,
            budgets.clock, budgets.counts, budgets.limits, budgets.registered, budgets.ramp_days, budgets.people.new,
            budgets.block.ctypes.data, budgets.people.block.ctypes.data,
            out.allowed, out.reason, out.budget, out.refused, out.scopes,
        )  # fmt: skip
        budgets.settle(*seen)


def _fits(compiled: CompiledPolicy, batch: Batch) -> None:
    """Refuse ids that point outside of what compiled code reads, which does not look."""
    ends = {
        "person": MOST_PEOPLE,
        "through": MOST_PEOPLE,
        "purpose": len(compiled.purposes),
        "region": len(compiled.region_refuses),
    }
    for name, end in ends.items():
        column: Ints = getattr(batch, name)
        if len(column) and (column.max() >= end or column.min() < _LOWEST[name]):
            raise InputError(f"The batch's column `{name}` has ids that do not exist.", hint="Use dense ids, or -1.")


@kernel
def mask_batch(  # noqa: PLR0917 - numba takes no keyword-only arguments
    arrays: Arrays, app: Ints, scopes: Masks, used: Ints, fields: Masks, purpose: Ints, day: int
) -> Masks:
    """Return the fields that go out, for consents that lie beside the requests: masks alone.

    Rows are live consents of people for their own data (`scopes` ticked, `used`
    the day of last use); there are no reasons, regions or budgets. For what-if
    counts over whole tables.
    """
    apps, purposes = arrays.apps.shape[0], arrays.purpose_needs.shape[0]
    needed = np.zeros((apps, purposes + 1), dtype=np.uint64)  # the last column is that of an unknown purpose
    usable = np.zeros(apps, dtype=np.uint64)
    stopped = np.zeros(0, dtype=np.bool_)
    for a in range(apps):
        row = arrays.apps[a]
        usable[a] = _U(row[REVIEWED]) & _U(row[CONTRACTED]) & _U(row[OPEN])
        for p in range(-1, purposes):
            if standing(arrays, stopped, a, p, day) == 0:
                needed[a, p] = arrays.purpose_needs[p] if arrays.purpose_rule else ~_U(0)
    allowed = np.zeros(app.shape[0], dtype=np.uint64)
    for n in range(app.shape[0]):
        if 0 <= app[n] < apps and -1 <= purpose[n] < purposes:
            open_ = opened(arrays.opens, (scopes[n] | arrays.basic) & usable[app[n]])
            used_lately = _U(0) - _U(day - used[n] <= arrays.unused_days)
            allowed[n] = fields[n] & needed[app[n], purpose[n]] & open_ & used_lately
    return allowed
