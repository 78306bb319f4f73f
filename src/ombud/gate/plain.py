"""The rules of the gate in plain Python: slow, short, and meant to be read.

This is the reference. The compiled gate and Cedar must decide every request as
this file does; the tests hold them to it. It looks nothing up in masks and
remembers nothing but who was read in this hour and day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ombud.gate.reasons import UNKNOWN_FIELD
from ombud.gate.request import Refusal
from ombud.model.clock import now

if TYPE_CHECKING:
    from ombud.gate.policy.language import Limits, Policy, Scope
    from ombud.gate.request import AppStanding, Outcome, ReadRequest

__all__ = ["Answer", "PlainConsent", "Tally", "World", "decide", "reason_against"]


class PlainConsent(NamedTuple):
    """What a person allowed an app."""

    scopes: frozenset[str]
    last_used: int
    """UTC day since 1970"""
    expires: int | None = None
    """the first day on which it no longer counts"""
    revoked: bool = False


@dataclass
class Tally:
    """Who and how much was read in this hour and this day, by app."""

    hour: int = 0
    people_hour: dict[str, set[str]] = field(default_factory=dict)
    people_day: dict[str, set[str]] = field(default_factory=dict)
    fields_hour: dict[str, int] = field(default_factory=dict)
    fields_day: dict[str, int] = field(default_factory=dict)

    def at(self, hour: int) -> None:
        """Go on to an hour; the clock never goes back."""
        if hour > self.hour:
            self.people_hour, self.fields_hour = {}, {}
            if hour // 24 > self.hour // 24:
                self.people_day, self.fields_day = {}, {}
            self.hour = hour


@dataclass
class World:
    """All that a decision depends on, beside the request."""

    policy: Policy
    apps: dict[str, AppStanding]
    consents: dict[tuple[str, str], PlainConsent]
    """by app and person"""
    people: set[str]
    friends: set[frozenset[str]] | None = None
    """pairs; null to believe the platform"""
    stopped: set[str] = field(default_factory=set)
    slowed: dict[str, Limits] = field(default_factory=dict)
    fresh: bool = True
    """whether the consents were heard of lately"""
    tally: Tally = field(default_factory=Tally)


class Answer(NamedTuple):
    """A decision without its id."""

    outcome: Outcome
    allowed: tuple[str, ...]
    refused: tuple[Refusal, ...]


def decide(world: World, request: ReadRequest) -> Answer:
    """Decide one request, and count what goes out."""
    fields = tuple(dict.fromkeys(request.fields))
    reasons = {name: reason_against(world, request, name) for name in fields}
    within = [name for name in fields if reasons[name] is None]
    if within:
        over = charge(world, request, len(within))
        reasons |= dict.fromkeys(within, over)
    allowed = tuple(name for name in fields if reasons[name] is None)
    refused = tuple(Refusal(name, why) for name, why in reasons.items() if why is not None)
    return Answer("refused" if not allowed else "reduced" if refused else "allowed", allowed, refused)


def reason_against(world: World, request: ReadRequest, name: str) -> str | None:  # noqa: C901, PLR0911, PLR0912 - one rule a line
    """Return the first rule against one field of a request; null if there is none."""
    policy, app, day = world.policy, world.apps.get(request.app), _day(request)
    own = request.through is None or request.through == request.person
    giver = request.person if own else str(request.through)

    if name not in policy.fields:
        return UNKNOWN_FIELD
    if not world.fresh:
        return "stale"
    if app is None:
        return "unknown-app"
    if app.status in {"banned", "suspended"}:
        return f"app-{app.status}"
    if app.app in world.stopped:
        return "stopped"
    if _longer_ago(
        int((app.last_active_at or app.registered_at).timestamp()) // 86_400, policy.expiry.idle_app_days, day
    ):
        return "app-idle"
    if policy.apps.purpose != "any" and request.purpose not in policy.purposes:
        return "unknown-purpose"
    if policy.apps.purpose == "declared" and request.purpose not in app.purposes:
        return "purpose-not-declared"
    if not own and request.person not in world.people:
        return "not-a-friend"
    if not own and world.friends is not None and frozenset((giver, request.person)) not in world.friends:
        return "not-a-friend"
    if against := against_consent(world, request.app, giver, day):
        return against
    if not own and policy.friends.must_use_app and against_consent(world, request.app, request.person, day):
        return "friend-not-in-app"

    opening = {n: s for n, s in policy.scopes.items() if name in (s.opens if own else s.opens_of_friends)}
    if not opening:
        return "closed" if own else "closed-through-friends"
    if any(_names(region.refuses, name) for region in policy.regions if _applies(region.codes, request.region)):
        return "region"
    if policy.apps.purpose != "any" and not _names(policy.purposes[request.purpose].fields, name):
        return "not-for-purpose"
    consent = world.consents[request.app, giver]
    opening = {n: s for n, s in opening.items() if n in consent.scopes or s.basic}
    if not opening:
        return "not-granted"
    opening = {n: s for n, s in opening.items() if not s.review or n in app.reviewed}
    if not opening:
        return "not-reviewed"
    opening = {n: s for n, s in opening.items() if not s.contract or app.contract}
    if not opening:
        return "no-contract"
    if app.status == "under_review" and not any(_open_meanwhile(policy, scope) for scope in opening.values()):
        return "app-under-review"
    return None


def against_consent(world: World, app: str, person: str, day: int) -> str | None:
    """Return the rule against a person's consent for an app; null if it is live."""
    consent = world.consents.get((app, person))
    if consent is None:
        return "no-consent"
    if consent.revoked:
        return "consent-revoked"
    if consent.expires is not None and day >= consent.expires:
        return "consent-expired"
    if _longer_ago(consent.last_used, world.policy.expiry.unused_days, day):
        return "consent-unused"
    return None


