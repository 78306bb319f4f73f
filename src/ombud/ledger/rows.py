"""A read as the bytes that are committed to: canonical JSON of what was asked, by whom, about whom, and answered.

The ids are those that came in, not the lake's numbers, so that a stranger can check a row without a dictionary.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

__all__ = ["ReadRow", "row_bytes", "row_time"]


class ReadRow(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One read; its fields stand in the order of the alphabet, as canonical JSON has them.

    `acts_for` and `key` stand in it only when they are known; all others always do.
    """

    acts_for: str | None = None
    """who acted for whom, when the token said so"""
    app: str
    at: str
    """UTC with six digits of the second and a `Z`: see `row_time`"""
    decision: str
    """allowed, reduced or refused"""
    fields: list[str] | tuple[str, ...]
    """in the order they were asked for"""
    key: str | None = None
    """thumbprint of the key that the app's token was bound to"""
    person: str
    policy: str | None
    purpose: str | None
    read: str
    reason: str | None
    through: str | None
    """whose grant was used, when it was a friend's"""


_UTC = "+00:00"
_encode = msgspec.json.Encoder().encode


def row_bytes(row: ReadRow) -> bytes:
    """Return the row in the canonical JSON of RFC 8785, in UTF-8; there are no numbers in it."""
    return _encode(row)


def row_time(moment: datetime) -> str:
    """Return a moment (with a time zone) as a row has it, such as `2018-04-04T12:00:00.000000Z`."""
    said = moment.isoformat(timespec="microseconds")
    if said.endswith(_UTC):
        return f"{said[: -len(_UTC)]}Z"
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
