"""Consent: what a person sees before, and how it is given, cut down, taken back and given again.

Every change is on the ledger as a salted commitment in a row of type `grant`:
nothing of the person, of the app or of the scopes stands there in the clear.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import rfc8785

from ombud.gate import registry
from ombud.ledger.commitments import commit_rows
from ombud.ledger.rows import row_time
from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError, RefusedError
from ombud.records import apps, brakes, consents, findings, outbox, reviews
from ombud.records.consents import Commitment, Consent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from ombud.gate.policy import Policy
    from ombud.records.consents import ConsentEvent, Kind

__all__ = [
    "PERSON",
    "BeforeConsent",
    "OtherApp",
    "ScopeOffer",
    "before_consent",
    "event_row",
    "grant",
    "revoke",
    "untick",
]

GRANT = "grant"
"""The type of the ledger's entry."""
PERSON = "person"
"""The author of what people do themselves."""
_CLOSED = {"suspended": "is suspended", "banned": "is banned"}


class ScopeOffer(msgspec.Struct, frozen=True):
    """One thing that a person can allow, in words."""

    scope: str
    doc: str
    fields: list[str]
    """what the app may read about the person, in words"""
    fields_of_friends: list[str]
    """what it may read about their friends"""
    basic: bool
    """comes with every consent"""
    removable: bool
    """whether it can be unticked"""
    available: bool
    """whether the app may ask for it now"""
    approved_by: str | None
    """who approved it for this app, where it needs a review"""
    reason: str | None
    """why the app needs it, as it was approved"""


class OtherApp(msgspec.Struct, frozen=True):
    """Another app of the same developer, and what became of it."""

    app: str
    name: str
    status: str
    suspensions: int
    """times it was suspended or banned, or stopped by a breaker"""
    findings: list[str]
    """titles of findings about it, strongest first"""


class BeforeConsent(msgspec.Struct, frozen=True):
    """What a person sees before they consent: the warning comes before the harm."""

    app: str
    name: str
    developer: str
    status: str
    purposes: list[str]
    offers: list[ScopeOffer]
    findings: list[str]
    """titles of findings about this app"""
    others: list[OtherApp]
    """the developer's other apps that anything is known against"""
    warnings: list[str]
    """in sentences, the gravest first"""


def before_consent(tx: Connection, policy: Policy, app: str) -> BeforeConsent:
    """Return what a person is told before they consent. `NotFoundError` for an app that is not registered."""
    item = apps.get(tx, app)
    approved = [review for review in reviews.in_force(tx) if review.app == app]
    own = _found(tx, app)
    others = [_other(tx, one.app) for one in apps.of_developer(tx, item.developer) if one.app != app]
    others = [one for one in others if one.suspensions or one.findings or one.status != "live"]
    by_scope = {review.scope: review for review in approved}
    standing = registry.standing(item, approved)
    offers = []
    for name, scope in policy.scopes.items():
        review = by_scope.get(name)
        offers.append(
            ScopeOffer(
                scope=name,
                doc=scope.doc,
                fields=[policy.fields[field].doc or field for field in scope.opens],
                fields_of_friends=[policy.fields[field].doc or field for field in scope.opens_of_friends],
                basic=scope.basic,
                removable=scope.removable and not scope.basic,
                available=(not scope.review or review is not None) and (not scope.contract or standing.contract),
                approved_by=None if review is None else review.approved_by,
                reason=None if review is None else review.reason,
            )
        )
    braked = {brake.app: brake for brake in brakes.in_force(tx)}
    warnings = []
    if item.status in _CLOSED:
        warnings.append(f"This app {_CLOSED[item.status]}.")
    if app in braked:
        warnings.append(f"This app was {braked[app].state} because it read like a crawler.")
    if item.status == "under_review":
        warnings.append("This app is under review.")
    past = _suspensions(tx, app) - (item.status in _CLOSED) - (app in braked and braked[app].state == "stopped")
    if past > 0:
        warnings.append(f"This app was suspended, banned or stopped {_times(past)} before.")
    warnings += own
    warnings += [
        f"{one.name}, by the same developer, was suspended, banned or stopped {_times(one.suspensions)}."
        for one in others
        if one.suspensions
    ]
    name = item.developer_name or item.developer
    return BeforeConsent(app, item.name, name, item.status, item.purposes, offers, own, others, warnings)


