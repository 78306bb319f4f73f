"""Entries: canonical JSON of RFC 8785, with a type that is known and the fields that it needs."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ombud.ledger.bundles import MAX_ENTRY_BYTES
from ombud.ledger.entries import TYPES, Entry, EntryTooLargeError, decode_entry, encode_entry
from ombud.ledger.faults import FormatError
from ombud.model.errors import InputError

READS = {"batch": "batch_1", "root": "ab" * 32, "padded": 256}


def body_of(name: str) -> dict[str, Any]:
    examples = {"text": "x", "number": 1, "list": [], "object": {}, "any": None}
    return {field.name: examples[field.kind] for field in TYPES[name].fields if field.required}


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_type_is_written_and_read(name: str) -> None:
    body = body_of(name)
    data = encode_entry(name, body)
    assert decode_entry(data) == Entry(name, 1, body)
    assert data == rfc8785.dumps({"body": body, "type": name, "version": 1})


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_type_and_field_says_what_it_is(name: str) -> None:
    kind = TYPES[name]
    assert kind.name == name
    assert kind.says.endswith(".")
    assert all(len(field.says) > 2 for field in kind.fields)
    assert len({field.name for field in kind.fields}) == len(kind.fields)


def test_the_types_of_the_house_are_there() -> None:
    wanted = {"reads", "policy", "grant", "import", "erase", "decision", "action", "notice", "ad", "release", "canary"}
    assert wanted | {"key", "continues"} <= TYPES.keys()


def test_the_order_of_fields_and_the_spelling_of_numbers_make_no_difference() -> None:
    one = encode_entry("reads", {"batch": "b", "root": "r", "padded": 256.0, "ä": 1e21, "more": True})
    two = encode_entry("reads", {"more": True, "ä": 1e21, "padded": 256, "root": "r", "batch": "b"})
    assert (
        one
        == two
        == b'{"body":{"batch":"b","more":true,"padded":256,"root":"r","\xc3\xa4":1e+21},"type":"reads","version":1}'
    )


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("nothing", {}, "no entry type"),
        ("reads", {}, "needs the field `batch`"),
        ("reads", READS | {"padded": "256"}, "no number"),
        ("reads", READS | {"padded": True}, "no number"),
        ("reads", READS | {"padded": None}, "no number"),
        ("reads", READS | {"root": 5}, "no text"),
        ("reads", READS | {"policy": 7}, "no text"),
        ("reads", READS | {"outbox": "1"}, "no number"),
        ("erase", {"tables": []}, "no object"),
        ("import", {"action": "add", "files": {}, "removed": []}, "no list"),
        ("reads", READS | {"x": float("nan")}, "JSON cannot"),
        ("reads", READS | {"x": 2**53}, "JSON cannot"),
        ("reads", READS | {"x": object()}, "JSON cannot"),
        ("reads", READS | {"x": b"bytes"}, "JSON cannot"),
        ("reads", READS | {"x": "\ud800"}, "JSON cannot"),
        ("reads", READS | {"x": {1: 2}}, "JSON cannot"),
    ],
)
def test_what_cannot_be_an_entry_is_refused(name: str, body: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        encode_entry(name, body)
    assert not isinstance(refused.value, EntryTooLargeError)


def test_an_optional_field_may_be_null() -> None:
    assert decode_entry(encode_entry("reads", READS | {"policy": None})).body["policy"] is None


def test_only_known_versions_are_written() -> None:
    with pytest.raises(InputError, match="version 2"):
        encode_entry("reads", READS, version=2)


def test_the_largest_entry_fits_and_one_byte_more_does_not() -> None:
    frame = len(encode_entry("decision", {"x": ""}))
    room = MAX_ENTRY_BYTES - frame
    assert len(encode_entry("decision", {"x": "y" * room})) == MAX_ENTRY_BYTES
    with pytest.raises(EntryTooLargeError, match="65,536 bytes") as refused:
        encode_entry("decision", {"x": "y" * (room + 1)})
    assert refused.value.hint


def test_deep_nesting_is_an_error_not_a_crash() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InputError):
        encode_entry("decision", {"x": deep})
    with pytest.raises(FormatError):
        decode_entry(b'{"body":{"x":' + b"[" * 60_000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"body":{},"type":"reads"}',
        b'{"body":[],"type":"reads","version":1}',
        b'{"body":{},"type":"reads","version":1} ',
        b'{"type":"reads","version":1,"body":{}}',
        b'{"body":{},"body":{},"type":"reads","version":1}',
        b'{"body":{"x":1.0},"type":"reads","version":1}',
        b'{"body":{"x":NaN},"type":"reads","version":1}',
        b'{"body":{"x":"\\u0061"},"type":"reads","version":1}',
    ],
)
def test_bytes_that_are_no_canonical_entry_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode_entry(data)


def test_a_type_of_a_later_version_can_be_read() -> None:
    assert decode_entry(b'{"body":{"new":1},"type":"later","version":3}') == Entry("later", 3, {"new": 1})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["x", "y", "é", "😀", "\u2028"]), json_values, max_size=4))
def test_whatever_json_holds_comes_back(body: dict[str, Any]) -> None:
    assert decode_entry(encode_entry("decision", body)).body == body
