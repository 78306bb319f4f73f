"""One request's visit: who asks, with what settings of their own, and the token of their forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast

import msgspec
from fastapi import Depends, Request
from msgspec import Meta

from ombud.model.errors import AccessError, RefusedError
from ombud.records import users
from ombud.web.security import people
from ombud.web.security.people import Person
from ombud.web.security.seal import new_visit

if TYPE_CHECKING:
    from starlette.responses import Response

    from ombud.web.house import House

__all__ = [
    "PERSON_COOKIE",
    "FormError",
    "PersonError",
    "PurposeError",
    "SignInError",
    "Viewer",
    "Visit",
    "VisitParameter",
    "begin_visit",
    "keep_cookies",
]

SESSION_COOKIE = "ombud_session"
VISIT_COOKIE = "ombud_visit"
PERSON_COOKIE = "ombud_person"
THEME_COOKIE = "ombud_theme"
KEYS_COOKIE = "ombud_keys"
THEMES = ("system", "light", "dark")
YEAR = 365 * 24 * 3600


class SignInError(RefusedError):
    """Sign in first."""


class PersonError(RefusedError):
    """Come here from the platform first: it says who you are."""


class FormError(RefusedError):
    """This form was not made for you, or is from an earlier sign-in; go back, load the page again and resend it."""


class PurposeError(AccessError):
    """Say first why you look at the people of a case; `case` is its number."""

    def __init__(self, case: int, hint: str) -> None:
        self.case = case
        super().__init__(f"Say first why you look at the people of case {case}.", hint=hint)


class Viewer(msgspec.Struct, frozen=True):
    """A member of staff who is signed in."""

    id: Annotated[str, Meta(description="The account's id.")]
    name: Annotated[str, Meta(description="The name they sign in with.")]
    role: Annotated[str, Meta(description="admin, analyst, reviewer or auditor.")]


@dataclass(frozen=True, slots=True)
class Visit:
    """Everything a page needs to know about the request that is not its subject."""

    house: House
    viewer: Viewer | None
    session: str | None
    visit: str
    """The browser's random name: what form tokens are sealed to before sign-in."""
    is_new: bool
    theme: str
    keys: bool
    path: str
    https: bool
    known: str | None
    """The ETag of what the browser has."""
    client: str
    person: Person | None = None
    """one of the platform's people; never a member of staff, whatever else the browser is signed in to"""

    @property
    def _sealed_to(self) -> str:
        if self.viewer and self.session:
            return f"session {self.session}"
        return f"person {self.person.session}" if self.person else f"visit {self.visit}"

    @property
    def token(self) -> str:
        """Return the token that each form of this visit carries."""
        return self.house.seal.mark("form", self._sealed_to)

    def token_holds(self, given: str) -> bool:
        """Say whether a form's token was made for this visit."""
        return self.house.seal.holds("form", self._sealed_to, given)

    @property
    def nav(self) -> Literal["staff", "public"]:
        """Say which part of the house the visit is in."""
        return "staff" if self.path.startswith("/console") else "public"

    def myself(self) -> Person:
        """Return which of the platform's people asks; routes with the rule for a person never come here without."""
        if self.person is None:
            raise PersonError
        return self.person

    def staff(self) -> Viewer:
        """Return who is signed in; routes with a rule for staff never come here without."""
        if self.viewer is None:
            raise SignInError
        return self.viewer


def begin_visit(request: Request) -> Visit:
    """Read the cookies of a request and look up its session."""
    house = cast("House", request.app.state.house)
    session = request.cookies.get(SESSION_COOKIE)
    viewer = None
    if session:
        with house.records.read() as tx:
            found = users.session(tx, session)
        if found is not None:
            user, _ = found
            viewer = Viewer(id=user.id, name=user.name, role=user.role)
    visit = request.cookies.get(VISIT_COOKIE, "")
    theme = request.cookies.get(THEME_COOKIE, "system")
    return Visit(
        house=house,
        viewer=viewer,
        session=session if viewer else None,
        visit=visit or new_visit(),
        is_new=not visit,
        theme=theme if theme in THEMES else "system",
        keys=request.cookies.get(KEYS_COOKIE) != "off",
        path=request.url.path,
        https=request.url.scheme == "https",
        known=request.headers.get("if-none-match"),
        client=request.client.host if request.client else "unknown",
        person=_person(request, house),
    )


def _person(request: Request, house: House) -> Person | None:
    """Return which of the platform's people the browser was let in as."""
    cookie = request.cookies.get(PERSON_COOKIE)
    if not cookie:
        return None
    with house.records.read() as tx:
        return people.read(tx, house.seal, cookie)


def set_cookie(response: Response, visit: Visit, name: str, value: str, seconds: int | None = None) -> None:
    """Set a cookie that scripts and other sites never see; without `seconds` it ends with the browser."""
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="strict", secure=visit.https, path="/")


def keep_cookies(response: Response, visit: Visit) -> None:
    """Give a new browser its random name, which its forms need."""
    if visit.is_new:
        set_cookie(response, visit, VISIT_COOKIE, visit.visit)


def _current(request: Request) -> Visit:
    return cast("Visit", request.state.visit)


VisitParameter = Annotated[Visit, Depends(_current)]
"""How a page's function asks for the visit."""
