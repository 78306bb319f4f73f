"""Refuse changes that another site asks a browser for, before any form is read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["OriginGuard", "same_origin"]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def same_origin(headers: Headers) -> bool:
    """Say whether a changing request comes from our own pages, by what the browser says of it.

    `Sec-Fetch-Site` decides where it is sent; an `Origin` must then name the
    host asked. It is `null` on our own pages, which send no referrer: that is
    good only beside `Sec-Fetch-Site`, which browsers send over https and to
    this machine. A client that sends neither is no browser: the form's token,
    which is required in any case, decides about it.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    if origin == "null":
        return site == "same-origin"
    try:
        netloc = urlsplit(origin).netloc
    except ValueError:
        return False
    return netloc.lower() == headers.get("host", "").lower()


class OriginGuard:
    """Refuse cross-site changes with status 403; `open_paths` take reports of browsers."""

    def __init__(self, app: ASGIApp, open_paths: frozenset[str]) -> None:
        self.app = app
        self.open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless another site asks for a change."""
        if (
            scope["type"] == "http"
            and scope["method"] not in _SAFE
            and scope["path"] not in self.open_paths
            and not same_origin(Headers(scope=scope))
        ):
            refusal = PlainTextResponse(
                "This change seems to come from another site and was refused. If you sent a form of Ombud itself,"
                " reach it by https or at 127.0.0.1: otherwise browsers do not say where a form comes from.\n",
                status_code=403,
            )
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)
