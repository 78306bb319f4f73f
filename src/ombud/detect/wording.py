"""Findings in plain English."""

from __future__ import annotations

__all__ = ["counted", "delay", "span", "thing", "title"]

_SPANS = {
    60: "a minute",
    600: "ten minutes",
    3_600: "an hour",
    21_600: "six hours",
    86_400: "a day",
    604_800: "a week",
}
_DID = {
    "link": ("shared", "link"),
    "text": ("posted", "text"),
    "image": ("posted", "image"),
    "repost": ("passed on", "post"),
    "tag": ("used", "hashtag"),
}


def span(seconds: int) -> str:
    """Return a scale in words: `ten minutes`."""
    return _SPANS.get(seconds, f"{seconds:,} seconds")


def delay(seconds: float) -> str:
    """Return a measured time in its natural unit: `38 seconds`, `28 minutes`, `1.5 hours`."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            amount = f"{seconds / size:.1f}".removesuffix(".0")
            return f"{amount} {unit}{'' if amount == '1' else 's'}"
    return counted(round(seconds), "second")


def thing(trace: str, count: int) -> str:
    """Return a count of a trace's objects: `1 link`, `1,204 texts`."""
    return counted(count, _DID[trace][1])


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 link`, `1,204 links`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def title(accounts: int, trace: str, objects: int, scale: int) -> str:
    """Return the finding in one sentence. Not every member shares every object, and it does not say so."""
    did, noun = _DID[trace]
    what = f"the same {noun}" if objects == 1 else f"the same {objects:,} {noun}s"
    who = counted(accounts, "account") + (", two or more at a time," if accounts > 2 and objects > 1 else "")  # noqa: PLR2004 - of two, both
    return (
        f"{who} {did} {what} within {span(scale)} of each other, "
        "more closely than common interest, news and their hours explain"
    )
