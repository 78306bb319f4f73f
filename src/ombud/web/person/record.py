"""A person's own page: which apps may read about them, which did and when, and taking access back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import Form, Path, Query
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ombud.gate import consent
from ombud.gate.readings import lines_of_person, readings_of_person
from ombud.gate.reasons import SENTENCES
from ombud.gate.rows import refused_fields
from ombud.model import clock
from ombud.model.errors import NotFoundError
from ombud.records import apps, consents, outbox
from ombud.web.access import PERSON
from ombud.web.app_words import STANDINGS
from ombud.web.pages import Pages
from ombud.web.paging import Paging, paging
from ombud.web.policy_words import deciding_policy, field_word, plain_name, purpose_word
from ombud.web.visit import VisitParameter

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.gate.policy import Policy
    from ombud.gate.readings import PersonApp, PersonReading
    from ombud.records.consents import Consent

__all__ = ["MePage", "MyAppPage", "pages"]

pages = Pages()
SIZE = 50
AppId = Annotated[str, Path(min_length=1, max_length=300)]
DaysBack = Annotated[int, Query(ge=1, le=366)]


class Tick(msgspec.Struct, frozen=True):
    """One thing that the person allows an app."""

    scope: Annotated[str, Meta(description="Its name in requests.")]
    means: Annotated[str, Meta(description="What it opens, in words.")]
    friends: Annotated[str, Meta(description="What it opens of friends, in words; empty for nothing.")]
    removable: Annotated[bool, Meta(description="Whether it can be unticked alone.")]


class MyApp(msgspec.Struct, frozen=True):
    """One app that may read about the person, could once, or did."""

    app: Annotated[str, Meta(description="The app's id at the platform.")]
    name: Annotated[str, Meta(description="Its name.")]
    developer: Annotated[str, Meta(description="Who makes it.")]
    status: Annotated[str, Meta(description="live, under_review, suspended or banned.")]
    status_words: Annotated[str, Meta(description="The status as people read it.")]
    state: Annotated[str, Meta(description="allowed, unused, expired, removed or never: what the person allows it.")]
    ticks: Annotated[list[Tick], Meta(description="What the person allows it now.")]
    granted_at: Annotated[datetime | None, Meta(description="When the person allowed it; null if never.")]
    last_used_at: Annotated[datetime | None, Meta(description="When the person last used it, to the day.")]
    ends_at: Annotated[datetime | None, Meta(description="When access ends by itself if the app is not used.")]
    removed_at: Annotated[datetime | None, Meta(description="When the person took it back.")]
    reads: Annotated[int, Meta(description="Requests by which something about the person went out to it.")]
    through_friends: Annotated[int, Meta(description="Those of them by a friend's consent.")]
    refused: Annotated[int, Meta(description="Its requests about the person that were refused.")]
    last_read_at: Annotated[datetime | None, Meta(description="When it last asked; null if not in this time.")]
    fields: Annotated[list[str], Meta(description="What went out, each thing once, in words.")]


class MePage(msgspec.Struct, frozen=True):
    """What the person allows, and what was read about them."""

    person: Annotated[str, Meta(description="Who this is about, as the platform writes it.")]
    until: Annotated[datetime, Meta(description="When this session ends.")]
    days_back: Annotated[int, Meta(description="How many days are looked back on.")]
    as_of: Annotated[datetime, Meta(description="When this was counted.")]
    allowed: Annotated[list[MyApp], Meta(description="Apps that may read about the person now.")]
    others: Annotated[list[MyApp], Meta(description="Apps that read or asked without being allowed by the person.")]
    ended: Annotated[list[MyApp], Meta(description="Apps that the person allowed once.")]


class ReadLine(msgspec.Struct, frozen=True):
    """One request of an app for the person's data."""

    read: Annotated[str, Meta(description="The read's id, as it is on record.")]
    at: Annotated[datetime, Meta(description="When.")]
    fields: Annotated[list[str], Meta(description="What went out, in words; empty when nothing did.")]
    refused: Annotated[list[str], Meta(description="What was refused, in words.")]
    why_not: Annotated[list[str], Meta(description="Why, in sentences.")]
    purpose: Annotated[str | None, Meta(description="What for, as the app said.")]
    through_friend: Annotated[bool, Meta(description="Whether it came by a friend's consent.")]
    policy: Annotated[str | None, Meta(description="Hash of the policy that decided.")]
    ledger: Annotated[int | None, Meta(description="The entry of the ledger that proves it; null while it waits.")]


