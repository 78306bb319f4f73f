"""Apps' own tokens on the wire, read by the real verifier: forged, run out, used twice, of another app, too early."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from ombud.gate.jwks import KeySet
from ombud.gate.rules.engine import EMPTY
from ombud.gate.tokens import JwtVerifier, SpentHere
from ombud.gate.wire.point import DecisionPoint
from ombud.model.clock import now
from ombud.model.errors import InputError
from tests.authzen import MANY, ONE

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.gate.wire.app import GateApp
    from tests.gate_client import Client, ListedReads

ISSUER, AUDIENCE = "https://platform.example", "gate"
KEY, OTHER = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()


def token(key: ed25519.Ed25519PrivateKey = KEY, seconds: float = 60, **claims: Any) -> str:  # noqa: ANN401 - any claim
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "client_id": "mailer",
        "sub": "p3",
        "exp": now() + timedelta(seconds=seconds),
    }
    said = {name: value for name, value in (said | claims).items() if value is not None}
    return jwt.encode(said, key, algorithm="EdDSA", headers={"kid": "one"})


@pytest.fixture(autouse=True)
def _verifier(gate_app: GateApp, tmp_path: Path) -> None:
    public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(KEY.public_key()))
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [{**public, "kid": "one"}]}))
    keys = KeySet(str(file))
    gate_app.point.tokens = JwtVerifier(keys, issuer=ISSUER, audience=AUDIENCE, leeway=30, spent=SpentHere())


def read(given: object, app: str = "mailer") -> dict[str, Any]:
    subject: dict[str, Any] = {"type": "app", "id": app}
    if given is not None:
        subject["properties"] = {"token": given}
    asked = {"fields": ["name"], "purpose": "service"}
    person = {"type": "person", "id": "p1", "properties": asked}
    return {"subject": subject, "action": {"name": "read"}, "resource": person}


def test_a_good_token_is_taken_and_what_it_says_is_on_record(client: Client, reads: ListedReads) -> None:
    actor: dict[str, Any] = {"act": {"sub": "agent"}, "jti": "1"}
    assert client.post(ONE, read(token(**actor))).json()["decision"] is True
    request = reads.kept[0][0]
    assert (request.app, request.person) == ("mailer", "p1")
    assert request.acts_for == "agent"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        5,
        None,
        ["a"],
        "a.b.c",
        "e30.e30.",
        "\u202e",
        "x" * 30_000,
    ],
)
def test_what_is_no_token(client: Client, reads: ListedReads, gate_app: GateApp, given: object) -> None:
    gate_app.point.tokens_needed = True
    answer = client.post(ONE, read(given)).json()
    assert answer["decision"] is False
    assert answer["context"]["reason_user"] == {"401": "The app must sign in again."}
    assert reads.judged == 0


def test_tokens_that_do_not_count(client: Client, reads: ListedReads) -> None:
    unsigned = jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "client_id": "mailer"}, "", algorithm="none")
    wrong = {
        "forged": token(OTHER, jti="a"),
        "unsigned": unsigned,
        "run out": token(seconds=-60, jti="b"),
        "without an end": token(exp=None, jti="c"),
        "too early": token(nbf=now() + timedelta(seconds=90), jti="d"),
        "of another platform": token(iss="https://elsewhere.example", jti="e"),
        "for somebody else": token(aud="shop", jti="f"),
        "of another app": token(client_id="quiz", jti="g"),
        "of no app": token(client_id=None, jti="h"),
        "cut off": token(jti="i")[:-10],
    }
    for name, given in wrong.items():
        answer = client.post(ONE, read(given))
        assert answer.status_code == 200, name
        assert answer.json()["decision"] is False, name
        assert given not in answer.text
    assert reads.judged == 0
    assert not reads.kept


def test_a_token_counts_once(client: Client, reads: ListedReads) -> None:
    given = token(jti="only")
    batch = client.post(MANY, {"evaluations": [read(given), read(given)]}).json()["evaluations"]
    assert [one["decision"] for one in batch] == [True, False]
    assert client.post(ONE, read(given)).json()["decision"] is False
    assert len(reads.kept) == 1


def test_clocks_may_differ_by_half_a_minute(client: Client) -> None:
    assert client.post(ONE, read(token(seconds=-20, jti="a"))).json()["decision"] is True
    assert client.post(ONE, read(token(nbf=now() + timedelta(seconds=20), jti="b"))).json()["decision"] is True
    assert client.post(ONE, read(token(seconds=-40, jti="c"))).json()["decision"] is False


def test_nginx_hands_on_the_app_s_token(client: Client, reads: ListedReads) -> None:
    asked = {"X-Ombud-Key": client.key, "X-Ombud-Person": "p1", "X-Ombud-Fields": "name", "X-Ombud-Purpose": "service"}
    good = client.get("/nginx", headers={**asked, "Authorization": f"Bearer {token(jti='a')}"})
    assert good.status_code == 200
    for given in (token(OTHER, jti="b"), token(seconds=-60, jti="c"), token(jti="a")):
        assert client.get("/nginx", headers={**asked, "Authorization": f"Bearer {given}"}).status_code == 401
    assert [request.app for request, _ in reads.kept] == ["mailer"]


def test_without_a_reader_tokens_are_refused_and_cannot_be_needed(
    client: Client, gate_app: GateApp, reads: ListedReads
) -> None:
    gate_app.point.tokens = None
    assert client.post(ONE, read("x")).status_code == 400
    assert client.post(ONE, read(None)).json()["decision"] is True
    with pytest.raises(InputError):
        DecisionPoint(reads, EMPTY, tokens_needed=True)
