"""Answer only to our own names, so that no foreign name can be pointed at a console (DNS rebinding)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ombud.model.settings import Settings

__all__ = ["HostGuard", "known_hosts", "split_host"]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def known_hosts(settings: Settings) -> frozenset[str]:
    """Return the names that this installation answers to, in lower case without a port."""
    names = {*_LOOPBACK, settings.host.lower()}
    if settings.public_url:
        names.add((urlsplit(settings.public_url).hostname or "").lower())
    return frozenset(names - {"", "0.0.0.0", "::"})  # noqa: S104 - wildcards are removed here, nothing is bound


def split_host(header: str) -> str | None:
    """Return the name of a Host header in lower case without its port; None when it is malformed."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    if not header or parts.path or parts.query or parts.fragment or "@" in header:
        return None
    return (parts.hostname or "").rstrip(".") or None


def _is_address(name: str) -> bool:
    """Say whether `name` is an IP address: those cannot be rebound, so they are let in."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class HostGuard:
    """Refuse requests whose Host is neither one of ours nor a plain IP address, with status 421."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when its host is known."""
        if scope["type"] == "http":
            given = [value for name, value in scope["headers"] if name == b"host"]
            name = split_host(given[0].decode("latin-1")) if len(given) == 1 else None
            if name is None or not (name in self.hosts or _is_address(name)):
                refusal = PlainTextResponse(
                    "This name is not one that Ombud answers to. Set `public_url` in ombud.toml to the address of"
                    " the public pages.\n",
                    status_code=421,
                )
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)
