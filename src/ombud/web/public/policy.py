"""The policy of the gate: what apps may read about people, in words; every version, and what changed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Path
from msgspec import Meta

from ombud.gate.policy import Policy
from ombud.gate.registry import policy_of
from ombud.model import clock
from ombud.records import outbox, policies
from ombud.records.policies import PolicyVersion
from ombud.web.access import PUBLIC
from ombud.web.pages import Pages
from ombud.web.policy_changes import ChangeLine, change_lines
from ombud.web.policy_words import (
    BudgetLine,
    FieldLine,
    PurposeLine,
    RegionLine,
    ScopeLine,
    app_sentences,
    budget_lines,
    deciding_policy,
    expiry_sentences,
    field_lines,
    friend_sentences,
    open_fields,
    purpose_lines,
    region_lines,
    scope_lines,
)
from ombud.web.visit import VisitParameter

__all__ = ["HistoryPage", "PolicyPage", "PolicyView", "pages"]

pages = Pages()
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class PolicyView(msgspec.Struct, frozen=True):
    """A policy in words."""

    hash: Annotated[str, Meta(description="SHA-256 of the policy as canonical JSON (RFC 8785), in hexadecimal.")]
    name: Annotated[str, Meta(description="Its name.")]
    version: Annotated[str, Meta(description="Its version, as its author writes it.")]
    doc: Annotated[str, Meta(description="What it is for.")]
    fields: Annotated[list[FieldLine], Meta(description="What can be known about a person, most sensitive first.")]
    fields_open: Annotated[int, Meta(description="How many of them an app can read at all.")]
    fields_of_friends: Annotated[int, Meta(description="How many of them through a friend's consent.")]
    scopes: Annotated[list[ScopeLine], Meta(description="What a person can allow an app.")]
    friends: Annotated[list[str], Meta(description="What can be read through a friend, in sentences.")]
    expiry: Annotated[list[str], Meta(description="When access ends by itself, in sentences.")]
    budgets: Annotated[list[BudgetLine], Meta(description="How much an app may read.")]
    first_week_days: Annotated[int | None, Meta(description="How many days an app counts as new; null if never.")]
    apps: Annotated[list[str], Meta(description="What is asked of an app, in sentences.")]
    purposes: Annotated[list[PurposeLine], Meta(description="What apps may want data for.")]
    regions: Annotated[list[RegionLine], Meta(description="Where the law forbids more.")]
    rules: Annotated[bool, Meta(description="Whether it has Cedar rules for what is no read of a person's data.")]


class VersionLine(msgspec.Struct, frozen=True):
    """One time that a policy came into force."""

    hash: Annotated[str, Meta(description="The policy's hash.")]
    name: Annotated[str, Meta(description="Its name.")]
    active_from: Annotated[datetime, Meta(description="From when on.")]
    until: Annotated[datetime | None, Meta(description="Until when; null for the one in force and for those to come.")]
    state: Annotated[str, Meta(description="in force, past or to come.")]
    reason: Annotated[str, Meta(description="Why it was put in force.")]
    ledger: Annotated[int | None, Meta(description="Its entry on the ledger; null while it waits to be written.")]
    before: Annotated[str | None, Meta(description="Hash of the policy that it replaced; null for the first.")]
    changes: Annotated[list[ChangeLine], Meta(description="What it changed, what closes first.")]


class PolicyPage(msgspec.Struct, frozen=True):
    """The policy in force, or one that was."""

    policy: Annotated[PolicyView, Meta(description="The policy in words.")]
    version: Annotated[
        VersionLine | None,
        Meta(description="When it was in force, and what it changed; null for the gate's own, before the first."),
    ]
    times: Annotated[int, Meta(description="How many times a policy was put in force.")]
    document: Annotated[dict[str, Any], Meta(description="The policy itself: what is hashed and published.")]


class HistoryPage(msgspec.Struct, frozen=True):
    """Every policy, newest first."""

    versions: Annotated[list[VersionLine], Meta(description="The policies, with what each changed.")]


def view_of(policy: Policy) -> PolicyView:
    """Return a policy in words."""
    _, opened, friends = open_fields(policy)
    week = policy.budgets.first_week
    return PolicyView(
        hash=policy.hash,
        name=policy.name,
        version=policy.version,
        doc=policy.doc,
        fields=field_lines(policy),
        fields_open=opened,
        fields_of_friends=friends,
        scopes=scope_lines(policy),
        friends=friend_sentences(policy),
        expiry=expiry_sentences(policy),
        budgets=budget_lines(policy),
        first_week_days=week.days if week else None,
        apps=app_sentences(policy),
        purposes=purpose_lines(policy),
        regions=region_lines(policy),
        rules=bool(policy.cedar),
    )


def _published(visit: VisitParameter, versions: list[PolicyVersion]) -> dict[int, int | None]:
    """Return where on the ledger each version is, by its number; those that wait are null."""
    with visit.house.records.read() as tx:
        entries = outbox.since(tx, "policy", 0)
        placed = {
            (entry.payload.get("hash"), entry.payload.get("active_from")): outbox.index_of(tx, entry.id)
            for entry in entries
        }
    return {item.id: placed.get((item.hash, item.active_from.isoformat())) for item in versions}


def _lines(visit: VisitParameter, versions: list[PolicyVersion]) -> list[VersionLine]:
    """Return versions, newest first, each with what it changed about the one before it."""
    now = clock.now()
    ledger = _published(visit, versions)
    lines = []
    for place, item in enumerate(versions):
        older = versions[place + 1] if place + 1 < len(versions) else None
        newer = versions[place - 1] if place else None
        ended = newer is not None and newer.active_from <= now
        state = "to come" if item.active_from > now else "past" if ended else "in force"
        lines.append(
            VersionLine(
                hash=item.hash,
                name=item.name,
                active_from=item.active_from,
                until=newer.active_from if newer is not None and item.active_from <= now else None,
                state=state,
                reason=item.reason,
                ledger=ledger[item.id],
                before=older.hash if older else None,
                changes=change_lines(policy_of(older), policy_of(item)) if older else [],
            )
        )
    return lines


@pages.page("/policy", shows=PolicyPage, template="public/policy.html", access=PUBLIC)
def policy_page(visit: VisitParameter) -> PolicyPage:
    """Show what apps may read about people: the policy in force."""
    with visit.house.records.read() as tx:
        versions = policies.history(tx)
        policy = deciding_policy(tx)
    line = next((line for line in _lines(visit, versions) if line.state == "in force"), None)
    return PolicyPage(policy=view_of(policy), version=line, times=len(versions), document=policy.document)


@pages.page("/policy/history", shows=HistoryPage, template="public/policy_history.html", access=PUBLIC)
def policy_history(visit: VisitParameter) -> HistoryPage:
    """List every policy that was in force, and what each changed."""
    with visit.house.records.read() as tx:
        versions = policies.history(tx)
    return HistoryPage(versions=_lines(visit, versions))


@pages.page("/policy/{digest}", shows=PolicyPage, template="public/policy.html", access=PUBLIC)
def policy_version(visit: VisitParameter, digest: Digest) -> PolicyPage:
    """Show a policy that was in force once, or is to come."""
    with visit.house.records.read() as tx:
        found = policies.by_hash(tx, digest)
        versions = policies.history(tx)
    line = next(line for line in _lines(visit, versions) if line.hash == digest)
    policy = policy_of(found)
    return PolicyPage(policy=view_of(policy), version=line, times=len(versions), document=policy.document)
