"""What a policy changed about the one before it, in sentences: what was closed or opened, to whom, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.web import words
from ombud.web.policy_words import (
    app_sentences,
    budget_lines,
    expiry_sentences,
    field_lines,
    friend_sentences,
    plain_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ombud.gate.policy import Policy
    from ombud.web.policy_words import FieldLine

__all__ = ["change_sentences"]


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def _some(said: str, lines: list[str]) -> list[str]:
    """Return the sentence with what it is about, if it is about anything."""
    return [said.format(_listed(lines))] if lines else []


def _fields(before: dict[str, FieldLine], after: dict[str, FieldLine]) -> list[str]:
    """Say what about single fields changed; a field that one policy does not know counts as closed there."""
    every = [after.get(name) or before[name] for name in dict.fromkeys((*before, *after))]

    def had(policy: dict[str, FieldLine], line: FieldLine, part: str) -> bool:
        return line.name in policy and bool(getattr(policy[line.name], part))

    def moved(part: str, *, to: bool) -> list[str]:
        return [plain_name(li.name) for li in every if had(after, li, part) is to and had(before, li, part) is not to]

    def now_needs(part: str, *, needed: bool) -> list[str]:
        still = [li for li in every if had(before, li, "own") and had(after, li, "own")]
        return [
            plain_name(li.name)
            for li in still
            if had(after, li, part) is needed and had(before, li, part) is not needed
        ]

    return [
        *_some("Closed to every app: {}.", moved("own", to=False)),
        *_some("Opened: {}.", moved("own", to=True)),
        *_some("No longer read through a friend: {}.", moved("friends", to=False)),
        *_some("Now read through a friend: {}.", moved("friends", to=True)),
        *_some("Now needs a review of the app: {}.", now_needs("review", needed=True)),
        *_some("No longer needs a review: {}.", now_needs("review", needed=False)),
        *_some("Now needs a contract: {}.", now_needs("contract", needed=True)),
        *_some("No longer needs a contract: {}.", now_needs("contract", needed=False)),
    ]


def _budgets(before: Policy, after: Policy) -> list[str]:
    said = []
    for old, new in zip(budget_lines(before), budget_lines(after), strict=True):
        if old.limit != new.limit:
            was = "without limit" if old.limit is None else words.count(old.limit)
            now = "without limit" if new.limit is None else words.count(new.limit)
            said.append(f"An app may read {new.what}: {now}, before {was}.")
    if before.budgets.first_week != after.budgets.first_week:
        week = after.budgets.first_week
        said.append(
            f"New apps may read {words.share(week.share)} of that for {words.plural(week.days, 'day')}."
            if week
            else "New apps may read as much as others."
        )
    if before.budgets.app != after.budgets.app:
        said.append("Limits of single apps changed.")
    return said


def _purposes(before: Policy, after: Policy) -> list[str]:
    gone = [plain_name(name) for name in before.purposes if name not in after.purposes]
    new = [plain_name(name) for name in after.purposes if name not in before.purposes]
    both = [name for name in before.purposes if name in after.purposes]
    other = [plain_name(name) for name in both if set(before.purposes[name].fields) != set(after.purposes[name].fields)]
    return [
        *_some("No purpose any more: {}.", gone),
        *_some("New purpose: {}.", new),
        *_some("What may be read for it changed: {}.", other),
    ]


def change_sentences(before: Policy, after: Policy) -> list[str]:
    """Return what changed, the fields first; a single sentence when nothing that counts did."""
    old_fields = {line.name: line for line in field_lines(before)}
    new_fields = {line.name: line for line in field_lines(after)}
    said = _fields(old_fields, new_fields)
    for describe in (friend_sentences, expiry_sentences, app_sentences):
        old, new = describe(before), describe(after)
        # what can be read through friends is said field by field above
        said += [line for line in (new[1:] if describe is friend_sentences else new) if line not in old]
    removable = [
        plain_name(name)
        for name, scope in after.scopes.items()
        if name in before.scopes and scope.removable and not before.scopes[name].removable
    ]
    fixed = [
        plain_name(name)
        for name, scope in after.scopes.items()
        if name in before.scopes and not scope.removable and before.scopes[name].removable
    ]
    said += _some("People may now untick: {}.", removable) + _some("People may no longer untick: {}.", fixed)
    said += _budgets(before, after) + _purposes(before, after)
    if before.regions != after.regions:
        said.append("What the law of some regions forbids changed.")
    if before.cedar != after.cedar:
        said.append("Rules for what is no read of a person's data changed.")
    return said or ["Only names, versions or explanations changed."]
