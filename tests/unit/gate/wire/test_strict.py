from __future__ import annotations

import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.gate.wire.faults import WireError
from ombud.gate.wire.messages import Evaluation, Page
from ombud.gate.wire.strict import DEPTH, check_id, decode, is_plain, read_object

GOOD = b'{"subject":{"type":"user","id":"a"},"action":{"name":"read"},"resource":{"type":"record","id":"r"}}'


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b" ", "not JSON"),
        (b"null", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"a":1,"a":1}', "twice"),
        (b'{"a":1,"\\u0061":2}', "twice"),
        (b'{"x":{"y":[{"a":1,"b":2,"a":3}]}}', "twice"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":Infinity}', "not JSON"),
        (b'{"a":-Infinity}', "not JSON"),
        (b'{"a":1e999}', "not JSON"),
        (b'{"a":9007199254740992}', "not JSON"),
        (b'{"a":' + b"9" * 5_000 + b"}", "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b'{"a":1} {"b":2}', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":1}//', "not JSON"),
        (b'\xef\xbb\xbf{"a":1}', "not JSON"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a":"\xc0\xaf"}', "not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b'{"a":["x",{"b":"\\ud83d"}]}', "surrogate"),
        (b'{"a":"line\nbreak"}', "not JSON"),
        (b'{"a":' * (DEPTH + 1) + b"1" + b"}" * (DEPTH + 1), "deeper"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeper"),
    ],
)
def test_refused(body: bytes, says: str) -> None:
    with pytest.raises(WireError) as caught:
        read_object(body)
    assert says in caught.value.message
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        GOOD,
        b'{"a":9007199254740991,"b":-9007199254740991,"c":1.5e3}',
        '{"a":"\\ud83d\\ude00 é 漢"}'.encode(),
        b'{"a":"' + b"[{" * 1_000 + b'"}',
        b'{"a":"\\\\","b":"\\"{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{"}',
        b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    ],
)
def test_taken(body: bytes) -> None:
    read_object(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(), json_values, max_size=5), st.booleans())
def test_whatever_json_writes_is_taken(value: dict[str, object], ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    try:
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    read_object(body)


@given(st.binary(max_size=200))
def test_noise_is_taken_or_refused_but_never_breaks(body: bytes) -> None:
    try:
        read_object(body)
    except WireError:
        return
    else:
        assert isinstance(json.loads(body), dict)


def test_a_large_hostile_body_costs_little() -> None:
    begun = time.process_time()
    with pytest.raises(WireError):
        read_object(b'{"a":"' + b'\\"' * 500_000 + b'",' + b"[" * 100)
    with pytest.raises(WireError):
        read_object(b'{"' + b"[" * 1_000_000)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"subject":"secret-person"}', "`$.subject` has the wrong type"),
        (b'{"subject":{"type":"user"}}', "`$.subject` lacks the required `id`"),
        (b'{"action":{"name":"read"}}', "lacks the required `subject`"),
    ],
)
def test_a_wrong_shape_is_named_without_its_value(body: bytes, says: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(body, msgspec.json.Decoder(Evaluation))
    assert says in caught.value.message
    assert "secret" not in caught.value.message


def test_a_value_out_of_range_is_not_repeated() -> None:
    with pytest.raises(WireError) as caught:
        decode(b'{"limit":-77}', msgspec.json.Decoder(Page))
    assert "77" not in caught.value.message


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a" * 257,
        "a" * 1_000_000,
        "a\0b",
        "a\nb",
        "a\x7f",
        "a\u202eb",  # right-to-left override
        "a\u2066b",  # isolate
        "a\u200bb",  # zero width
        "\ufeffa",
        "a\u2028b",
        "a\ud800",
        "a\ue000",  # private use
        "a\U000e0041",  # tag
        "a\ufdd0",  # no character
        "e\u0301",  # not composed
        "\u212b",  # Angstrom sign, composed otherwise
    ],
)
def test_ids_that_hide_something(value: str) -> None:
    assert not is_plain(value)
    with pytest.raises(WireError) as caught:
        check_id(value, "The subject's id")
    assert caught.value.message.startswith("The subject's id must have")
    if value.strip("a"):
        assert value not in caught.value.message


@pytest.mark.parametrize(
    "value", ["a", "p-1", "a b", "péa", "Ünï", "漢字", "\u0430lice", "\uff41lice", "\ufb01sh", "a" * 256, "😀"]
)
def test_ids_as_they_come(value: str) -> None:
    assert check_id(value, "The id") is value
