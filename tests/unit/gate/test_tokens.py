"""Tokens: forged, expired, unsigned, confused, replayed, meant for others; the platform asked, or not there."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ombud.gate.claims import ClaimNames, TokenServiceError, WrongTokenError, caller_of
from ombud.gate.jwks import KeySet
from ombud.gate.tokens import (
    SECRET_FILE,
    Caller,
    Introspector,
    JwtVerifier,
    RecordsSpent,
    Spent,
    SpentHere,
    token_reader,
)  # fmt: skip
from ombud.model import clock
from ombud.model.errors import InputError
from ombud.model.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from ombud.records import Records

NOON = datetime(2018, 6, 1, 12, tzinfo=UTC)
ISSUER, AUDIENCE, PLACE = "https://platform.example", "gate", "https://platform.example/jwks"
RSA = rsa.generate_private_key(65537, 2048)
EC, ED = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()


def jwk(key: PrivateKeyTypes, kid: str | None, **more: str) -> dict[str, Any]:
    kinds: dict[type, Any] = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    algorithm = next(value for kind, value in kinds.items() if isinstance(key, kind))
    made: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return made | more | ({} if kid is None else {"kid": kid})


def token(
    key: object = RSA,
    algorithm: str = "RS256",
    kid: str | None = "r1",
    typ: str | None = None,
    **claims: Any,  # noqa: ANN401 - any claim
) -> str:
    said = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOON.timestamp() + 600, "client_id": "quiz", "sub": "p"}
    said = {name: value for name, value in (said | claims).items() if value is not None}
    head = {name: value for name, value in {"kid": kid, "typ": typ}.items() if value is not None}
    return jwt.encode(said, cast("Any", key), algorithm=algorithm, headers=head or None)


class Platform:
    """The platform's server: keys, introspection, and what it was asked."""

    def __init__(self) -> None:
        self.keys: Any = {"keys": [jwk(RSA, "r1"), jwk(EC, "e1"), jwk(ED, "d1")]}
        self.answers: dict[str, dict[str, Any]] = {}
        self.asked: list[httpx.Request] = []
        self.status = 200
        self.down = False
        self.delay = 0.0
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.down:
            raise httpx.ConnectError("no route")
        if request.url.path == "/jwks":
            content = self.keys if isinstance(self.keys, bytes) else json.dumps(self.keys).encode()
            return httpx.Response(self.status, content=content)
        form = dict(pair.split("=") for pair in request.content.decode().split("&"))
        return httpx.Response(self.status, json=self.answers.get(form["token"], {"active": False}))


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.frozen(NOON):
        yield


@pytest.fixture
def seconds() -> list[float]:
    """Return the moment, in seconds, that the set of keys goes by."""
    return [0.0]


@pytest.fixture
def verifier(platform: Platform, seconds: list[float]) -> JwtVerifier:
    keys = KeySet(PLACE, platform.client, now=lambda: seconds[0])
    return JwtVerifier(keys, issuer=ISSUER, audience=AUDIENCE)


def read(reader: JwtVerifier | Introspector, text: str) -> Caller | None:
    return asyncio.run(reader.read(text))


def wrong(reader: JwtVerifier, text: str) -> str:
    with pytest.raises(WrongTokenError) as caught:
        asyncio.run(reader.check(text))
    assert asyncio.run(reader.read(text)) is None
    return caught.value.message


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"), [(RSA, "RS256", "r1"), (RSA, "PS256", "r1"), (EC, "ES256", "e1"), (ED, "EdDSA", "d1")]
)
@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "application/at+JWT"])
def test_good_ones(verifier: JwtVerifier, key: object, algorithm: str, kid: str, typ: str | None) -> None:
    found = read(verifier, token(key, algorithm, kid, typ, scope="email likes", auth_time=NOON.timestamp() - 60))
    assert found is not None
    assert (found.app, found.person, found.scopes, found.key, found.acts_for) == (
        "quiz", "p", ("email", "likes"), None, None,
    )  # fmt: skip
    assert (found.expires_at, found.used_at) == (NOON + timedelta(minutes=10), NOON - timedelta(minutes=1))


