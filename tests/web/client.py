"""A browser in this process: no socket, cookies kept, forms filled from the page that shows them."""

from __future__ import annotations

import asyncio
import contextvars
import html
import re
from typing import TYPE_CHECKING, Any

import httpx

from tests.web.seeding import PASSWORD

if TYPE_CHECKING:
    from fastapi import FastAPI

BASE = "http://127.0.0.1:8000"


class Browser:
    """Asks the app and keeps cookies; redirects are not followed."""

    def __init__(self, app: FastAPI, base: str = BASE) -> None:
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 50_000))
        self.http = httpx.AsyncClient(transport=transport, base_url=base)
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Close the event loop."""
        self._runner.run(self.http.aclose())
        self._runner.close()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes them
        """Send any request."""
        # in the test's own context, so that a clock which the test stopped stands still in the app too
        return self._runner.run(self.http.request(method, path, **options), context=contextvars.copy_context())

    def get(self, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes them
        """Ask for a page."""
        return self.ask("GET", path, **options)

    def token(self, path: str = "/display") -> str:
        """Return the token of the forms of this visit."""
        found = re.search(r'name="token" value="([^"]+)"', self.get(path).text)
        assert found is not None
        return html.unescape(found.group(1))

    def send(self, path: str, fields: dict[str, str]) -> httpx.Response:
        """Send a form as a browser does: with its token, from our own site."""
        data = {"token": self.token(), **fields}
        return self.ask("POST", path, data=data, headers={"sec-fetch-site": "same-origin", "origin": "null"})

    def sign_in(self, role: str) -> Browser:
        """Sign in as the member of staff with this role."""
        answer = self.send("/sign-in", {"name": f"Some {role}", "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return self

    def come_in(self, token: str) -> Browser:
        """Come in as one of the platform's people, with a token of the platform, as its page sends it."""
        answer = self.ask("POST", "/me/enter", data={"jwt": token}, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 200, answer.text
        return self

    def give_purpose(self, case: int, purpose: str = "case") -> Browser:
        """Say why a case is looked at."""
        assert self.send(f"/console/cases/{case}/purpose", {"purpose": purpose}).status_code == 303
        return self
