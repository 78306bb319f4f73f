"""Accounts of the staff: who has one, in which role; adding and shutting out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import Form, Path
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ombud.model.errors import InputError, OmbudError
from ombud.records import users
from ombud.web.access import ADMIN
from ombud.web.pages import Pages
from ombud.web.rendering import render
from ombud.web.visit import VisitParameter

__all__ = ["StaffPage", "pages"]

pages = Pages()
ROLES = {
    "analyst": "Works on cases and writes notes.",
    "reviewer": "Works on cases and will decide them.",
    "auditor": "Reads everything, the looks of others too; changes nothing.",
    "admin": "Does all of that and keeps these accounts.",
}


class StaffLine(msgspec.Struct, frozen=True):
    """One member of staff."""

    id: Annotated[str, Meta(description="The account's id.")]
    name: Annotated[str, Meta(description="The name they sign in with.")]
    role: Annotated[str, Meta(description="admin, analyst, reviewer or auditor.")]
    since: Annotated[datetime, Meta(description="When the account was made.")]
    shut_out: Annotated[datetime | None, Meta(description="Since when it cannot sign in; null while it can.")]
    is_you: Annotated[bool, Meta(description="Whether this is the account that asks.")]


class StaffPage(msgspec.Struct, frozen=True):
    """All accounts, and what one can be."""

    people: Annotated[list[StaffLine], Meta(description="The accounts by name.")]
    roles: Annotated[dict[str, str], Meta(description="What each role may do.")]
    shortest: Annotated[int, Meta(description="Characters that a password needs.")]
    problem: Annotated[str | None, Meta(description="Why the last change was refused.")] = None


def _page(visit: VisitParameter, problem: str | None = None) -> StaffPage:
    with visit.house.records.read() as tx:
        everyone = users.listing(tx)
    lines = [StaffLine(u.id, u.name, u.role, u.created_at, u.disabled_at, u.id == visit.staff().id) for u in everyone]
    return StaffPage(people=lines, roles=ROLES, shortest=users.SHORTEST, problem=problem)


def _refused(visit: VisitParameter, error: OmbudError) -> Response:
    page = _page(visit, str(error))
    return Response(render("console/people.html", visit, page=page, twin=None), 400, media_type="text/html")


@pages.page("/console/people", shows=StaffPage, template="console/people.html", access=ADMIN)
def people(visit: VisitParameter) -> StaffPage:
    """List the accounts of the staff."""
    return _page(visit)


@pages.form("/console/people", access=ADMIN)
def add(
    visit: VisitParameter,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1024)],
    role: Annotated[Literal["admin", "analyst", "reviewer", "auditor"], Form()],
) -> Response:
    """Add a member of staff."""
    try:
        with visit.house.records.begin() as tx:
            users.create(tx, name, password, role)
    except OmbudError as error:
        return _refused(visit, error)
    return RedirectResponse("/console/people", 303)


@pages.form("/console/people/{user}/shut-out", access=ADMIN)
def shut_out(visit: VisitParameter, user: Annotated[str, Path(max_length=60)]) -> Response:
    """Shut a member of staff out at once; their notes stay."""
    if user == visit.staff().id:
        return _refused(visit, InputError("You cannot shut yourself out.", hint="Ask another admin."))
    try:
        with visit.house.records.begin() as tx:
            users.disable(tx, user)
    except InputError as error:
        return _refused(visit, error)
    return RedirectResponse("/console/people", 303)


@pages.form("/console/people/{user}/let-in", access=ADMIN)
def let_in(visit: VisitParameter, user: Annotated[str, Path(max_length=60)]) -> Response:
    """Let a member of staff in again who was shut out; they sign in with their old password."""
    with visit.house.records.begin() as tx:
        users.enable(tx, user)
    return RedirectResponse("/console/people", 303)
