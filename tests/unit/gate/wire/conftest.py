"""A gate with the scenario's rules, two apps and four people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ombud.gate.rules.engine import Rules
from ombud.gate.wire.app import GateApp, Settings
from ombud.gate.wire.callers import CallerKeys
from ombud.gate.wire.point import DecisionPoint
from tests.authzen import ENTITIES, POLICIES
from tests.gate_client import URL, Client, ListedReads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
