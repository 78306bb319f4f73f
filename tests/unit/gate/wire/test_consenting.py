"""Consents over HTTP, kept in real records and followed by a real gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ombud.gate.live import LiveGate
from ombud.gate.request import ReadRequest
from ombud.model.clock import now
from ombud.model.errors import BusyError
from ombud.records import apps, migrate, open_records
from tests.authzen import ONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.gate.wire.app import GateApp
    from ombud.gate.wire.callers import CallerKeys
    from ombud.model.workspace import Workspace
    from tests.gate_client import Client

PATH = "/consents"


@pytest.fixture
def live(workspace: Workspace) -> Iterator[LiveGate]:
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        with records.begin() as tx:
            for app in ("quiz", "banned"):
                item = apps.App(app=app, developer="d", name=app, purposes=["app-function"], registered_at=now())
                apps.register(tx, item)
            apps.set_status(tx, "banned", "banned", "a test", "a test")
        live = LiveGate(records)
        live.refresh()
        live.feed.table.fresh_until = float("inf")
        yield live


@pytest.fixture
def sign_in(client: Client, gate_app: GateApp, callers: CallerKeys, live: LiveGate) -> Client:
    """Return a client whose key may tell of consents, and nothing else."""
    gate_app.point.consents = live
    client.key = callers.add("sign-in", ("consent",))
    gate_app.callers.refresh()
    return client


def told(did: str, *scopes: str, app: str = "quiz", person: str = "p1") -> dict[str, Any]:
    return {"app": app, "person": person, "did": did, "scopes": scopes}


def decided(live: LiveGate, *fields: str) -> tuple[str, ...]:
    return live.gate.decide(ReadRequest("quiz", "p1", fields, "app-function")).allowed


def test_the_next_decision_knows(sign_in: Client, live: LiveGate) -> None:
    assert decided(live, "name", "email") == ()
    given = sign_in.post(PATH, told("grant", "email"))
    assert given.json() == {"scopes": ["email", "public_profile"], "revoked": False}
    assert decided(live, "name", "email") == ("name", "email")
    assert sign_in.post(PATH, told("untick", "email")).json()["scopes"] == ["public_profile"]
    assert decided(live, "name", "email") == ("name",)
    assert sign_in.post(PATH, told("use")).status_code == 200
    assert sign_in.post(PATH, told("revoke")).json() == {"scopes": [], "revoked": True}
    assert decided(live, "name", "email") == ()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (told("grant"), 400),
        (told("use", app="nothing"), 404),
        (told("revoke", "email"), 400),
        (told("forget"), 400),
        (told("grant", "no-such-scope"), 400),
        (told("grant", "em\u200bail"), 400),
        (told("grant", *["email"] * 65), 400),
        (told("grant", "email", person="p\0"), 400),
        (told("grant", "email", app="nobody"), 404),
        (told("grant", "email", app="banned"), 403),
        (told("grant", "user_likes"), 403),
        (told("untick", "email"), 404),
        (told("revoke", person="secret-stranger"), 404),
        ({"app": "quiz"}, 400),
    ],
)
def test_what_cannot_be_told(sign_in: Client, live: LiveGate, change: dict[str, Any], status: int) -> None:
    response = sign_in.post(PATH, change)
    assert response.status_code == status, response.text
    assert "secret" not in response.text
    assert decided(live, "name") == ()


def test_the_basic_scope_cannot_be_unticked(sign_in: Client) -> None:
    assert sign_in.post(PATH, told("grant", "email")).status_code == 200
    assert sign_in.post(PATH, told("untick", "public_profile")).status_code == 403


def test_several_scopes_are_taken_back_together_or_not_at_all(sign_in: Client, live: LiveGate) -> None:
    sign_in.post(PATH, told("grant", "email", "user_friends"))
    assert sign_in.post(PATH, told("untick", "email", "public_profile")).status_code == 403
    assert decided(live, "email") == ("email",)
    both = sign_in.post(PATH, told("untick", "email", "user_friends"))
    assert both.json()["scopes"] == ["public_profile"]
    assert decided(live, "email") == ()


def test_other_rights_do_not_tell_and_this_one_does_not_ask(
    sign_in: Client, callers: CallerKeys, gate_app: GateApp
) -> None:
    assert sign_in.post(ONE, {}).status_code == 403
    other = callers.add("another", ("decide", "search"))
    gate_app.callers.refresh()
    assert sign_in.post(PATH, told("grant", "email"), key=other).status_code == 403


def test_a_gate_without_consents(sign_in: Client, gate_app: GateApp) -> None:
    gate_app.point.consents = None
    assert sign_in.post(PATH, told("revoke")).status_code == 404


def test_busy_records_are_said_to_be_busy(sign_in: Client, live: LiveGate, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(app: str, person: str) -> None:
        raise BusyError(f"{app} {person}")

    monkeypatch.setattr(live, "revoke", busy)
    response = sign_in.post(PATH, told("revoke"))
    assert response.status_code == 503
    assert "p1" not in response.text
