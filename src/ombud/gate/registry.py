"""What the gate is told of apps and of the policy in force: read from the records, in the gate's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ombud.gate.policy import publication, published
from ombud.gate.request import AppStanding
from ombud.model import clock
from ombud.records import apps, policies, reviews

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from ombud.gate.policy import Policy
    from ombud.records.apps import App
    from ombud.records.policies import PolicyVersion
    from ombud.records.reviews import Review

__all__ = ["activate", "policy_in_force", "policy_of", "standing", "standings"]


def standing(app: App, approved: list[Review]) -> AppStanding:
    """Return an app's standing, by the approvals of it that are in force."""
    return AppStanding(
        app=app.app,
        registered_at=app.registered_at,
        status=app.status,
        reviewed=frozenset(review.scope for review in approved),
        contract=any(review.contract for review in approved),
        purposes=frozenset(app.purposes),
        last_active_at=app.last_active_at,
        developer=app.developer,
    )


def standings(tx: Connection, at: datetime | None = None) -> list[AppStanding]:
    """Return the standings of all apps at a moment (now if unset), by id."""
    approved: dict[str, list[Review]] = {}
    for review in reviews.in_force(tx, at or clock.now()):
        approved.setdefault(review.app, []).append(review)
    return [standing(app, approved.get(app.app, [])) for app in apps.every(tx)]


def activate(
    tx: Connection, policy: Policy, author: str, reason: str, *, active_from: datetime | None = None
) -> PolicyVersion:
    """Put a policy in force, now or later; its whole text goes on the ledger."""
    body = publication(policy)
    return policies.activate(tx, body, msgspec.json.encode(body).decode(), author, reason, active_from=active_from)


def policy_in_force(tx: Connection, at: datetime | None = None) -> Policy | None:
    """Return the policy that decides at a moment (now if unset); `None` before the first."""
    found = policies.current(tx, at)
    return None if found is None else policy_of(found)


def policy_of(version: PolicyVersion) -> Policy:
    """Return the policy of a version. Raises `PolicyError` when its text has not the hash it was published with."""
    return published(msgspec.json.decode(version.text))
