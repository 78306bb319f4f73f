"""Memory by its address, for compiled code.

An array that compiled code hands from one function to the next is counted each
time it changes hands, which costs more than a decision. An address is a
number. Nothing here looks whether an address or an index is right, and whoever
gives an address keeps alive what lies there.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from ombud.gate.slots import FACTOR
from ombud.model.compiling import kernel

__all__ = ["find_at", "insert_at", "whole", "words"]

_U = np.uint64


@nb.extending.intrinsic
def words(typing: Any, address: Any) -> Any:  # noqa: ANN401 - numba's own types
    """Take an address for one of unsigned 64-bit words."""
    del typing
    signature = nb.types.CPointer(nb.types.uint64)(address)

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:  # noqa: ANN401 - likewise
        return builder.inttoptr(arguments[0], context.get_value_type(sig.return_type))

    return signature, generate


@nb.extending.intrinsic
def whole(typing: Any, address: Any) -> Any:  # noqa: ANN401 - likewise
    """Take an address for one of signed 64-bit words."""
    del typing
    signature = nb.types.CPointer(nb.types.int64)(address)

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:  # noqa: ANN401 - likewise
        return builder.inttoptr(arguments[0], context.get_value_type(sig.return_type))

    return signature, generate


@kernel
def find_at(table: Any, places: int, key: Any) -> int:  # noqa: ANN401 - an address, and numba's unsigned integers
    """Return where the words of a key's row begin in a table of `ombud.gate.slots`, or -1."""
    if places == 0:
        return -1
    at = _begin(places, key)
    while table[at] != key:
        if table[at] == 0:
            return -1
        at = (at + 4) & (places * 4 - 1)
    return int(at)


@kernel
def insert_at(table: Any, places: int, key: Any) -> int:  # noqa: ANN401 - likewise
    """Return where the words of a key's row begin, made if need be."""
    at = _begin(places, key)
    while table[at] != key:
        if table[at] == 0:
            table[at] = key
            break
        at = (at + 4) & (places * 4 - 1)
    return int(at)


@kernel
def _begin(places: int, key: Any) -> int:  # noqa: ANN401 - likewise
    """Return where the search for a key begins, in words."""
    folded = (key ^ (key >> _U(32))) * _U(FACTOR)
    return int(np.int64((folded >> _U(32)) & _U(places - 1)) * 4)