def test_forged_ones(verifier: JwtVerifier) -> None:
    stranger = rsa.generate_private_key(65537, 2048)
    assert "InvalidSignature" in wrong(verifier, token(stranger))
    head, body, signature = token().split(".")
    other = base64.urlsafe_b64encode(
        json.dumps({"iss": ISSUER, "aud": AUDIENCE, "exp": 9e9, "client_id": "x"}).encode()
    )
    wrong(verifier, f"{head}.{other.decode().rstrip('=')}.{signature}")
    wrong(verifier, f"{head}.{body}.{signature[:-4]}AAAA")
    wrong(verifier, f"{head}.{body}.")
    assert "key is not" in wrong(verifier, token(kid="r2"))
    assert "key is not" in wrong(verifier, token(EC, "ES256", "r1"))
    assert "key is not" in wrong(verifier, token(RSA, "RS256", "../../etc/passwd"))


def test_unsigned_and_confused_ones(verifier: JwtVerifier) -> None:
    said = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOON.timestamp() + 600, "client_id": "quiz"}
    assert "does not count here" in wrong(verifier, jwt.encode(said, "", algorithm="none", headers={"kid": "r1"}))
    public = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for algorithm in ("HS256", "RS256", "none", "None", "NONE"):
        parts = [json.dumps({"alg": algorithm, "kid": "r1"}), json.dumps(said)]
        signed = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
        mac = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), hashlib.sha256)).decode().rstrip("=")
        wrong(verifier, f"{signed}.{mac}")


def test_symmetric_keys_in_the_set_are_never_taken(platform: Platform, verifier: JwtVerifier) -> None:
    secret = b"s" * 32
    octets = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    platform.keys["keys"].append({"kty": "oct", "k": octets, "kid": "o1", "alg": "HS256"})
    wrong(verifier, token(secret, "HS256", "o1"))


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"exp": NOON.timestamp() - 31}, "run out"),
        ({"exp": None}, "MissingRequired"),
        ({"exp": "tomorrow"}, "no moment"),
        ({"exp": 1e300}, "no moment"),
        ({"exp": True}, "no moment"),
        ({"nbf": NOON.timestamp() + 31}, "not count yet"),
        ({"iat": NOON.timestamp() + 31}, "not count yet"),
        ({"iss": "https://other.example"}, "InvalidIssuer"),
        ({"iss": None}, "MissingRequired"),
        ({"aud": "billing"}, "InvalidAudience"),
        ({"aud": None}, "MissingRequired"),
        ({"aud": ["billing", "mail"]}, "InvalidAudience"),
        ({"client_id": None}, "names no app"),
        ({"client_id": ""}, "no id"),
        ({"client_id": "a\nb"}, "no id"),
        ({"client_id": "x" * 501}, "no id"),
        ({"client_id": 7}, "no id"),
        ({"scope": 7}, "scopes"),
        ({"scope": [1]}, "scopes"),
        ({"cnf": {"kid": "x"}}, "bound to a key"),
        ({"cnf": "x"}, "bound to a key"),
        ({"act": "helper"}, "chain of actors"),
        ({"act": {"nothing": 1}}, "no id"),
    ],
)  # fmt: skip
def test_wrong_claims(verifier: JwtVerifier, claims: dict[str, Any], says: str) -> None:
    assert says in wrong(verifier, token(**claims))


def test_clocks_may_differ_a_little(verifier: JwtVerifier) -> None:
    assert read(verifier, token(exp=NOON.timestamp() - 29)) is not None
    assert read(verifier, token(nbf=NOON.timestamp() + 30)) is not None
    assert read(verifier, token(iat=NOON.timestamp() + 29)) is not None


def test_audiences_in_a_list(verifier: JwtVerifier) -> None:
    assert read(verifier, token(aud=["billing", AUDIENCE])) is not None


@pytest.mark.parametrize("typ", ["dpop+jwt", "logout+jwt", "secevent+jwt"])
def test_other_kinds_of_token(verifier: JwtVerifier, typ: str) -> None:
    assert "kind" in wrong(verifier, token(typ=typ))


