"""Apps know people by ids and addresses of their own: what is told, what is taken back, and what two apps can join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ombud.gate.identity import Identities
from tests.authzen import ONE

if TYPE_CHECKING:
    from ombud.gate.wire.app import GateApp
    from tests.gate_client import Client, ListedReads

OURS = Identities(bytes(range(32)))


@pytest.fixture(autouse=True)
def _names(gate_app: GateApp) -> None:
    gate_app.point.identities = OURS
    gate_app.point.relay_domain = "relay.example"


def read(person: str, app: str = "mailer", field: str = "name", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    asked = {"fields": [field], "purpose": "service", **more}
    return {
        "subject": {"type": "app", "id": app},
        "action": {"name": "read"},
        "resource": {"type": "person", "id": person, "properties": asked},
    }


def test_an_answer_names_the_person_as_the_app_may(client: Client) -> None:
    context = client.post(ONE, read("p1")).json()["context"]
    assert context["person"] == OURS.scoped_id("mailer", "p1")
    assert "relay" not in context


def test_an_app_asks_by_the_id_it_was_given(client: Client, reads: ListedReads) -> None:
    given = client.post(ONE, read("p1")).json()["context"]["person"]
    again = client.post(ONE, read(given, scoped=True)).json()
    assert again["decision"] is True
    assert [request.person for request, _ in reads.kept] == ["p1", "p1"]


def test_an_id_of_another_app_stands_for_nobody(client: Client) -> None:
    foreign = OURS.scoped_id("quiz", "p1")
    answer = client.post(ONE, read(foreign, scoped=True)).json()
    assert client.post(ONE, read("p1", scoped=True)).status_code == 400  # the platform's own id opens nothing
    stranger = client.post(ONE, read("x" * 52, scoped=True)).json()
    assert answer["decision"] is stranger["decision"] is False
    assert "person" not in answer["context"]
    assert answer["context"]["refused"] == stranger["context"]["refused"]


def test_a_refused_read_names_nobody(client: Client) -> None:
    context = client.post(ONE, read("p1", field="messages")).json()["context"]
    assert context["outcome"] == "refused"
    assert "person" not in context
    assert "relay" not in context


def test_an_address_of_the_app_stands_in_for_the_persons(client: Client) -> None:
    context = client.post(ONE, read("p1", field="email")).json()["context"]
    assert context["allowed"] == ["email"]
    local, _, domain = context["relay"].partition("@")
    assert domain == "relay.example"
    assert OURS.addressee("mailer", context["relay"], ["p3", "p1"]) == "p1"
    assert local not in OURS.relay("quiz", "p1", "relay.example")


def test_a_gate_without_such_ids_says_so(client: Client, gate_app: GateApp) -> None:
    gate_app.point.identities = None
    answer = client.post(ONE, read("p1", scoped=True))
    assert answer.status_code == 400
    assert "scoped" in answer.text
    assert "person" not in client.post(ONE, read("p1")).json()["context"]
