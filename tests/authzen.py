"""The AuthZEN certification scenario, restated: its people, records and rules, and what it asks.

Source: OpenID AuthZEN working group, certification scenario of the
Authorization API 1.0 (2026). Its eight decisions are here as Cedar rules.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ENTITIES", "LEVELS", "POLICIES", "Case", "alice", "ask", "bob", "record"]

POLICIES = """
@id("members-read-records")
permit(principal in group::"members", action == Action::"read", resource is record);

@id("writers-write")
permit(principal, action == Action::"write", resource is record)
when { resource has writers && resource.writers.contains(principal) };

@id("archived-is-closed")
forbid(principal, action == Action::"write", resource is record)
when { resource has status && resource.status == "archived" }
unless { principal has role && principal.role == "admin" };

@id("admins-write-the-archive")
permit(principal, action == Action::"write", resource is record)
when { principal has role && principal.role == "admin" && resource has status && resource.status == "archived" };

@id("writers-delete-softly")
permit(principal, action == Action::"delete", resource is record)
when { resource has writers && resource.writers.contains(principal) && context.action has soft && context.action.soft };
"""


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


_MEMBERS = [_uid("group", "members")]
_WRITERS = [{"__entity": _uid("user", "alice")}]
ENTITIES: list[dict[str, Any]] = [
    {"uid": _uid("group", "members"), "attrs": {}, "parents": []},
    {"uid": _uid("user", "alice"), "attrs": {}, "parents": _MEMBERS},
    {"uid": _uid("user", "bob"), "attrs": {"role": "admin"}, "parents": _MEMBERS},
    {"uid": _uid("record", "record-1"), "attrs": {"status": "active", "writers": _WRITERS}, "parents": []},
    {"uid": _uid("record", "record-2"), "attrs": {"status": "archived", "writers": _WRITERS}, "parents": []},
]


def entity(kind: str, name: str | None, properties: dict[str, Any]) -> dict[str, Any]:
    """Return a subject or resource; without a name, a kind to search for."""
    found: dict[str, Any] = {"type": kind}
    if name is not None:
        found["id"] = name
    if properties:
        found["properties"] = properties
    return found


def alice(**properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return entity("user", "alice", properties)


def bob(**properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return entity("user", "bob", properties)


def record(number: int, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return entity("record", f"record-{number}", properties)


def act(name: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"name": name, **({"properties": properties} if properties else {})}


def ask(subject: Any, action: Any, resource: Any, **rest: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return a question; a part that is None is left out."""
    parts = {"subject": subject, "action": action, "resource": resource, **rest}
    return {name: part for name, part in parts.items() if part is not None}


@dataclass(frozen=True)
class Case:
    """One thing that the scenario asks of an endpoint, and what it wants to see."""

    level: str
    name: str
    path: str
    body: Any
    status: int = 200
    decision: bool | None = None
    decisions: tuple[bool | None, ...] | None = None
    """of a batch; None where the scenario leaves the value open"""
    results: tuple[str, ...] | None = None
    """ids or names that must be among the results"""
    empty: bool = False
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


ONE, MANY = "/access/v1/evaluation", "/access/v1/evaluations"
WHO, WHAT, DO = "/access/v1/search/subject", "/access/v1/search/resource", "/access/v1/search/action"
_READ, _WRITE = act("read"), act("write")
_CONTEXT = {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}
_GOOD = ask(alice(), _READ, record(1))
_USERS, _RECORDS = entity("user", None, {}), entity("record", None, {})
_ACTIVE, _ARCHIVED = record(1, status="active"), record(2, status="archived")


def _bad(level: str, path: str, *bodies: tuple[str, Any]) -> list[Case]:
    return [Case(level, name, path, body, status=400) for name, body in bodies]


