"""Who may use which route: every route names its rule, and the app does not start when one does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from ombud.model.errors import AccessError, OmbudError
from ombud.web.developer.links import admit_link
from ombud.web.visit import FormError, SignInError, begin_visit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from ombud.web.visit import Visit

__all__ = [
    "ADMIN",
    "DECIDERS",
    "DEVELOPER",
    "EDITORS",
    "PERSON",
    "PUBLIC",
    "STAFF",
    "WATCHERS",
    "Access",
    "GuardedRoute",
    "check_rules",
    "rule_of",
    "rules",
]

Role = Literal["admin", "analyst", "reviewer", "auditor"]
Access = frozenset[str] | Literal["public", "person", "developer"]

PUBLIC: Access = "public"
PERSON: Access = "person"
"""One of the platform's people, about themselves alone; staff are nobody here."""
DEVELOPER: Access = "developer"
"""Whoever holds the link by which an app's developer was asked, about that app alone, until its deadline."""
STAFF: Access = frozenset({"admin", "analyst", "reviewer", "auditor"})
EDITORS: Access = frozenset({"admin", "analyst", "reviewer"})
"""Those who work on cases; an auditor only reads."""
DECIDERS: Access = frozenset({"admin", "reviewer"})
"""Those who end the review of an app, and agree to what takes two people."""
WATCHERS: Access = frozenset({"admin", "auditor"})
"""Those who see what staff looked at."""
ADMIN: Access = frozenset({"admin"})


class UnforeseenError(OmbudError):
    """This page could not be made, and nothing was changed."""


_RULE = "__ombud_access__"
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def rules(endpoint: Callable[..., Any], access: Access, *, token: bool = True) -> Callable[..., Any]:
    """Write the rule of a route onto its function; `token` says whether changes need a form's token."""
    setattr(endpoint, _RULE, (access, token))
    return endpoint


def rule_of(route: BaseRoute) -> Access | None:
    """Return the rule that a route declares; None when it declares none."""
    declared = getattr(getattr(route, "endpoint", None), _RULE, None)
    return declared[0] if declared and isinstance(route, GuardedRoute) else None


def _admit(visit: Visit, access: Access) -> None:
    """Raise what stands against this visit using a route; nothing if its rule lets it in."""
    if access in {PUBLIC, DEVELOPER}:  # a link is looked at by itself
        return
    if access == PERSON:
        visit.myself()
    elif visit.viewer is None:
        raise SignInError
    elif visit.viewer.role not in access:
        raise AccessError(
            f"Your role, {visit.viewer.role}, may not do this.", hint="Ask an admin if your work needs it."
        )


class GuardedRoute(APIRoute):
    """A route that looks at its rule, and at the form's token, before anything of the request is parsed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the guard before FastAPI's own handler."""
        handle = super().get_route_handler()
        access, token = getattr(self.endpoint, _RULE, (frozenset(), True))

        async def guarded(request: Request) -> Response:
            visit = await run_in_threadpool(begin_visit, request)
            request.state.visit = visit
            _admit(visit, access)
            if access == DEVELOPER:
                await run_in_threadpool(admit_link, request, visit)
            if token and request.method in _CHANGING:
                given = (await request.form()).get("token")
                if not isinstance(given, str) or not visit.token_holds(given):
                    raise FormError
            return await handle(request)

        async def answered(request: Request) -> Response:
            try:
                return await guarded(request)
            except (OmbudError, HTTPException, RequestValidationError):
                raise
            except Exception as error:
                # caught here, inside the middleware, so that this answer has all headers too
                raise UnforeseenError from error

        return answered


def check_rules(routes: Iterable[BaseRoute]) -> None:
    """Stop the start of the app when a route has no rule."""
    missing = [getattr(route, "path", repr(route)) for route in routes if rule_of(route) is None]
    if missing:
        raise AssertionError(f"routes without an access rule: {', '.join(sorted(missing))}")
