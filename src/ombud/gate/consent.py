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
from ombud.records import apps, consents, outbox, reviews
from ombud.records.consents import Commitment, Consent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from ombud.gate.policy import Policy
    from ombud.records.apps import App, AppEvent
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
_MOST_TOLD = 6
"""decisions against an app that are told, newest first"""


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
    last: datetime | None
    """when that was last"""


class BeforeConsent(msgspec.Struct, frozen=True):
    """What a person sees before they consent: the warning comes before the harm."""

    app: str
    name: str
    developer: str
    status: str
    purposes: list[str]
    offers: list[ScopeOffer]
    others: list[OtherApp]
    """the developer's other apps that anything was decided against"""
    warnings: list[str]
    """what was decided against it and them, in sentences: how it stands now, then what was before, newest first"""


def before_consent(tx: Connection, policy: Policy, app: str) -> BeforeConsent:
    """Return what a person is told before they consent. `NotFoundError` for an app that is not registered.

    Only what was decided is told, with its day: statuses, withdrawn permissions, and brakes. A finding is an
    automatic suspicion that nobody has looked at yet, and may be wrong; nothing of it is told here.
    """
    item = apps.get(tx, app)
    approved = [review for review in reviews.in_force(tx) if review.app == app]
    others = [_other(tx, one.app) for one in apps.of_developer(tx, item.developer) if one.app != app]
    others = [one for one in others if one.suspensions or one.status != "live"]
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
    warnings = _decided(tx, item) + [
        f"{one.name}, by the same developer, was suspended, banned or stopped {_times(one.suspensions)}, "
        f"last on {_day(one.last)}."
        for one in others
        if one.last
    ]
    name = item.developer_name or item.developer
    return BeforeConsent(app, item.name, name, item.status, item.purposes, offers, others, warnings)


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


def _other(tx: Connection, app: str) -> OtherApp:
    item = apps.get(tx, app)
    days = [event.happened_at for event in apps.history(tx, app) if event.kind == "stopped" or _closing(event)]
    return OtherApp(app, item.name, item.status, len(days), max(days, default=None))


def _decided(tx: Connection, item: App) -> list[str]:
    """Return how an app stands now, if not well, and what was decided against it before, newest first."""
    history = apps.history(tx, item.app)
    changes = [event for event in history if event.kind == "status"]
    now = changes[-1:] if item.status != "live" else []
    since = f" since {_day(now[0].happened_at)}" if now else ""
    stands = _CLOSED | {"under_review": "is under review"}
    told = [f"This app {stands[item.status]}{since}."] if item.status in stands else []
    before: list[str] = []
    for event in history:
        day = _day(event.happened_at)
        if event.kind in {"slowed", "stopped"}:
            before.append(f"This app was {event.kind} on {day} by the automatic brake.")
        elif event.kind == "released" and event.author and before:
            before.append(f"It was let go on {day} by a person.")
        elif event.kind == "withdrawn":
            before.append(f"Its permission `{event.text.partition(':')[0]}` was withdrawn on {day}.")
        elif _closing(event) and event not in now:
            before.append(f"This app was {_closing(event)} on {day}.")
    newest = list(dict.fromkeys(reversed(before)))
    told += newest[:_MOST_TOLD]
    if len(newest) > _MOST_TOLD:
        told.append(f"There are {len(newest) - _MOST_TOLD} more such entries before that.")
    return told


def _closing(event: AppEvent) -> str | None:
    """Return the status into which an event put an app, when that closed it."""
    to = event.text.partition(":")[0].partition(" to ")[2] if event.kind == "status" else ""
    return to if to in {"suspended", "banned"} else None


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).day} {moment.astimezone(UTC):%B %Y}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
