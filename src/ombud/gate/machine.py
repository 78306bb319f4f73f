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

from ombud.gate.batch import NO_TIES, consented, ones, opened, standing
from ombud.gate.budgets import HOUR, charge
from ombud.gate.policy.compiled import CONTRACTED, DAY, OPEN, REVIEWED, Arrays
from ombud.gate.reasons import FIELD, NUMBER
from ombud.gate.slots import KEYS
from ombud.gate.ties import tied

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ombud.gate.budgets import Budgets
    from ombud.gate.consents import ConsentTable
    from ombud.gate.policy.compiled import CompiledPolicy
    from ombud.gate.ties import Ties

__all__ = ["BUDGET_SHIFT", "GROW", "MIXED", "ROLL", "Machine", "decide_one"]

_U = np.uint64
_STRANGER, _ABSENT_FRIEND, _STOPPED = NUMBER["not-a-friend"], NUMBER["friend-not-in-app"], NUMBER["stopped"]
_FIRST = NUMBER[FIELD[0]]
MIXED = 255
"""Stands for reasons that differ by field."""
_BLOCK = 24
BUDGET_SHIFT, GROW, ROLL = 8, 1 << 16, 1 << 17
"""In the first number of an answer: where a budget's reason begins; the table of people must grow; a new hour began."""


@nb.extending.intrinsic
def _words(typing: Any, address: Any) -> Any:  # noqa: ANN401 - numba's own types
    """Take an address for one of unsigned 64-bit words."""
    del typing
    signature = nb.types.CPointer(nb.types.uint64)(address)

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:  # noqa: ANN401 - likewise
        return builder.inttoptr(arguments[0], context.get_value_type(sig.return_type))

    return signature, generate


@nb.extending.intrinsic
def _whole(typing: Any, address: Any) -> Any:  # noqa: ANN401 - likewise
    """Take an address for one of signed 64-bit words."""
    del typing
    signature = nb.types.CPointer(nb.types.int64)(address)

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:  # noqa: ANN401 - likewise
        return builder.inttoptr(arguments[0], context.get_value_type(sig.return_type))

    return signature, generate


@nb.njit(cache=True)
def _shared(  # noqa: PLR0917 - numba takes no keyword-only arguments
    arrays: Arrays,
    left: np.uint64,
    scopes: np.uint64,
    row: NDArray[np.int64],
    need: np.uint64,
    closed: np.uint64,
    side: int,
) -> int:
    """Return the number of the one reason for which a rule refuses all fields; `MIXED` if there are several."""
    table = arrays.opens if side == 0 else arrays.opens_of_friends
    reviewed = scopes & _U(row[REVIEWED])
    steps = (
        ~arrays.open_at_all[side],
        closed,
        ~need,
        ~opened(table, scopes),
        ~opened(table, reviewed),
        ~opened(table, reviewed & _U(row[CONTRACTED])),
    )
    number = _FIRST + side
    for step in range(6):
        if left & steps[step]:
            return number if left & ~steps[step] == 0 else MIXED
        number = _FIRST + 2 + step
    return number if left else 0


