"""What consents said at a past moment, from the lake's grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ombud.gate.batch import Givers, givers
from ombud.gate.reasons import NUMBER
from ombud.model.compiling import kernel

if TYPE_CHECKING:
    from ombud.gate.batch import Batch
    from ombud.gate.policy.compiled import CompiledPolicy

__all__ = ["GrantHistory"]

Ints = NDArray[np.int64]
Masks = NDArray[np.uint64]

_DAY = 86_400_000_000
_NONE, _REVOKED, _UNUSED = NUMBER["no-consent"], NUMBER["consent-revoked"], NUMBER["consent-unused"]
_EVER = np.iinfo(np.int64).max
_U = np.uint64


@kernel
def _state(  # noqa: PLR0917 - numba takes no keyword-only arguments
    keys: Ints, since: Ints, until: Ints, used: Ints, bits: Masks, key: int, moment: int, unused_days: int
) -> tuple[int, Any]:
    """Return the number of the reason against a consent at a moment, and the scopes it allowed."""
    row = np.searchsorted(keys, key)
    known, live, last, scopes = False, False, np.int64(0), _U(0)
    while row < keys.shape[0] and keys[row] == key and since[row] <= moment:
        known = True
        if until[row] > moment:
            live = True
            scopes |= bits[row]
            last = max(last, min(np.int64(moment), used[row]))
        row += 1
    if not live:
        return (_REVOKED if known else _NONE), _U(0)
    return (_UNUSED if moment // _DAY - last // _DAY > unused_days else 0), scopes


@kernel
def _states(  # noqa: PLR0917 - numba takes no keyword-only arguments
    keys: Ints, since: Ints, until: Ints, used: Ints, bits: Masks,
    app: Ints, person: Ints, through: Ints, moment: Ints, basic: int, unused_days: int, out: Givers,
) -> None:  # fmt: skip
    for n in range(app.shape[0]):
        own = through[n] in (-1, person[n])
        key = (app[n] << 40) + (person[n] if own else through[n])
        why, scopes = _state(keys, since, until, used, bits, key, moment[n], unused_days)
        out.why[n], out.scopes[n] = why, scopes | _U(basic)
        if not own:
            key = (app[n] << 40) + person[n]
            out.friend_why[n] = _state(keys, since, until, used, bits, key, moment[n], unused_days)[0]


class GrantHistory:
    """All grants of a lake, 40 bytes each.

    A grant is in use from its beginning to its last use; where the lake does
    not say when that was, it is its beginning. A grant that ended, however it
    ended, counts as withdrawn.
    """

    def __init__(self, grants: pa.Table, scope_bits: dict[str, int]) -> None:
        """Take the rows of `grants_in_order`, and the mask of each scope that counts."""
        app, person = (grants[name].to_numpy().astype(np.int64) for name in ("app", "person"))
        self._keys: Ints = (app << 40) + person
        self._since: Ints = grants["since"].to_numpy().astype(np.int64)
        until: Any = grants["until"]
        used: Any = grants["used"]
        self._until: Ints = until.fill_null(_EVER).to_numpy().astype(np.int64)
        last: Ints = used.fill_null(0).to_numpy().astype(np.int64)
        self._used: Ints = np.where(used.is_null().to_numpy(), self._since, last)
        scopes: Any = pa.concat_arrays(grants["scope"].chunks or [pa.array([], pa.string())]).dictionary_encode()
        masks = np.array([scope_bits.get(name, 0) for name in scopes.dictionary.to_pylist()], dtype=np.uint64)
        codes = scopes.indices.to_numpy(zero_copy_only=False)
        self._bits: Masks = masks[codes] if len(codes) else np.zeros(0, dtype=np.uint64)

    def at(self, batch: Batch, moment: Ints, compiled: CompiledPolicy) -> Givers:
        """Return what the consents said to each row at its moment (microseconds since 1970)."""
        out = givers(len(moment))
        _states(
            self._keys, self._since, self._until, self._used, self._bits,
            batch.app, batch.person, batch.through, moment, compiled.arrays.basic, compiled.arrays.unused_days, out,
        )  # fmt: skip
        return out
