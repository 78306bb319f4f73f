"""The gate's own document: every route is in it, and whatever is asked by it, no answer is a 5xx."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import ignored_auth

from ombud.gate.wire.callers import PUBLIC
from ombud.gate.wire.discovery import PATHS, WELL_KNOWN, configuration, well_known_path
from ombud.gate.wire.openapi import document
from ombud.gate.wire.routes import QUESTIONS, plain_routes
from ombud.model.errors import InputError
from tests.gate_client import URL

if TYPE_CHECKING:
    from tests.gate_client import Client, ListedReads

LIMITS = settings(
    max_examples=8,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_every_route_names_its_rule_and_is_described() -> None:
    shown = document(URL)["paths"]
    routes: dict[str, Any] = {**QUESTIONS, **plain_routes(WELL_KNOWN)}
    assert set(shown) == set(routes)
    assert {*PATHS.values(), "/consents"} == set(QUESTIONS)
    for path, route in routes.items():
        (operation,) = shown[path].values()
        assert bool(operation["security"]) is (route.access != PUBLIC)
        assert operation["summary"]
    assert all(route.access != PUBLIC for route in QUESTIONS.values())


def test_the_document_is_served_to_everybody(client: Client) -> None:
    response = client.ask("GET", "/openapi.json")
    assert response.status_code == 200
    assert response.json() == json.loads(msgspec.json.encode(document(URL)))


def steered() -> dict[str, Any]:
    """Return the document with words that mean something here, so that requests come further than their ids."""
    shown = document(URL)
    words = {
        "type": ["app", "person", "user", "record"],
        "id": ["mailer", "quiz", "p1", "alice", "record-1"],
        "name": ["read", "write", "delete"],
        "token": [""],
    }
    asked = {"fields": ["name", "email"], "purpose": "service", "partial": True}
    for schema in shown["components"]["schemas"].values():
        for name, part in schema.get("properties", {}).items():
            if name in words:
                part["enum"] = words[name]
            elif name == "properties":
                part["enum"] = [asked, {"status": "archived"}, {"fields": "all"}, {"deep": {"er": [None, 0.5]}}]
    return shown


@pytest.mark.parametrize("who", ["anonymous", "platform", "steered"])
def test_no_request_breaks_it(client: Client, reads: ListedReads, who: str) -> None:
    schema = schemathesis.openapi.from_dict(steered() if who == "steered" else document(URL))
    statuses: Counter[int] = Counter()
    ours = {} if who == "anonymous" else {"authorization": f"Bearer {client.key}", "x-ombud-key": client.key}

    def ask(case: schemathesis.Case) -> None:
        sent = case.as_transport_kwargs(base_url=URL)
        made = {name.lower(): value for name, value in (sent.get("headers") or {}).items()}
        headers = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in {**made, **ours}.items()
            if name not in {"host", "content-length"}
        ]
        body = {part: sent[part] for part in ("data", "json") if sent.get(part) is not None}
        answer = client.ask(sent["method"], sent["url"], params=sent.get("params"), headers=headers, **body)
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, f"{case.method} {case.path}: {answer.text[:300]}"
        if answer.status_code == 200 and case.path in QUESTIONS:
            case.validate_response(answer, excluded_checks=[ignored_auth])  # it calls our key a made-up one

    for result in schema.get_all_operations():
        LIMITS(given(case=result.ok().as_strategy())(ask))()
    assert sum(statuses.values()) > 45
    if who == "anonymous":
        assert not reads.judged
        assert statuses[401] > 25
    if who == "steered":
        assert statuses[200] > 15


@pytest.mark.parametrize(
    "url",
    [
        "http://gate.example.org",
        "gate.example.org",
        "https://",
        "https://gate.example.org/?a=b",
        "https://gate.example.org/#a",
        "https://user@gate.example.org",
        "ftp://gate.example.org",
        "",
    ],
)
def test_addresses_that_cannot_be_discovered(url: str) -> None:
    with pytest.raises(InputError):
        configuration(url)


def test_an_address_with_a_path() -> None:
    found = configuration("https://gate.example.org/tenant1/")
    assert found.policy_decision_point == "https://gate.example.org/tenant1"
    assert found.search_action_endpoint == "https://gate.example.org/tenant1/access/v1/search/action"
    assert well_known_path("https://gate.example.org/tenant1/") == "/.well-known/authzen-configuration/tenant1"
    assert configuration("http://127.0.0.1:8100").access_evaluation_endpoint.startswith("http://127.0.0.1:8100/")
