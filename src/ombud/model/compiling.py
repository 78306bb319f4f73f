"""Functions that numba compiles and keeps on disk for as long as nothing that went into them changes.

numba compiles a function again when the function's own file changes. But what
it takes from other files is compiled into it too: other compiled functions,
and numbers such as the columns of an array. So a kept function is known here
by all of that as well, and a stale one is never found.
"""

from __future__ import annotations

import hashlib
import re
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import numba as nb
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["fingerprint", "inlined", "kernel"]

_PLAIN = (int, float, str, bytes, tuple, frozenset, type(None), np.generic)


def kernel(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - numba's dispatchers have no type
    """Compile a function when it is first called, or take it as it was kept."""
    return _kept(nb.njit(cache=True)(function), function)


def inlined(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - likewise
    """Do the same, and write the function out wherever a compiled one calls it."""
    return _kept(nb.njit(cache=True, inline="always")(function), function)


def fingerprint(function: Callable[..., Any]) -> str:
    """Return a hash of a function's code, and of all code and numbers that it takes from elsewhere, however far."""
    digest = hashlib.sha256()
    for part in _parts(function, set()):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def _kept(made: Any, function: Callable[..., Any]) -> Any:  # noqa: ANN401 - likewise
    kept = made._cache  # noqa: SLF001 - numba has no public way
    key = kept._index_key  # noqa: SLF001 - likewise
    kept._index_key = lambda *given: (*key(*given), fingerprint(function))  # noqa: SLF001 - likewise
    return made


def _parts(value: object, seen: set[FunctionType]) -> Iterator[str]:
    """Yield what is to be known of a value that compiled code may hold."""
    value = getattr(value, "py_func", getattr(value, "_defn", value))
    if isinstance(value, FunctionType):
        if value in seen:
            return
        seen.add(value)
        names = set(re.findall(r"\w+", " ".join(map(str, value.__annotations__.values()))))
        yield from _code(value.__code__, names)
        for name in sorted(names & value.__globals__.keys()):
            yield name
            yield from _parts(value.__globals__[name], seen)
        for cell in value.__closure__ or ():
            yield from _parts(cell.cell_contents, seen)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, _PLAIN):
        yield repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)
    else:
        yield repr(getattr(value, "_fields", type(value).__name__))


def _code(code: CodeType, names: set[str]) -> Iterator[str]:
    """Yield a function's instructions and constants; add the names that it uses to `names`."""
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames))
    names.update(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant, names)
        else:
            yield from _parts(constant, set())
