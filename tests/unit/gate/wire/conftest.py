"""A gate in this process: the scenario's rules, two apps, four people, and a record that is kept in a list."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ombud.gate.request import Decision, ReadRequest, Refusal
from ombud.gate.rules.engine import Rules
from ombud.gate.wire.app import GateApp, Settings
from ombud.gate.wire.callers import CallerKeys
from ombud.gate.wire.point import DecisionPoint
from tests.authzen import ENTITIES, POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ombud.model.errors import OmbudError

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

    def judge(self, request: ReadRequest) -> Decision:
        self.judged += 1
        return self.would(request)

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

    def __init__(self, app: GateApp, key: str, *, client: str = "127.0.0.1") -> None:
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


@pytest.fixture
def reads() -> ListedReads:
    return ListedReads()


@pytest.fixture
def callers(tmp_path: Path) -> CallerKeys:
    return CallerKeys(tmp_path / "keys" / "gate.callers.json")


@pytest.fixture
def key(callers: CallerKeys) -> str:
    """Return a key that may decide and search."""
    return callers.add("profiles", ("decide", "search"))


@pytest.fixture
def gate_app(reads: ListedReads, callers: CallerKeys, key: str) -> GateApp:
    assert key
    rules = Rules.of(POLICIES, json.dumps(ENTITIES).encode())
    return GateApp(DecisionPoint(reads, rules), callers, Settings(url=URL, body_seconds=0.2))


@pytest.fixture
def client(gate_app: GateApp, key: str) -> Iterator[Client]:
    client = Client(gate_app, key)
    yield client
    client.close()
