"""Errors as pages or as problem documents (RFC 9457), in the same tone as every other page."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec
from fastapi.exceptions import RequestValidationError
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from ombud.model.errors import AccessError, BusyError, NotFoundError, OmbudError, RefusedError, StorageError, UsageError
from ombud.web.access import UnforeseenError
from ombud.web.person.tokens import PersonTokenError
from ombud.web.rendering import render
from ombud.web.visit import FormError, PersonError, PurposeError, SignInError, begin_visit, keep_cookies

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

__all__ = ["Problem", "add_handlers"]

log = logging.getLogger("ombud.web")

_STATUS: tuple[tuple[type[OmbudError], int], ...] = (
    (NotFoundError, 404),
    (UsageError, 400),
    (SignInError, 401),
    (FormError, 403),
    (AccessError, 403),
    (BusyError, 503),
    (RefusedError, 409),
    (StorageError, 503),
)
_TITLES = {
    400: "That cannot be read",
    401: "Sign in first",
    403: "You may not do this",
    404: "There is nothing at this address",
    405: "This address takes no such request",
    409: "A rule refuses this",
    422: "Something in the address or the form does not fit",
    429: "Too many attempts",
    500: "Ombud made a mistake",
    503: "Ombud cannot do this at the moment",
}


class Problem(msgspec.Struct, frozen=True):
    """What went wrong."""

    status: Annotated[int, Meta(description="The HTTP status.")]
    title: Annotated[str, Meta(description="What went wrong, in a few words.")]
    detail: Annotated[str, Meta(description="What happened, and where.")]
    hint: Annotated[str | None, Meta(description="What to do about it.")] = None


def problem_of(error: Exception) -> Problem:
    """Turn an error into what may be told of it: an unforeseen one tells nothing."""
    if isinstance(error, (PersonError, PersonTokenError)):
        return Problem(401, "Come here from the platform", error.message, error.hint)
    if isinstance(error, OmbudError) and not isinstance(error, UnforeseenError):
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        return Problem(status, _TITLES[status], error.message, error.hint)
    if isinstance(error, RequestValidationError):
        named = ", ".join(sorted({str(item["loc"][-1]) for item in error.errors() if item.get("loc")}))
        return Problem(422, _TITLES[422], f"These do not fit: {named}.", "Correct them and send again.")
    if isinstance(error, HTTPException):
        phrase = _TITLES.get(error.status_code, HTTPStatus(error.status_code).phrase)
        detail = "No page has this address." if error.status_code == HTTPStatus.NOT_FOUND else phrase + "."
        return Problem(error.status_code, phrase, detail)
    return Problem(
        500,
        _TITLES[500],
        "This page could not be made, and nothing was changed.",
        "Try again; if it stays, the log of `ombud serve` says more.",
    )


def wants_json(request: Request) -> bool:
    """Say whether an error should come as a problem document."""
    accept = request.headers.get("accept", "")
    return request.url.path.endswith(".json") or ("json" in accept and "html" not in accept)


async def _answer(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        route = getattr(request.scope.get("route"), "path", "an unknown route")
        cause = error.__cause__ or error
        log.error("%s failed with %s", route, type(cause).__name__, exc_info=cause)
    headers = dict(getattr(error, "headers", None) or {})
    if wants_json(request):
        return Response(msgspec.json.encode(problem), problem.status, headers, media_type="application/problem+json")
    if isinstance(error, SignInError) and request.method == "GET":
        return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303)
    if isinstance(error, PersonError) and request.method == "GET":
        return RedirectResponse(f"/me/enter?next={quote(request.url.path)}", 303)
    if isinstance(error, PurposeError) and request.method == "GET" and "html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/console/cases/{error.case}", 303)
    try:
        visit = await run_in_threadpool(begin_visit, request)
        body = render("problem.html", visit, page=problem, twin=None)
    except OmbudError:
        # not even the session can be looked up: say so without a page around it
        return Response(f"{problem.title}. {problem.detail} {problem.hint or ''}\n", problem.status, headers)
    response = Response(body, problem.status, headers, media_type="text/html")
    keep_cookies(response, visit)
    return response


def add_handlers(app: FastAPI) -> None:
    """Answer every error of the app here."""
    for kind in (OmbudError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer)
