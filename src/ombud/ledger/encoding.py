"""Base64 and decimals that can be written in one way only, so that a changed bit never reads the same."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode

from ombud.ledger.faults import FormatError

__all__ = ["MAX_NUMBER", "read_base64", "read_decimal"]

MAX_NUMBER = 2**63 - 1

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def read_base64(text: str, what: str) -> bytes:
    """Return the bytes of RFC 4648 base64 as it is written by the book. Raises `FormatError` about `what`."""
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = None
    if data is None or b64encode(data).decode() != text:
        raise FormatError(f"{what} is no base64: {text[:60]!r}.")
    return data


def read_decimal(text: str, what: str) -> int:
    """Return a number from 0 to 2**63 - 1 without leading zeros. Raises `FormatError` about `what`."""
    if _DECIMAL.fullmatch(text) is None or (number := int(text)) > MAX_NUMBER:
        raise FormatError(f"{what} is no number: {text[:60]!r}.")
    return number
