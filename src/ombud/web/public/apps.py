"""Apps for everybody: what each may read about people and why, and what it read lately."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Path, Query
from msgspec import Meta

from ombud.records import apps
from ombud.web.access import PUBLIC
from ombud.web.app_words import (
    STANDINGS,
    Permission,
    ReadView,
    Standing,
    lately,
    people_now,
    permissions,
    read_view,
    standing_of,
)
from ombud.web.pages import Pages
from ombud.web.paging import Option, Paging, paging
from ombud.web.policy_words import deciding_policy, purpose_word
from ombud.web.visit import VisitParameter

__all__ = ["AppId", "AppLine", "AppList", "PublicAppPage", "app_lines", "pages"]

pages = Pages()
SIZE = 50
AppId = Annotated[str, Path(min_length=1, max_length=300)]


class AppLine(msgspec.Struct, frozen=True):
    """One app in a list."""

    app: Annotated[str, Meta(description="Its id at the platform.")]
    name: Annotated[str, Meta(description="Its name.")]
    developer: Annotated[str, Meta(description="Who makes it.")]
    category: Annotated[str | None, Meta(description="What kind of app it is.")]
    status: Annotated[str, Meta(description="live, under_review, suspended or banned.")]
    status_words: Annotated[str, Meta(description="The status as people read it.")]
    registered_at: Annotated[datetime, Meta(description="When it was registered.")]
    last_active_at: Annotated[datetime | None, Meta(description="When it was last active; null if never.")]


class AppList(msgspec.Struct, frozen=True):
    """Apps that may ask for people's data."""

    query: Annotated[str, Meta(description="Part of a name searched for, or an id.")]
    status: Annotated[str, Meta(description="The status chosen; empty for any.")]
    statuses: Annotated[list[Option], Meta(description="Statuses to choose from.")]
    rows: Annotated[list[AppLine], Meta(description="The apps on this page.")]
    paging: Annotated[Paging, Meta(description="Where in the list this is.")]
    any_at_all: Annotated[bool, Meta(description="Whether any app is registered.")]


class PublicAppPage(msgspec.Struct, frozen=True):
    """One app, as everybody may see it."""

    app: Annotated[AppLine, Meta(description="The app.")]
    standing: Annotated[Standing, Meta(description="Whether it gets anything.")]
    purposes: Annotated[list[str], Meta(description="What it wants data for, as it declared.")]
    permissions: Annotated[list[Permission], Meta(description="What it may read, and why; what it may not comes last.")]
    policy: Annotated[str, Meta(description="Hash of the policy that decides.")]
    people: Annotated[int | None, Meta(description="People who allow it anything now; null for fewer than ten.")]
    read: Annotated[ReadView, Meta(description="What it read lately, without people.")]
    siblings: Annotated[list[AppLine], Meta(description="Other apps of its developer.")]


def line_of(app: apps.App) -> AppLine:
    """Return an app as a line."""
    return AppLine(
        app=app.app,
        name=app.name,
        developer=app.developer_name or app.developer,
        category=app.category,
        status=app.status,
        status_words=STANDINGS[app.status],
        registered_at=app.registered_at,
        last_active_at=app.last_active_at,
    )


def app_lines(visit: VisitParameter, path: str, q: str, status: str, page: int) -> AppList:
    """Return the apps that fit, for a list at `path`."""
    with visit.house.records.read() as tx:
        chosen = {"status": status or None, "query": q or None}
        total = apps.count(tx, **chosen)
        found = apps.listing(tx, **chosen, limit=SIZE, offset=(page - 1) * SIZE)
        any_at_all = bool(total) or apps.count(tx) > 0
    options = [Option("", "Any status"), *(Option(value, label) for value, label in STANDINGS.items())]
    return AppList(
        query=q,
        status=status,
        statuses=options,
        rows=[line_of(app) for app in found],
        paging=paging(path, {"q": q, "status": status}, page, total, SIZE),
        any_at_all=any_at_all,
    )


Query_ = Annotated[str, Query(max_length=200)]
Status = Annotated[str, Query(pattern="^(live|under_review|suspended|banned)?$")]
Number = Annotated[int, Query(ge=1, le=1_000_000)]


@pages.page("/apps", shows=AppList, template="public/apps.html", access=PUBLIC)
def app_list(visit: VisitParameter, q: Query_ = "", status: Status = "", page: Number = 1) -> AppList:
    """List the apps that may ask for people's data."""
    return app_lines(visit, "/apps", q, status, page)


@pages.page("/apps/{app}", shows=PublicAppPage, template="public/app.html", access=PUBLIC)
def app_page(visit: VisitParameter, app: AppId) -> PublicAppPage:
    """Show what one app may read and why, and what it read lately; no person is named."""
    with visit.house.records.read() as tx:
        found = apps.get(tx, app)
        policy = deciding_policy(tx)
        standing = standing_of(tx, found, policy)
        allowed = permissions(tx, found, policy)
        people = people_now(tx, app, everybody=True)
        siblings = [line_of(item) for item in apps.of_developer(tx, found.developer) if item.app != app]
    return PublicAppPage(
        app=line_of(found),
        standing=standing,
        purposes=[purpose_word(policy, name) for name in found.purposes],
        permissions=allowed,
        policy=policy.hash,
        people=people,
        read=read_view(lately(visit.house, app), policy, found, everybody=True),
        siblings=siblings,
    )