@pytest.mark.parametrize("text", ["", "x", "a.b", "a.b.c", "....", "é", "x" * 20_000, "e30.e30.e30", "\0"])
def test_what_is_no_token(verifier: JwtVerifier, text: str) -> None:
    wrong(verifier, text)


def test_critical_headers_are_not_ignored(verifier: JwtVerifier) -> None:
    said = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOON.timestamp() + 600, "client_id": "quiz"}
    wrong(verifier, jwt.encode(said, RSA, algorithm="RS256", headers={"kid": "r1", "crit": ["x"], "x": 1}))


def test_key_actors_and_an_apps_own_token(verifier: JwtVerifier) -> None:
    act = {"sub": "helper", "act": {"client_id": "agency, inc", "act": {"sub": "first"}}}
    found = read(verifier, token(cnf={"jkt": "thumb"}, act=act, sub="quiz"))
    assert found is not None
    assert (found.person, found.key, found.actors) == (None, "thumb", ("helper", "agency%2C inc", "first"))
    assert found.acts_for == "helper, agency%2C inc, first"
    deep: dict[str, Any] = {"sub": "x"}
    for _ in range(8):
        deep = {"sub": "x", "act": deep}
    assert "chain of actors" in wrong(verifier, token(act=deep))
    assert caller_of({"client_id": "a", "cnf": {"x5t#S256": "t"}}, ClaimNames()).key == "t"


def test_other_names_of_claims() -> None:
    names = ClaimNames(app=("https://p.example/app", "azp"), person=("uid",), scopes=("permissions",))
    found = caller_of({"azp": "quiz", "uid": "p", "sub": "other", "permissions": ["a"]}, names)
    assert (found.app, found.person, found.scopes) == ("quiz", "p", ("a",))


def test_a_token_counts_once_where_that_is_asked(platform: Platform, records: Records) -> None:
    every: list[Spent] = [SpentHere(), RecordsSpent(records)]
    for spent in every:
        verifier = JwtVerifier(KeySet(PLACE, platform.client), issuer=ISSUER, audience=AUDIENCE, spent=spent)
        assert read(verifier, token(jti="one")) is not None
        assert "used before" in wrong(verifier, token(jti="one"))
        assert read(verifier, token(jti="two")) is not None
        assert "no `jti`" in wrong(verifier, token())
        assert "InvalidJTI" in wrong(verifier, token(jti=7))
    other = JwtVerifier(KeySet(PLACE, platform.client), issuer=ISSUER, audience=AUDIENCE, spent=RecordsSpent(records))
    assert "used before" in wrong(other, token(jti="one"))


def test_new_keys_are_fetched_when_they_are_needed_but_rarely(
    platform: Platform, verifier: JwtVerifier, seconds: list[float]
) -> None:
    assert read(verifier, token()) is not None
    new = rsa.generate_private_key(65537, 2048)
    platform.keys = {"keys": [jwk(new, "r2")]}
    seconds[0] = 29
    for _ in range(50):
        assert read(verifier, token(new, kid="r2")) is None
    assert len(platform.asked) == 1
    seconds[0] = 30
    assert read(verifier, token(new, kid="r2")) is not None
    assert len(platform.asked) == 2
    assert read(verifier, token()) is None  # the old key is gone from the set


def test_a_key_that_was_taken_out_counts_an_hour_at_most(
    platform: Platform, verifier: JwtVerifier, seconds: list[float]
) -> None:
    assert read(verifier, token()) is not None
    platform.keys = {"keys": [jwk(EC, "e1")]}
    seconds[0] = 3_601
    assert read(verifier, token()) is None


def test_a_platform_that_does_not_answer(platform: Platform, verifier: JwtVerifier, seconds: list[float]) -> None:
    platform.down = True
    with pytest.raises(TokenServiceError, match=r"cannot be fetched|cannot be reached"):
        read(verifier, token())
    platform.down, seconds[0] = False, 30
    assert read(verifier, token()) is not None
    platform.down = True
    seconds[0] = 50_000
    assert read(verifier, token()) is not None  # the keys of yesterday
    seconds[0] = 90_000
    with pytest.raises(TokenServiceError):
        read(verifier, token())


