"""Reading the canonical JSON of RFC 8785: one spelling of each value, and no other is taken."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import rfc8785

from ombud.ledger.faults import FormatError

__all__ = ["read_canonical"]

_EXACT = 2**53
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode


def read_canonical(data: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value that these bytes are the canonical spelling of. Raises `FormatError`.

    Most values are plain: for those a fast encoder writes what RFC 8785 demands. For all others, and whenever the
    two spellings differ, the standard's own rules decide.
    """
    try:
        value = _decode(data)
        if _is_plain(value) and _encode(value) == data:
            return value
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # what is wrong is said below
    try:
        value = json.loads(data, parse_int=_number)
        canonical = rfc8785.dumps(value)
    except (ValueError, OverflowError, RecursionError) as error:
        raise FormatError("The entry is no JSON.") from error
    if canonical != data:
        raise FormatError("The entry is not written as canonical JSON.")
    return value


def _number(digits: str) -> int | float:
    """Return a whole number, as the nearest double where JSON's numbers are not exact any more."""
    number = int(digits)
    return number if -_EXACT < number < _EXACT else float(number)


def _is_plain(value: object) -> bool:
    """Say whether a value has no fractions, no numbers past 2**53, and only ASCII in its names."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is dict:
        return all(name.isascii() and _is_plain(inner) for name, inner in value.items())  # type: ignore[attr-defined]
    if kind is list:
        return all(map(_is_plain, value))  # type: ignore[call-overload]
    return kind is int and -_EXACT < value < _EXACT  # type: ignore[operator]
