"""Moments on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

from ombud.model.errors import UsageError

__all__ = ["moment"]


def moment(text: str | None) -> datetime | None:
    """Return a moment of the command line, in UTC where it names no zone."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"`{text}` is no date.", hint="Write it like 2018-04-04 or 2018-04-04T12:00.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
