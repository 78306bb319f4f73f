"""The OpenAPI document, and a plain page of what can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from msgspec import Meta
from starlette.responses import Response

from ombud.web.access import PUBLIC
from ombud.web.pages import Pages
from ombud.web.problems import Problem
from ombud.web.visit import VisitParameter

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ApiPage", "describe", "pages"]

pages = Pages()


class RouteLine(msgspec.Struct, frozen=True):
    """One address."""

    method: Annotated[str, Meta(description="GET or POST.")]
    path: Annotated[str, Meta(description="The address, with its parameters in braces.")]
    does: Annotated[str, Meta(description="What it does.")]
    who: Annotated[str, Meta(description="Who may ask.")]
    answers: Annotated[str, Meta(description="The type of its answer.")]


class ApiPage(msgspec.Struct, frozen=True):
    """Everything that can be asked."""

    routes: Annotated[list[RouteLine], Meta(description="Addresses by path.")]


def describe(app: FastAPI, modules: Iterable[Pages]) -> None:
    """Make the app's OpenAPI document: pages' contexts are its schemas."""
    shown = [spec.shows for pages_ in modules for spec in pages_.specs if spec.shows is not None]

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description="Each page has a twin at its address with `.json` behind it. Staff sign in with a cookie;"
                " a case's people need the header `Ombud-Purpose`.",
                routes=app.routes,
            )
            _, components = msgspec.json.schema_components(
                [*dict.fromkeys(shown), Problem], ref_template="#/components/schemas/{name}"
            )
            schema.setdefault("components", {}).setdefault("schemas", {}).update(components)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's own way to replace it


@pages.data("/openapi.json", access=PUBLIC, media_type="application/json", in_schema=False)
def openapi(request: Request) -> Response:
    """Send the OpenAPI document."""
    return Response(msgspec.json.encode(request.app.openapi()), media_type="application/json")


@pages.page("/api", shows=ApiPage, template="public/api.html", access=PUBLIC)
def api_page(request: Request, visit: VisitParameter) -> ApiPage:
    """Show what machines can ask for."""
    del visit
    lines = []
    for path, methods in request.app.openapi()["paths"].items():
        for method, operation in methods.items():
            if method == "head":
                continue
            answers = next(iter(operation["responses"].get("200", {}).get("content", {})), "")
            lines.append(
                RouteLine(method.upper(), path, operation.get("summary", ""), operation.get("description", ""), answers)
            )
    return ApiPage(routes=sorted(lines, key=lambda line: (line.path, line.method)))