_BASIC_CORE = [
    Case("basic core", "permit", ONE, _GOOD, decision=True),
    Case("basic core", "alice writes", ONE, ask(alice(), _WRITE, record(1)), decision=True),
    Case("basic core", "bob reads", ONE, ask(bob(), _READ, record(1)), decision=True),
    Case("basic core", "deny", ONE, ask(bob(), _WRITE, record(1)), decision=False),
    Case("basic core", "context", ONE, {**_GOOD, "context": _CONTEXT}, decision=True),
    Case(
        "basic core",
        "more properties than needed",
        ONE,
        ask(
            alice(department="Sales", role="manager"),
            act("read", method="GET"),
            record(1, status="active", owner="bob"),
        ),
        decision=True,
    ),
    Case("basic core", "unknown fields", ONE, {**_GOOD, "foo": "bar", "future": {"nested": True}}, decision=True),
    *_bad(
        "basic core",
        ONE,
        ("no subject", ask(None, _READ, record(1))),
        ("no action", ask(alice(), None, record(1))),
        ("no resource", ask(alice(), _READ, None)),
        ("subject without type", ask({"id": "alice"}, _READ, record(1))),
        ("subject without id", ask(_USERS, _READ, record(1))),
        ("action without name", ask(alice(), {}, record(1))),
        ("resource without type", ask(alice(), _READ, {"id": "record-1"})),
        ("resource without id", ask(alice(), _READ, _RECORDS)),
        ("malformed", b'{"subject": '),
        ("empty", b""),
        ("subject as a string", ask("alice", _READ, record(1))),
        ("action as a number", ask(alice(), {"name": 123}, record(1))),
    ),
    Case("basic core", "content type", ONE, _GOOD, status=400, content_type="text/plain"),
    Case("basic core", "request id", ONE, _GOOD, decision=True, headers={"X-Request-ID": "bfe9eb29-ab87"}),
]
_BASIC_PROPERTIES = [
    Case("basic properties", "archived", ONE, ask(alice(), _WRITE, _ARCHIVED), decision=False),
    Case("basic properties", "any archived", ONE, ask(alice(), _WRITE, record(1, status="archived")), decision=False),
    Case("basic properties", "admin", ONE, ask(bob(role="admin"), _WRITE, _ARCHIVED), decision=True),
    Case(
        "basic properties",
        "any admin",
        ONE,
        ask(entity("user", "carol", {"role": "admin"}), _WRITE, _ARCHIVED),
        decision=True,
    ),
    Case("basic properties", "soft", ONE, ask(alice(), act("delete", soft=True), record(1)), decision=True),
    Case("basic properties", "hard", ONE, ask(alice(), act("delete", soft=False), record(1)), decision=False),
]
_BATCH_CORE = [
    Case(
        "batch core",
        "two resources",
        MANY,
        ask(alice(), _READ, None, evaluations=[{"resource": record(1)}, {"resource": record(2)}]),
        decisions=(True, None),
    ),
    Case(
        "batch core",
        "in order",
        MANY,
        ask(bob(), None, record(1), evaluations=[{"action": _READ}, {"action": _WRITE}]),
        decisions=(True, False),
    ),
    Case(
        "batch core",
        "no defaults",
        MANY,
        {"evaluations": [_GOOD, ask(bob(), _WRITE, record(1))]},
        decisions=(True, False),
    ),
    Case(
        "batch core",
        "context handed down",
        MANY,
        ask(
            alice(),
            _READ,
            None,
            context={"time": "2025-06-27T18:03-07:00"},
            evaluations=[{"resource": record(1)}, {"resource": record(2), "context": {"source": "of its own"}}],
        ),
        decisions=(None, None),
    ),
    Case(
        "batch core",
        "one item fails",
        MANY,
        ask(
            alice(),
            _READ,
            None,
            options={"evaluations_semantic": "execute_all"},
            evaluations=[{"resource": record(1)}, {}],
        ),
        decisions=(True, False),
    ),
    Case("batch core", "no evaluations", MANY, _GOOD, decision=True),
    Case("batch core", "empty evaluations", MANY, {**_GOOD, "evaluations": []}, decision=True),
    *_bad("batch core", MANY, ("nothing at all", {}), ("malformed", b"{"), ("not a list", {"evaluations": "all"})),
]
_BATCH_PROPERTIES = [
    Case(
        "batch properties",
        "of resources",
        MANY,
        ask(alice(), _WRITE, None, evaluations=[{"resource": _ACTIVE}, {"resource": _ARCHIVED}]),
        decisions=(True, False),
    ),
    Case(
        "batch properties",
        "of subjects",
        MANY,
        ask(None, _WRITE, _ARCHIVED, evaluations=[{"subject": alice()}, {"subject": bob(role="admin")}]),
        decisions=(False, True),
    ),
    Case(
        "batch properties",
        "defaults are taken whole",
        MANY,
        ask(alice(), _WRITE, _ACTIVE, evaluations=[{}, {"resource": _ARCHIVED}]),
        decisions=(True, False),
    ),
]
_STRANGER = entity("user", "nonexistent-user", {})
_SHIP = entity("spaceship", None, {})
_SEARCH_CORE = [
    Case("search core", "who reads", WHO, ask(_USERS, _READ, record(1)), results=("alice", "bob")),
    Case("search core", "who, with context", WHO, ask(_USERS, _READ, record(1), context=_CONTEXT), results=("alice",)),
    Case("search core", "the subject's id is ignored", WHO, ask(alice(), _READ, record(1)), results=("alice", "bob")),
    Case("search core", "what alice reads", WHAT, ask(alice(), _READ, _RECORDS), results=("record-1",)),
    Case(
        "search core",
        "what, with context",
        WHAT,
        ask(alice(), _READ, _RECORDS, context=_CONTEXT),
        results=("record-1",),
    ),
    Case("search core", "the resource's id is ignored", WHAT, _GOOD, results=("record-1", "record-2")),
    Case("search core", "what alice does", DO, ask(alice(), None, record(1)), results=("read", "write")),
    Case(
        "search core",
        "actions, with context",
        DO,
        ask(alice(), None, record(1), context=_CONTEXT),
        results=("read", "write"),
    ),
    Case("search core", "with a limit", WHO, ask(_USERS, _READ, record(1), page={"limit": 1}), results=("alice",)),
    Case("search core", "actions of a stranger", DO, ask(_STRANGER, None, record(1)), empty=True),
    Case("search core", "resources of a stranger", WHAT, ask(_STRANGER, _READ, _RECORDS), empty=True),
    Case(
        "search core",
        "subjects of an unknown record",
        WHO,
        ask(_USERS, _WRITE, entity("record", "no-such-record", {})),
        empty=True,
    ),
    Case("search core", "unknown subject type", WHO, ask(_SHIP, _READ, record(1)), empty=True),
    Case("search core", "unknown resource type", WHAT, ask(alice(), _READ, _SHIP), empty=True),
    Case("search core", "actions on an unknown type", DO, ask(alice(), None, entity("spaceship", "s", {})), empty=True),
    *_bad(
        "search core",
        WHO,
        ("who, no action", ask(_USERS, None, record(1))),
        ("who, resource without id", ask(_USERS, _READ, _RECORDS)),
    ),
    *_bad(
        "search core",
        WHAT,
        ("what, no subject", ask(None, _READ, _RECORDS)),
        ("what, subject without id", ask(_USERS, _READ, _RECORDS)),
    ),
    *_bad(
        "search core",
        DO,
        ("actions, no resource", ask(alice(), None, None)),
        ("actions, subject without id", ask(_USERS, None, record(1))),
    ),
]
_SEARCH_PROPERTIES = [
    Case("search properties", "who writes the archive", WHO, ask(_USERS, _WRITE, _ARCHIVED), results=("bob",)),
    Case(
        "search properties",
        "what an admin writes",
        WHAT,
        ask(bob(role="admin"), _WRITE, _RECORDS),
        results=("record-2",),
    ),
    Case(
        "search properties",
        "what an admin does",
        DO,
        ask(bob(role="admin"), None, _ARCHIVED),
        results=("write",),
    ),
]

LEVELS: tuple[Case, ...] = (
    *_BASIC_CORE,
    *_BASIC_PROPERTIES,
    *_BATCH_CORE,
    *_BATCH_PROPERTIES,
    *_SEARCH_CORE,
    *_SEARCH_PROPERTIES,
)
"""Every case of the scenario but Discovery's, which has no body."""
