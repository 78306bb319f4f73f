"""A gate for the pages: two policies, apps of every standing, consents, reads, a brake; some of it hostile."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ombud.gate import consent
from ombud.gate.policy import load_policy
from ombud.gate.registry import activate
from ombud.model import clock, schema
from ombud.model.findings import Finding
from ombud.records import apps, brakes, findings, gate_hosts, outbox, reviews
from ombud.records.apps import App

if TYPE_CHECKING:
    from ombud.lake import Lake
    from ombud.model.workspace import Workspace
    from ombud.records import Records

HOSTILE = "<script>alert('x')</script>\"'&{{7*7}}"
ISSUER, AUDIENCE, KID = "https://platform.example", "ombud", "key-1"
QUIZ, CHAT, IDLE, BANNED, PLAIN = "quiz", "chat", "idle-app", "banned-app", "plain"
MARA, JON = "mara@platform", "jon@platform"


@dataclass(frozen=True)
class Platform:
    """The platform's side: the key with which it says who a person is."""

    key: Ed25519PrivateKey

    def token(self, person: str = MARA, *, head: dict[str, Any] | None = None, **claims: Any) -> str:  # noqa: ANN401 - any claim
        """Return a token about a person as the platform makes it; claims set to None are left out."""
        now = int(clock.now().timestamp())
        said = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": person,
            "iat": now,
            "exp": now + 300,
            "jti": claims.pop("jti", "1"),
        }
        said = {name: value for name, value in {**said, **claims}.items() if value is not None}
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return jwt.encode(said, pem, algorithm="EdDSA", headers={"kid": KID, **(head or {})})


def open_door(workspace: Workspace) -> Platform:
    """Write the platform's key set beside the workspace's settings, and the settings that name it."""
    platform = Platform(Ed25519PrivateKey.generate())
    public = jwt.algorithms.OKPAlgorithm.to_jwk(platform.key.public_key(), as_dict=True)
    (workspace.root / "platform.jwks.json").write_text(json.dumps({"keys": [{**public, "kid": KID, "use": "sig"}]}))
    settings = workspace.root / "ombud.toml"
    said = f'person_jwks = "platform.jwks.json"\nperson_issuer = "{ISSUER}"\n'
    settings.write_text(settings.read_text() + said)
    return platform


def _reads(now: datetime) -> pa.Table:
    rows: list[dict[str, Any]] = []

    def read(app: str, person: str, hours: float, fields: list[str], **more: str) -> None:
        decision = more.get("decision", "allowed")
        rows.append(
            {
                "read": f"read_{len(rows)}",
                "app": app,
                "person": person,
                "through": more.get("through"),
                "happened_at": now - timedelta(hours=hours),
                "fields": fields,
                "purpose": more.get("purpose", "app-function"),
                "decision": decision,
                "reason": more.get("reason"),
                "policy": load_policy("locked-down").hash,
            }
        )

    for n in range(24):
        read(QUIZ, f"friend_{n}", 30 + n, ["likes", "name"], through=JON)
        read(CHAT, f"friend_{n}", 2 + n * 5, ["name", "picture"])
    for n in range(60):
        read(CHAT, MARA, 3 + n, ["name", "email"], decision="reduced", reason="not-granted:posts,likes")
    read(CHAT, MARA, 1, ["messages"], decision="refused", reason="closed")
    read(QUIZ, MARA, 50, ["likes"], through=JON)
    read(QUIZ, JON, 26, ["likes", "name"])
    read(PLAIN, MARA, 400, ["name"])
    door = schema.table("reads").door
    return pa.Table.from_pylist(rows, schema=pa.schema([door.field(name) for name in rows[0]]))


def _app(app: str, developer: str, name: str, **more: Any) -> App:  # noqa: ANN401 - any field of an app
    return App(
        app=app,
        developer=developer,
        developer_name=more.pop("developer_name", f"{developer.capitalize()} Ltd"),
        name=name,
        registered_at=clock.now() - timedelta(days=400),
        purposes=more.pop("purposes", ["app-function", "sign-in"]),
        **more,
    )


def seed_gate(records: Records, lake: Lake) -> None:
    """Fill records and lake with what a gate leaves behind."""
    now = datetime.now(UTC)
    before, after = load_policy("before-2015"), load_policy("locked-down")
    with records.begin() as tx:
        with clock.frozen(now - timedelta(days=300)):
            activate(tx, before, "Some admin", "The platform's rules as they were.")
        with clock.frozen(now - timedelta(days=200)):
            activate(tx, after, "Some admin", f"Friends' data is closed. {HOSTILE}")
        with clock.frozen(now - timedelta(days=100)):
            for item in (
                _app(QUIZ, "acme", "This Is Your Digital Quiz", category="quiz"),
                _app(CHAT, "acme", "Chat With Friends", hosts=["chat.example"]),
                _app(IDLE, "acme", "Left Alone"),
                _app(BANNED, "acme", "Banned App"),
                _app(PLAIN, "hostile", HOSTILE, developer_name=HOSTILE, category=HOSTILE, purposes=[]),
            ):
                apps.register(tx, item, "Some admin")
            reviews.approve(tx, CHAT, "user_posts", "Some admin", "It shows posts to friends.", contract="C-17")
            reviews.approve(
                tx, CHAT, "user_likes", "Some admin", "It suggests rooms.", expires_at=now + timedelta(days=99)
            )
            reviews.approve(tx, QUIZ, "user_likes", "Some admin", "Said to be research.")
        consent.grant(tx, after, CHAT, MARA, ["email", "user_friends", "user_likes"])
        consent.grant(tx, after, PLAIN, MARA, [])
        consent.revoke(tx, PLAIN, MARA)
        consent.grant(tx, after, QUIZ, JON, ["user_likes"])
        apps.active(tx, {QUIZ: now, CHAT: now})
        apps.set_status(tx, BANNED, "suspended", "Some admin", "It sold what it read.")
        apps.set_status(tx, BANNED, "banned", "Some admin", "It would not say to whom.")
        apps.set_status(tx, QUIZ, "under_review", "Some admin", "It read about many who never met it.")
        found = _finding(now)
        findings.save(tx, found)
        brakes.pull(tx, QUIZ, "slowed", "24 people by one consent.", finding_id=found.id)
        outbox.published(tx, {entry.id: 7 for entry in outbox.since(tx, "policy", 0)})
        said = outbox.append(tx, "coverage", {"share": 0.998, "canaries": 500, "egress": 0.97, "missing_batches": 1})
        outbox.published(tx, {said: 9})
        gate_hosts.start(tx, "gate-1")
        gate_hosts.beat(tx, "gate-1", 12, after.hash)
        gate_hosts.flushed(tx, "gate-1", 10, 5_000)
    with lake.writing() as batch:
        batch.write("reads", _reads(now), "import_gate")


def _finding(now: datetime) -> Finding:
    return Finding(
        id="finding_quiz",
        says="anomalous",
        subject_kind="app",
        subject=QUIZ,
        title="It read about 24 people for each person who allowed it something",
        score=9.0,
        q=None,
        calibration="Not calibrated.",
        reasons=[],
        explanations=[],
        rows=[],
        query="ombud gate",
        tool="breakers",
        tool_version="1",
        settings={},
        found_at=now,
        detail={},
        figures=[],
    )
