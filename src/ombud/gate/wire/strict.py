"""Read JSON as I-JSON (RFC 7493) asks: UTF-8, every name once, numbers that everybody reads alike, bounded depth."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ombud.gate.wire.faults import WireError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DEPTH", "ID_CHARACTERS", "check_id", "decode", "explain", "is_clear", "is_plain", "read_object"]

T = TypeVar("T")

DEPTH = 32
"""Objects and arrays within each other, at most."""
ID_CHARACTERS = 256
"""Characters of an id, a type, an action's name, a field or a purpose, at most."""

_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control, format (bidi marks, zero widths), surrogate, private, unassigned and line-breaking characters."""
_SAFE_INTEGER = 2**53 - 1


class _TwiceError(ValueError):
    """A name stands twice in one object."""


def read_object(body: bytes) -> None:
    """Check that `body` is one JSON object as I-JSON asks; raises `WireError` (400) and repeats nothing of it."""
    if is_clear(body):
        return
    if not body:
        raise WireError("The body is empty.")
    _check_depth(body)
    try:
        text = body.decode()
        value = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise WireError("The body is not UTF-8.") from None
    except _TwiceError:
        raise WireError("A name stands twice in one JSON object.") from None
    except (ValueError, RecursionError):
        raise WireError("The body is not JSON.") from None
    if not isinstance(value, dict):
        raise WireError("The body is not a JSON object.")
    if "\\u" in text and _has_surrogate(value):
        raise WireError("The body has half of a surrogate pair.")


def is_clear(body: bytes) -> bool:
    """Say of most good bodies, at once, that `read_object` would take them; of others nothing.

    Each name of an object has a colon after it. So when a body has no more
    colons than an object that was read from it has names, none stood twice.
    """
    if body.count(b"{") + body.count(b"[") > DEPTH or b"\\u" in body:
        return False
    try:
        value = _FAST(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return type(value) is dict and _names(value) == body.count(b":")


def decode(body: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    """Return `body` as the decoder's type; raises `WireError` (400) with the place, never the value."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise WireError(f"{explain(error)}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("The body is not JSON.") from None


def check_id(value: str, what: str) -> str:
    """Return `value` when it can be an id: not empty, not long, nothing invisible, composed (NFC).

    Two ids that look alike stay two ids: nothing is folded, so a lookalike is
    a stranger. Raises `WireError` (400) that names `what`, never the value.
    """
    if not is_plain(value):
        raise WireError(
            f"{what} must have 1 to {ID_CHARACTERS} visible characters in composed form (NFC), without control,"
            " format or direction marks."
        )
    return value


def is_plain(value: str) -> bool:
    """Say whether `value` can be an id."""
    if not 0 < len(value) <= ID_CHARACTERS:
        return False
    if value.isascii():
        return value.isprintable()
    if any(unicodedata.category(sign) in _REFUSED for sign in value):
        return False
    return unicodedata.is_normalized("NFC", value)


def explain(error: msgspec.ValidationError) -> str:
    """Return msgspec's sentence without a value of the request: it says types and places, but quotes enum values."""
    said = str(error)
    place = said.rpartition(" - at `")[2].rstrip("`") if " - at `" in said else "$"
    if said.startswith("Object missing required field"):
        field = said.split("`")[1]
        return f"`{place}` lacks the required `{field}`"
    if said.startswith("Expected"):
        return f"`{place}` has the wrong type: {said.split(' - at ', maxsplit=1)[0].lower()}"
    return f"`{place}` has a value that is not allowed"


def _check_depth(body: bytes) -> None:
    """Refuse a body that nests too deep, before any parser recurses into it."""
    if body.count(b"{") + body.count(b"[") <= DEPTH:
        return
    depth = 0
    for sign in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if sign in b"{[" else -1
        if depth > DEPTH:
            raise WireError(f"The body nests deeper than {DEPTH} levels.")


_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(rb"[{}\[\]]")


_FAST = msgspec.json.Decoder().decode


def _names(value: object) -> int:
    """Return how many names there are in a value; -1 when a number is in it, which takes a closer look."""
    count, left = 0, [value]
    for one in left:
        kind = type(one)
        if kind is dict:
            count += len(one)  # type: ignore[arg-type]  # a dict
            left.extend(one.values())  # type: ignore[attr-defined]  # likewise
        elif kind is list:
            left.extend(one)  # type: ignore[arg-type]  # a list
        elif kind is not str and kind is not bool and one is not None:
            return -1
    return count


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError
    return found


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _integer(digits: str) -> int:
    if len(digits) > len("-9007199254740991"):
        raise ValueError("too long")
    value = int(digits)
    if abs(value) > _SAFE_INTEGER:
        raise ValueError("too large")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if value in {float("inf"), float("-inf")}:
        raise ValueError("too large")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_integer, parse_float=_float, strict=True
)


def _has_surrogate(value: object) -> bool:
    if isinstance(value, str):
        return not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value)
    parts: Iterable[object] = ()
    if isinstance(value, dict):
        parts = (*value.keys(), *value.values())
    elif isinstance(value, list):
        parts = value
    return any(_has_surrogate(part) for part in parts)
