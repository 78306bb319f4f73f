"""Hostile requests get the protocol's error and no data; nothing of them is in a log."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from ombud.model.errors import StorageError
from tests.authzen import DO, LEVELS, MANY, ONE, WHAT, WHO, act, ask, entity, record

if TYPE_CHECKING:
    from ombud.gate.wire.app import GateApp
    from ombud.gate.wire.callers import CallerKeys
    from tests.gate_client import Client, ListedReads

PERSON = "p1"


def read(person: object = PERSON, app: object = "mailer", **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    asked = {"fields": ["name"], "purpose": "service", **properties}
    return {
        "subject": {"type": "app", "id": app},
        "action": {"name": "read"},
        "resource": {"type": "person", "id": person, "properties": asked},
    }


def test_a_read_is_answered_and_kept(client: Client, reads: ListedReads) -> None:
    answer = client.post(ONE, read(fields=["name", "email"], through="p2")).json()
    assert answer["decision"] is True
    assert answer["context"]["allowed"] == ["name", "email"]
    assert answer["context"]["refused"] == []
    assert answer["context"]["policy"] == "p" * 64
    assert answer["context"]["id"] == "d1"
    request, decision = reads.kept[0]
    assert (request.app, request.person, request.fields, request.through) == ("mailer", "p1", ("name", "email"), "p2")
    assert request.at is None
    assert decision.outcome == "allowed"


def test_a_part_goes_out_only_to_who_says_that_a_part_would_do(client: Client, reads: ListedReads) -> None:
    asked = read(app="quiz", fields=["name", "email"])
    refused = client.post(ONE, asked).json()
    assert refused["decision"] is False
    assert refused["context"]["allowed"] == []
    assert [one["reason"] for one in refused["context"]["refused"]] == ["not-granted", "all-or-nothing"]
    assert reads.kept[0][1].outcome == "refused"
    asked["resource"]["properties"]["partial"] = True
    reduced = client.post(ONE, asked).json()
    assert reduced["decision"] is True
    assert reduced["context"]["outcome"] == "reduced"
    assert reduced["context"]["allowed"] == ["name"]
    assert reduced["context"]["reason_admin"] == {"403": "email: not-granted"}
    assert reduced["context"]["reason_user"] == {"403": "The person did not allow it."}
    assert reads.kept[1][1].outcome == "reduced"


@pytest.mark.parametrize("subject", ["user", "service", "person", "App", "app ", "\u0430pp"])
def test_nobody_but_an_app_reads_a_person(client: Client, reads: ListedReads, subject: str) -> None:
    body = read()
    body["subject"]["type"] = subject
    answer = client.post(ONE, body).json()
    assert answer["decision"] is False
    assert not reads.kept
    assert reads.judged == 0


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("person", "p1\0"),
        ("person", "p\u202e1"),
        ("person", "pe\u0301a"),
        ("person", ""),
        ("person", "p" * 1_000),
        ("person", 1),
        ("person", ["p1", "p2"]),
        ("person", None),
        ("app", "mailer\n"),
        ("app", {"$ne": ""}),
        ("fields", []),
        ("fields", "name"),
        ("fields", ["name"] * 65),
        ("fields", ["na\u200bme"]),
        ("fields", [1]),
        ("purpose", ""),
        ("purpose", None),
        ("through", "p\x7f"),
        ("through", 5),
        ("partial", "yes"),
    ],
)
def test_odd_reads(client: Client, reads: ListedReads, where: str, value: object) -> None:
    response = client.post(ONE, read(**{where: value}))
    assert response.status_code == 400
    assert "decision" not in response.text
    assert not reads.kept


@pytest.mark.parametrize("person", ["\uff301", "\u04401", "p1 ", "P1", "p\u0131", "p\u00b9", "pÉa"])
def test_a_lookalike_is_a_stranger(client: Client, person: str) -> None:
    answer = client.post(ONE, read(person=person)).json()
    assert answer["decision"] is False
    assert answer["context"]["allowed"] == []


def test_a_forged_app_is_a_stranger(client: Client) -> None:
    answer = client.post(ONE, read(app="mai1er")).json()
    assert answer["decision"] is False
    assert answer["context"]["refused"][0]["reason"] == "unknown-app"


def test_the_clock_of_a_caller_is_not_believed(client: Client, reads: ListedReads) -> None:
    client.post(ONE, {**read(), "context": {"time": "1985-10-26T01:22-07:00", "region": "GB"}})
    assert reads.kept[0][0].at is None
    assert reads.kept[0][0].region == "GB"


def test_sizes(client: Client, reads: ListedReads) -> None:
    for path in (ONE, MANY, WHO, WHAT, DO):
        assert client.post(path, b'{"a":"' + b"x" * 10_000_000 + b'"}').status_code == 413
        assert client.post(path, b"[" * 10_000_000).status_code == 413
    many = {**read(), "evaluations": [{}] * 1_001}
    assert client.post(MANY, many).status_code == 400
    assert not reads.kept


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/jsonp",
    ],
)
def test_content_types(client: Client, content_type: str | None) -> None:
    assert client.post(ONE, read(), content_type=content_type).status_code == 400
    assert client.post(ONE, read(), content_type="Application/JSON; charset=UTF-8").status_code == 200


def test_compressed_bodies_are_not_opened(client: Client) -> None:
    assert client.post(ONE, b"\x1f\x8b", headers={"Content-Encoding": "gzip"}).status_code == 415


def test_without_a_key_nothing_is_answered(client: Client, reads: ListedReads) -> None:
    for path in (ONE, MANY, WHO, WHAT, DO):
        for key in ("", "wrong", client.key + "x", client.key[:-1], client.key.upper(), "\u00e9" * 20):
            bearer = [(b"authorization", b"Bearer " + key.encode()), (b"content-type", b"application/json")]
            response = client.ask("POST", path, content=b"not even json", headers=bearer)
            assert response.status_code == 401, key
            assert response.headers["www-authenticate"] == "Bearer"
    assert client.post(ONE, read(), headers={"Authorization": f"Basic {client.key}"}).status_code == 401
    assert reads.judged == 0


def test_a_right_that_was_not_given(client: Client, callers: CallerKeys, gate_app: GateApp) -> None:
    key = callers.add("checkout", ("decide",))
    gate_app.callers.refresh()
    assert client.post(ONE, read(), key=key).status_code == 200
    for path in (WHO, WHAT, DO):
        assert client.post(path, read(), key=key).status_code == 403
    callers.remove("checkout")
    gate_app.callers.refresh()
    assert client.post(ONE, read(), key=key).status_code == 401


def test_methods_and_paths(client: Client) -> None:
    for path in (ONE, MANY, WHO, WHAT, DO):
        response = client.get(path)
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
    assert client.post("/health", {}).status_code == 405
    assert client.ask("DELETE", "/nginx").status_code == 405
    for path in ("/", "/access/v1/evaluation/", "//access/v1/evaluation", "/admin"):
        assert client.post(path, read()).status_code == 404


def test_headers_that_stand_twice(client: Client) -> None:
    twice = [("Authorization", f"Bearer {client.key}"), ("Authorization", "Bearer other")]
    response = client.ask("POST", ONE, content=b"{}", headers=[*twice, ("Content-Type", "application/json")])
    assert response.status_code == 400
    both = {"Transfer-Encoding": "chunked", "Content-Length": "2", "Content-Type": "application/json"}
    assert client.ask("POST", ONE, content=b"{}", headers=both).status_code == 400


def test_a_record_that_cannot_be_kept_lets_nothing_out(client: Client, reads: ListedReads) -> None:
    reads.fault = StorageError("the disk is full of p1")
    for path, body in ((ONE, read()), (MANY, {**read(), "evaluations": [{}, {}]})):
        response = client.post(path, body)
        assert response.status_code == 503
        assert "p1" not in response.text
        assert "allowed" not in response.text


def test_a_bug_lets_nothing_out(client: Client, reads: ListedReads, caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: object, *, partial: bool) -> Any:  # noqa: ANN401 - it never returns
        raise KeyError(request, partial)

    reads.judge = broken  # type: ignore[method-assign]
    with caplog.at_level(logging.DEBUG):
        response = client.post(ONE, read(person="p1-secret"))
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "secret" not in caplog.text
    assert "KeyError" in caplog.text


def test_nothing_personal_in_logs(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.post(ONE, read(person="p1-secret"))
        client.post(ONE, read(person="p1-secret\0"))
        client.post(ONE, b'{"p1-secret":1,"p1-secret":2}')
        client.post(ONE, read(person="p1-secret"), key="key-secret")
    ours = [one.getMessage() for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))]
    assert not [line for line in ours if "secret" in line]


def test_a_slow_body_is_given_up(gate_app: GateApp, key: str) -> None:
    sent: list[dict[str, Any]] = []

    async def never() -> dict[str, Any]:
        await asyncio.sleep(30)
        return {"type": "http.request"}

    async def keep(message: Any) -> None:  # noqa: ANN401 - ASGI
        sent.append(dict(message))

    headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": ONE, "headers": headers}
    asyncio.run(gate_app(scope, never, keep))
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


def test_a_caller_that_hangs_up_is_let_go(gate_app: GateApp, key: str) -> None:
    sent: list[object] = []

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def keep(message: object) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
    asyncio.run(gate_app({"type": "http", "method": "POST", "path": ONE, "headers": headers}, gone, keep))
    assert not sent


def test_websockets_are_closed(gate_app: GateApp) -> None:
    sent: list[Any] = []

    async def connect() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def keep(message: object) -> None:
        sent.append(message)

    asyncio.run(gate_app({"type": "websocket", "path": ONE, "headers": []}, connect, keep))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_attributes_cannot_name_entities_or_call_extensions(client: Client) -> None:
    for odd in (
        {"__entity": {"type": "user", "id": "alice"}},
        {"a": {"__extn": {"fn": "ip", "arg": "::"}}},
        {"a": [{"__expr": "1"}]},
    ):
        body = ask(entity("user", "eve", odd), act("read"), record(1))
        assert client.post(ONE, body).status_code == 400


@pytest.mark.parametrize("kind", ['user::"alice"', "user ", "__cedar::x", "if", "Ünï", "a" * 200, "::user", "user::"])
def test_odd_types_are_permitted_nothing(client: Client, kind: str) -> None:
    answer = client.post(ONE, ask(entity(kind, "alice", {}), act("read"), record(1)))
    assert answer.status_code == 200
    assert answer.json()["decision"] is False


def test_semantics(client: Client, reads: ListedReads) -> None:
    items = [{"action": act("write")}, {"action": act("read")}, {"action": act("write")}]
    body = ask(entity("user", "bob", {}), None, record(1), evaluations=items)

    def decided(semantic: str, evaluations: list[Any]) -> list[bool]:
        answer = client.post(MANY, {**body, "evaluations": evaluations, "options": {"evaluations_semantic": semantic}})
        return [one["decision"] for one in answer.json()["evaluations"]]

    assert decided("execute_all", items) == [False, True, False]
    assert decided("deny_on_first_deny", items) == [False]
    assert decided("deny_on_first_deny", items[1:]) == [True, False]
    assert decided("permit_on_first_permit", items) == [False, True]
    assert decided("permit_on_first_permit", [items[0], {"action": 7}, items[0]]) == [False, False, False]
    assert decided("deny_on_first_deny", [items[1], "nonsense", items[1]]) == [True, False]
    assert client.post(MANY, {**body, "options": {"evaluations_semantic": "guess"}}).status_code == 400
    mixed = [read(), read(app="nobody"), read()]
    stopped = {"evaluations": mixed, "options": {"evaluations_semantic": "deny_on_first_deny"}}
    assert [one["decision"] for one in client.post(MANY, stopped).json()["evaluations"]] == [True, False]
    assert len(reads.kept) == 2


def test_an_item_that_is_wrong_says_so_by_itself(client: Client) -> None:
    answer = client.post(MANY, {"evaluations": [read(), read(person="\u202e"), {"subject": None}, 5]}).json()
    decisions = [one["decision"] for one in answer["evaluations"]]
    assert decisions == [True, False, False, False]
    assert answer["evaluations"][1]["context"]["error"]["status"] == 400
    assert "decision" not in answer


def test_whatever_is_cut_off_is_refused(client: Client) -> None:
    for case in LEVELS[:3]:
        whole = case.content
        for length in range(0, len(whole) - 1, 7):
            assert client.post(case.path, whole[:length]).status_code == 400


def test_answers_are_never_stored(client: Client) -> None:
    for response in (client.post(ONE, read()), client.post(ONE, {}), client.get("/health")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


def test_health(client: Client, gate_app: GateApp) -> None:
    assert client.get("/health").json() == {"ok": True, "policy": ""}
    gate_app.healthy = lambda: False
    assert client.get("/health").status_code == 503
    assert json.loads(client.get("/health").content)["ok"] is False
