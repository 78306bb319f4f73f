"""The single decision as one call of compiled code.

Handing twenty arrays to compiled code costs more than a decision. So they are
handed over once, as addresses: a `Machine` holds the arrays of one policy and
a block of their addresses; tables that grow hold blocks of their own, which
they rewrite at one stroke before they let an old array go. Compiled code runs
while Python's lock is held, so nothing moves under it, and a decision and its
charge against the budgets are one step for all other threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba as nb
import numpy as np

from ombud.gate.addresses import find_at, whole, words
from ombud.gate.batch import NO_TIES, against_app, against_consent, ones
from ombud.gate.budgets import HOUR, charge
from ombud.gate.policy.compiled import ACTIVE, CLOSED, CONTRACTED, DAY, DECLARED, OPEN, REVIEWED
from ombud.gate.reasons import FIELD, NUMBER
from ombud.gate.slots import KEYS
from ombud.gate.ties import tied
from ombud.model.compiling import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from ombud.gate.budgets import Budgets
    from ombud.gate.consents import ConsentTable
    from ombud.gate.policy.compiled import CompiledPolicy
    from ombud.gate.ties import Ties

__all__ = ["BUDGET_SHIFT", "GIVEN", "GROW", "MIXED", "ROLL", "Machine", "decide_one", "decide_simply"]

_U = np.uint64
_STRANGER, _ABSENT_FRIEND, _UNKNOWN_APP = NUMBER["not-a-friend"], NUMBER["friend-not-in-app"], NUMBER["unknown-app"]
_NO_CONSENT = NUMBER["no-consent"]
_FIRST = NUMBER[FIELD[0]]
MIXED = 255
"""Stands for reasons that differ by field."""
_BLOCK, _ROW = 24, 64
"""Words of a machine's block; bytes of an app's row."""
BUDGET_SHIFT, GROW, ROLL = 8, 1 << 16, 1 << 17
"""In the first number of an answer: where a budget's reason begins; the table of people must grow; a new hour began."""
GIVEN = 1 << 62
"""In the answer of `decide_simply`: all fields go out, by the scopes in the bits below."""


@kernel
def _opened(table: Any, count: int, scopes: Any) -> Any:  # noqa: ANN401 - an address, and numba's unsigned integers
    """Return the fields that a mask of scopes opens, by `count` tables of 256 words."""
    mask = _U(0)
    for byte in range(count):
        mask |= table[byte * 256 + np.int64(scopes & _U(255))]
        scopes >>= _U(8)
    return mask


@kernel
def _shared(  # noqa: PLR0917 - numba takes no keyword-only arguments
    block: int, app: int, left: np.uint64, scopes: np.uint64, need: np.uint64, closed: np.uint64, side: int
) -> int:
    """Return the number of the one reason for which a rule refuses all fields; `MIXED` if there are several."""
    b = whole(block)
    table, row = words(b[6 + side]), words(b[0] + app * _ROW)
    reviewed = scopes & row[REVIEWED]
    steps = (
        ~words(b[9])[side],
        closed,
        ~need,
        ~_opened(table, b[8], scopes),
        ~_opened(table, b[8], reviewed),
        ~_opened(table, b[8], reviewed & row[CONTRACTED]),
    )
    number = _FIRST + side
    for step in range(6):
        if left & steps[step]:
            return number if left & ~steps[step] == 0 else MIXED
        number = _FIRST + 2 + step
    return number if left else 0


@kernel
def _consent(block: int, app: int, person: int, day: int) -> tuple[int, Any]:
    """Return the number of the reason against a person's consent, and the scopes it allows if there is none."""
    if person < 0:
        return _NO_CONSENT, _U(0)
    b = whole(block)
    t, key = whole(b[15]), (_U(app) << _U(40)) + _U(person) + _U(1)
    table = words(t[0])
    at = find_at(table, t[1], key)
    if at < 0:
        table = words(t[2])
        at = find_at(table, t[3], key)
    if at < 0:
        return _NO_CONSENT, _U(0)
    why = against_consent(table[at + 3], day - np.int64(table[at + 2]), b[11], day)
    return why, table[at + 1] | _U(b[10])


