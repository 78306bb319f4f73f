"""A gate in this process: apps and people in a dict, a record that is a list, a client without a socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from ombud.gate.request import Decision, ReadRequest, Refusal
from ombud.gate.wire.reads import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp

    from ombud.model.errors import OmbudError

__all__ = ["URL", "Client", "ListedReads"]

URL = "https://gate.example.org"


@dataclass
class ListedReads:
    """Opens `name` to every known app and `email` to `mailer`, for known people; what is kept is in `kept`."""

    kept: list[tuple[ReadRequest, Decision]] = field(default_factory=list)
    judged: int = 0
    fault: OmbudError | None = None
    people: frozenset[str] = frozenset({"p1", "p2", "p3", "péa"})
    opened: dict[str, frozenset[str]] = field(
        default_factory=lambda: {"quiz": frozenset({"name"}), "mailer": frozenset({"name", "email"})}
    )

    def judge(self, request: ReadRequest, *, partial: bool) -> Decision:
        self.judged += 1
        decision = self.would(request)
        return decision if partial else whole(decision)

    def would(self, request: ReadRequest) -> Decision:
        opened = self.opened.get(request.app)
        if opened is None or request.person not in self.people:
            why = "unknown-app" if opened is None else "no-consent"
            return self._decision(request, (), why)
        return self._decision(request, tuple(one for one in request.fields if one in opened), "not-granted")

    def _decision(self, request: ReadRequest, allowed: tuple[str, ...], why: str) -> Decision:
        refused = tuple(Refusal(one, why) for one in request.fields if one not in allowed)
        outcome = "refused" if not allowed else "reduced" if refused else "allowed"
        return Decision(f"d{self.judged}", outcome, allowed, refused, "p" * 64, "own/-")  # type: ignore[arg-type]

    async def keep(self, decided: Sequence[tuple[ReadRequest, Decision]]) -> None:
        if self.fault is not None:
            raise self.fault
        self.kept.extend(decided)

    def apps(self) -> Sequence[str]:
        return sorted(self.opened)


class Client:
    """Asks the app without a socket."""

    def __init__(self, app: ASGIApp, key: str, *, client: str = "127.0.0.1") -> None:
        self.app = app
        self.key = key
        transport = httpx.ASGITransport(app=app, client=(client, 50_000))
        self.http = httpx.AsyncClient(transport=transport, base_url=URL)
        self._runner = asyncio.Runner()

    def close(self) -> None:
        self._runner.run(self.http.aclose())
        self._runner.close()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes them
        return self._runner.run(self.http.request(method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes them
        return self.ask("GET", path, **options)

    def post(
        self,
        path: str,
        body: object,
        *,
        key: str | None = None,
        content_type: str | None = "application/json",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Ask with our key; bytes go as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.key if key is None else key}", **(headers or {})}
        if content_type is not None:
            sent["Content-Type"] = content_type
        return self.ask("POST", path, content=content, headers=sent)
