"""Browsers report here when a page breaks the content policy."""

from __future__ import annotations

import contextlib
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from fastapi import Request
from starlette.responses import Response

from ombud.web.access import PUBLIC
from ombud.web.house import House, Violation
from ombud.web.pages import Pages
from ombud.web.security.headers import REPORTS

__all__ = ["pages", "violations"]

pages = Pages()
_MOST = 20
"""Reports that one request may bring."""


def _short(value: object, most: int) -> str:
    return str(value or "")[:most]


def _without_address(blocked: str) -> str:
    """Keep of a blocked address only its scheme: the rest may be about a person's browser."""
    scheme, colon, _ = blocked.partition(":")
    return f"{scheme[:20]}:" if colon else blocked[:20]


def violations(body: bytes) -> list[Violation]:
    """Read reports in the old form and the new one (Reporting API); what is neither gives none."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return []
    entries = document if isinstance(document, list) else [document]
    found = []
    for entry in entries[:_MOST]:
        if not isinstance(entry, dict):
            continue
        report: Any = entry.get("csp-report") or entry.get("body")
        if not isinstance(report, dict):
            continue
        directive = report.get("effective-directive") or report.get("effectiveDirective")
        blocked = report.get("blocked-uri") or report.get("blockedURL")
        page = ""
        with contextlib.suppress(ValueError):
            page = urlsplit(_short(report.get("document-uri") or report.get("documentURL"), 500)).path
        found.append(Violation(_short(directive, 60), _without_address(_short(blocked, 500)), page[:200]))
    return found


@pages.form(REPORTS, access=PUBLIC, token=False)
async def report(request: Request) -> Response:
    """Take a browser's report; nothing about its user is kept."""
    house = cast("House", request.app.state.house)
    house.violations.extend(violations(await request.body()))
    return Response(status_code=204)
