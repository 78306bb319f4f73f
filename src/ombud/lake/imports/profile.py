"""What the values of one column of a stranger's file look like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ombud.lake.imports.mapping import Moments

__all__ = ["Profile", "profile"]

_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,16}([.][0-9]{1,2}0*)?")
_COUNTED = re.compile(r"[0-9]{1,18}([.][0-9]*)?")
_ISO = re.compile(
    r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}"
    r"([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z| UTC|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
"""What an import reads as a moment, not all that ISO 8601 allows."""
_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?|und")
_CURRENCY = re.compile(r"[A-Z]{3}")
_PATTERNED = 500
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d %b %Y", "%b %d, %Y")
_HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_PATTERNS = ("%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z", *(day + hour for day in _DAYS for hour in _HOURS))
_UNIX: dict[Moments, tuple[float, float]] = {
    "unix-seconds": (788e6, 4.2e9),
    "unix-ms": (788e9, 4.2e12),
    "unix-us": (788e12, 4.2e15),
}
_SEPARATORS = ("|", ";", ",", " ")
_MOSTLY = 0.95
_SOME = 0.02
_SHORT = 60


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares (0 to 1) of the values that are given, over a sample of rows."""

    rows: int
    given: float
    """share of the rows that have a value"""
    distinct: float
    urls: float
    whole: float
    amounts: float
    dates: float
    """ISO dates"""
    unix: Moments | None
    """how moments are counted, when nearly all values look counted"""
    written: tuple[str, ...]
    """patterns that read nearly all values as dates that are not ISO; two where day and month cannot be told apart"""
    languages: float
    currencies: float
    length: float
    """mean length"""
    lists: bool
    """nearly all values are JSON lists"""
    objects: bool
    """some of these lists hold JSON objects"""
    separator: str | None
    """what separates items, when the values look like lists in one text"""


def profile(values: Sequence[str | None]) -> Profile:
    """Look at the values of one column."""
    given = [v.strip() for v in values if v is not None and v.strip()]
    n = len(given) or 1

    def share(fits: Callable[[str], object]) -> float:
        return sum(1 for v in given if fits(v)) / n

    lists = bool(given) and share(lambda v: v.startswith("[") and v.endswith("]")) > _MOSTLY
    return Profile(
        rows=len(values),
        given=len(given) / (len(values) or 1),
        distinct=len(set(given)) / n,
        urls=share(_URL.match),
        whole=share(_WHOLE.fullmatch),
        amounts=share(_AMOUNT.fullmatch),
        dates=share(_date),
        unix=_unix(given),
        written=_written(given),
        languages=share(_LANGUAGE.fullmatch),
        currencies=share(_CURRENCY.fullmatch),
        length=sum(map(len, given)) / n,
        lists=lists,
        objects=any(v.startswith(("[{", "{")) for v in given),
        separator=None if lists else _separator(given),
    )


def _date(value: str) -> bool:
    if not _ISO.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value.replace("/", "-").replace(" UTC", "+00:00"))
    except ValueError:
        return False
    return True


def _written(given: list[str]) -> tuple[str, ...]:
    some = given[:_PATTERNED]
    return tuple(p for p in _PATTERNS if some and sum(_reads(v, p) for v in some) > _MOSTLY * len(some))


def _reads(value: str, pattern: str) -> bool:
    try:
        datetime.strptime(value, pattern)  # noqa: DTZ007 - only whether it fits
    except ValueError:
        return False
    return True


def _unix(given: list[str]) -> Moments | None:
    if not given:
        return None
    numbers = [float(v) for v in given if _COUNTED.fullmatch(v)]
    for unit, (low, high) in _UNIX.items():
        if sum(low <= number <= high for number in numbers) > _MOSTLY * len(given):
            return unit
    return None


def _separator(given: list[str]) -> str | None:
    """Return the separator that splits several values into short items; a space only between addresses or tags."""
    for sign in _SEPARATORS:
        split = [v.split(sign) for v in given if sign in v]
        if len(split) < max(2, _SOME * len(given)):
            continue
        items = [item.strip() for parts in split for item in parts if item.strip()]
        if sign == " ":
            fits = all(item.startswith(("http", "#", "@")) for item in items)
        else:
            fits = max(map(len, items), default=_SHORT + 1) <= _SHORT or all(map(_URL.fullmatch, items))
        if fits:
            return sign
    return None