class ChangeLine(msgspec.Struct, frozen=True):
    """One change of what the person allows the app."""

    at: Annotated[datetime, Meta(description="When.")]
    kind: Annotated[str, Meta(description="granted, changed or revoked.")]
    scopes: Annotated[list[str], Meta(description="What was allowed from then on.")]
    by: Annotated[str, Meta(description="Who did it: `person`, or another.")]


class MyAppPage(msgspec.Struct, frozen=True):
    """One app and the person."""

    app: Annotated[MyApp, Meta(description="What the person allows it, and what it read in all.")]
    days_back: Annotated[int, Meta(description="How many days are looked back on.")]
    as_of: Annotated[datetime, Meta(description="When this was counted.")]
    reads: Annotated[list[ReadLine], Meta(description="Its requests about the person, newest first.")]
    paging: Annotated[Paging, Meta(description="Where in them this is.")]
    changes: Annotated[list[ChangeLine], Meta(description="How the person's consent came to be, newest first.")]


_TO_YOU = {
    "not-granted": "You did not allow it.",
    "no-consent": "You allow this app nothing.",
    "consent-revoked": "You took it back.",
    "consent-expired": "What you allowed has run out.",
    "consent-unused": "You have not used the app for too long.",
    "friend-not-in-app": "You do not use this app.",
    "not-a-friend": "The one whose consent was used is no friend of yours.",
}
"""Reasons as they are told to the person whose data it is."""
_OF_A_FRIEND = {"not-granted", "no-consent", "consent-revoked", "consent-expired", "consent-unused"}
"""Reasons that tell of the friend whose consent was used: those are the friend's own matter."""


def _why_not(code: str, *, through_friend: bool) -> str:
    if through_friend and code in _OF_A_FRIEND:
        return "No friend's consent opens it."
    return _TO_YOU.get(code) or SENTENCES.get(code, plain_name(code))


def _since(days: int) -> tuple[datetime, datetime]:
    until = clock.now()
    return (until - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0), until


def _means(policy: Policy, fields: list[str]) -> list[str]:
    return [field_word(policy, name) for name in fields]


def _ticks(policy: Policy, scopes: list[str]) -> list[Tick]:
    found = []
    for name in scopes:
        scope = policy.scopes.get(name)
        if scope is None:  # one that an older policy had: it opens nothing any more
            found.append(Tick(name, plain_name(name), "", removable=False))
            continue
        opens = "; ".join(_means(policy, list(scope.opens))) or scope.doc or plain_name(name)
        friends = "; ".join(_means(policy, list(scope.opens_of_friends)))
        found.append(Tick(name, opens, friends, removable=scope.removable and not scope.basic))
    return found


def _state(item: Consent | None, policy: Policy) -> tuple[str, datetime | None]:
    """Return what the person allows, and when that ends by itself."""
    if item is None:
        return "never", None
    if item.revoked_at is not None:
        return "removed", None
    days = policy.expiry.unused_days
    used = item.last_used_at or item.granted_at
    unused = used + timedelta(days=days + 1) if days is not None else None
    ends = min((moment for moment in (unused, item.expires_at) if moment is not None), default=None)
    if not item.live:
        return "expired", ends
    return ("unused" if unused is not None and unused <= clock.now() else "allowed"), ends


def _my_app(tx: Connection, policy: Policy, app: str, item: Consent | None, read: PersonApp | None) -> MyApp:
    try:
        known = apps.get(tx, app)
        name, developer, status = known.name, known.developer_name or known.developer, known.status
    except NotFoundError:  # an app that was read by before the gate knew it
        name, developer, status = app, "not stated", "live"
    state, ends = _state(item, policy)
    return MyApp(
        app=app,
        name=name,
        developer=developer,
        status=status,
        status_words=STANDINGS[status],
        state=state,
        ticks=_ticks(policy, item.scopes) if item and state == "allowed" else [],
        granted_at=item.granted_at if item else None,
        last_used_at=item.last_used_at if item else None,
        ends_at=ends,
        removed_at=item.revoked_at if item else None,
        reads=read.reads if read else 0,
        through_friends=read.through_friends if read else 0,
        refused=read.refused if read else 0,
        last_read_at=read.last if read else None,
        fields=_means(policy, read.fields) if read else [],
    )


