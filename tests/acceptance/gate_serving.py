"""A gate that is served by the real command, on a workspace with two apps, people and the scenario's rules."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ombud.gate import consent, registry
from ombud.gate.policy import load_policy
from ombud.gate.wire.callers import CallerKeys
from ombud.model.clock import now
from ombud.model.workspace import Workspace
from ombud.records import apps, open_records
from tests.authzen import ENTITIES, POLICIES

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.acceptance.conftest import Ombud

__all__ = ["APP", "PEOPLE", "ServedGate", "certificate", "prepare", "read"]

APP, PEOPLE = "mailer", ("person-secret-1", "person-secret-2", "péa")
HEAD = """
ombud-policy = 1
name = "served"
version = "1"
cedar-file = "rules.cedar"
[fields]
name = { sensitivity = "public" }
email = { sensitivity = "private" }
posts = { sensitivity = "private" }
[scopes]
basic = { opens = ["name"], basic = true, removable = false }
contact = { opens = ["email"] }
writing = { opens = ["posts"], review = true }
[purposes]
service = { fields = ["*"] }
"""


def prepare(ombud: Ombud) -> str:
    """Make a workspace with a policy in force, two apps and consents; return a key that may ask."""
    folder = ombud.root.parent
    (folder / "policy.toml").write_text(HEAD)
    (folder / "rules.cedar").write_text(POLICIES)
    (ombud.root / "entities.json").write_text(json.dumps(ENTITIES))
    workspace = Workspace.open(ombud.root)
    policy = load_policy(folder / "policy.toml")
    with open_records(workspace) as records, records.begin() as tx:
        registry.activate(tx, policy, "a test", "a test")
        for app in (APP, "quiz"):
            item = apps.App(app=app, developer="d", name=app, purposes=["service"], registered_at=now())
            apps.register(tx, item)
        for person in PEOPLE:
            consent.grant(tx, policy, APP, person, ["basic", "contact"])
        consent.grant(tx, policy, "quiz", PEOPLE[0], ["basic"])
    return CallerKeys.of(workspace).add("profiles", ("decide", "search"))


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return a certificate of 127.0.0.1 and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gate")])
    day = dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now() - day)
        .not_valid_after(now() + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "gate.pem", folder / "gate.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return pem, secret


@dataclass
class ServedGate:
    """The running command, and where it listens."""

    process: subprocess.Popen[str]
    document: dict[str, Any]
    key: str

    @classmethod
    def start(cls, ombud: Ombud, key: str, *options: str | Path) -> Self:
        """Start it on a free port, and wait until it can decide."""
        process = ombud.start("gate", "serve", "--port", "0", "--json", *options)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        return cls(process, json.loads(line), key)

    @property
    def address(self) -> str:
        """Return where it listens."""
        return str(self.document["address"])

    @property
    def port(self) -> int:
        """Return its port."""
        return int(self.address.rpartition(":")[2])

    def ready(self, client: httpx.Client) -> None:
        """Wait until it answers."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                if client.get(self.address + "/health").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError("the gate does not answer")

    def stop(self) -> str:
        """End it as a service manager does; return what it wrote to its log."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=30)
        return log


def read(person: str, *fields: str, app: str = APP, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return a read as an evaluation."""
    return {
        "subject": {"type": "app", "id": app},
        "action": {"name": "read"},
        "resource": {
            "type": "person",
            "id": person,
            "properties": {"fields": fields, "purpose": "service", **properties},
        },
    }
