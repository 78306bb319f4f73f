"""The fast way of reading canonical JSON and the standard's own rules agree on everything."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from ombud.ledger import canonical
from ombud.ledger.canonical import read_canonical
from ombud.ledger.faults import FormatError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1.0]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=5), inner, max_size=4),
    ),
    max_leaves=12,
)


def by_the_rules(data: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value if the standard's implementation writes it in these very bytes, else `FormatError`."""
    try:
        value = json.loads(data, parse_int=lambda digits: int(digits) if len(digits) < 16 else _double(digits))
        return value if rfc8785.dumps(value) == data else FormatError
    except (ValueError, OverflowError, RecursionError):
        return FormatError


def _double(digits: str) -> int | float:
    return int(digits) if abs(int(digits)) < 2**53 else float(int(digits))


def by_us(data: bytes) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return read_canonical(data)
    except FormatError:
        return FormatError


@given(values)
def test_what_the_standard_writes_is_read(value: Any) -> None:  # noqa: ANN401
    data = rfc8785.dumps(value)
    assert read_canonical(data) == value == by_the_rules(data)


@given(plain)
def test_plain_values_take_the_fast_way(value: Any) -> None:  # noqa: ANN401
    data = rfc8785.dumps(value)
    assert canonical._is_plain(msgspec.json.decode(data))
    assert canonical._encode(msgspec.json.decode(data)) == data


@given(value=values, at=st.integers(0), put=st.binary(max_size=3), cut=st.integers(0, 3))
@example(value={"a": 1, "b": 2}, at=0, put=b" ", cut=0)
def test_changed_bytes_are_judged_alike(value: Any, at: int, put: bytes, cut: int) -> None:  # noqa: ANN401
    data = bytearray(rfc8785.dumps(value))
    data[at % (len(data) + 1) : at % (len(data) + 1) + cut] = put
    assert by_us(bytes(data)) == by_the_rules(bytes(data))


@given(value=values)
def test_other_spellings_are_judged_alike(value: Any) -> None:  # noqa: ANN401
    for data in (
        json.dumps(value).encode(),
        json.dumps(value, separators=(",", ":")).encode(),
        json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode(),
        msgspec.json.encode(value),
    ):
        assert by_us(data) == by_the_rules(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"NaN",
        b"Infinity",
        b"-0",
        b"1.0",
        b"1e3",
        b"01",
        b"9007199254740993",
        b"1000000000000000000000",
        b"9" * 400,
        b"123456789012345678901234567890",
        b'"\\u0061"',
        b'"\\/"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\x7f"'.replace(b"\x7f", b"\\u007f"),
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1} ',
        b'{"a": 1}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        b"9" * 5_000,
        '{"\ue000":1,"\U00010000":2}'.encode(),
    ],
)
def test_what_is_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_canonical(data)
    assert by_the_rules(data) is FormatError


def test_numbers_are_doubles() -> None:
    assert read_canonical(b"9007199254740991") == 2**53 - 1
    assert read_canonical(b"9007199254740992") == 2.0**53
    assert read_canonical(b"100000000000000000000") == 1e20
    assert read_canonical(b"1e+21") == 1e21


def test_names_are_sorted_by_their_utf_16() -> None:
    data = '{"\U00010000":2,"\ue000":1}'.encode()
    assert list(read_canonical(data)) == ["\U00010000", "\ue000"]
