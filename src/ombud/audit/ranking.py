"""The ranking of all apps, with the reasons of each."""

from __future__ import annotations

import msgspec

__all__ = ["Exposed", "Ranked"]


class Exposed(msgspec.Struct, frozen=True):
    """How many people: proved by reads on record, and possible by consents and ties."""

    proved: int
    possible: int | None


class Ranked(msgspec.Struct, frozen=True):
    """One app of `ombud audit apps --json`."""

    rank: int
    app: str
    """as imported"""
    name: str | None
    people_direct: int
    people_exposed: Exposed
    score: float
    reasons: list[str]
    status: str
