from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.gate.rules.engine import EMPTY, Question, Rules
from ombud.gate.rules.entities import Known, Uid
from ombud.gate.rules.values import RuleInputError, record
from ombud.model.errors import InputError
from tests.authzen import ENTITIES, POLICIES

RULES = Rules.of(POLICIES, json.dumps(ENTITIES).encode())
ALICE, BOB, EVE = Uid("user", "alice"), Uid("user", "bob"), Uid("user", "eve")
ONE, TWO = Uid("record", "record-1"), Uid("record", "record-2")


def question(subject: Uid, action: str, resource: Uid, **rest: Any) -> Question:  # noqa: ANN401 - JSON
    return Question(subject, action, resource, **rest)


def test_the_policies_that_settled_it_are_named() -> None:
    assert RULES.decide(question(ALICE, "read", ONE)).policies == ("members-read-records",)
    denied = RULES.decide(question(ALICE, "write", TWO))
    assert not denied.permitted
    assert denied.policies == ("archived-is-closed",)
    assert RULES.decide(question(BOB, "write", TWO)).policies == ("admins-write-the-archive",)


def test_a_policy_without_a_name_is_named_by_its_place() -> None:
    rules = Rules.of("permit(principal, action, resource);")
    assert rules.decide(question(EVE, "anything", ONE)).policies == ("policy0",)


def test_what_is_sent_stands_over_what_is_kept_name_by_name() -> None:
    assert not RULES.decide(question(ALICE, "write", ONE, resource_attributes={"status": "archived"})).permitted
    kept = question(ALICE, "write", ONE, resource_attributes={"colour": "red"})
    assert RULES.decide(kept).permitted  # `writers` and `status` are still those that are kept


def test_null_is_absent() -> None:
    sent = question(EVE, "write", TWO, subject_attributes={"role": None}, resource_attributes={"status": None})
    assert not RULES.decide(sent).permitted
    assert RULES.decide(question(EVE, "write", TWO, subject_attributes={"role": "admin"})).permitted


def test_subject_and_resource_may_be_the_same() -> None:
    rules = Rules.of("permit(principal, action, resource) when { principal == resource && principal.a && resource.b };")
    both = question(EVE, "edit", EVE, subject_attributes={"a": True}, resource_attributes={"b": True})
    assert rules.decide(both).permitted


def test_a_forbid_that_fails_closes() -> None:
    rules = Rules.of(
        "permit(principal, action, resource); forbid(principal, action, resource) when { context.request.level > 3 };"
    )
    assert rules.decide(question(ALICE, "read", ONE, context={"level": 2})).permitted
    assert not rules.decide(question(ALICE, "read", ONE, context={"level": 4})).permitted
    for context in ({}, {"level": "many"}):
        ruling = rules.decide(question(ALICE, "read", ONE, context=context))
        assert ruling.failed
        assert not ruling.permitted


def test_the_action_s_properties_and_the_context_cannot_stand_for_each_other() -> None:
    deletes = question(ALICE, "delete", ONE, context={"soft": True, "action": {"soft": True}})
    assert not RULES.decide(deletes).permitted
    assert RULES.decide(question(ALICE, "delete", ONE, action_attributes={"soft": True})).permitted


def test_groups_of_groups_and_what_attributes_name() -> None:
    rules = Rules.of(
        'permit(principal in group::"top", action == Action::"see", resource)'
        ' when { resource.owner in group::"house" };',
        json.dumps(
            [
                {"uid": {"type": "user", "id": "alice"}, "parents": [{"type": "group", "id": "low"}]},
                {"uid": {"type": "group", "id": "low"}, "parents": [{"type": "group", "id": "top"}]},
                {"uid": {"type": "user", "id": "owner"}, "parents": [{"type": "group", "id": "house"}]},
                {
                    "uid": {"type": "record", "id": "record-1"},
                    "attrs": {"owner": {"__entity": {"type": "user", "id": "owner"}}},
                },
                {"uid": {"type": "record", "id": "record-2"}, "attrs": {}},
            ]
        ).encode(),
    )
    assert rules.decide(question(ALICE, "see", ONE)).permitted
    assert rules.decide(question(EVE, "see", ONE)).permitted is False
    assert rules.decide(question(ALICE, "see", TWO)).failed
    assert rules.actions == ("see",)


def test_a_slice_holds_what_can_be_reached_and_no_more() -> None:
    known = RULES.known
    names = {entity["uid"]["id"] for entity in known.slice([BOB], {})}
    assert names == {"bob", "members"}
    assert {entity["uid"]["id"] for entity in known.slice([], {ONE: {}})} == {"record-1", "alice", "members"}


def test_no_rules_permit_nothing() -> None:
    assert not EMPTY.decide(question(ALICE, "read", ONE)).permitted
    assert EMPTY.actions == ()


@pytest.mark.parametrize(
    ("policies", "entities"),
    [
        ("permit(principal, action, resource)", b"[]"),
        ("permit(principal == ?principal, action, resource);", b"[]"),
        ("nonsense", b"[]"),
        ("", b"{}"),
        ("", b"["),
        ("", b'[{"uid":{"type":"user"}}]'),
        ("", b'[{"uid":{"type":"user","id":"a"},"attributes":{}}]'),
        ("", b'[{"uid":{"type":"user","id":"a"}},{"uid":{"type":"user","id":"a"}}]'),
        ("", b"\xff"),
    ],
)
def test_rules_that_cannot_be_read(policies: str, entities: bytes) -> None:
    with pytest.raises(InputError) as caught:
        Rules.of(policies, entities)
    assert caught.value.hint


def test_values() -> None:
    assert record({"a": 1, "b": True, "c": "x", "d": None, "e": [1, None, "x"], "f": {"g": None, "h": 2}}) == {
        "a": 1,
        "b": True,
        "c": "x",
        "e": [1, "x"],
        "f": {"h": 2},
    }
    assert record({"half": 0.5, "whole": 2.0}) == {"half": {"__extn": {"fn": "decimal", "arg": "0.5"}}, "whole": 2}
    odd: dict[str, Any]
    for odd in (
        {"a": 1.00001},
        {"a": 2**63},
        {"a": 1e300 + 0.5},
        {"__entity": {}},
        {"a": [{"__extn": {}}]},
        {"a": b""},
    ):
        with pytest.raises(RuleInputError):
            record(odd)


def test_decimals_are_numbers_to_the_rules() -> None:
    rules = Rules.of('permit(principal, action, resource) when { context.request.score.greaterThan(decimal("0.25")) };')
    assert rules.decide(question(ALICE, "read", ONE, context={"score": 0.5})).permitted
    assert not rules.decide(question(ALICE, "read", ONE, context={"score": 0.1})).permitted


names = st.text(min_size=1, max_size=20)


@given(names, names, names, st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=3))
def test_strangers_are_permitted_nothing(kind: str, name: str, action: str, attributes: dict[str, Any]) -> None:
    if attributes.get("role") == "admin" or (kind, name) in {("user", "alice"), ("user", "bob")}:
        return
    asked = question(Uid(kind, name), action, ONE, subject_attributes=attributes, context=attributes)
    try:
        assert not RULES.decide(asked).permitted
    except RuleInputError:
        too_large = any(isinstance(value, int) and abs(value) >= 2**63 for value in attributes.values())
        assert too_large or any(key.startswith("__") for key in attributes)


def test_ids_of_a_type_are_sorted() -> None:
    known = Known.read(json.dumps([{"uid": {"type": "t", "id": str(n)}} for n in (3, 1, 2)]).encode())
    assert known.ids("t") == ["1", "2", "3"]
    assert known.ids("u") == []
