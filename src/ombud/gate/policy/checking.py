"""What must hold between the parts of a policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cedarpy

from ombud.gate.policy.language import EVERY, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ombud.gate.policy.faults import Source
    from ombud.gate.policy.language import Policy

__all__ = ["MOST", "REGION", "check"]

MOST = 64
"""Fields, scopes, purposes and regions that a policy may have of each: one bit each in a mask."""
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
REGION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
"""What a region's code looks like."""
_KINDS = ("people", "fields")


def check(policy: Policy, source: Source) -> None:
    """Raise `PolicyError` about the first thing that does not fit."""
    _names(policy, source)
    _scopes(policy, source)
    _uses(policy, source)
    _numbers(policy, source)
    if policy.cedar:
        try:
            cedarpy.PolicySet.from_str(policy.cedar)
        except ValueError as error:
            raise source.fault(["cedar"], f"is not Cedar: {error}", "Mend it, or leave it out.") from error


def _names(policy: Policy, source: Source) -> None:
    for kind in ("fields", "scopes", "purposes", "regions"):
        entries = getattr(policy, kind)
        if len(entries) > MOST:
            raise source.fault([kind], f"has {len(entries)} entries", f"At most {MOST} fit; put some together.")
        for name in () if kind == "regions" else entries:
            if not _NAME.fullmatch(name):
                hint = "Names are small letters, digits, `_`, `-` and `.`, at most 64, and begin with a letter."
                raise source.fault([kind, name], "is no name", hint)


def _scopes(policy: Policy, source: Source) -> None:
    basic = [name for name, scope in policy.scopes.items() if scope.basic]
    if len(basic) != 1:
        said = f"has {len(basic)} basic scopes" if basic else "has no basic scope"
        raise source.fault(["scopes", *basic[1:2]], said, "Exactly one scope is basic: what every consent includes.")
    for name, scope in policy.scopes.items():
        for key in ("opens", "opens_of_friends"):
            _known(policy, source, ["scopes", name, key.replace("_", "-")], getattr(scope, key), every=False)
        if scope.basic and (scope.removable or scope.review or scope.contract):
            wrong = "removable" if scope.removable else "review" if scope.review else "contract"
            raise source.fault(
                ["scopes", name, wrong],
                "must be false, since the scope is basic",
                f"Write {wrong} = false: every app gets the basic scope, and nobody can untick it.",
            )


def _known(
    policy: Policy, source: Source, path: Sequence[str | int], names: Iterable[str], *, every: bool = True
) -> None:
    """Refuse names of fields that the policy does not have, or has twice."""
    seen = set()
    for name in names:
        if name == EVERY and every:
            continue
        if name not in policy.fields:
            raise source.fault(path, f"names `{name}`, which is no field", f"Add [fields.{name}], or correct the name.")
        if name in seen:
            raise source.fault(path, f"names `{name}` twice", "Name it once.")
        seen.add(name)


def _uses(policy: Policy, source: Source) -> None:
    for name, purpose in policy.purposes.items():
        _known(policy, source, ["purposes", name, "fields"], purpose.fields)
    for number, region in enumerate(policy.regions):
        _known(policy, source, ["regions", number, "refuses"], region.refuses)
        for code in region.codes:
            if not REGION.fullmatch(code):
                hint = "Codes are ISO 3166: two capital letters, or such a code and a part, as in `US-CA`."
                raise source.fault(["regions", number, "codes"], f"names `{code}`, which is no code", hint)


def _numbers(policy: Policy, source: Source) -> None:
    for key in ("unused_days", "idle_app_days", "consent_days"):
        _positive(source, ["expiry", key.replace("_", "-")], getattr(policy.expiry, key))
    _limits(source, ["budgets"], policy.budgets)
    for app, limits in policy.budgets.app.items():
        _limits(source, ["budgets", "app", app], limits)
    first = policy.budgets.first_week
    if first is not None:
        _positive(source, ["budgets", "first-week", "days"], first.days)
        if not 0 <= first.share <= 1:
            raise source.fault(["budgets", "first-week", "share"], "is no share", "Give a number from 0 to 1.")


def _limits(source: Source, path: list[str | int], limits: Limits) -> None:
    for kind in _KINDS:
        hour, day = getattr(limits, f"{kind}_an_hour"), getattr(limits, f"{kind}_a_day")
        _positive(source, [*path, f"{kind}-an-hour"], hour)
        _positive(source, [*path, f"{kind}-a-day"], day)
        if hour is not None and day is not None and hour > day:
            raise source.fault([*path, f"{kind}-an-hour"], "is more than the budget of the day", "Raise the day's.")


def _positive(source: Source, path: list[str | int], value: int | None) -> None:
    if value is not None and not 1 <= value < 2**40:
        raise source.fault(path, f"is {value}", "Give a whole number from 1 on, or leave it out for no limit.")