@kernel
def decide_one(  # noqa: PLR0917, PLR0911, PLR0912, C901 - numba takes no keyword-only arguments; the rules stand in their order
    block: int,
    app: int,
    person: int,
    through: int,
    fields: int,
    purpose: int,
    days: int,
    seconds: int,
    region: int,
    simple: int,
) -> tuple[Any, Any, Any, Any]:
    """Decide one request by dense ids, at so many days and seconds after 1970.

    Returns the number of the reason against all fields (0 when all go out,
    `MIXED` when fields differ), with the budget's and what is to be done above
    it; what the rules let out; the scopes that the consent allows; those of
    them that the app may use. With `simple`, an answer that takes more than a
    reason or the scopes to say is `MIXED`, and nothing is counted for it.
    """
    b = whole(block)
    second = days * DAY + seconds
    day = second // DAY
    if app < 0 or app >= b[1]:
        return _UNKNOWN_APP, 0, 0, 0
    row = whole(b[0] + app * _ROW)
    halted = whole(b[23])[app]
    why = against_app(row[CLOSED], halted, day - row[ACTIVE], b[12], b[13], purpose, row[DECLARED])
    if why != 0:
        return why, 0, 0, 0
    own = through in (-1, person)
    if not own and person < 0:
        return _STRANGER, 0, 0, 0
    if not own and b[20] > 0:
        starts, friends = nb.carray(whole(b[19]), (b[20],)), nb.carray(whole(b[21]), (b[22],))
        if not tied(starts, friends, through, person):
            return _STRANGER, 0, 0, 0
    why, scopes = _consent(block, app, person if own else through, day)
    if why == 0 and not own and b[14]:
        why = _ABSENT_FRIEND if _consent(block, app, person, day)[0] != 0 else 0
    if why != 0:
        return why, 0, 0, 0
    usable = scopes & _U(row[REVIEWED]) & _U(row[CONTRACTED]) & _U(row[OPEN])
    need = words(b[2])[purpose] if b[13] else ~_U(0)
    closed = words(b[4])[region]
    out = _opened(words(b[6] if own else b[7]), b[8], usable) & _U(fields) & need & ~closed
    if out == 0:
        why = _shared(block, app, _U(fields), scopes, need, closed, 0 if own else 1)
        return why, 0, np.int64(scopes), np.int64(usable)
    why = 0 if out == _U(fields) else MIXED
    if simple and (why != 0 or usable >= _U(GIVEN)):
        return MIXED, 0, 0, 0
    if second // HOUR > whole(whole(b[16])[3])[0]:
        return ROLL, 0, 0, 0
    over, fresh = charge(app, (app << 40) + person + 1, ones(out), b[16], b[17], simple)
    if over < 0:
        return MIXED, 0, 0, 0
    if over > 0 and why == 0:
        return over, 0, np.int64(scopes), np.int64(usable)
    if over > 0:
        return why | over << BUDGET_SHIFT, np.int64(out), np.int64(scopes), np.int64(usable)
    if fresh:
        p = whole(b[17])
        p[KEYS] += 1
        why |= GROW if p[3] > 0 or p[KEYS] * 10 > p[1] * 6 else 0
    return why, np.int64(out), np.int64(scopes), np.int64(usable)


@kernel
def decide_simply(  # noqa: PLR0917 - likewise
    block: int, app: int, person: int, fields: int, purpose: int, days: int, seconds: int, region: int
) -> int:
    """Decide a request about a person's own data when one number can say the answer.

    Returns the number of the reason against all fields; `GIVEN` and the usable
    scopes when all go out; -1 when `decide_one` must be asked. Then nothing was counted.
    """
    code, out, _, usable = decide_one(block, app, person, -1, fields, purpose, days, seconds, region, 1)
    if code == 0:
        return usable | GIVEN if out else -1
    return code if code < MIXED else -1


def _entry(function: Any, arguments: int) -> Callable[..., Any]:  # noqa: ANN401 - numba's dispatchers have no type
    """Return compiled code for whole numbers without numba's look at the types of each call, which costs more than it.

    Arguments must be whole numbers that fit 64 bits with a sign: others raise.
    """
    signature = (nb.types.int64,) * arguments
    function.compile(signature)
    entry: Callable[..., Any] = function.overloads[signature].entry_point
    return entry


class Machine:
    """One policy over one table of consents, as `decide_one` reads them; keeps alive what it points at."""

    def __init__(self, compiled: CompiledPolicy, consents: ConsentTable, budgets: Budgets, ties: Ties | None) -> None:
        """Note where everything is."""
        arrays = compiled.arrays
        starts, friends = (ties.starts, ties.friends) if ties else NO_TIES
        opens = arrays.opens, arrays.opens_of_friends
        blocks = consents.table.block, budgets.block, budgets.people.block
        self.kept = (compiled, consents, budgets, ties, arrays, starts, friends, opens, blocks)
        self._halted: NDArray[np.int64] = np.zeros(len(arrays.apps) + 1, dtype=np.int64)
        self._block: NDArray[np.int64] = np.zeros(_BLOCK, dtype=np.int64)
        self._block[:] = (
            arrays.apps.ctypes.data, len(arrays.apps),
            arrays.purpose_needs.ctypes.data, len(arrays.purpose_needs),
            arrays.region_refuses.ctypes.data, len(arrays.region_refuses),
            arrays.opens.ctypes.data, arrays.opens_of_friends.ctypes.data, len(arrays.opens),
            arrays.open_at_all.ctypes.data, int(arrays.basic.astype(np.int64)),
            arrays.unused_days, arrays.idle_app_days, arrays.purpose_rule, int(arrays.friend_must_use_app),
            consents.table.block.ctypes.data, budgets.block.ctypes.data, budgets.people.block.ctypes.data, 0,
            starts.ctypes.data, len(starts), friends.ctypes.data, len(friends), self._halted.ctypes.data,
        )  # fmt: skip
        self.address = int(self._block.ctypes.data)
        self.decide: Callable[..., tuple[int, int, int, int]] = _entry(decide_one, 10)
        self.decide_simply: Callable[..., int] = _entry(decide_simply, 8)

    def halt(self, rows: Iterable[int]) -> None:
        """Give nothing to these apps, and to all others by the rules again, from the next decision on."""
        halted = np.zeros_like(self._halted)
        halted[[row for row in rows if row < len(halted) - 1]] = 1
        self._block[23] = halted.ctypes.data
        self._halted = halted
