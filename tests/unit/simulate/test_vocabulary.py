"""Names and masks, and that the platform speaks as the shipped policies do."""

from __future__ import annotations

import numpy as np
import pytest

from ombud.gate.policy import load_policy
from ombud.simulate import VOCABULARY, Vocabulary

SMALL = Vocabulary(("a", "b", "c"), {"basic": ("a",), "more": ("b", "c")}, {"friends": ("b",)}, ("use",))


def test_masks_and_names_are_each_others_inverse() -> None:
    assert SMALL.mask(["c", "a", "c"]) == 0b101
    assert SMALL.names(0b101) == ["a", "c"]
    assert SMALL.mask([]) == 0
    assert SMALL.lists(np.array([3, 0, 4, 3], dtype=np.uint64)).to_pylist() == [["a", "b"], [], ["c"], ["a", "b"]]


def test_an_unknown_field_has_no_mask() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        SMALL.mask(["d"])


def test_an_app_asks_for_the_scopes_that_its_fields_take() -> None:
    assert SMALL.wanted(0b001, 0) == ["basic"]
    assert SMALL.wanted(0b100, 0b010) == ["more", "friends"]
    assert SMALL.wanted(0, 0) == []


@pytest.mark.parametrize("name", ["before-2015", "locked-down"])
def test_it_has_the_fields_and_purposes_of_the_shipped_policies(name: str) -> None:
    policy = load_policy(name)
    assert VOCABULARY.fields == tuple(policy.fields)
    assert VOCABULARY.purposes == tuple(policy.purposes)


def test_its_scopes_are_those_of_the_shipped_policies() -> None:
    policies = [load_policy(name) for name in ("before-2015", "locked-down")]
    known = {scope for policy in policies for scope in policy.scopes}
    assert set(VOCABULARY.scopes) | set(VOCABULARY.friend_scopes) == known
    for scope, fields in VOCABULARY.scopes.items():
        assert any(scope in p.scopes and set(fields) <= set(p.scopes[scope].opens) for p in policies), scope
    before = policies[0]
    for scope, fields in VOCABULARY.friend_scopes.items():
        assert fields == before.scopes[scope].opens_of_friends
