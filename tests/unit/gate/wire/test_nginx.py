from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ombud.gate.wire.tokens import AppToken
from ombud.model.errors import StorageError

if TYPE_CHECKING:
    import httpx

    from ombud.gate.wire.app import GateApp
    from tests.gate_client import Client, ListedReads


class OneToken:
    """Knows one token, of the app `mailer`."""

    async def read(self, token: str) -> AppToken | None:
        return AppToken("mailer", "p3", key="thumb", acts_for="agent") if token == "good" else None


def asked(**changes: str | None) -> dict[str, str]:
    headers = {"app": "mailer", "person": "p1", "fields": "name, email", "purpose": "service", **changes}
    return {f"X-Ombud-{name}": value for name, value in headers.items() if value is not None}


def ask(client: Client, headers: dict[str, str], *, key: str | None = None, method: str = "GET") -> httpx.Response:
    return client.ask(method, "/nginx", headers={"X-Ombud-Key": client.key if key is None else key, **headers})


def test_yes_names_the_fields(client: Client, reads: ListedReads) -> None:
    response = ask(client, asked())
    assert response.status_code == 200
    assert response.headers["x-ombud-allowed"] == "name,email"
    assert response.headers["x-ombud-decision"] == "allowed"
    assert response.headers["x-ombud-read"] == "d1"
    assert response.headers["x-ombud-policy"] == "p" * 64
    assert response.content == b""
    assert reads.kept[0][0].fields == ("name", "email")
    assert ask(client, asked(), method="POST").status_code == 200


def test_no_says_why(client: Client, reads: ListedReads) -> None:
    response = ask(client, asked(app="quiz"))
    assert response.status_code == 403
    assert response.headers["x-ombud-reason"] == "not-granted,all-or-nothing"
    assert response.headers["x-ombud-allowed"] == ""
    assert reads.kept[0][1].outcome == "refused"


def test_a_part_if_that_would_do(client: Client) -> None:
    response = ask(client, asked(app="quiz", partial="yes"))
    assert response.status_code == 200
    assert response.headers["x-ombud-decision"] == "reduced"
    assert response.headers["x-ombud-allowed"] == "name"
    assert ask(client, asked(app="quiz", partial="no")).status_code == 403


def test_other_parts_of_the_question(client: Client, reads: ListedReads) -> None:
    ask(client, asked(through="p2", region="GB"))
    request = reads.kept[0][0]
    assert (request.through, request.region, request.at, request.key) == ("p2", "GB", None, None)
    ask(client, asked(through="", region=""))
    assert (reads.kept[1][0].through, reads.kept[1][0].region) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"app": None},
        {"app": ""},
        {"person": None},
        {"person": ""},
        {"person": "p%31"},
        {"person": "p1%00"},
        {"fields": None},
        {"fields": ","},
        {"fields": "na%6De"},
        {"fields": ",".join(f"f{n}" for n in range(65))},
        {"purpose": None},
        {"through": "p" * 300},
    ],
)
def test_odd_headers(client: Client, reads: ListedReads, changes: dict[str, str | None]) -> None:
    response = ask(client, asked(**changes))
    assert response.status_code == 403
    assert response.headers["x-ombud-reason"] == "bad-request"
    assert reads.judged == 0


@pytest.mark.parametrize("person", [b"p\xff", b"p\xe2\x80\xae1", b"pe\xcc\x81a"])
def test_odd_bytes(client: Client, reads: ListedReads, person: bytes) -> None:
    headers = [(name.encode(), value.encode()) for name, value in asked(person=None).items()]
    headers += [(b"x-ombud-key", client.key.encode()), (b"x-ombud-person", person)]
    assert client.ask("GET", "/nginx", headers=headers).status_code == 403
    assert reads.judged == 0


def test_utf8_is_taken_as_it_is(client: Client, reads: ListedReads) -> None:
    headers = [(name.encode(), value.encode()) for name, value in asked(person=None).items()]
    headers += [(b"x-ombud-key", client.key.encode()), (b"x-ombud-person", "péa".encode())]
    assert client.ask("GET", "/nginx", headers=headers).status_code == 200
    assert reads.kept[0][0].person == "péa"


def test_nginx_needs_its_key(client: Client, reads: ListedReads) -> None:
    for key in ("", "wrong"):
        response = ask(client, asked(), key=key)
        assert response.status_code == 403
        assert response.headers["x-ombud-reason"] == "unknown-caller"
    assert client.ask("GET", "/nginx", headers=asked()).status_code == 403
    bearer = {**asked(), "Authorization": f"Bearer {client.key}"}
    assert client.ask("GET", "/nginx", headers=bearer).status_code == 403
    assert reads.judged == 0


def test_headers_that_stand_twice(client: Client, reads: ListedReads) -> None:
    headers = [*asked().items(), ("X-Ombud-Key", client.key), ("X-Ombud-Person", "p2")]
    response = client.ask("GET", "/nginx", headers=headers)
    assert response.status_code == 400
    assert reads.judged == 0


def test_with_tokens_the_app_is_who_its_token_says(client: Client, gate_app: GateApp, reads: ListedReads) -> None:
    gate_app.point.tokens = OneToken()
    good = {"Authorization": "Bearer good"}
    assert ask(client, {**asked(app=None), **good}).status_code == 200
    assert reads.kept[0][0].app == "mailer"
    assert (reads.kept[0][0].key, reads.kept[0][0].acts_for) == ("thumb", "agent")
    assert ask(client, {**asked(app="mailer"), **good}).status_code == 200
    assert ask(client, {**asked(app="quiz"), **good}).status_code == 403
    for headers in ({}, {"Authorization": "Bearer bad"}, {"Authorization": "Basic good"}, {"Authorization": "good"}):
        response = ask(client, {**asked(), **headers})
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert len(reads.kept) == 2


def test_a_record_that_cannot_be_kept(client: Client, reads: ListedReads) -> None:
    reads.fault = StorageError("full")
    assert ask(client, asked()).status_code == 503
