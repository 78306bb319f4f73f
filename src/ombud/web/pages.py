"""The register of pages: each is one function with a rule, a documented context, a template and a JSON twin."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from starlette.responses import Response

from ombud.web.access import DEVELOPER, PERSON, PUBLIC, GuardedRoute, rules
from ombud.web.rendering import render
from ombud.web.visit import keep_cookies

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from ombud.web.access import Access
    from ombud.web.visit import Visit

__all__ = ["EVERYBODY", "HTML", "JSON", "PageSpec", "Pages", "twin_path"]

Function = TypeVar("Function", bound="Callable[..., Any]")

JSON = "application/json"
EVERYBODY = "For everybody."
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class PageSpec:
    """One entry of the register."""

    path: str
    function: Callable[..., Any]
    access: Access
    does: Literal["page", "data", "form"]
    shows: type | None = None
    template: str | None = None
    media_type: str = HTML
    token: bool = True
    in_schema: bool = True
    twin: bool = True


def twin_path(path: str) -> str:
    """Return the address of a page's JSON twin."""
    return "/index.json" if path == "/" else f"{path}.json"


def _tagged(body: bytes, media_type: str, visit: Visit, access: Access) -> Response:
    """Answer with an ETag for public pages; what staff see, on public pages too, is never stored (the default)."""
    if access != PUBLIC or visit.viewer is not None or visit.person is not None:
        return Response(body, media_type=media_type)
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {"etag": tag, "cache-control": "private, max-age=0, must-revalidate", "vary": "Cookie"}
    if visit.known == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


class Pages:
    """Collects the routes of one module; `create_app` adds them to the app."""

    def __init__(self) -> None:
        self.specs: list[PageSpec] = []

    def page(
        self, path: str, *, shows: type, template: str, access: Access, twin: bool = True
    ) -> Callable[[Function], Function]:
        """Register a page: the function returns its context, a `shows`, or a redirect."""

        def register(function: Function) -> Function:
            self.specs.append(PageSpec(path, function, access, "page", shows, template, twin=twin))
            return function

        return register

    def data(
        self, path: str, *, access: Access, media_type: str, in_schema: bool = True
    ) -> Callable[[Function], Function]:
        """Register a download or a document for machines: the function returns a response."""

        def register(function: Function) -> Function:
            self.specs.append(PageSpec(path, function, access, "data", media_type=media_type, in_schema=in_schema))
            return function

        return register

    def form(
        self, path: str, *, access: Access, token: bool = True, media_type: str = HTML
    ) -> Callable[[Function], Function]:
        """Register what a form is sent to: the function does it and returns a redirect."""

        def register(function: Function) -> Function:
            self.specs.append(PageSpec(path, function, access, "form", token=token, media_type=media_type))
            return function

        return register

    def add_to(self, app: FastAPI) -> None:
        """Add every route to `app`; twins first, since `{id}` would also match `ID.json`."""
        for spec in self.specs:
            if spec.does == "page":
                if spec.twin:
                    _add(app, spec, twin_path(spec.path), _as_json(spec), JSON)
                _add(app, spec, spec.path, _as_html(spec), HTML)
            else:
                _add(app, spec, spec.path, _as_is(spec), spec.media_type)


def _add(app: FastAPI, spec: PageSpec, path: str, endpoint: Callable[..., Any], media_type: str) -> None:
    schema: dict[str, Any] = {}
    if media_type == JSON and spec.shows is not None:
        schema = {"schema": {"$ref": f"#/components/schemas/{spec.shows.__name__}"}}
    answers: dict[int | str, dict[str, Any]] = {
        200: {"description": "The document.", "content": {media_type.partition(";")[0]: schema}},
        303: {"description": "Go on there."},
        "4XX": {"description": "A problem: RFC 9457 for JSON, a page otherwise."},
    }
    app.router.add_api_route(
        path,
        rules(endpoint, spec.access, token=spec.token),
        methods=["POST" if spec.does == "form" else "GET"],
        response_model=None,
        response_class=Response,  # else every route is described as JSON too
        responses=answers,
        include_in_schema=spec.in_schema,
        tags=[spec.access if isinstance(spec.access, str) else "staff"],
        summary=(spec.function.__doc__ or "").strip().partition("\n")[0],
        description=_who(spec.access),
        name=spec.function.__name__,
        operation_id=f"{spec.does}_{path}_{spec.function.__name__}",
        route_class_override=GuardedRoute,
    )


def _who(access: Access) -> str:
    if access == PERSON:
        return "For one of the platform's people, about themselves."
    if access == DEVELOPER:
        return "For the developer who holds the link, about the app it is for."
    return EVERYBODY if isinstance(access, str) else f"For {', '.join(sorted(access))}."


def _as_html(spec: PageSpec) -> Callable[..., Response]:
    @functools.wraps(spec.function)
    def answer(*, visit: Visit, **arguments: Any) -> Response:  # noqa: ANN401 - the page's own parameters
        shown = spec.function(visit=visit, **arguments)
        if isinstance(shown, Response):
            return shown
        body = render(spec.template or "", visit, page=shown, twin=twin_path(visit.path) if spec.twin else None)
        response = _tagged(body.encode(), HTML, visit, spec.access)
        keep_cookies(response, visit)
        return response

    return answer


def _as_json(spec: PageSpec) -> Callable[..., Response]:
    @functools.wraps(spec.function)
    def answer(*, visit: Visit, **arguments: Any) -> Response:  # noqa: ANN401 - the page's own parameters
        shown = spec.function(visit=visit, **arguments)
        if isinstance(shown, Response):
            return shown
        return _tagged(msgspec.json.encode(shown), JSON, visit, spec.access)

    return answer


def _as_is(spec: PageSpec) -> Callable[..., Response]:
    @functools.wraps(spec.function)
    def answer(**arguments: Any) -> Response:  # noqa: ANN401 - the page's own parameters
        response: Response = spec.function(**arguments)
        return response

    return answer