@nb.njit(cache=True)
def decide_one(  # noqa: PLR0917, PLR0911, PLR0912, C901 - numba takes no keyword-only arguments; the rules stand in their order
    block: int, app: int, person: int, through: int, fields: int, purpose: int, second: int, region: int, stopped: int
) -> tuple[Any, Any, Any, Any]:
    """Decide one request by dense ids.

    Returns the number of the reason against all fields (0 when all go out,
    `MIXED` when fields differ), with the budget's and what is to be done above
    it; what the rules let out; the scopes that the consent allows; those of
    them that the app may use.
    """
    b = nb.carray(_whole(block), (_BLOCK,))
    arrays = Arrays(
        nb.carray(_words(b[0]), (0,)).view(np.uint8),
        nb.carray(_whole(b[0]), (b[1], 8)),
        nb.carray(_words(b[2]), (b[3],)),
        nb.carray(_words(b[4]), (b[5],)),
        nb.carray(_words(b[6]), (b[8], 256)),
        nb.carray(_words(b[7]), (b[8], 256)),
        nb.carray(_whole(b[0]), (0, 4)),
        nb.carray(_words(b[9]), (2,)),
        _U(b[10]), b[11], b[12], b[13], b[14] == 1,
    )  # fmt: skip
    day = second // DAY
    why = standing(arrays, np.zeros(0, dtype=np.bool_), app, purpose, day)
    if stopped and (why == 0 or why > _STOPPED):
        why = _STOPPED if app >= 0 else why
    if why != 0:
        return why, 0, 0, 0
    t = nb.carray(_whole(b[15]), (KEYS,))
    new, old = nb.carray(_words(t[0]), (t[1], 4)), nb.carray(_words(t[2]), (t[3], 4))
    if through == person:
        through = -1
    own = through == -1
    if not own and person < 0:
        return _STRANGER, 0, 0, 0
    if not own and b[20] > 0:
        starts, friends = nb.carray(_whole(b[19]), (b[20],)), nb.carray(_whole(b[21]), (b[22],))
        if not tied(starts, friends, through, person):
            return _STRANGER, 0, 0, 0
    why, scopes = consented(arrays, new, old, app, person if own else through, day)
    if why == 0 and not own and arrays.friend_must_use_app:
        why = _ABSENT_FRIEND if consented(arrays, new, old, app, person, day)[0] != 0 else 0
    if why != 0:
        return why, 0, 0, 0
    row = arrays.apps[app]
    usable = scopes & _U(row[REVIEWED]) & _U(row[CONTRACTED]) & _U(row[OPEN])
    need = arrays.purpose_needs[purpose] if arrays.purpose_rule else ~_U(0)
    out = opened(arrays.opens if own else arrays.opens_of_friends, usable)
    out &= _U(fields) & need & ~arrays.region_refuses[region]
    why = 0 if out == _U(fields) else MIXED
    if out == 0:
        why = _shared(arrays, _U(fields), scopes, row, need, arrays.region_refuses[region], 0 if own else 1)
    else:
        g = nb.carray(_whole(b[16]), (4,))
        clock = nb.carray(_whole(g[3]), (2,))
        if second // HOUR > clock[0]:
            return ROLL, 0, 0, 0
        p = nb.carray(_whole(b[17]), (KEYS + 1,))
        counts, limits = nb.carray(_whole(g[0]), (g[2], 4)), nb.carray(_whole(g[1]), (4, g[2], 4))
        people, older = nb.carray(_words(p[0]), (p[1], 4)), nb.carray(_words(p[2]), (p[3], 4))
        over, fresh = charge(app, (app << 40) + person + 1, ones(out), clock, counts, limits, people, older)
        if over != 0 and why == 0:
            return over, 0, np.int64(scopes), np.int64(usable)
        if over != 0:
            return why | over << BUDGET_SHIFT, np.int64(out), np.int64(scopes), np.int64(usable)
        p[KEYS] += fresh
        why |= GROW if fresh and (p[3] > 0 or p[KEYS] * 10 > p[1] * 6) else 0
    return why, np.int64(out), np.int64(scopes), np.int64(usable)


def _entry() -> Callable[..., tuple[int, int, int, int]]:
    """Return `decide_one` for whole numbers without numba's look at the types of each call, which costs more than it.

    Arguments must be whole numbers that fit 64 bits with a sign: others raise.
    """
    signature = (nb.types.int64,) * 9
    decide_one.compile(signature)
    entry: Callable[..., tuple[int, int, int, int]] = decide_one.overloads[signature].entry_point
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
        self._block: NDArray[np.int64] = np.zeros(_BLOCK, dtype=np.int64)
        values = (
            arrays.apps.ctypes.data, len(arrays.apps),
            arrays.purpose_needs.ctypes.data, len(arrays.purpose_needs),
            arrays.region_refuses.ctypes.data, len(arrays.region_refuses),
            arrays.opens.ctypes.data, arrays.opens_of_friends.ctypes.data, len(arrays.opens),
            arrays.open_at_all.ctypes.data, int(arrays.basic.astype(np.int64)),
            arrays.unused_days, arrays.idle_app_days, arrays.purpose_rule, int(arrays.friend_must_use_app),
            consents.table.block.ctypes.data, budgets.block.ctypes.data, budgets.people.block.ctypes.data, 0,
            starts.ctypes.data, len(starts), friends.ctypes.data, len(friends),
        )  # fmt: skip
        self._block[: len(values)] = values
        self.address = int(self._block.ctypes.data)
        self.decide = _entry()
