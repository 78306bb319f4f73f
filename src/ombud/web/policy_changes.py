"""What a policy changed about the one before it; what holds of several things is said once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ombud.gate.diff import diff

if TYPE_CHECKING:
    from ombud.gate.diff import Change
    from ombud.gate.policy import Policy

__all__ = ["ChangeLine", "change_lines"]

_MANY = {
    "The scope {} is gone, also for those who ticked it.": "The scopes {} are gone, also for those who ticked them.",
    "There is a new scope, {}.": "There are new scopes: {}.",
    "{} is no purpose any more.": "{} are no purposes any more.",
    "{} is a purpose.": "{} are purposes.",
}
"""Sentences that read otherwise about several things."""


class ChangeLine(msgspec.Struct, frozen=True):
    """One change, or several of the same kind."""

    effect: Annotated[str, Meta(description="closes: less goes out; opens: more; changes: neither, or both.")]
    sentence: Annotated[str, Meta(description="What changed.")]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _template(change: Change) -> tuple[str, str]:
    """Return the sentence with a gap where it names what it is about, and that name."""
    subject = change.key.partition(".")[0]
    gap = re.compile(rf"(?<![\w.-]){re.escape(subject)}(?![\w-])")
    return gap.sub("{}", change.sentence, count=1), subject


def change_lines(before: Policy, after: Policy) -> list[ChangeLine]:
    """Return what changed: what closes first, then what opens, then the rest."""
    groups: dict[tuple[str, str], list[str]] = {}
    for change in diff(before, after).changes:
        template, subject = _template(change)
        groups.setdefault((change.effect, template), []).append(subject)
    lines = []
    for (effect, template), subjects in groups.items():
        said = _MANY.get(template, template) if len(subjects) > 1 else template
        lines.append(ChangeLine(effect, said.replace("{}", _listed(subjects), 1)))
    return lines
