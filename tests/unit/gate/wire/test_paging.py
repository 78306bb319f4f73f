from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ombud.gate.rules.engine import Rules
from ombud.gate.wire.paging import LIMIT
from ombud.gate.wire.search import SCAN
from tests.authzen import WHAT, WHO

if TYPE_CHECKING:
    from ombud.gate.wire.app import GateApp
    from tests.gate_client import Client, ListedReads

USERS = {"subject": {"type": "user"}, "action": {"name": "see"}, "resource": {"type": "record", "id": "r"}}


def crowd(number: int, policy: str) -> Rules:
    """Return rules over many users, of whom every third is tall."""
    people = [{"uid": {"type": "user", "id": f"u{n:05}"}, "attrs": {"tall": n % 3 == 0}} for n in range(number)]
    return Rules.of(policy, json.dumps(people).encode())


def walk(client: Client, search: dict[str, Any], page: dict[str, Any]) -> list[list[str]]:
    pages: list[list[str]] = []
    while True:
        answer = client.post(WHO, {**search, "page": page}).json()
        pages.append([one["id"] for one in answer["results"]])
        assert answer["page"]["count"] == len(pages[-1])
        if not answer["page"]["next_token"]:
            return pages
        page = {**page, "token": answer["page"]["next_token"]}


def test_every_result_once_and_in_order(client: Client, gate_app: GateApp) -> None:
    gate_app.point.rules = crowd(50, "permit(principal is user, action, resource) when { principal.tall };")
    pages = walk(client, USERS, {"limit": 4})
    found = [name for page in pages for name in page]
    assert found == [f"u{n:05}" for n in range(0, 50, 3)]
    assert max(map(len, pages)) == 4


def test_a_token_is_for_its_own_search_and_limit(client: Client, gate_app: GateApp) -> None:
    gate_app.point.rules = crowd(9, "permit(principal, action, resource);")
    token = client.post(WHO, {**USERS, "page": {"limit": 2}}).json()["page"]["next_token"]
    assert client.post(WHO, {**USERS, "page": {"token": token, "limit": 2}}).status_code == 200
    assert client.post(WHO, {**USERS, "page": {"token": token, "limit": 3}}).status_code == 400
    other = {**USERS, "resource": {"type": "record", "id": "other"}}
    assert client.post(WHO, {**other, "page": {"token": token}}).status_code == 400
    asked = {"subject": {"type": "user", "id": "u"}, "action": {"name": "see"}, "resource": {"type": "record"}}
    assert client.post(WHAT, {**asked, "page": {"token": token}}).status_code == 400


@pytest.mark.parametrize(
    "token", ["x", "é", "!!!!", "WzEsMl0", "WzEwMDAwMDAsMSwiYSJd", "WyIxIiwxLCJhIl0", "a" * 10_000, "////"]
)
def test_tokens_that_are_not_ours(client: Client, token: str) -> None:
    assert client.post(WHO, {**USERS, "page": {"token": token}}).status_code == 400


def test_a_token_with_a_place_that_cannot_be(client: Client, gate_app: GateApp) -> None:
    gate_app.point.rules = crowd(3, "permit(principal, action, resource);")
    token = client.post(WHO, {**USERS, "page": {"limit": 2}}).json()["page"]["next_token"]
    gate_app.point.rules = crowd(1, "permit(principal, action, resource);")
    assert client.post(WHO, {**USERS, "page": {"token": token}}).status_code == 400


@pytest.mark.parametrize("limit", [-1, "1", 1.5, None, True])
def test_odd_limits(client: Client, limit: object) -> None:
    assert client.post(WHO, {**USERS, "page": {"limit": limit}}).status_code == 400


def test_a_page_has_a_largest_size(client: Client, gate_app: GateApp) -> None:
    gate_app.point.rules = crowd(LIMIT + 1, "permit(principal, action, resource);")
    assert len(client.post(WHO, {**USERS, "page": {"limit": 10**9}}).json()["results"]) == LIMIT
    assert client.post(WHO, {**USERS, "page": {"limit": 0}}).json()["results"] == []


def test_a_page_ends_when_enough_was_looked_at(client: Client, reads: ListedReads) -> None:
    reads.opened = {f"app{n:05}": frozenset({"name"} if n > SCAN else set()) for n in range(SCAN + 10)}
    person = {"type": "person", "id": "p1", "properties": {"fields": ["name"], "purpose": "service"}}
    search = {"subject": {"type": "app"}, "action": {"name": "read"}, "resource": person}
    pages = walk(client, search, {})
    assert pages == [[], [f"app{n:05}" for n in range(SCAN + 1, SCAN + 10)]]
    assert not reads.kept
    assert reads.judged == 0


def test_people_are_never_listed(client: Client, reads: ListedReads) -> None:
    asked = {"fields": ["name"], "purpose": "service"}
    resource = {"type": "person", "properties": asked}
    search = {"subject": {"type": "app", "id": "quiz"}, "action": {"name": "read"}, "resource": resource}
    answer = client.post(WHAT, search).json()
    assert answer["results"] == []
    assert "not listed" in answer["context"]["reason_admin"]["403"]
    assert not reads.kept


def test_who_may_read_a_person_and_what_an_app_may_do(client: Client) -> None:
    def person(name: str, *fields: str) -> dict[str, Any]:
        return {"type": "person", "id": name, "properties": {"fields": fields, "purpose": "service"}}

    def who(kind: str, *fields: str) -> list[str]:
        search = {"subject": {"type": kind}, "action": {"name": "read"}, "resource": person("p1", *fields)}
        return [one["id"] for one in client.post(WHO, search).json()["results"]]

    def does(app: str, resource: dict[str, Any]) -> list[str]:
        search = {"subject": {"type": "app", "id": app}, "resource": resource}
        return [one["name"] for one in client.post("/access/v1/search/action", search).json()["results"]]

    assert who("app", "name") == ["mailer", "quiz"]
    assert who("app", "name", "email") == ["mailer"]
    assert who("user", "name") == []
    assert does("mailer", person("p1", "email")) == ["read"]
    assert does("quiz", person("p1", "email")) == []
    assert does("nobody", person("p1", "email")) == []
    assert does("mailer", {"type": "person", "id": "p1"}) == []
