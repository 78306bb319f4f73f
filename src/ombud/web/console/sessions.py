"""Signing in and out, and the first account."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from fastapi import Form, Query
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ombud.model.errors import InputError, OmbudError
from ombud.records import users
from ombud.web.access import PUBLIC, STAFF
from ombud.web.pages import Pages
from ombud.web.rendering import render
from ombud.web.visit import SESSION_COOKIE, VisitParameter, keep_cookies, set_cookie

__all__ = ["FirstRunPage", "SignInPage", "local_path", "pages"]

pages = Pages()
Name = Annotated[str, Form(max_length=200)]
Password = Annotated[str, Form(max_length=1024)]


class SignInPage(msgspec.Struct, frozen=True):
    """The form with which staff sign in."""

    next: Annotated[str, Meta(description="Where to go afterwards: a path of this site.")]
    first_run: Annotated[bool, Meta(description="Whether there is no account yet.")]
    problem: Annotated[str | None, Meta(description="Why the last attempt failed.")] = None


class FirstRunPage(msgspec.Struct, frozen=True):
    """The form with which the first admin is made."""

    shortest: Annotated[int, Meta(description="Characters that a password needs.")]
    given: Annotated[str, Meta(description="The token, when it came in the address; it is spent by its first use.")]
    problem: Annotated[str | None, Meta(description="Why the last attempt failed.")] = None


def local_path(value: str) -> str:
    """Return `value` if it is a path of this site, else the console's start: nobody is sent elsewhere."""
    parts = urlsplit(value)
    fine = value.startswith("/") and not value.startswith(("//", "/\\")) and not parts.netloc and value.isprintable()
    return value if fine and "\\" not in value else "/console"


@pages.page("/sign-in", shows=SignInPage, template="console/sign_in.html", access=PUBLIC, twin=False)
def sign_in_page(
    visit: VisitParameter,
    next: Annotated[str, Query(max_length=500)] = "/console",  # noqa: A002 - the word of the address
) -> SignInPage | Response:
    """Show the form to sign in."""
    if visit.viewer is not None:
        return RedirectResponse(local_path(next), 303)
    with visit.house.records.read() as tx:
        return SignInPage(next=local_path(next), first_run=not users.has_admin(tx))


@pages.form("/sign-in", access=PUBLIC)
def sign_in(
    visit: VisitParameter,
    name: Name,
    password: Password,
    next: Annotated[str, Form(max_length=500)] = "/console",  # noqa: A002 - the word of the form
) -> Response:
    """Sign in; a wrong name and a wrong password look and last the same."""
    house = visit.house
    wait = house.attempts.wait(visit.client, name)
    if wait:
        problem = f"Too many attempts. Try again in {max(1, wait // 60)} min."
        return _again(visit, SignInPage(local_path(next), first_run=False, problem=problem), 429, wait)
    with house.records.read() as tx:
        user = users.verify(tx, name, password)
    if user is None:
        house.attempts.failed(visit.client, name)
        problem = "No account has this name and password."
        return _again(visit, SignInPage(local_path(next), first_run=False, problem=problem), 401)
    house.attempts.succeeded(visit.client, name)
    return _signed_in(visit, user.id, local_path(next))


@pages.page("/first-run", shows=FirstRunPage, template="console/first_run.html", access=PUBLIC, twin=False)
def first_run_page(visit: VisitParameter, given: Annotated[str, Query(max_length=200)] = "") -> FirstRunPage | Response:
    """Show the form that makes the first account."""
    with visit.house.records.read() as tx:
        if users.has_admin(tx):
            return RedirectResponse("/sign-in", 303)
    return FirstRunPage(shortest=users.SHORTEST, given=given)


@pages.form("/first-run", access=PUBLIC)
def first_run(
    visit: VisitParameter, first_run: Annotated[str, Form(max_length=200)], name: Name, password: Password
) -> Response:
    """Make the first admin with the token that `ombud serve` printed, and sign in."""
    wait = visit.house.attempts.wait(visit.client, "first run")
    if wait:
        page = FirstRunPage(users.SHORTEST, "", f"Too many attempts. Try again in {max(1, wait // 60)} min.")
        return _again(visit, page, 429, wait)
    try:
        with visit.house.records.begin() as tx:
            user = users.claim(tx, first_run, name, password)
    except InputError as error:
        return _again(visit, FirstRunPage(users.SHORTEST, first_run, str(error)), 400)
    except OmbudError as error:
        visit.house.attempts.failed(visit.client, "first run")
        return _again(visit, FirstRunPage(users.SHORTEST, "", str(error)), 403)
    return _signed_in(visit, user.id, "/console")


@pages.form("/sign-out", access=STAFF)
def sign_out(visit: VisitParameter) -> Response:
    """End this sign-in."""
    with visit.house.records.begin() as tx:
        users.close_session(tx, visit.session or "")
    response = RedirectResponse("/", 303)
    response.delete_cookie(SESSION_COOKIE, path="/")
    response.headers["clear-site-data"] = '"cache"'
    return response


def _again(visit: VisitParameter, page: SignInPage | FirstRunPage, status: int, wait: int = 0) -> Response:
    template = "console/sign_in.html" if isinstance(page, SignInPage) else "console/first_run.html"
    headers = {"retry-after": str(wait)} if wait else {}
    response = Response(render(template, visit, page=page, twin=None), status, headers, media_type="text/html")
    keep_cookies(response, visit)
    return response


def _signed_in(visit: VisitParameter, user_id: str, target: str) -> Response:
    hours = visit.house.workspace.settings.session_hours
    with visit.house.records.begin() as tx:
        token = users.open_session(tx, user_id, hours)
    response = RedirectResponse(target, 303)
    set_cookie(response, visit, SESSION_COOKIE, token, hours * 3600)
    return response
