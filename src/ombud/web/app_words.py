"""An app in words: its standing, what it may read and why, what it read lately. Nothing here names a person."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ombud.gate.readings import readings_of_app
from ombud.gate.reasons import SENTENCES
from ombud.model import clock
from ombud.records import apps, brakes, consents, reviews
from ombud.web.policy_words import budget_lines, field_word, plain_name, purpose_word, scope_line

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.gate.policy import Policy
    from ombud.gate.readings import AppReadings
    from ombud.records.apps import App
    from ombud.records.brakes import Brake
    from ombud.records.reviews import Review
    from ombud.web.house import House

__all__ = [
    "DAYS",
    "FEW",
    "STANDINGS",
    "BudgetUse",
    "DayLine",
    "FieldUse",
    "Permission",
    "ReadView",
    "Standing",
    "lately",
    "people_now",
    "permissions",
    "read_view",
    "standing_of",
]

DAYS = 30
"""Days that pages look back on."""
FEW = 10
"""Below this, pages for everybody do not say how many people it was."""
_KEPT_SECONDS = 60.0

STANDINGS = {
    "live": "Live",
    "under_review": "Under review",
    "suspended": "Suspended",
    "banned": "Banned",
}
_MEANS = {
    "live": "It gets what the policy lets it have.",
    "under_review": "Staff are looking into it.",
    "suspended": "It gets nothing for now.",
    "banned": "It gets nothing, for good.",
}
_BRAKES = {
    "slowed": "It read like a crawler, so it is slowed.",
    "stopped": "It read like a crawler, so it is stopped: it gets nothing.",
}


class Standing(msgspec.Struct, frozen=True):
    """Whether an app gets anything, and since when."""

    status: Annotated[str, Meta(description="live, under_review, suspended or banned.")]
    words: Annotated[str, Meta(description="The status as people read it.")]
    means: Annotated[str, Meta(description="What it means for what the app gets.")]
    since: Annotated[datetime, Meta(description="Since when it has this status.")]
    brake: Annotated[str | None, Meta(description="slowed or stopped by a breaker; null when neither.")]
    brake_words: Annotated[str | None, Meta(description="What the breaker does, in words.")]
    brake_since: Annotated[datetime | None, Meta(description="Since when the breaker holds.")]
    brake_until: Annotated[datetime | None, Meta(description="When it ends by itself; null when a person must end it.")]
    idle: Annotated[bool, Meta(description="Whether it was idle so long that it gets nothing.")]


class Permission(msgspec.Struct, frozen=True):
    """One permission that an app can be given, with what it opens and why the app may use it."""

    scope: Annotated[str, Meta(description="Its name in requests.")]
    means: Annotated[str, Meta(description="What it is, in words.")]
    opens: Annotated[list[str], Meta(description="What it opens of the person who gives it, in words.")]
    opens_of_friends: Annotated[list[str], Meta(description="What it opens of that person's friends, in words.")]
    sensitivity: Annotated[str, Meta(description="The highest sensitivity of what it opens.")]
    basic: Annotated[bool, Meta(description="Whether it comes with every consent.")]
    removable: Annotated[bool, Meta(description="Whether a person may untick it.")]
    usable: Annotated[bool, Meta(description="Whether the app may use it, when a person gives it.")]
    needs: Annotated[str, Meta(description="What stands behind it, or what is missing, in words.")]
    approved_at: Annotated[datetime | None, Meta(description="When a review approved it; null when none is needed.")]
    approved_until: Annotated[datetime | None, Meta(description="When the approval runs out; null if never.")]
    contract: Annotated[bool, Meta(description="Whether the developer signed a contract for it.")]
    reason: Annotated[str | None, Meta(description="Why the app needs it, as the review says.")]


class DayLine(msgspec.Struct, frozen=True):
    """What an app read on one day; null where so few people were concerned that it is not said."""

    day: Annotated[datetime, Meta(description="The day (UTC).")]
    reads: Annotated[int, Meta(description="Requests by which something went out.")]
    people: Annotated[int | None, Meta(description="Distinct people; null for a few.")]
    through_friends: Annotated[int, Meta(description="Reads by the consent of somebody else.")]
    fields: Annotated[int, Meta(description="Fields that went out, counted again for each read.")]
    refused: Annotated[int, Meta(description="Requests by which nothing went out.")]


class FieldUse(msgspec.Struct, frozen=True):
    """How often one field went out."""

    field: Annotated[str, Meta(description="The field.")]
    means: Annotated[str, Meta(description="What it is, in words.")]
    purposes: Annotated[list[str], Meta(description="What for, as the app said, most often first.")]
    reads: Annotated[int, Meta(description="How often it went out.")]
    people: Annotated[int | None, Meta(description="Of how many people at most for one purpose; null for a few.")]


class ReasonLine(msgspec.Struct, frozen=True):
    """Why something was refused."""

    reason: Annotated[str, Meta(description="The reason's code.")]
    says: Annotated[str, Meta(description="The reason in words.")]
    requests: Annotated[int, Meta(description="How many requests it met first.")]


class BudgetUse(msgspec.Struct, frozen=True):
    """How much of one budget is used."""

    what: Annotated[str, Meta(description="What is counted.")]
    used: Annotated[int, Meta(description="How much, in this hour or day (UTC), as far as it is in the lake.")]
    limit: Annotated[int | None, Meta(description="The most; null for no limit.")]


class ReadView(msgspec.Struct, frozen=True):
    """What an app read lately."""

    days_back: Annotated[int, Meta(description="How many days are looked back on.")]
    as_of: Annotated[datetime, Meta(description="When this was counted.")]
    reads: Annotated[int, Meta(description="Requests by which something went out.")]
    refused: Annotated[int, Meta(description="Requests by which nothing went out.")]
    people: Annotated[int | None, Meta(description="Distinct people read about; null for a few.")]
    through_friends: Annotated[int | None, Meta(description="Those read about through a friend; null for a few.")]
    consenting: Annotated[int | None, Meta(description="People by whose consent it read; null for a few.")]
    days: Annotated[list[DayLine], Meta(description="By day, the latest first.")]
    fields: Annotated[list[FieldUse], Meta(description="By field, most often first.")]
    reasons: Annotated[list[ReasonLine], Meta(description="Why requests were refused, most often first.")]
    budgets: Annotated[list[BudgetUse], Meta(description="How much of its budgets is used now.")]


def standing_of(tx: Connection, app: App, policy: Policy) -> Standing:
    """Return how an app stands, of what is on record."""
    changed = [event for event in apps.history(tx, app.app) if event.kind == "status"]
    brake: Brake | None = next((item for item in brakes.in_force(tx) if item.app == app.app), None)
    days = policy.expiry.idle_app_days
    active = app.last_active_at or app.registered_at
    return Standing(
        status=app.status,
        words=STANDINGS[app.status],
        means=_MEANS[app.status],
        since=changed[-1].happened_at if changed else app.registered_at,
        brake=brake.state if brake else None,
        brake_words=_BRAKES[brake.state] if brake else None,
        brake_since=brake.since if brake else None,
        brake_until=brake.until if brake else None,
        idle=days is not None and clock.now() - active > timedelta(days=days),
    )


def permissions(tx: Connection, app: App, policy: Policy) -> list[Permission]:
    """Return every permission of the policy as it is for this app, those that it may use first."""
    approved = {item.scope: item for item in reviews.in_force(tx) if item.app == app.app}
    contract = any(item.contract for item in approved.values())
    lines = [_permission(policy, name, app, approved.get(name), contract=contract) for name in policy.scopes]
    return sorted(lines, key=lambda line: (not line.usable, not line.basic))


def _permission(policy: Policy, name: str, app: App, review: Review | None, *, contract: bool) -> Permission:
    scope = policy.scopes[name]
    line = scope_line(policy, name, scope)
    held = policy.apps.under_review
    if scope.review and review is None:
        usable, needs = False, "It needs a review that the app has not passed."
    elif scope.contract and not contract:
        usable, needs = False, "It needs a contract that the app's developer has not signed."
    elif app.status == "under_review" and (held == "none" or (held == "unreviewed-scopes" and scope.review)):
        usable, needs = False, "It is closed while the app is under review."
    elif review is None:
        usable, needs = True, "Every app may ask for it."
    else:
        usable, needs = True, "It passed a review" + (", and there is a contract." if review.contract else ".")
    return Permission(
        scope=name,
        means=line.means,
        opens=line.opens,
        opens_of_friends=line.opens_of_friends,
        sensitivity=line.most_sensitive,
        basic=scope.basic,
        removable=scope.removable,
        usable=usable and app.status in {"live", "under_review"},
        needs=needs,
        approved_at=review.approved_at if review else None,
        approved_until=review.expires_at if review else None,
        contract=bool(review and review.contract),
        reason=review.reason if review else None,
    )


def lately(house: House, app: str) -> AppReadings:
    """Return what an app read in the last days, counted anew at most once a minute."""
    kept = house.readings.get(app)
    if kept is not None and time.monotonic() - kept[0] < _KEPT_SECONDS:
        return kept[1]
    until = clock.now()
    since = (until - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    found = readings_of_app(house.lake, app, since, until)
    if len(house.readings) >= 1_000:  # noqa: PLR2004 - a bound for memory, not a tuned value
        house.readings.clear()
    house.readings[app] = (time.monotonic(), found)
    return found


def read_view(found: AppReadings, policy: Policy, app: App, *, everybody: bool) -> ReadView:
    """Return readings in words; for `everybody` small numbers of people are left out."""

    def people(value: int) -> int | None:
        return value if not everybody or value >= FEW or value == 0 else None

    week = policy.budgets.first_week
    new = week is not None and found.until - app.registered_at < timedelta(days=week.days)
    fields: dict[str, list[tuple[str | None, int, int]]] = {}
    for line in found.fields:
        fields.setdefault(line.field, []).append((line.purpose, line.reads, line.people))
    uses = [
        FieldUse(
            field=name,
            means=field_word(policy, name),
            purposes=[purpose_word(policy, purpose) for purpose, _, _ in lines if purpose],
            reads=sum(reads for _, reads, _ in lines),
            people=people(max(count for _, _, count in lines)),
        )
        for name, lines in fields.items()
    ]
    used = (
        found.latest.people_an_hour, found.latest.people_a_day, found.latest.fields_an_hour, found.latest.fields_a_day,
    )  # fmt: skip
    return ReadView(
        days_back=DAYS,
        as_of=found.until,
        reads=found.reads,
        refused=found.refused,
        people=people(found.people),
        through_friends=people(found.through_friends),
        consenting=people(found.consenting),
        days=[
            DayLine(day.day, day.reads, people(day.people), day.through_friends, day.fields, day.refused)
            for day in reversed(found.days)
        ],
        fields=sorted(uses, key=lambda use: (-use.reads, use.field)),
        reasons=[
            ReasonLine(r.reason, SENTENCES.get(r.reason, plain_name(r.reason)), r.requests) for r in found.reasons
        ],
        budgets=[
            BudgetUse(line.what, count, line.first_week if new and line.first_week is not None else line.limit)
            for line, count in zip(budget_lines(policy, app.app), used, strict=True)
        ],
    )


def people_now(tx: Connection, app: str, *, everybody: bool) -> int | None:
    """Return how many people allow the app anything now; null for a few, to everybody."""
    count = consents.count(tx, app)
    return count if not everybody or count >= FEW or count == 0 else None