@pytest.mark.parametrize(
    "keys", [b"", b"x", b"[]", b"{}", b'{"keys":[]}', b'{"keys":7}', b'{"keys":[7]}', b"\xff", b" " * 300_000]
)
def test_a_set_of_keys_that_is_none(platform: Platform, verifier: JwtVerifier, keys: bytes) -> None:
    platform.keys = keys
    with pytest.raises(TokenServiceError):
        read(verifier, token())


def test_weak_and_foreign_keys_are_left_out(platform: Platform, seconds: list[float]) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it must not be taken
    broken = jwk(EC, "b1") | {"x": "!!"}
    platform.keys = {"keys": [jwk(weak, "w1"), broken, jwk(RSA, "x1", use="enc"), jwk(ED, "d1", alg="EdDSA")]}
    verifier = JwtVerifier(KeySet(PLACE, platform.client, now=lambda: seconds[0]), issuer=ISSUER, audience=AUDIENCE)
    wrong(verifier, token(RSA, "RS256", "x1"))
    assert read(verifier, token(ED, "EdDSA", "d1")) is not None


def test_without_an_id_the_only_key_counts(platform: Platform, seconds: list[float]) -> None:
    platform.keys = {"keys": [jwk(RSA, None), jwk(EC, "e1")]}
    verifier = JwtVerifier(KeySet(PLACE, platform.client, now=lambda: seconds[0]), issuer=ISSUER, audience=AUDIENCE)
    assert read(verifier, token(kid=None)) is not None
    assert read(verifier, token(EC, "ES256", None)) is not None
    platform.keys["keys"].append(jwk(rsa.generate_private_key(65537, 2048), "r2"))
    seconds[0] = 4_000
    assert read(verifier, token(kid=None)) is None


def test_keys_from_a_file(tmp_path: Path) -> None:
    place = tmp_path / "jwks.json"
    place.write_text(json.dumps({"keys": [jwk(RSA, "r1")]}))
    assert read(JwtVerifier(KeySet(str(place)), issuer=ISSUER, audience=AUDIENCE), token()) is not None
    with pytest.raises(TokenServiceError, match="cannot be read"):
        read(JwtVerifier(KeySet(str(tmp_path / "none")), issuer=ISSUER, audience=AUDIENCE), token())


@pytest.mark.parametrize("url", ["http://platform.example/jwks", "ftp://x.example", "https://", "file:///etc/passwd"])
def test_addresses_that_are_not_trusted(url: str) -> None:
    with pytest.raises(InputError, match="no address"):
        KeySet(url)
    with pytest.raises(InputError, match="no address"):
        Introspector(url, "ombud", "secret")


def test_no_symmetric_algorithm_can_be_allowed() -> None:
    with pytest.raises(InputError, match="HS256"):
        JwtVerifier(KeySet(PLACE), issuer=ISSUER, audience=AUDIENCE, algorithms=("RS256", "HS256"))


# Asking the platform -----------------------------------------------------------


@pytest.fixture
def introspector(platform: Platform) -> Introspector:
    return Introspector(
        "https://platform.example/introspect",
        "ombud",
        "s3cret",
        issuer=ISSUER,
        audience=AUDIENCE,
        client=platform.client,
    )


def active(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any claim
    return {"active": True, "iss": ISSUER, "aud": AUDIENCE, "client_id": "quiz", "sub": "p", **more}


def test_asked_once_in_a_while_and_never_longer_than_the_token_lasts(
    platform: Platform, introspector: Introspector
) -> None:
    platform.answers["t1"] = active(exp=NOON.timestamp() + 10, scope="email")
    for _ in range(3):
        found = read(introspector, "t1")
        assert found is not None
        assert (found.app, found.person, found.scopes) == ("quiz", "p", ("email",))
    assert len(platform.asked) == 1
    request = platform.asked[0]
    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"ombud:s3cret").decode()
    assert "t1" not in str(request.url)
    with clock.frozen(NOON + timedelta(seconds=9)):
        assert read(introspector, "t1") is not None
    with clock.frozen(NOON + timedelta(seconds=10)):
        assert read(introspector, "t1") is None
    assert len(platform.asked) == 2


