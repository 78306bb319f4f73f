"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, BigInteger, DateTime, Integer, Text
from sqlalchemy.types import TypeDecorator

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine

__all__ = ["Json", "Moment", "Number", "Words", "to_json"]

Number = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number of 64 bits; SQLite numbers rows by themselves only under the name INTEGER."""


def to_json(value: object) -> str:
    """Return `value` as JSON text in ASCII; `InputError` for NaN and infinity, which JSON has not."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        raise InputError("A number is not finite, so JSON cannot hold it.", hint="Use null instead.") from None


class Json(TypeDecorator[Any]):
    """Any JSON value; `None` is the database's null. Kept as text, so that 1.0 and 2**64 come back as they were."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return text for SQLite, where a column called JSON would turn 1.0 into 1."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else JSON(none_as_null=True))

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> Any:  # noqa: ANN401 - any JSON value
        """Write JSON on SQLite; PostgreSQL's driver does it by itself, with `to_json`."""
        return value if value is None or dialect.name != "sqlite" else to_json(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any:  # noqa: ANN401 - any JSON value
        """Read JSON on SQLite; PostgreSQL's driver does it by itself."""
        return value if value is None or dialect.name != "sqlite" else json.loads(value)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond; always handed out with its time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn a moment into what the database takes; one without a time zone is a mistake."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise InputError(f"The moment {value.isoformat()} has no time zone.", hint="Give it in UTC.")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text that both databases can hold: no NUL and no half of a surrogate pair."""

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Refuse what PostgreSQL cannot hold, on SQLite too."""
        del dialect
        if value is None:
            return None
        if "\x00" in value:
            raise InputError("A text holds a NUL byte, which the records cannot keep.", hint="Take it out.")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InputError("A text is not valid Unicode.", hint="Read the source as UTF-8.") from None
        return value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:  # noqa: ANN401 - as declared
        """Return the text."""
        del dialect
        return value
