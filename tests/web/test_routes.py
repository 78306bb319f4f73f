"""Every route against every role: each has a rule, and the rule is what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from ombud.web.access import DEVELOPER, PERSON, PUBLIC, check_rules, rule_of
from ombud.web.app import MODULES
from ombud.web.pages import twin_path
from tests.web.conftest import EVERYBODY, NOBODY

if TYPE_CHECKING:
    from tests.web.client import Browser
    from tests.web.seeding import World

ROUTES = sorted(
    {
        ("POST" if spec.does == "form" else "GET", path)
        for module in MODULES
        for spec in module.specs
        for path in ([spec.path, twin_path(spec.path)] if spec.does == "page" and spec.twin else [spec.path])
    }
)


def _address(path: str, world: World) -> str:
    values = {
        "number": world.case,
        "place": 1,
        "figure": world.public_figure,
        "ad": world.ad,
        "slug": world.page,
        "user": "user_nobody",
        "app": world.app,
        "digest": world.policy,
        "code": "forged",
        "path": "nothing.css",
        "index": 20,
        "size": 5,
        "link": world.link,
        "proposal": "proposal_none",
        "questions": "questions_none",
        "word": "link",
    }
    return path.replace("{path:path}", "{path}").format(**values)


def test_the_list_of_routes_is_the_apps(app: FastAPI) -> None:
    registered = {
        (method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods or ()
    }
    assert registered == set(ROUTES)
    assert len(ROUTES) > 40


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_route_by_role(
    app: FastAPI, signed_in: dict[str, Browser], world: World, *, method: str, path: str, who: str
) -> None:
    """Whoever the rule names gets in; others get 401, 403 or the way to the sign-in, whatever they send."""
    routes = [r for r in app.routes if isinstance(r, APIRoute) and r.path == path and method in (r.methods or ())]
    rule = rule_of(routes[0])
    assert rule is not None
    browser = signed_in[who]
    answer = browser.ask(method, _address(path, world))
    allowed = who == rule if rule == PERSON else rule in {PUBLIC, DEVELOPER} or who in rule
    if allowed and method == "GET":
        assert answer.status_code in {200, 303, 404}, answer.text
        assert answer.status_code != 404 or path.startswith(
            ("/static", "/ledger/tile", "/ledger/rotation", "/ledger/frozen")
        )
    elif allowed:
        # a form without its token: let in by the rule, refused by the token
        assert answer.status_code == {"/csp-reports": 204, "/me/enter": 401, "/me/links": 401}.get(path, 403)
        assert "sign" not in answer.headers.get("location", "")
    elif rule == PERSON or who in {NOBODY, PERSON}:
        door = "/me/enter" if rule == PERSON else "/sign-in"
        assert answer.status_code == (303 if method == "GET" and not path.endswith(".json") else 401)
        assert answer.headers.get("location", door).startswith(door)
    else:
        assert answer.status_code == 403
        assert "role" in answer.text


def test_a_route_without_a_rule_stops_the_start() -> None:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/open-by-mistake")
    def open_by_mistake() -> str:
        return "oh"

    with pytest.raises(AssertionError, match="/open-by-mistake"):
        check_rules(app.routes)


def test_figures_of_cases_need_a_sign_in(signed_in: dict[str, Browser], world: World) -> None:
    assert signed_in[NOBODY].get(f"/explain/{world.figure}").status_code == 303
    assert signed_in[NOBODY].get(f"/explain/{world.figure}.json").status_code == 401
    assert signed_in["auditor"].get(f"/explain/{world.figure}").status_code == 200
    assert signed_in[NOBODY].get(f"/explain/{world.public_figure}").status_code == 200


def test_an_auditor_cannot_write_notes(signed_in: dict[str, Browser], world: World) -> None:
    answer = signed_in["auditor"].send(f"/console/cases/{world.case}/notes", {"text": "no"})
    assert answer.status_code == 403
    assert "Add a note" not in signed_in["auditor"].get(f"/console/cases/{world.case}").text
    assert "Add a note" in signed_in["analyst"].get(f"/console/cases/{world.case}").text