def test_a_withdrawn_token_counts_no_longer_than_the_cache_lasts(
    platform: Platform, introspector: Introspector
) -> None:
    platform.answers["t1"] = active()
    assert read(introspector, "t1") is not None
    platform.answers.clear()
    with clock.frozen(NOON + timedelta(seconds=29)):
        assert read(introspector, "t1") is not None
    with clock.frozen(NOON + timedelta(seconds=30)):
        assert read(introspector, "t1") is None


def test_wrong_ones_are_remembered_for_a_short_while(platform: Platform, introspector: Introspector) -> None:
    for _ in range(5):
        assert read(introspector, "t1") is None
    assert len(platform.asked) == 1
    platform.answers["t1"] = active()
    with clock.frozen(NOON + timedelta(seconds=5)):
        assert read(introspector, "t1") is not None


@pytest.mark.parametrize(
    "answer",
    [
        {"active": False}, {}, {"active": "true"}, {"active": 1}, active(iss="x"), active(aud="x"), active(aud=["x"]),
        active(aud=None), active(exp=NOON.timestamp()), active(nbf=NOON.timestamp() + 1), active(client_id=None),
        active(exp="soon"), active(act="x"), active(aud={"gate": 1}),
    ],
)  # fmt: skip
def test_answers_that_do_not_count(platform: Platform, introspector: Introspector, answer: dict[str, Any]) -> None:
    platform.answers["t1"] = answer
    assert read(introspector, "t1") is None


def test_when_the_platform_cannot_be_asked_nothing_counts(platform: Platform, introspector: Introspector) -> None:
    platform.answers["t1"] = active()
    platform.down = True
    with pytest.raises(TokenServiceError, match="cannot be reached: ConnectError") as caught:
        read(introspector, "t1")
    assert "t1" not in str(caught.value)
    platform.down, platform.status = False, 500
    with pytest.raises(TokenServiceError, match="answered with 500"):
        read(introspector, "t1")
    platform.status = 200
    assert read(introspector, "t1") is not None  # a failure is not remembered


def test_many_at_once_ask_once(platform: Platform, introspector: Introspector) -> None:
    platform.answers["t1"] = active()
    platform.delay = 0.01

    async def crowd() -> list[Caller | None]:
        return await asyncio.gather(*(introspector.read("t1") for _ in range(50)))

    assert all(asyncio.run(crowd()))
    assert len(platform.asked) == 1


@pytest.mark.parametrize("text", ["", "é", "a\nb", "x" * 20_000, "\0"])
def test_what_is_not_even_asked_about(platform: Platform, introspector: Introspector, text: str) -> None:
    assert read(introspector, text) is None
    assert platform.asked == []


def test_the_cache_has_an_end(platform: Platform) -> None:
    few = Introspector("https://platform.example/i", "ombud", "s", most=3, client=platform.client)
    for n in range(10):
        platform.answers[f"t{n}"] = active()
        read(few, f"t{n}")
    assert len(few._known) == 3
    read(few, "t9")
    assert len(platform.asked) == 10
    few.forget()
    read(few, "t9")
    assert len(platform.asked) == 11


def settings(**more: Any) -> Settings:  # noqa: ANN401 - any setting
    return Settings(**more)


def test_by_the_settings(tmp_path: Path) -> None:
    assert token_reader(settings(), tmp_path) is None
    with pytest.raises(InputError, match="`token_jwks` needs"):
        token_reader(settings(token_jwks=PLACE), tmp_path)
    signed = settings(token_jwks=PLACE, token_issuer=ISSUER, token_audience=AUDIENCE, token_once=True)
    assert isinstance(token_reader(signed, tmp_path), JwtVerifier)
    asking = settings(token_introspection_url="https://platform.example/i")
    with pytest.raises(InputError, match="secret for"):
        token_reader(asking, tmp_path)
    (tmp_path / SECRET_FILE).write_text("s3cret\n")
    reader = token_reader(asking, tmp_path)
    assert isinstance(reader, Introspector)
    asyncio.run(reader.close())
