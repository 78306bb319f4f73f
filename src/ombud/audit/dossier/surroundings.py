"""What stands around an app: what sets it apart, apps that are tied to it, who holds what it read, what logs lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ombud.audit.dossier.inquiry import Number
from ombud.audit.logs.sealed import limits
from ombud.audit.ranking.links import related
from ombud.audit.ranking.signals import signals
from ombud.audit.review import holders as held
from ombud.model.errors import NotFoundError

if TYPE_CHECKING:
    from ombud.audit.dossier.inquiry import Inquiry
    from ombud.audit.ranking.signals import Signal
    from ombud.lake import Lake
    from ombud.records import Records

__all__ = ["Holder", "Related", "SignalLine", "Surroundings", "surroundings"]

RARE = 0.05
"""A signal is shown when at most this share of apps like it has as much."""
_LIMITS = (
    "Counts say what the log holds. A read that never reached the log is in no count; coverage says how much is.",
    "People who were erased are in no count. A read by an erased person's consent still counts as through a friend.",
    "What an app did with the data after it left is not in any log of reads; only the holders say something of it.",
)


class SignalLine(msgspec.Struct, frozen=True):
    """One thing that stands out beside apps that are like it."""

    code: str
    sentence: str
    number: Number
    expected: float | None
    """what apps like it have in the middle; null when there are none"""
    among: int
    """apps it was compared with"""
    p_value: float | None
    """share of apps like it that have at least as much"""


class Related(msgspec.Struct, frozen=True):
    """One app that has something in common with it."""

    other: str
    kind: str
    sentence: str


class Holder(msgspec.Struct, frozen=True):
    """Somebody who holds, or held, what the app read."""

    holder: str
    via: str
    """who passed it on: the app, or another holder"""
    fields: list[str]
    sentence: str
    """how we know"""


class Surroundings(msgspec.Struct, frozen=True):
    """What stands around an app."""

    signals: list[SignalLine]
    """those that few apps like it have, the rarest first"""
    measured: int
    """signals that were looked at"""
    related: list[Related]
    holders: list[Holder]
    unknown: list[str]
    """what is not known of the holders, in sentences"""
    limits: list[str]


def surroundings(asked: Inquiry, lake: Lake, records: Records, name: str) -> Surroundings:
    """Return what stands around the app, which is called `name`."""
    number = asked.number_of_app
    measured = signals(lake, apps=[number]).get(number, [])
    shown = [one for one in measured if one.p_value is not None and one.p_value <= RARE]
    holders, unknown = _holders(lake, records, asked.app, name)
    return Surroundings(
        signals=[_line(asked, one) for one in shown],
        measured=len(measured),
        related=[Related(one.other, one.kind, one.sentence) for one in related(lake, number)],
        holders=holders,
        unknown=unknown,
        limits=[*limits(lake, records, ("reads", "grants"), *asked.span.bounds), *_LIMITS],
    )


def _line(asked: Inquiry, one: Signal) -> SignalLine:
    value = asked.told(f"signal: {one.code}", "beside apps like it", one.value, "grants", "apps")
    return SignalLine(one.code, one.sentence, value, one.expected, one.among, one.p_value)


def _holders(lake: Lake, records: Records, app: str, name: str) -> tuple[list[Holder], list[str]]:
    try:
        found = held.picture(lake, records, app)
    except NotFoundError:  # only its reads are known
        return [], ["Nothing but its reads is known of this app: neither who makes it nor who holds what it read."]
    lines = [Holder(one.name, one.from_ or name, one.fields, _known(one)) for one in found.holders]
    return lines, found.unknown


def _known(one: held.Holder) -> str:
    """Say how we know of a holder."""
    ways = [
        f"{how.known_by}{f' ({how.source})' if how.source else ''}{f', {how.at:%Y-%m-%d}' if how.at else ''}"
        for how in one.known
    ]
    when = f" Passed on {one.happened}." if one.happened else ""
    holds = f" Still held: {one.still_held}." if one.still_held else ""
    return f"Known by {'; '.join(ways)}.{when}{holds}"