def grant(
    tx: Connection,
    policy: Policy,
    app: str,
    person: str,
    scopes: Iterable[str],
    *,
    author: str = PERSON,
    expires_at: datetime | None = None,
) -> Consent:
    """Give an app scopes: for the first time, anew, or in the place of those it had; the basic one is always one.

    Raises `RefusedError` when the app is closed or may not ask for a scope,
    `InputError` for a scope that the policy does not know.
    """
    item = apps.get(tx, app)
    if item.status in _CLOSED:
        raise RefusedError(f"The app `{app}` {_CLOSED[item.status]}.", hint="It can be given nothing.")
    if not person:
        raise InputError("A consent needs a person.", hint="Give the person's id as the platform does.")
    wanted = {*scopes, policy.basic}
    standing = registry.standing(item, [review for review in reviews.in_force(tx) if review.app == app])
    for name in sorted(wanted):
        scope = policy.scopes.get(name)
        if scope is None:
            raise InputError(f"The policy knows no scope `{name}`.", hint=f"It has {', '.join(policy.scopes)}.")
        if (scope.review and name not in standing.reviewed) or (scope.contract and not standing.contract):
            raise RefusedError(
                f"The app `{app}` may not ask for `{name}`.", hint="It needs a review or a contract first."
            )
    now, before = clock.now(), consents.get(tx, app, person)
    live = before is not None and before.live
    expires = expires_at if expires_at is not None else _expiry(policy, now)
    made = Consent(app, person, sorted(wanted), now, now, expires, None, 0)
    return _change(tx, made, "changed" if live else "granted", author)


def untick(tx: Connection, policy: Policy, app: str, person: str, scope: str, *, author: str = PERSON) -> Consent:
    """Take one scope back; any but the basic one, and those that the policy keeps. Raises `RefusedError`."""
    found = _live(tx, app, person)
    known = policy.scopes.get(scope)
    if scope == policy.basic or (known is not None and not known.removable):
        raise RefusedError(f"`{scope}` cannot be unticked alone.", hint="Remove the app instead.")
    if scope not in found.scopes:
        return found
    left = [name for name in found.scopes if name != scope]
    return _change(tx, msgspec.structs.replace(found, scopes=left), "changed", author)


def revoke(tx: Connection, app: str, person: str, *, author: str = PERSON) -> Consent:
    """Take everything back; nothing happens when it was taken back before. `NotFoundError` when nothing was given."""
    found = consents.get(tx, app, person)
    if found is None:
        raise NotFoundError(f"The person never gave the app `{app}` anything.")
    if found.revoked_at is not None:
        return found
    gone = msgspec.structs.replace(found, scopes=[], revoked_at=clock.now())
    return _change(tx, gone, "revoked", author)


def event_row(event: ConsentEvent) -> bytes:
    """Return the bytes that were committed to for a change of consent."""
    return _row(event.app, event.person, event.happened_at, event.kind, event.scopes, event.author)


def _change(tx: Connection, item: Consent, kind: Kind, author: str) -> Consent:
    now = clock.now()
    with clock.frozen(now):  # so that the history has the moment that was committed to
        batch = commit_rows([_row(item.app, item.person, now, kind, item.scopes, author)])
        row = outbox.append(tx, GRANT, {"root": batch.root.hex(), "padded": batch.padded})
        made = Commitment(batch.salts.hex(), batch.pad_seed.hex(), row)
        return consents.change(tx, item, kind, author, made)


def _row(app: str, person: str, at: datetime, kind: str, scopes: list[str], author: str) -> bytes:  # noqa: PLR0917 - as it is written
    said = {"app": app, "at": row_time(at), "author": author, "kind": kind, "person": person, "scopes": list(scopes)}
    return rfc8785.dumps(said)


def _expiry(policy: Policy, now: datetime) -> datetime | None:
    """Return when a consent of this moment runs out: whole days of UTC."""
    days = policy.expiry.consent_days
    if days is None:
        return None
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


def _live(tx: Connection, app: str, person: str) -> Consent:
    found = consents.get(tx, app, person)
    if found is None or not found.live:
        raise NotFoundError(f"The person gives the app `{app}` nothing at this moment.")
    return found


def _found(tx: Connection, app: str) -> list[str]:
    return [item.title for item in findings.about(tx, "app", app)]


def _other(tx: Connection, app: str) -> OtherApp:
    item = apps.get(tx, app)
    return OtherApp(app, item.name, item.status, _suspensions(tx, app), _found(tx, app))


def _suspensions(tx: Connection, app: str) -> int:
    """Return how often an app was suspended, banned or stopped."""
    return sum(
        event.kind == "stopped"
        or (event.kind == "status" and (" to suspended" in event.text or " to banned" in event.text))
        for event in apps.history(tx, app)
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
