"""The one source of the present time, so that tests and replays can set it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["frozen", "now", "second"]

_frozen: ContextVar[datetime | None] = ContextVar("frozen", default=None)


def now() -> datetime:
    """Return the present moment in UTC, to the microsecond."""
    return _frozen.get() or datetime.now(UTC)


def second() -> int:
    """Return the present moment in whole seconds since 1970, at a third of the cost of `now`."""
    held = _frozen.get()
    return int(time.time() if held is None else held.timestamp() // 1)


@contextmanager
def frozen(moment: datetime) -> Iterator[datetime]:
    """Hold `now()` at `moment` (with a time zone) inside the block."""
    token = _frozen.set(moment.astimezone(UTC))
    try:
        yield moment
    finally:
        _frozen.reset(token)
