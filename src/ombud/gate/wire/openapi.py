"""One OpenAPI document for the gate's routes, made from the messages themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from ombud import __version__
from ombud.gate.wire.callers import NGINX, PUBLIC, Access
from ombud.gate.wire.discovery import well_known_path
from ombud.gate.wire.messages import Item
from ombud.gate.wire.routes import QUESTIONS, PlainRoute, QuestionRoute, plain_routes

__all__ = ["document"]

_REF = "#/components/schemas/{name}"
_ERRORS = {
    400: "The request is wrong; the body says where.",
    401: "No key of the platform's services came with it.",
    403: "This key may not ask that, or the policy does not allow it.",
    404: "There is no such app, or no such consent.",
    408: "The body took too long to arrive.",
    413: "The body is too large.",
    415: "The body is compressed.",
    503: "The read cannot be put on record, so nothing goes out.",
}
_NGINX_HEADERS = {
    "x-ombud-app": ("The app; left out when its token says it.", False),
    "x-ombud-person": ("Whose data it is.", True),
    "x-ombud-fields": ("The fields, with commas.", True),
    "x-ombud-purpose": ("What for.", True),
    "x-ombud-through": ("The friend whose consent is used.", False),
    "x-ombud-region": ("ISO 3166 code of the place whose law applies.", False),
    "x-ombud-partial": ("`yes` when a part of the fields would do.", False),
}


def document(url: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a gate that is reached under `url`."""
    plain = plain_routes(well_known_path(url))
    shown: list[Any] = [Item, *(route.answers for route in plain.values() if route.answers is not None)]
    for route in QUESTIONS.values():
        shown += [route.asks, *route.answers]
    _, components = msgspec.json.schema_components(list(dict.fromkeys(shown)), ref_template=_REF)
    components["Batch"]["properties"]["evaluations"]["items"] = {"$ref": _REF.format(name="Item")}
    paths: dict[str, Any] = {path: {"post": _asked(route)} for path, route in QUESTIONS.items()}
    for path, plainly in plain.items():
        paths[path] = {"get": _plain(plainly)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ombud's gate",
            "version": __version__,
            "description": "The AuthZEN Authorization API 1.0. `read` of a `person` by an `app` is decided by the"
            " policy: the resource's properties name `fields`, `purpose`, and, where they apply, `through` (the friend"
            " whose consent is used) and `partial` (true when a part of the fields would do).",
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "platform": {"type": "http", "scheme": "bearer"},
                "nginx": {"type": "apiKey", "in": "header", "name": "x-ombud-key"},
            },
        },
    }


def _refs(types: tuple[type, ...]) -> dict[str, Any]:
    refs = [{"$ref": _REF.format(name=one.__name__)} for one in types]
    return {"application/json": {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}}}


def _security(access: Access) -> list[dict[str, list[str]]]:
    if access == PUBLIC:
        return []
    return [{"nginx": []}] if access == NGINX else [{"platform": []}]


def _errors(*statuses: int) -> dict[str, Any]:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {str(status): {"description": _ERRORS[status], "content": content} for status in statuses}


def _asked(route: QuestionRoute) -> dict[str, Any]:
    rights = ", ".join(sorted(route.access)) if route.access != PUBLIC else "everybody"
    return {
        "summary": route.summary,
        "description": f"For callers with the right: {rights}.",
        "operationId": route.path.removeprefix("/access/v1/").replace("/", "_"),
        "security": _security(route.access),
        "parameters": [{"name": "X-Request-ID", "in": "header", "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": _refs((route.asks,))},
        "responses": {"200": {"description": "The answer.", "content": _refs(route.answers)}, **_errors(*_ERRORS)},
    }


def _plain(route: PlainRoute) -> dict[str, Any]:
    if route.access == NGINX:
        return {
            "summary": route.summary,
            "security": _security(route.access),
            "parameters": [
                {"name": name, "in": "header", "required": needed, "description": says, "schema": {"type": "string"}}
                for name, (says, needed) in _NGINX_HEADERS.items()
            ],
            "responses": {"200": {"description": "Yes; `x-ombud-allowed` names the fields."}, **_errors(401, 403, 503)},
        }
    content = {"application/json": {"schema": {}}} if route.answers is None else _refs((route.answers,))
    responses = {"200": {"description": "It.", "content": content}, **_errors(400)}
    if route.path == "/health":
        responses["503"] = {"description": "The gate cannot decide.", "content": content}
    return {"summary": route.summary, "security": [], "responses": responses}