def charge(world: World, request: ReadRequest, fields: int) -> str | None:
    """Count a read of one person, or return which budget it would overdraw."""
    tally, app, person = world.tally, request.app, request.person
    tally.at(int(_second(request)) // 3_600)
    budgets = world.policy.budgets
    full, slow = budgets.app.get(app, budgets), world.slowed.get(app)
    in_hour = tally.people_hour.setdefault(app, set())
    in_day = tally.people_day.setdefault(app, set())
    counts = (
        ("people_an_hour", len(in_hour | {person}), person not in in_hour),
        ("people_a_day", len(in_day | {person}), person not in in_day),
        ("fields_an_hour", tally.fields_hour.get(app, 0) + fields, True),
        ("fields_a_day", tally.fields_day.get(app, 0) + fields, True),
    )
    for kind, count, counted in counts:
        limit, cap = getattr(full, kind), getattr(slow, kind, None)
        if counted and limit is not None and count > limit:
            return kind.replace("_", "-")
        if counted and cap is not None and count > cap:
            return "slowed"
        if counted and limit is not None and count > limit * _share(world, app):
            return "first-week"
    if any(getattr(limits, kind, None) for limits in (full, slow) for kind in ("people_an_hour", "people_a_day")):
        in_hour.add(person)
        in_day.add(person)
    tally.fields_hour[app] = tally.fields_hour.get(app, 0) + fields
    tally.fields_day[app] = tally.fields_day.get(app, 0) + fields
    return None


def _share(world: World, app: str) -> float:
    """Return the share of the budget that an app has, by how long it has been registered."""
    first = world.policy.budgets.first_week
    registered = int(world.apps[app].registered_at.timestamp()) // 86_400
    return first.share if first and world.tally.hour // 24 - registered < first.days else 1.0


def _names(fields: tuple[str, ...], name: str) -> bool:
    return "*" in fields or name in fields


def _applies(codes: tuple[str, ...], region: str | None) -> bool:
    """Say whether a region's rules hold for a request; all hold when it names no place, or none that can be."""
    if region is None or not re.fullmatch("[A-Z]{2}(-[A-Z0-9]{1,3})?", region):
        return True
    return region in codes or region.split("-")[0] in codes


def _open_meanwhile(policy: Policy, scope: Scope) -> bool:
    """Say whether an app under review may use a scope."""
    rule = policy.apps.under_review
    return rule == "all" or (rule == "unreviewed-scopes" and not scope.review)


def _longer_ago(day: int, days: int | None, today: int) -> bool:
    return days is not None and today - day > days


def _second(request: ReadRequest) -> float:
    return (request.at or now()).timestamp()


def _day(request: ReadRequest) -> int:
    return int(_second(request)) // 86_400