@pages.page("/me", shows=MePage, template="person/me.html", access=PERSON)
def me(visit: VisitParameter, days: DaysBack = 90) -> MePage:
    """Show a person which apps may read about them, and which did."""
    myself = visit.myself()
    since, until = _since(days)
    read = {line.app: line for line in readings_of_person(visit.house.lake, myself.id, since, until).apps}
    with visit.house.records.read() as tx:
        policy = deciding_policy(tx)
        given = {item.app: item for item in consents.of_person(tx, myself.id)}
        every = [_my_app(tx, policy, app, given.get(app), read.get(app)) for app in dict.fromkeys((*given, *read))]
    every.sort(key=lambda item: (-(item.last_read_at.timestamp() if item.last_read_at else 0.0), item.name))
    return MePage(
        person=myself.id,
        until=myself.until,
        days_back=days,
        as_of=until,
        allowed=[item for item in every if item.state == "allowed"],
        others=[item for item in every if item.state == "never"],
        ended=[item for item in every if item.state in {"removed", "expired", "unused"}],
    )


def _line(policy: Policy, item: PersonReading, ledger: int | None) -> ReadLine:
    refused = refused_fields(item.fields, item.decision, item.reason)
    out = item.fields if item.decision != "refused" else []
    return ReadLine(
        read=item.read,
        at=item.at,
        fields=_means(policy, out),
        refused=_means(policy, list(refused) if out else item.fields),
        why_not=list(dict.fromkeys(_why_not(code, through_friend=item.through_friend) for code in refused.values())),
        purpose=purpose_word(policy, item.purpose) if item.purpose else None,
        through_friend=item.through_friend,
        policy=item.policy,
        ledger=ledger,
    )


@pages.page("/me/apps/{app}", shows=MyAppPage, template="person/app.html", access=PERSON)
def my_app(
    visit: VisitParameter, app: AppId, days: DaysBack = 90, page: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> MyAppPage:
    """Show a person each time that one app asked for something about them."""
    myself = visit.myself()
    since, until = _since(days)
    read = next(
        (item for item in readings_of_person(visit.house.lake, myself.id, since, until).apps if item.app == app), None
    )
    lines = lines_of_person(visit.house.lake, myself.id, app, since, until, SIZE, (page - 1) * SIZE) if read else []
    with visit.house.records.read() as tx:
        policy = deciding_policy(tx)
        given = consents.get(tx, app, myself.id)
        if given is None and read is None:
            raise NotFoundError(
                "This app neither may read about you nor asked to in this time.",
                hint="Look at a longer time, or at `/me`.",
            )
        shown = _my_app(tx, policy, app, given, read)
        placed = {
            item.read: item.ledger
            if item.ledger is not None or item.outbox is None
            else outbox.index_of(tx, item.outbox)
            for item in lines
        }
        history = consents.events(tx, myself.id, app)
    total = read.reads + read.refused if read else 0
    return MyAppPage(
        app=shown,
        days_back=days,
        as_of=until,
        reads=[_line(policy, item, placed[item.read]) for item in lines],
        paging=paging(f"/me/apps/{app}", {"days": days if days != 90 else None}, page, total, SIZE),  # noqa: PLR2004 - the default
        changes=[ChangeLine(e.happened_at, e.kind, e.scopes, e.author) for e in reversed(history)],
    )


@pages.form("/me/apps/{app}/remove", access=PERSON)
def remove(visit: VisitParameter, app: AppId) -> Response:
    """Take back all that the person allows an app; its next request is refused."""
    with visit.house.records.begin() as tx:
        consent.revoke(tx, app, visit.myself().id)
    return RedirectResponse("/me#ended", 303)


@pages.form("/me/apps/{app}/untick", access=PERSON)
def untick(visit: VisitParameter, app: AppId, scope: Annotated[str, Form(min_length=1, max_length=100)]) -> Response:
    """Take back one thing that the person allows an app."""
    with visit.house.records.begin() as tx:
        policy = deciding_policy(tx)
        consent.untick(tx, policy, app, visit.myself().id, scope)
    return RedirectResponse("/me", 303)
