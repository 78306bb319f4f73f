from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.model.ids import canonical_json, derived_id, random_id, sha256_hex

parts = st.lists(st.one_of(st.text(), st.integers(), st.booleans(), st.none()), max_size=4)


@given(parts)
def test_the_same_parts_give_the_same_id(values: list[object]) -> None:
    assert derived_id("finding", *values) == derived_id("finding", *values)
    assert re.fullmatch(r"finding_[0-9a-hjkmnp-tv-z]{16}", derived_id("finding", *values))


@given(parts, parts)
def test_other_parts_give_another_id(one: list[object], other: list[object]) -> None:
    same = canonical_json(one) == canonical_json(other)
    assert (derived_id("x", *one) == derived_id("x", *other)) is same


def test_the_kind_and_the_grouping_of_the_parts_count() -> None:
    assert derived_id("case", "a") != derived_id("figure", "a").replace("figure", "case")
    assert derived_id("x", "a", "b") != derived_id("x", "ab")
    assert derived_id("x", ["a"], "b") != derived_id("x", ["a", "b"])


def test_random_ids_do_not_repeat() -> None:
    assert len({random_id("case") for _ in range(2_000)}) == 2_000


def test_canonical_json_is_one_text_per_value() -> None:
    assert canonical_json({"b": 1, "a": [True, None, "é"]}) == '{"a":[true,null,"é"],"b":1}'
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(float("nan"))


def test_sha256_is_the_known_one() -> None:
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
