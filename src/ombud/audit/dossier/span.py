"""The time that an audit is about: as asked for, or from an app's first read to its last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ombud.lake.faults import duck_faults
from ombud.model.errors import InputError, NotFoundError
from ombud.records import apps

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.lake import Lake

__all__ = ["Span", "span_of"]

_FIRST_LAST = """
SELECT epoch_us(min(happened_at)), epoch_us(max(happened_at)) FROM reads
WHERE app = (SELECT id FROM app_ids WHERE name = $app)
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """Reads from `since` on and before `until`, both in UTC."""

    since: datetime
    until: datetime

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Return both ends."""
        return self.since, self.until

    @property
    def parameters(self) -> dict[str, str]:
        """Return both ends as queries take them."""
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}


def span_of(lake: Lake, app: str, since: datetime | None = None, until: datetime | None = None) -> Span:
    """Return the time from `since` to `until`; an end that is not given is that of the app's own reads.

    The end lies a microsecond past the last read, so that the same lake always gives the same time. Raises
    `NotFoundError` for an app that the lake does not know, `InputError` for a time that ends before it begins. An
    app without a read has a time without length, at the beginning of 1970 where neither end is given.
    """
    if lake.ids("app", [app]) == [None]:
        with lake.records.read() as tx:
            _refuse_unknown(tx, app)
    with lake.duck(["reads"]) as duck, duck_faults(lake.folder, "`reads`"):
        first, last = duck.execute(_FIRST_LAST, {"app": app}).fetchall()[0]
    begin = _EPOCH if first is None else _EPOCH + timedelta(microseconds=first)
    end = begin if last is None else _EPOCH + timedelta(microseconds=last + 1)
    begin = begin if since is None else since.astimezone(UTC)
    end = max(end, begin) if until is None else until.astimezone(UTC)
    if end < begin:
        raise InputError("The time ends before it begins.", hint="Give --since before --until.")
    return Span(begin, end)


def _refuse_unknown(tx: Connection, app: str) -> None:
    """Raise `NotFoundError` unless the records know the app."""
    try:
        apps.get(tx, app)
    except NotFoundError:
        raise NotFoundError(
            f"Neither lake nor records know an app `{app}`.", hint="`ombud audit apps` lists them."
        ) from None
