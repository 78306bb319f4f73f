"""How people come in: with a token of the platform, posted or by a one-time link, into a short session of their own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import quote, urlsplit

import msgspec
from fastapi import Form, Path, Query
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ombud.model.errors import UsageError
from ombud.web.access import PERSON, PUBLIC
from ombud.web.pages import HTML, JSON, Pages
from ombud.web.person.tokens import PersonTokenError, PersonTokens, Told
from ombud.web.rendering import render
from ombud.web.security import people
from ombud.web.visit import PERSON_COOKIE, VisitParameter, keep_cookies, set_cookie

__all__ = ["ENTER", "EnterPage", "own_path", "pages"]

pages = Pages()
ENTER = "/me/enter"
"""The one address that takes a form from the platform's own pages: what it takes is signed by the platform."""
Token = Annotated[str, Form(max_length=8_192)]


class EnterPage(msgspec.Struct, frozen=True):
    """How to come in."""

    ready: Annotated[bool, Meta(description="Whether this installation knows the platform's keys.")]
    next: Annotated[str, Meta(description="Where to go afterwards: a page about the person who comes.")]


class CodePage(msgspec.Struct, frozen=True):
    """A one-time link that was opened."""

    code: Annotated[str, Meta(description="The link's code; it counts once, for a minute.")]


class Link(msgspec.Struct, frozen=True):
    """A one-time link for the person that a token names."""

    link: Annotated[str, Meta(description="Where to send the person's browser.")]
    expires_at: Annotated[datetime, Meta(description="Until when it counts, once.")]


def own_path(value: str) -> str:
    """Return `value` if it is a page for a person here, else the person's first page: nobody is sent elsewhere."""
    parts = urlsplit(value)
    plain = value.isprintable() and "\\" not in value and not parts.netloc and not parts.scheme
    fine = plain and (value == "/me" or value.startswith(("/me/apps/", "/me/export", "/consent/")))
    return value if fine else "/me"


def _tokens(visit: VisitParameter) -> PersonTokens:
    tokens = visit.house.person_tokens
    if tokens is None:
        raise UsageError(
            "People cannot see their record here yet.",
            hint="Set `person_jwks` and `person_issuer` in ombud.toml, as `docs/how-to` explains.",
        )
    return tokens


def _spent(visit: VisitParameter, token: str) -> Told:
    """Return what a token says, and note that it was used: a second time it lets nobody in."""
    told = _tokens(visit).read(token)
    with visit.house.records.begin() as tx:
        # the part that is signed: of one signature there can be several spellings
        if not people.spend_once(tx, token.rpartition(".")[0], told.until):
            raise PersonTokenError
    return told


@pages.page("/me/enter", shows=EnterPage, template="person/enter.html", access=PUBLIC, twin=False)
def enter_page(visit: VisitParameter, next: Annotated[str, Query(max_length=500)] = "/me") -> EnterPage | Response:  # noqa: A002 - the word of the address
    """Say how people come to see their record."""
    if visit.person is not None:
        return RedirectResponse(own_path(next), 303)
    return EnterPage(ready=visit.house.person_tokens is not None, next=own_path(next))


@pages.page("/me/enter/{code}", shows=CodePage, template="person/code.html", access=PUBLIC, twin=False)
def code_page(
    visit: VisitParameter, code: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]+$", max_length=1_500)]
) -> CodePage:
    """Ask before a one-time link is used, so that no program that looks at links ahead uses it up."""
    del visit
    return CodePage(code)


@pages.form("/me/enter", access=PUBLIC, token=False)
def enter(
    visit: VisitParameter,
    jwt: Token = "",
    code: Annotated[str, Form(max_length=2_000)] = "",
    next: Annotated[str, Form(max_length=500)] = "/me",  # noqa: A002 - the word of the form
) -> Response:
    """Let a person in whom the platform vouches for, by its signed token or by a one-time code made from one."""
    house = visit.house
    if jwt:
        person = _spent(visit, jwt).person
    else:
        with house.records.begin() as tx:
            found = people.spend_code(tx, house.seal, code)
        if found is None:
            raise PersonTokenError
        person = found
    minutes = house.workspace.settings.person_minutes
    # an answer, not a redirect: after a form from another site, browsers would not send the new cookie along
    body = render("person/welcome.html", visit, page=own_path(next), person=person, minutes=minutes, twin=None)
    response = Response(body, media_type=HTML)
    set_cookie(response, visit, PERSON_COOKIE, people.begin(house.seal, person, minutes), minutes * 60)
    keep_cookies(response, visit)
    return response


@pages.form("/me/links", access=PUBLIC, token=False, media_type=JSON)
def make_link(visit: VisitParameter, jwt: Token = "") -> Response:
    """Turn a token into a one-time link, for a platform that opens the page from an app or an e-mail."""
    told = _spent(visit, jwt)
    code, until = people.code_for(visit.house.seal, told.person)
    base = (visit.house.workspace.settings.public_url or "").rstrip("/")
    return Response(msgspec.json.encode(Link(f"{base}{ENTER}/{quote(code)}", until)), media_type=JSON)


@pages.form("/me/leave", access=PERSON)
def leave(visit: VisitParameter) -> Response:
    """End the session of a person at once, in every browser."""
    with visit.house.records.begin() as tx:
        people.end(tx, visit.myself())
    response = RedirectResponse(ENTER, 303)
    response.delete_cookie(PERSON_COOKIE, path="/")
    response.headers["clear-site-data"] = '"cache"'
    return response
