"""Numbers, moments and codes as people read them; British English, no-break spaces inside a value."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal

from markupsafe import Markup, escape

__all__ = [
    "breakable",
    "capitalize_first",
    "chance",
    "code",
    "count",
    "day",
    "duration",
    "figure_value",
    "flag",
    "interval",
    "lower_first",
    "minute",
    "moment",
    "money",
    "month",
    "number",
    "plural",
    "share",
    "short_id",
    "trace",
    "within",
]

NB = "\u00a0"
_LARGE = (
    (100, "100"),
    (1_000, "1,000"),
    (10_000, "10,000"),
    (100_000, "100,000"),
    (10**6, "a million"),
    (10**9, "a billion"),
    (10**12, "a trillion"),
)
_TRACES = {
    "link": "the same link",
    "text": "the same text, or nearly",
    "near_text": "nearly the same text",
    "near-text": "nearly the same text",
    "image": "the same image",
    "media": "the same image",
    "original": "the same post passed on",
    "repost": "the same post passed on",
    "retweet": "the same post passed on",
    "share": "the same post passed on",
    "parent": "answers to the same post",
    "tag": "the same hashtag",
    "tags": "the same hashtags in the same order",
}
_FLAGS = {
    "out of range": "lies outside what is plausible and was left out",
    "missing": "is missing in the source",
    "unreadable": "could not be read and was left out",
    "not stated": "is not stated in the source",
    "before it began": "comes before the ad began and was left out",
    "not an address": "is not an address of a page and was taken as it is written",
}


def count(value: int) -> str:
    """Write a whole number with thousands separated: 40,285,461."""
    return f"{value:,}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """Write a whole number with its noun: 1 account, 38 accounts."""
    return f"{value:,}{NB}{one if value == 1 else many or one + 's'}"


def number(value: float) -> str:
    """Write a measured number with about three significant figures: 0.4, 3.1, 1,234, 0.00021."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "not finite"
    if abs(value) >= 100:  # noqa: PLR2004 - where decimals stop helping the reader
        return f"{value:,.0f}"
    if abs(value) < 0.0001:  # noqa: PLR2004 - where a row of noughts stops helping
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa}{NB}×{NB}10{superscript(int(exponent))}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def superscript(value: int) -> str:
    """Write a whole number in raised figures."""
    return str(value).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def chance(value: float | None) -> str:
    """Write a small share as a natural frequency, rounded up: `4 in a billion`."""
    if value is None:
        return "not known"
    if value >= 1:
        return "all"
    if value < 1e-12:  # noqa: PLR2004 - the last number people have a word for
        return "fewer than 1 in a trillion"
    for size, name in _LARGE:
        if value * size >= 0.95:  # noqa: PLR2004 - so that 0.0099 reads 1 in 100
            return f"{math.ceil(value * size - 0.05)} in {name}"
    return "1 in a trillion"


def duration(seconds: float) -> str:
    """Write a span of time in its natural unit: 41 s, 5 min, 3 h, 2 days."""
    for size, unit in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            amount = number(round(seconds / size, 1))
            return f"{amount}{NB}{unit}{'s' if unit == 'day' and amount != '1' else ''}"
    return f"{number(round(seconds, 1))}{NB}s"


def within(seconds: float) -> str:
    """Write a scale as a phrase: within 5 min."""
    return f"within {duration(seconds)}"


def day(value: datetime | None) -> str:
    """Write a day: 3 November 2016."""
    return "no date" if value is None else f"{value.day}{NB}{value:%B}{NB}{value.year}"


def minute(value: datetime) -> str:
    """Write a moment to the minute: 3 November 2016, 14:05 UTC."""
    return f"{day(value)}, {value:%H:%M}{NB}UTC"


def moment(value: datetime) -> str:
    """Write a moment to the second: 3 November 2016, 14:05:09 UTC."""
    return f"{day(value)}, {value:%H:%M:%S}{NB}UTC"


def month(value: datetime | None) -> str:
    """Write a month: Nov 2016."""
    return "no date" if value is None else f"{value:%b}{NB}{value.year}"


def share(value: float) -> str:
    """Write a probability or share in percent; never as certain when it is not."""
    if 0.9995 <= value < 1:  # noqa: PLR2004 - would be written as 100
        return f"over 99.9{NB}%"
    return f"{number(round(value * 100, 1))}{NB}%"


def interval(first: datetime, last: datetime) -> str:
    """Write a period by its days: from 1 June to 3 November 2016."""
    if first.date() == last.date():
        return f"on {day(first)}"
    if last - first < timedelta(days=300) and first.year == last.year:
        return f"from {first.day}{NB}{first:%B} to {day(last)}"
    return f"from {day(first)} to {day(last)}"


def breakable(value: str) -> Markup:
    """Write an address or an id so that it may break after a slash."""
    return Markup("/<wbr>").join(escape(part) for part in value.split("/"))


def capitalize_first(value: str) -> str:
    """Write the first letter large and leave the others."""
    return value[:1].upper() + value[1:]


def code(text: str) -> Markup:
    """Write text, escaped, with what stands between `backticks` as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    pieces = [escape(part) if i % 2 == 0 else Markup("<code>{}</code>").format(part) for i, part in enumerate(parts)]
    return Markup("").join(pieces)


def lower_first(value: str) -> str:
    """Write a sentence so that it can follow a comma."""
    return value[:1].lower() + value[1:] if value[1:2].islower() else value


def money(amount: Decimal | float | None, currency: str | None) -> str:
    """Write an amount to the cent with its currency: 5,822,554.92 RUB; says so when either is not stated."""
    if amount is None:
        return "not stated"
    return f"{Decimal(str(amount)):,.2f}{NB}{currency or '(currency not stated)'}"


def trace(code: str) -> str:
    """Say what two accounts had in common: the same link."""
    return _TRACES.get(code, code.replace("_", " "))


def flag(code: str) -> str:
    """Say a quality flag such as `happened_at:out of range` as a sentence."""
    column, _, reason = code.partition(":")
    subject = {
        "happened_at": "The date",
        "ended_at": "The end date",
        "spend": "The amount paid",
        "currency": "The currency",
        "space": "What stands for the page",
        "text": "The text",
    }.get(column, column.replace("_", " ").capitalize())
    return f"{subject} {_FLAGS.get(reason.strip(), 'has a remark: ' + (reason.strip() or 'flagged at import'))}."


def short_id(value: str, keep: int = 14) -> str:
    """Cut an id for a narrow column; the whole id is beside it in the page's JSON twin."""
    return value if len(value) <= keep else f"{value[: keep - 1]}…"


def figure_value(value: float | str | None, unit: str) -> str:
    """Write a figure's value with its unit."""
    if value is None:
        return "not known"
    if unit == "seconds" and not isinstance(value, str):
        return duration(value)
    if "share of false findings" in unit and not isinstance(value, str):
        return f"at most {chance(value)}"
    if isinstance(value, str):
        text = f"{Decimal(value):,}" if re.fullmatch(r"-?\d+\.\d+", value) else value
    elif isinstance(value, int):
        text = count(value)
    elif unit in {"q", "share", "probability"} and 0 < value < 0.01:  # noqa: PLR2004 - where percent stop helping
        text = chance(value)
    else:
        text = number(value)
    return text if not unit or unit in {"q", "1"} else f"{text}{NB}{unit}"
