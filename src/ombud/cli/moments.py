"""Moments that people write on a command line."""

from __future__ import annotations

from datetime import UTC, datetime

from ombud.model.errors import UsageError

__all__ = ["moment_of"]


def moment_of(text: str | None) -> datetime | None:
    """Return the moment of an option, in UTC where it names no zone; None when it was not given. `UsageError`."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"`{text}` is no date.", hint="Say it as 2018-04-04 or 2018-04-04T12:00:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
