"""Apps for staff: how each stands, who approved what, what it read and what for, what tools say of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from ombud.records import apps, brakes, findings, reviews
from ombud.web.access import STAFF
from ombud.web.app_words import (
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
from ombud.web.policy_words import deciding_policy
from ombud.web.public.apps import AppId, AppLine, AppList, Number, Query_, Status, app_lines, line_of
from ombud.web.visit import VisitParameter

__all__ = ["StaffAppPage", "pages"]

pages = Pages()


class ReviewLine(msgspec.Struct, frozen=True):
    """One approval."""

    scope: Annotated[str, Meta(description="The permission.")]
    by: Annotated[str, Meta(description="Who approved it.")]
    at: Annotated[datetime, Meta(description="When.")]
    contract: Annotated[str | None, Meta(description="The developer's contract, by its number or address.")]
    reason: Annotated[str, Meta(description="Why the app needs it.")]
    until: Annotated[datetime | None, Meta(description="When it runs out; null if never.")]
    withdrawn: Annotated[datetime | None, Meta(description="When it was withdrawn; null while it counts.")]


class BrakeLine(msgspec.Struct, frozen=True):
    """One time that a breaker slowed or stopped the app."""

    state: Annotated[str, Meta(description="slowed or stopped.")]
    since: Annotated[datetime, Meta(description="From when.")]
    until: Annotated[datetime | None, Meta(description="When it ends by itself; null when a person must end it.")]
    reason: Annotated[str, Meta(description="What the breaker saw.")]
    finding: Annotated[str | None, Meta(description="The finding it rests on.")]
    released: Annotated[str | None, Meta(description="Who let the app go on, and why; null while it holds.")]
    holds: Annotated[bool, Meta(description="Whether it holds now.")]


class FindingLine(msgspec.Struct, frozen=True):
    """One thing that a tool says about the app."""

    id: Annotated[str, Meta(description="The finding's id.")]
    says: Annotated[str, Meta(description="coordinated or anomalous: what a tool may say.")]
    title: Annotated[str, Meta(description="The finding in one sentence.")]
    found_at: Annotated[datetime, Meta(description="When it was found.")]
    tool: Annotated[str, Meta(description="The tool that says so.")]


class EventLine(msgspec.Struct, frozen=True):
    """One line of the app's history."""

    at: Annotated[datetime, Meta(description="When.")]
    kind: Annotated[str, Meta(description="registered, changed, status, review, withdrawn, slowed, ...")]
    author: Annotated[str | None, Meta(description="Who did it; null for Ombud itself.")]
    text: Annotated[str, Meta(description="What happened.")]


class StaffAppPage(msgspec.Struct, frozen=True):
    """One app, as staff see it."""

    app: Annotated[AppLine, Meta(description="The app.")]
    standing: Annotated[Standing, Meta(description="Whether it gets anything.")]
    developer: Annotated[str, Meta(description="The developer's id.")]
    purposes: Annotated[list[str], Meta(description="Purposes that it declared, by their names.")]
    hosts: Annotated[list[str], Meta(description="Hosts it calls from or sends people to.")]
    relay: Annotated[bool, Meta(description="Whether it gets relay addresses in the place of people's own.")]
    permissions: Annotated[list[Permission], Meta(description="What it may read, and why; what it may not comes last.")]
    policy: Annotated[str, Meta(description="Hash of the policy that decides.")]
    people: Annotated[int | None, Meta(description="People who allow it anything now.")]
    read: Annotated[ReadView, Meta(description="What it read lately, by day, field and purpose.")]
    reviews: Annotated[list[ReviewLine], Meta(description="Every approval it ever had, newest first.")]
    brakes: Annotated[list[BrakeLine], Meta(description="Every time it was slowed or stopped, newest first.")]
    findings: Annotated[list[FindingLine], Meta(description="What tools say of it, strongest first.")]
    history: Annotated[list[EventLine], Meta(description="What happened to it, newest first.")]
    siblings: Annotated[list[AppLine], Meta(description="Other apps of its developer.")]


@pages.page("/console/apps", shows=AppList, template="console/apps.html", access=STAFF)
def app_list(visit: VisitParameter, q: Query_ = "", status: Status = "", page: Number = 1) -> AppList:
    """List the apps that may ask for people's data, for staff."""
    return app_lines(visit, "/console/apps", q, status, page)


@pages.page("/console/apps/{app}", shows=StaffAppPage, template="console/app.html", access=STAFF)
def app_page(visit: VisitParameter, app: AppId) -> StaffAppPage:
    """Show how one app stands, who approved what, what it read and what for; no person is named."""
    with visit.house.records.read() as tx:
        apps.get(tx, app)
    readings = lately(visit.house, app)
    with visit.house.records.read() as tx:
        found = apps.get(tx, app)
        policy = deciding_policy(tx)
        held = {item.id for item in brakes.in_force(tx) if item.app == app}
        return StaffAppPage(
            app=line_of(found),
            standing=standing_of(tx, found, policy),
            developer=found.developer,
            purposes=found.purposes,
            hosts=found.hosts,
            relay=found.relay,
            permissions=permissions(tx, found, policy),
            policy=policy.hash,
            people=people_now(tx, app, everybody=False),
            read=read_view(readings, policy, found, everybody=False),
            reviews=[
                ReviewLine(r.scope, r.approved_by, r.approved_at, r.contract, r.reason, r.expires_at, r.withdrawn_at)
                for r in reviews.of_app(tx, app)
            ],
            brakes=[
                BrakeLine(
                    b.state, b.since, b.until, b.reason, b.finding_id,
                    f"{b.released_by or 'Ombud'}: {b.note}" if b.released_at else None, b.id in held,
                )
                for b in brakes.of_app(tx, app)
            ],
            findings=[
                FindingLine(f.id, f.says, f.title, f.found_at, f.tool) for f in findings.about(tx, "app", app)
            ],
            history=[EventLine(e.happened_at, e.kind, e.author, e.text) for e in reversed(apps.history(tx, app))],
            siblings=[line_of(item) for item in apps.of_developer(tx, found.developer) if item.app != app],
        )  # fmt: skip
