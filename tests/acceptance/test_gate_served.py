"""The gate as it is served: the certification scenario over HTTPS, hostile bytes on the line, and what is on record."""

from __future__ import annotations

import json
import socket
import ssl
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from ombud.gate import consent
from ombud.model.workspace import Workspace
from ombud.records import open_records
from tests.acceptance.gate_serving import PEOPLE, ServedGate, certificate, prepare, read
from tests.authzen import LEVELS, MANY, ONE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.conftest import Ombud

pytestmark = pytest.mark.acceptance


@pytest.fixture
def gate(ombud: Ombud) -> Iterator[ServedGate]:
    """Return a gate on a plain port of this machine."""
    served = ServedGate.start(ombud, prepare(ombud))
    with httpx.Client() as client:
        served.ready(client)
    yield served
    if served.process.poll() is None:
        served.stop()


def test_the_certification_scenario_over_https(ombud: Ombud, tmp_path: Path) -> None:
    key = prepare(ombud)
    pem, secret = certificate(tmp_path)
    gate = ServedGate.start(ombud, key, "--certificate", pem, "--key", secret)
    trusted = ssl.create_default_context(cafile=str(pem))
    bearer = {"Authorization": f"Bearer {key}"}
    with httpx.Client(verify=trusted, headers=bearer) as client:
        gate.ready(client)
        found = client.get(gate.address + "/.well-known/authzen-configuration").json()
        assert found.pop("policy_decision_point") == gate.address
        addresses = {address.removeprefix(gate.address): address for address in found.values()}
        assert all(address.startswith("https://") for address in addresses.values())
        for case in LEVELS:
            headers = {"Content-Type": case.content_type, **case.headers}
            response = client.post(addresses[case.path], content=case.content, headers=headers)
            assert response.status_code == case.status, case
            for name, value in case.headers.items():
                assert response.headers[name] == value
            answer = response.json() if case.status == 200 else {}
            if case.decision is not None:
                assert answer["decision"] is case.decision, case
            if case.decisions is not None:
                assert len(answer["evaluations"]) == len(case.decisions)
                pairs = zip(answer["evaluations"], case.decisions, strict=True)
                assert all(wanted in {None, given["decision"]} for given, wanted in pairs), case
            if case.results is not None or case.empty:
                names = {result.get("id", result.get("name")) for result in answer["results"]}
                assert set(case.results or ()) <= names, case
                assert not case.empty or not names, case
    log = gate.stop()
    assert gate.process.returncode == 0
    assert not [word for word in ("alice", "record-1", "request", "Traceback", key) if word in log]


def test_reads_are_on_record_and_a_withdrawal_counts_within_a_second(ombud: Ombud, gate: ServedGate) -> None:
    person = PEOPLE[0]
    with httpx.Client(headers={"Authorization": f"Bearer {gate.key}"}) as client:

        def ask(*fields: str) -> bool:
            return bool(client.post(gate.address + ONE, json=read(person, *fields)).json()["decision"])

        assert ask("name", "email")
        assert not ask("name", "posts")
        batch = {"evaluations": [read(person, "name"), read("nobody", "name"), read(person, "name", app="quiz")]}
        answers = client.post(gate.address + MANY, json=batch).json()["evaluations"]
        assert [one["decision"] for one in answers] == [True, False, True]
        with open_records(Workspace.open(ombud.root)) as records, records.begin() as tx:
            consent.revoke(tx, "mailer", person)
        withdrawn = time.monotonic()
        while ask("name"):
            assert time.monotonic() - withdrawn < 10
            time.sleep(0.02)
        took = time.monotonic() - withdrawn
    log = gate.stop()
    assert not [name for name in (*PEOPLE, gate.key) if name in log]
    print(f"the withdrawal counted after {took:.2f} s")
    assert ombud("ledger", "verify", "--json").document["ok"]
    entries = [json.loads(line) for line in ombud("ledger", "tail", "-n", "50", "--json").out.splitlines()]
    assert "reads" in json.dumps(entries)
    assert not [name for name in PEOPLE if name in json.dumps(entries, ensure_ascii=False)]


def test_a_gate_beside_a_process_that_holds_the_ledger(ombud: Ombud) -> None:
    key = prepare(ombud)
    first, second = ServedGate.start(ombud, key), ServedGate.start(ombud, key, "--name", "second")
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}) as client:
        for gate in (first, second):
            gate.ready(client)
            assert client.post(gate.address + ONE, json=read(PEOPLE[0], "name")).json()["decision"] is True
    assert first.document["gate"] != second.document["gate"]
    assert "outbox" in second.stop()
    first.stop()
    assert ombud("ledger", "verify", "--json").document["ok"]


def say(gate: ServedGate, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are, and return all that comes back before the gate closes or falls silent."""
    with socket.create_connection(("127.0.0.1", gate.port), timeout=5) as line:
        for part in parts:
            try:
                line.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        line.settimeout(1.5)
        found = b""
        try:
            while part := line.recv(65_536):
                found += part
        except (TimeoutError, ConnectionError):
            pass
        return found


def test_hostile_bytes_on_the_line(gate: ServedGate) -> None:
    body = json.dumps(read(PEOPLE[0], "name")).encode()
    common = f"Host: gate\r\nAuthorization: Bearer {gate.key}\r\nContent-Type: application/json\r\n".encode()
    post = b"POST /access/v1/evaluation HTTP/1.1\r\n" + common
    length = b"Content-Length: %d\r\n" % len(body)
    inner = post + length + b"\r\n" + body
    assert say(gate, inner).count(b'"decision":true') == 1
    smuggled = {
        "length and chunks": post + length + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
        "two lengths": post + b"Content-Length: 3\r\n" + length + b"\r\n" + body,
        "unknown coding": post + length + b"Transfer-Encoding: xchunked\r\n\r\n" + body,
        "coding twice": post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "space before the colon": post + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
        "signed length": post + b"Content-Length: +%d\r\n\r\n" % len(body) + body,
        "length of letters": post + b"Content-Length: ten\r\n\r\n" + body,
        "folded header": post + b"X-A: b\r\n c\r\n" + b"Content-Length: 3,3\r\n\r\n" + body,
        "NUL in a header": post + b"X-A: \0\r\n" + length + b"\r\n" + body,
        "bad chunk": post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
        "no protocol": b"\x16\x03\x01\x02\x00\x01" + b"\0" * 200,
        "huge header": post + b"X-A: " + b"a" * 200_000 + b"\r\n" + length + b"\r\n" + body,
        "old protocol": b"POST /access/v1/evaluation\r\n\r\n" + body,
    }
    for name, message in smuggled.items():
        answer = say(gate, message)
        assert b'"decision":true' not in answer, name
        assert b" 500 " not in answer, name
    endless = say(gate, post + b"X-A: ", *[b"a" * 20_000] * 5, pause=0.05)
    assert b" 400 " in endless
    many = b"".join(b"X-%d: a\r\n" % number for number in range(6_000))
    assert b" 400 " in say(gate, post + many + length + b"\r\n" + body)
    cut = post + b"Content-Length: 100000\r\n\r\n" + body
    assert b"200 OK" not in say(gate, cut)
    assert b" 413 " in say(gate, post + b"Content-Length: 10000000\r\n\r\n" + b"x" * 70_000)
    slow = say(gate, post + length + b"\r\n", body[:50], body[50:], pause=0.3)
    assert slow.count(b'"decision":true') == 1
    pipelined = say(gate, inner + inner)
    assert pipelined.count(b'"decision":true') == 2
    log = gate.stop()
    assert not [person for person in PEOPLE if person in log]
    assert gate.key not in log
