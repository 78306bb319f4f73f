"""The OpenAPI document, and a plain page of what can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from msgspec import Meta
from starlette.responses import Response

from ombud.web.access import PUBLIC
from ombud.web.pages import EVERYBODY, Pages, twin_path
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


class AddressLine(msgspec.Struct, frozen=True):
    """One address with its JSON twin."""

    method: Annotated[str, Meta(description="GET or POST.")]
    path: Annotated[str, Meta(description="The address, with its parameters in braces.")]
    twin: Annotated[str | None, Meta(description="Where the same is found as JSON; null when it is no page.")]
    does: Annotated[str, Meta(description="What it does.")]
    answers: Annotated[str, Meta(description="The type of its answer.")]


class AddressGroup(msgspec.Struct, frozen=True):
    """Addresses that the same people may ask for."""

    who: Annotated[str, Meta(description="Who may ask.")]
    name: Annotated[str, Meta(description="A short name of the group, unique on the page.")]
    lines: Annotated[list[AddressLine], Meta(description="Its addresses by path, what changes something last.")]


class ApiPage(msgspec.Struct, frozen=True):
    """Everything that can be asked."""

    routes: Annotated[list[RouteLine], Meta(description="Addresses by path.")]
    groups: Annotated[list[AddressGroup], Meta(description="The same by who may ask, pages with their twins.")]


def _groups(routes: list[RouteLine]) -> list[AddressGroup]:
    """Group addresses by their rule, the widest first; a twin stands beside its page."""
    paths = {line.path for line in routes}
    pages_ = {line.path for line in routes if line.answers == "text/html" and line.method == "GET"}
    twins = {twin_path(path) for path in pages_} & paths
    by_rule: dict[str, list[AddressLine]] = {}
    for line in routes:
        if line.path in twins:
            continue
        twin = twin_path(line.path) if line.path in pages_ and twin_path(line.path) in twins else None
        item = AddressLine(line.method, line.path, twin, line.does, line.answers)
        by_rule.setdefault(line.who, []).append(item)
    ordered = sorted(by_rule.items(), key=lambda item: (item[0] != EVERYBODY, -len(item[0])))
    return [
        AddressGroup(who.rstrip("."), f"rule-{n}", sorted(lines, key=lambda line: (line.method, line.path)))
        for n, (who, lines) in enumerate(ordered, start=1)
    ]


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
    routes = sorted(lines, key=lambda line: (line.path, line.method))
    return ApiPage(routes=routes, groups=_groups(routes))
