"""What stands around an app: what tools say of it, apps that are like it, who holds what it read, what logs lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from ombud.audit.inquiry import Inquiry
    from ombud.audit.sets import PeopleSets
    from ombud.lake import Lake
    from ombud.records import Records

__all__ = ["Holder", "Related", "SignalLine", "Surroundings", "surroundings"]

_LIMITS = (
    "Counts say what the log holds. A read that never reached the log is in no count; coverage says how much is.",
    "People who were erased are in no count, and a read through somebody who was erased counts as one by own consent.",
    "What an app did with the data after it left is not in any log of reads; only the holders say something of it.",
)


class SignalLine(msgspec.Struct, frozen=True):
    """One thing that stands out beside apps that are like it."""

    code: str
    sentence: str
    value: float
    expected: float | None
    among: int
    """apps it was compared with"""
    p_value: float | None


class Related(msgspec.Struct, frozen=True):
    """One app that has something in common with it."""

    other: str
    kind: str
    evidence: str
    sentence: str


class Holder(msgspec.Struct, frozen=True):
    """Somebody who holds, or held, what the app read."""

    holder: str
    via: str
    """who passed it on: the app, or another holder"""
    known_by: str
    sentence: str


class Surroundings(msgspec.Struct, frozen=True):
    """What stands around an app."""

    signals: list[SignalLine]
    related: list[Related]
    holders: list[Holder]
    limits: list[str]


def surroundings(asked: Inquiry, lake: Lake, records: Records, sets: PeopleSets) -> Surroundings:
    """Return what stands around the app."""
    del asked, lake, records, sets
    return Surroundings([], [], [], list(_LIMITS))
