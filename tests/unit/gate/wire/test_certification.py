"""The AuthZEN certification scenario at all its levels, against the app itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.authzen import DO, LEVELS, ONE, WHO, Case, act, ask, entity, record

if TYPE_CHECKING:
    import httpx

    from tests.gate_client import Client


def check(case: Case, response: httpx.Response) -> None:
    """Compare a response with what the scenario wants to see."""
    assert response.status_code == case.status, response.text
    if "X-Request-ID" in case.headers:
        assert response.headers["X-Request-ID"] == case.headers["X-Request-ID"]
    if case.status != 200:
        assert response.text
        return
    assert response.headers["content-type"] == "application/json"
    answer: dict[str, Any] = response.json()
    if case.decision is not None:
        assert answer["decision"] is case.decision
        assert isinstance(answer.get("context", {}), dict)
    if case.decisions is not None:
        assert "decision" not in answer
        assert len(answer["evaluations"]) == len(case.decisions)
        for given, wanted in zip(answer["evaluations"], case.decisions, strict=True):
            assert isinstance(given["decision"], bool)
            assert wanted is None or given["decision"] is wanted
    if case.path in {WHO, DO} or case.results is not None or case.empty:
        names = [result.get("id", result.get("name")) for result in answer["results"]]
        assert set(case.results or ()) <= set(names)
        assert not case.empty or names == []
        assert isinstance(answer["page"]["next_token"], str)
        assert all(result.get("type", "user") in {"user", "record"} for result in answer["results"])


@pytest.mark.parametrize("case", LEVELS, ids=lambda case: f"{case.level}: {case.name}")
def test_scenario(client: Client, case: Case) -> None:
    response = client.post(case.path, case.content, content_type=case.content_type, headers=case.headers)
    check(case, response)


def test_same_answer_each_time(client: Client) -> None:
    body = ask(entity("user", "alice", {}), act("read"), record(1))
    assert {client.post(ONE, body).json()["decision"] for _ in range(5)} == {True}


def test_without_a_request_id_nothing_is_made_up(client: Client) -> None:
    response = client.post(ONE, ask(entity("user", "alice", {}), act("read"), record(1)))
    assert "x-request-id" not in response.headers


def test_pages_go_on_to_the_end(client: Client) -> None:
    search = ask(entity("user", None, {}), act("read"), record(1), page={"limit": 1})
    first = client.post(WHO, search).json()
    assert [one["id"] for one in first["results"]] == ["alice"]
    token = first["page"]["next_token"]
    assert token
    second = client.post(WHO, {**search, "page": {"token": token}}).json()
    assert [one["id"] for one in second["results"]] == ["bob"]
    assert second["page"] == {"next_token": "", "count": 1}


def test_discovery(client: Client) -> None:
    response = client.get("/.well-known/authzen-configuration")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    found = response.json()
    assert found.pop("policy_decision_point") == "https://gate.example.org"
    assert len(found) == 5
    for name, address in found.items():
        assert name.endswith("_endpoint")
        assert address.startswith("https://gate.example.org/access/v1/")
        assert client.post(address.removeprefix("https://gate.example.org"), {}).status_code == 400
