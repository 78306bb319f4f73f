"""What is answered at once is what the long way answers, and the long way takes all that is out of the ordinary."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.gate.wire import strict
from ombud.gate.wire.faults import WireError
from ombud.gate.wire.messages import Evaluation
from ombud.gate.wire.prompt import read_of
from ombud.gate.wire.reads import APP, is_read, request_of
from ombud.gate.wire.strict import is_clear, read_object

EVALUATION = msgspec.json.Decoder(Evaluation)


def body(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return a plain question, changed."""
    return {
        "subject": {"type": "app", "id": "quiz"},
        "action": {"name": "read"},
        "resource": {
            "type": "person",
            "id": "p1",
            "properties": {"fields": ["name", "email"], "purpose": "app-function", "partial": True},
        },
    } | more


def strictly(data: bytes) -> None:
    """Read an object without the quick look."""
    quick, strict.is_clear = strict.is_clear, lambda body: not isinstance(body, bytes)
    try:
        read_object(data)
    finally:
        strict.is_clear = quick


# Text that is nearly JSON ----------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
PIECES = st.sampled_from(
    [
        *b'{ } [ ] : , "a" "b" "a:b" ":" "\\u0061" "\\"" 1 null true NaN 1e999 "\x01" "\\ud800" "\\x"'.split(b" "),
        *(b" ", b"\n", b'"\xff"', b'"\xc3\xa9"', b"\xef\xbb\xbf"),
    ]
)


@given(st.lists(PIECES, max_size=14).map(b"".join))
def test_what_is_clear_is_good_in_any_jumble(data: bytes) -> None:
    for whole in (data, b"{" + data + b"}", b'{"a":' + data + b"}"):
        if is_clear(whole):
            strictly(whole)


@given(JSON, st.booleans())
def test_what_is_clear_is_good(value: object, plain: bool) -> None:  # noqa: FBT001 - hypothesis draws it
    with suppress(UnicodeEncodeError):
        data = json.dumps({"a": value}, ensure_ascii=plain).encode()
        if is_clear(data):
            strictly(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":null,"a":null}',
        b'{"a" :null,"a":":"}',
        b'{"a":{"b":null,"b":null}}',
        b'{"\\u0061":null,"a":null}',
        b'[{"a":null}]',
        b'{"a":"' + b"\x00" + b'"}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":NaN}',
        b"",
        b"{} {}",
        b'{"a":' * 40 + b"null" + b"}" * 40,
    ],
)
def test_bad_bodies_are_not_clear(data: bytes) -> None:
    assert not is_clear(data)
    with pytest.raises(WireError):
        read_object(data)


def test_plain_questions_are_clear() -> None:
    assert is_clear(json.dumps(body()).encode())
    assert is_clear(b'{"a":[{"b":"\xc3\xa9"},null,true]}')
    assert is_clear(b"{}")
    assert not is_clear(b'{"a":"x:y"}'), "a colon in a text takes a closer look"
    read_object(b'{"a":"x:y","b":12}')


# Questions ---------------------------------------------------------------------------------------------------------


def person(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"type": "person", "id": "p1", "properties": {"fields": ["name"], "purpose": "fun"} | more}


GOOD = [
    body(),
    body(context={}),
    body(context={"region": "PL", "time": "noon"}, more="ignored"),
    body(subject={"type": "app", "id": "quiz", "properties": {"key": "thumb", "acts_for": "agent"}}),
    body(resource=person(through="p2")),
    body(resource=person(fields=["name", "name", "likes"])),
    body(resource=person(fields=["prénom"], more=["ignored"])),
    body(action={"name": "read", "properties": {"how": "slowly"}}),
]
LONG_WAY = [
    body(action={"name": "write"}),
    body(action={"name": "read", "properties": None}),
    body(subject={"type": "user", "id": "quiz"}),
    body(subject={"type": "app", "id": "quiz", "properties": {"token": "x"}}),
    body(subject={"type": "app", "id": "quiz", "properties": {"key": 5}}),
    body(subject={"type": "app", "id": ""}),
    body(subject={"type": "app", "id": "a\u200bb"}),
    body(resource={"type": "document", "id": "p1"}),
    body(resource={"type": "person", "id": "p1"}),
    body(resource=person(scoped=True)),
    body(resource=person(fields=[])),
    body(resource=person(fields=["x"] * 65)),
    body(resource=person(fields=["a\nb"])),
    body(resource=person(purpose=" \u202e")),
    body(resource=person(partial="yes")),
    body(resource=person(through="e\u0301")),
    body(context=None),
    body(context={"region": 3}),
    body(context={"region": "\x00"}),
    {"subject": {"type": "app", "id": "quiz"}},
]


@pytest.mark.parametrize("asked", GOOD)
def test_a_good_question_is_understood_alike(asked: dict[str, Any]) -> None:
    data = json.dumps(asked, ensure_ascii=False).encode()
    assert read_of(data) == request_of(EVALUATION.decode(data))


@pytest.mark.parametrize("asked", LONG_WAY)
def test_all_else_goes_the_long_way(asked: dict[str, Any]) -> None:
    assert read_of(json.dumps(asked, ensure_ascii=False).encode()) is None


@given(st.data())
def test_any_change_is_understood_alike_or_goes_the_long_way(data: st.DataObject) -> None:
    copied = where = json.loads(json.dumps(data.draw(st.sampled_from(GOOD + LONG_WAY))))
    for _ in range(data.draw(st.integers(0, 3))):
        inner = [value for value in where.values() if isinstance(value, dict)]
        where = data.draw(st.sampled_from(inner)) if inner else where
    where[data.draw(st.sampled_from([*where, "new"]))] = data.draw(JSON)
    with suppress(UnicodeEncodeError):
        sent = json.dumps(copied, ensure_ascii=False).encode()
        found = read_of(sent)
        if found is not None:
            read_object(sent)
            evaluation = EVALUATION.decode(sent)
            assert is_read(evaluation.action, evaluation.resource)
            assert evaluation.subject.type == APP
            assert request_of(evaluation) == found
