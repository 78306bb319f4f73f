"""Unpack a JSON body within bounds, and write it again."""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.model.errors import RefusedError

if TYPE_CHECKING:
    from starlette.datastructures import Headers

__all__ = ["UnfitBodyError", "is_json", "read_body", "write_body"]

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class UnfitBodyError(RefusedError):
    """The body cannot be looked at, so it does not go out."""


def is_json(headers: Headers) -> bool:
    """Say whether an answer calls itself one JSON document in UTF-8."""
    kind, _, parameters = headers.get("content-type", "").lower().partition(";")
    kind = kind.strip()
    charset = parameters.replace(" ", "").replace('"', "")
    is_one = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    return is_one and charset in {"", "charset=utf-8"}


def read_body(headers: Headers, body: bytes, limit: int) -> Any:  # noqa: ANN401 - JSON
    """Return the value of a JSON body. Raises `UnfitBodyError`: not JSON, packed otherwise, larger than `limit`."""
    for coding in reversed([part.strip().lower() for part in headers.get("content-encoding", "").split(",")]):
        body = _unpacked(body, coding, limit)
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise UnfitBodyError("The body is not JSON.") from None


def write_body(value: object) -> bytes:
    """Return a value as JSON; numbers keep their digits."""
    return _ENCODER.encode(value)


def _unpacked(body: bytes, coding: str, limit: int) -> bytes:
    if coding in {"", "identity"}:
        return body
    windows = {"gzip": 31, "x-gzip": 31, "deflate": 15}
    if coding not in windows:
        raise UnfitBodyError("The body is compressed in a way that is not known here.")
    reader = zlib.decompressobj(windows[coding])
    try:
        found = reader.decompress(body, limit + 1)
    except zlib.error:
        raise UnfitBodyError("The body is not compressed as it says.") from None
    if len(found) > limit:
        raise UnfitBodyError("The body is too large to be looked at.")
    if not reader.eof or reader.unused_data:
        raise UnfitBodyError("The body is not compressed as it says.")
    return found
