"""The app: routes with their rules, and what every request passes through."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from starlette.responses import Response

from ombud import __version__
from ombud.web.access import PUBLIC, check_rules
from ombud.web.api import documents, health, reports
from ombud.web.console import apps as staff_apps
from ombud.web.console import (
    audit_app,
    audit_moves,
    audit_review,
    case,
    cases,
    evidence,
    looks,
    people,
    sessions,
    today,
)
from ombud.web.developer import answer as developer_answer
from ombud.web.house import House
from ombud.web.ledger import entries as ledger_entries
from ombud.web.ledger import files as ledger_files
from ombud.web.ledger import overview as ledger_overview
from ombud.web.pages import Pages
from ombud.web.person import entry, export, record
from ombud.web.problems import add_handlers
from ombud.web.public import about, apps, archive, consent, display, explain, home, policy, review
from ombud.web.rendering import environment
from ombud.web.security.headers import REPORTS, SecurityHeaders
from ombud.web.security.hosts import HostGuard, known_hosts
from ombud.web.security.limits import BodyLimit
from ombud.web.security.origin import OriginGuard

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ombud.model.workspace import Workspace

__all__ = ["MODULES", "create_app"]

log = logging.getLogger("ombud.web")
static = Pages()

MODULES = (
    home.pages,
    archive.pages,
    review.pages,  # before the apps, of which one could be called `review`
    apps.pages,
    policy.pages,
    consent.pages,
    entry.pages,
    record.pages,
    export.pages,
    ledger_overview.pages,
    ledger_entries.pages,
    ledger_files.pages,
    about.pages,
    explain.pages,
    display.pages,
    sessions.pages,
    today.pages,
    cases.pages,
    case.pages,
    evidence.pages,
    staff_apps.pages,
    audit_review.pages,
    audit_moves.pages,
    developer_answer.pages,
    audit_app.pages,
    people.pages,
    looks.pages,
    health.pages,
    reports.pages,
    documents.pages,
    static,
)


@static.data("/static/{path:path}", access=PUBLIC, media_type="application/octet-stream", in_schema=False)
def static_file(request: Request, path: str) -> Response:
    """Send a static file; its address contains its hash."""
    house: House = request.app.state.house
    return house.assets.answer(path, request.headers.get("if-none-match"))


class RequestLog:
    """Log method, route, status and time of each request: never an address, a query or a name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log it when its answer begins."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                spent = (time.perf_counter() - began) * 1000
                if scope["method"] == "GET":  # how long a sign-in took is nobody's business
                    message["headers"].append((b"server-timing", f"app;dur={spent:.1f}".encode()))
                route = getattr(scope.get("route"), "path", "(no route)")
                log.info("%s %s %s %.0f ms", scope["method"], route, message["status"], spent)
            await send(message)

        await self.app(scope, receive, timed)


class HeadAsGet:
    """Answer HEAD as GET without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a HEAD on as GET and drop what follows the headers."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, without_body)


def create_app(workspace: Workspace) -> FastAPI:
    """Build the app on `workspace`; raises the records' errors, and `AssertionError` for a route without a rule."""
    app = FastAPI(
        title=f"Ombud: {workspace.settings.name}",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.house = House.open(workspace)
    environment()
    for pages in MODULES:
        pages.add_to(app)
    documents.describe(app, MODULES)
    add_handlers(app)
    check_rules(app.routes)
    # the last one added is the outermost
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyLimit)
    app.add_middleware(OriginGuard, open_paths=frozenset({REPORTS, entry.ENTER}))
    app.add_middleware(HostGuard, hosts=known_hosts(workspace.settings))
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestLog)
    return app
