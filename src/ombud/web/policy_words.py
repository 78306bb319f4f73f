"""A policy of the gate in words: what each part of it means for a person."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ombud.gate.live import FALLBACK
from ombud.gate.policy import Policy, load_policy
from ombud.gate.policy.language import EVERY
from ombud.gate.registry import policy_in_force
from ombud.web import words

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.gate.policy.language import Limits, Scope

__all__ = [
    "BudgetLine",
    "FieldLine",
    "PurposeLine",
    "RegionLine",
    "ScopeLine",
    "app_sentences",
    "budget_lines",
    "deciding_policy",
    "expiry_sentences",
    "field_lines",
    "field_word",
    "friend_sentences",
    "open_fields",
    "plain_name",
    "purpose_lines",
    "purpose_word",
    "region_lines",
    "scope_line",
    "scope_lines",
]

_ORDER = ("sensitive", "private", "personal", "public")
_UNDER_REVIEW = {
    "all": "An app under review may use all its permissions meanwhile.",
    "unreviewed-scopes": "An app under review may use only permissions that need no review.",
    "none": "An app under review gets nothing.",
}
_PURPOSE = {
    "any": "An app need not say what for.",
    "known": "An app must say what for, and it must be one of the purposes below.",
    "declared": "An app must say what for, and it must have declared that purpose when it registered.",
}


class FieldLine(msgspec.Struct, frozen=True):
    """One thing that can be known about a person."""

    name: Annotated[str, Meta(description="Its name in requests.")]
    means: Annotated[str, Meta(description="What it is, in words.")]
    sensitivity: Annotated[str, Meta(description="public, personal, private or sensitive.")]
    own: Annotated[list[str], Meta(description="Permissions that open a person's own.")]
    friends: Annotated[list[str], Meta(description="Permissions that open it of the friends of who gives them.")]
    review: Annotated[bool, Meta(description="Whether each way to it needs a review of the app.")]
    contract: Annotated[bool, Meta(description="Whether each way to it needs a contract with the app's developer.")]


class ScopeLine(msgspec.Struct, frozen=True):
    """What a person can allow an app with one tick."""

    name: Annotated[str, Meta(description="Its name in requests.")]
    means: Annotated[str, Meta(description="What it is, in words.")]
    opens: Annotated[list[str], Meta(description="What it opens of the person who allows it, in words.")]
    opens_of_friends: Annotated[list[str], Meta(description="What it opens of that person's friends, in words.")]
    most_sensitive: Annotated[str, Meta(description="The highest sensitivity of what it opens.")]
    basic: Annotated[bool, Meta(description="Whether it comes with every consent.")]
    removable: Annotated[bool, Meta(description="Whether the person may untick it.")]
    review: Annotated[bool, Meta(description="Whether the app must have passed a review for it.")]
    contract: Annotated[bool, Meta(description="Whether the app's developer must have signed a contract.")]


class PurposeLine(msgspec.Struct, frozen=True):
    """What an app may want data for."""

    name: Annotated[str, Meta(description="Its name in requests.")]
    means: Annotated[str, Meta(description="What it is, in words.")]
    every: Annotated[bool, Meta(description="Whether it may ask for everything that is open to it.")]
    fields: Annotated[list[str], Meta(description="What it may ask for, in words; empty for nothing or for all.")]


class RegionLine(msgspec.Struct, frozen=True):
    """What may not be read where a region's law applies."""

    name: Annotated[str, Meta(description="The region.")]
    codes: Annotated[list[str], Meta(description="ISO 3166 codes.")]
    every: Annotated[bool, Meta(description="Whether nothing may be read there.")]
    refuses: Annotated[list[str], Meta(description="What may not be read there, in words.")]
    means: Annotated[str, Meta(description="Why, in words.")]


class BudgetLine(msgspec.Struct, frozen=True):
    """One limit of how much an app may read."""

    what: Annotated[str, Meta(description="What is counted.")]
    limit: Annotated[int | None, Meta(description="The most; null for no limit.")]
    first_week: Annotated[int | None, Meta(description="The most while an app is new; null when nothing differs.")]


@cache
def _fallback() -> Policy:
    return load_policy(FALLBACK)


def deciding_policy(tx: Connection) -> Policy:
    """Return the policy that decides now: the one in force, or the gate's own before the first."""
    return policy_in_force(tx) or _fallback()


def plain_name(name: str) -> str:
    """Return the name of a field, scope or purpose without its dashes: age range."""
    return name.replace("-", " ").replace("_", " ")


def field_word(policy: Policy, name: str) -> str:
    """Return a field in words, also one that the policy does not know."""
    known = policy.fields.get(name)
    return (known.doc if known else "") or plain_name(name)


def _named(policy: Policy, fields: tuple[str, ...]) -> list[str]:
    """Return fields in words, the most sensitive first."""
    known = [name for name in fields if name in policy.fields]
    known.sort(key=lambda name: _ORDER.index(policy.fields[name].sensitivity))
    return [field_word(policy, name) for name in known]


