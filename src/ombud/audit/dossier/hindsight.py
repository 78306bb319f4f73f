"""What an app would have got under another policy: its recorded reads, decided again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ombud.audit.dossier.inquiry import Number
from ombud.gate.policy import load_policy
from ombud.gate.reasons import SENTENCES
from ombud.gate.replay import Only, replay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ombud.audit.dossier.inquiry import Inquiry
    from ombud.lake import Lake

__all__ = ["POLICY", "Hindsight", "Lost", "LostTogether", "hindsight", "together"]

POLICY = "locked-down"


class Lost(msgspec.Struct, frozen=True):
    """One field that would not have gone out, for one reason."""

    field: str
    reason: str
    says: str
    reads: int
    people: int


class LostTogether(msgspec.Struct, frozen=True):
    """Fields that would not have gone out for one reason, of as many reads and people each."""

    fields: list[str]
    says: str
    reads: int
    people: int


class Hindsight(msgspec.Struct, frozen=True):
    """What would have gone out."""

    policy: str
    hash: str
    reads: Number
    """reads by which something went out"""
    touched: Number
    """of those, reads that would have lost a field at least"""
    people: Number
    """people of whom a field would not have gone out"""
    lost: list[Lost]
    """most people first"""
    sentence: str


def hindsight(asked: Inquiry, lake: Lake, reads: Number) -> Hindsight:
    """Decide the app's reads again under `locked-down`, as a live app that passed no review and signed nothing."""
    policy = load_policy(POLICY)
    only = Only(asked.number_of_app, *asked.span.bounds)
    found = replay(lake, None, policy, only=only)
    mine = next((one for one in found.apps if one.app == asked.app), None)
    touched, people = (mine.reads_touched, mine.people) if mine else (0, 0)
    sentence = (
        f"Under {policy.name}, {touched:,} of {reads.value:,} reads would have lost a field or all of them, about"
        f" {people:,} people."
        if touched
        else f"Under {policy.name} nothing of it would have been refused."
    )
    return Hindsight(
        policy=policy.name,
        hash=policy.hash,
        reads=reads,
        touched=asked.told(f"reads that lose a field under {policy.name}", "reads", touched, "grants", "apps"),
        people=asked.told(f"people of whom a field is lost under {policy.name}", "people", people, "grants", "apps"),
        lost=[
            Lost(one.field, one.reason, SENTENCES.get(one.reason, one.reason), one.reads, one.people)
            for one in (mine.fields if mine else ())
        ],
        sentence=sentence,
    )


def together(lost: Iterable[Lost]) -> list[LostTogether]:
    """Return the same in fewer lines, in their order: fields of one reason and of equal numbers stand in one."""
    lines: dict[tuple[str, int, int], list[str]] = {}
    for one in lost:
        lines.setdefault((one.says, one.reads, one.people), []).append(one.field)
    return [LostTogether(fields, *line) for line, fields in lines.items()]
