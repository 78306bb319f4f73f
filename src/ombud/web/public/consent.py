"""Before consent: what an app may read, what is known against it, and what a person can leave unticked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import Form, Query
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ombud.gate.consent import before_consent, grant
from ombud.model.errors import NotFoundError
from ombud.records import apps, consents
from ombud.web.access import PERSON, PUBLIC
from ombud.web.app_words import Standing, permissions, standing_of
from ombud.web.pages import Pages
from ombud.web.policy_words import deciding_policy, expiry_sentences, purpose_word, scope_line
from ombud.web.public.apps import AppId, AppLine, line_of
from ombud.web.visit import VisitParameter

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["ConsentPage", "pages"]

pages = Pages()


class Offer(msgspec.Struct, frozen=True):
    """One thing that the person can allow."""

    scope: Annotated[str, Meta(description="Its name in requests.")]
    opens: Annotated[list[str], Meta(description="What the app may then read about the person, in words.")]
    opens_of_friends: Annotated[list[str], Meta(description="What it may then read about their friends, in words.")]
    sensitivity: Annotated[str, Meta(description="The highest sensitivity of it.")]
    basic: Annotated[bool, Meta(description="Whether it comes with every consent.")]
    removable: Annotated[bool, Meta(description="Whether it can be left unticked.")]
    ticked: Annotated[bool, Meta(description="Whether the person allows it now.")]
    reason: Annotated[str | None, Meta(description="Why the app needs it, as it was approved; null without a review.")]
    closed: Annotated[str | None, Meta(description="Why it opens nothing at this moment; null when it does.")]


class Sibling(msgspec.Struct, frozen=True):
    """Another app of the same developer against which something was decided."""

    app: Annotated[str, Meta(description="Its id at the platform.")]
    name: Annotated[str, Meta(description="Its name.")]
    status: Annotated[str, Meta(description="live, under_review, suspended or banned.")]
    stopped: Annotated[int, Meta(description="Times it was suspended, banned or stopped.")]


class ConsentPage(msgspec.Struct, frozen=True):
    """What a person sees before they allow an app anything: the warning comes before the harm."""

    app: Annotated[AppLine, Meta(description="The app.")]
    standing: Annotated[Standing, Meta(description="Whether it gets anything.")]
    closed: Annotated[bool, Meta(description="Whether it can be allowed nothing.")]
    purposes: Annotated[list[str], Meta(description="What it wants data for, as it declared.")]
    warnings: Annotated[list[str], Meta(description="What was decided against it and its developer, in sentences.")]
    offers: Annotated[list[Offer], Meta(description="What it may ask for; the basic permission first.")]
    asked: Annotated[bool, Meta(description="Whether the address named what the app asks for.")]
    siblings: Annotated[
        list[Sibling], Meta(description="Other apps of the developer against which something was decided.")
    ]
    expiry: Annotated[list[str], Meta(description="When access ends by itself, in sentences.")]
    has_consent: Annotated[bool, Meta(description="Whether the person allows it something now.")]


Scopes = Annotated[str, Query(max_length=2_000, description="What the app asks for: names with spaces between.")]


@pages.page("/consent/{app}", shows=ConsentPage, template="public/consent.html", access=PUBLIC)
def consent_page(visit: VisitParameter, app: AppId, scope: Scopes = "") -> ConsentPage:
    """Show what an app may read and what is known against it, before anything is allowed."""
    wanted = set(scope.split())
    with visit.house.records.read() as tx:
        found = _known(tx, app)
        policy = deciding_policy(tx)
        told = before_consent(tx, policy, app)
        standing = standing_of(tx, found, policy)
        now = {item.scope: item for item in permissions(tx, found, policy)}
        mine = consents.get(tx, app, visit.person.id) if visit.person else None
    given = set(mine.scopes) if mine and mine.live else set()
    offers = []
    for item in told.offers:
        if not item.available or (wanted and item.scope not in wanted | given and not item.basic):
            continue
        line = scope_line(policy, item.scope, policy.scopes[item.scope])
        offers.append(
            Offer(
                scope=item.scope,
                opens=line.opens,
                opens_of_friends=line.opens_of_friends,
                sensitivity=line.most_sensitive,
                basic=item.basic,
                removable=item.removable,
                ticked=item.scope in given,
                reason=item.reason,
                closed=None if now[item.scope].usable else now[item.scope].needs,
            )
        )
    return ConsentPage(
        app=line_of(found),
        standing=standing,
        closed=found.status in {"suspended", "banned"},
        purposes=[purpose_word(policy, name) for name in found.purposes],
        warnings=told.warnings,
        offers=sorted(offers, key=lambda offer: not offer.basic),
        asked=bool(wanted),
        siblings=[Sibling(o.app, o.name, o.status, o.suspensions) for o in told.others],
        expiry=expiry_sentences(policy),
        has_consent=bool(given),
    )


def _known(tx: Connection, app: str) -> apps.App:
    """Return an app. `NotFoundError`, in words for people, when it is not registered."""
    try:
        return apps.get(tx, app)
    except NotFoundError:
        raise NotFoundError("There is no such app here.", hint="Look whether the address is whole.") from None


@pages.form("/consent/{app}", access=PERSON)
def allow(visit: VisitParameter, app: AppId, scope: Annotated[list[str] | None, Form()] = None) -> Response:
    """Allow an app what is ticked, and nothing else."""
    with visit.house.records.begin() as tx:
        _known(tx, app)
        policy = deciding_policy(tx)
        grant(tx, policy, app, visit.myself().id, scope or [])
    return RedirectResponse("/me", 303)