def scope_line(policy: Policy, name: str, scope: Scope) -> ScopeLine:
    """Return one permission in words."""
    fields = [policy.fields[field].sensitivity for field in (*scope.opens, *scope.opens_of_friends)]
    return ScopeLine(
        name=name,
        means=scope.doc or ", ".join(_named(policy, scope.opens)) or plain_name(name),
        opens=_named(policy, scope.opens),
        opens_of_friends=_named(policy, scope.opens_of_friends),
        most_sensitive=next((level for level in _ORDER if level in fields), "public"),
        basic=scope.basic,
        removable=scope.removable,
        review=scope.review,
        contract=scope.contract,
    )


def scope_lines(policy: Policy) -> list[ScopeLine]:
    """Return what a person can allow, the basic permission first."""
    lines = [scope_line(policy, name, scope) for name, scope in policy.scopes.items()]
    return sorted(lines, key=lambda line: not line.basic)


def field_lines(policy: Policy) -> list[FieldLine]:
    """Return what can be known about a person, the most sensitive first."""
    lines = []
    for name, field in policy.fields.items():
        own = [scope for scope, item in policy.scopes.items() if name in item.opens]
        friends = [scope for scope, item in policy.scopes.items() if name in item.opens_of_friends]
        ways = [policy.scopes[scope] for scope in (*own, *friends)]
        lines.append(
            FieldLine(
                name=name,
                means=field_word(policy, name),
                sensitivity=field.sensitivity,
                own=own,
                friends=friends,
                review=bool(ways) and all(way.review for way in ways),
                contract=bool(ways) and all(way.contract for way in ways),
            )
        )
    return sorted(lines, key=lambda line: _ORDER.index(line.sensitivity))


def open_fields(policy: Policy) -> tuple[int, int, int]:
    """Return how many fields there are, how many any app may read at all, and how many of them through a friend."""
    own = {name for scope in policy.scopes.values() for name in scope.opens}
    friends = {name for scope in policy.scopes.values() for name in scope.opens_of_friends}
    return len(policy.fields), len(own | friends), len(friends)


def purpose_word(policy: Policy, name: str) -> str:
    """Return a purpose in words, also one that the policy does not know."""
    known = policy.purposes.get(name)
    return (known.doc if known else "") or plain_name(name)


def purpose_lines(policy: Policy) -> list[PurposeLine]:
    """Return what apps may want data for."""
    return [
        PurposeLine(
            name=name,
            means=purpose_word(policy, name),
            every=EVERY in purpose.fields,
            fields=_named(policy, purpose.fields),
        )
        for name, purpose in policy.purposes.items()
    ]


def region_lines(policy: Policy) -> list[RegionLine]:
    """Return where the law forbids more."""
    return [
        RegionLine(r.name, list(r.codes), EVERY in r.refuses, _named(policy, r.refuses), r.doc) for r in policy.regions
    ]


def expiry_sentences(policy: Policy) -> list[str]:
    """Say when access ends by itself."""
    expiry = policy.expiry
    said = []
    if expiry.unused_days is not None:
        said.append(
            f"When the person has not used the app for {words.plural(expiry.unused_days, 'day')}, it gets nothing more."
        )
    if expiry.idle_app_days is not None:
        said.append(
            f"When an app was idle for {words.plural(expiry.idle_app_days, 'day')}, it gets nothing about anybody."
        )
    if expiry.consent_days is not None:
        said.append(
            f"{words.plural(expiry.consent_days, 'day').capitalize()} after a person allowed it, an app must ask again."
        )
    return said or ["Never: what was allowed once stays allowed until the person takes it back."]


def friend_sentences(policy: Policy) -> list[str]:
    """Say what can be read of people who never allowed the app anything themselves."""
    fields = {name for scope in policy.scopes.values() for name in scope.opens_of_friends}
    if not fields:
        return ["Nothing: an app reads about a person by that person's own consent alone."]
    named = ", ".join(plain_name(line.name) for line in field_lines(policy) if line.friends)
    said = [f"{words.plural(len(fields), 'thing')}: {named}."]
    if policy.friends.must_use_app:
        said.append("Only of friends who use the same app themselves.")
    else:
        said.append("Of every friend, whether or not that friend has ever heard of the app.")
    return said


def app_sentences(policy: Policy) -> list[str]:
    """Say what is asked of an app."""
    return [_PURPOSE[policy.apps.purpose], _UNDER_REVIEW[policy.apps.under_review]]


def budget_lines(policy: Policy, app: str | None = None) -> list[BudgetLine]:
    """Return how much an app may read in an hour and a day (UTC): `app`, or every app without limits of its own."""
    limits: Limits = policy.budgets.app.get(app or "", policy.budgets)
    week = policy.budgets.first_week
    lines = []
    for what, limit in (
        ("people in an hour", limits.people_an_hour),
        ("people in a day", limits.people_a_day),
        ("fields in an hour", limits.fields_an_hour),
        ("fields in a day", limits.fields_a_day),
    ):
        lines.append(BudgetLine(what, limit, int(limit * week.share) if limit is not None and week else None))
    return lines
