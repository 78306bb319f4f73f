from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.gate.shapes import Shape
from ombud.model.errors import InputError

PERSON = Shape(
    {"name": "name", "contact.email": "email", "posts[].text": "posts", "tags": "tags", "home.city.name": "city"},
    free=("id", "posts[].id", "links"),
)
ANSWER: dict[str, Any] = {
    "id": 7,
    "name": "N",
    "contact": {"email": "e@example.org", "phone": "1"},
    "posts": [{"id": 1, "text": "t", "likes": 3}, {"text": "u"}, "odd", None],
    "tags": ["a", {"b": 1}],
    "home": {"city": {"name": "C", "code": 5}, "street": "S"},
    "links": {"self": "/7"},
    "birthday": "2000-01-01",
}


def strip(shape: Shape, answer: object, *allowed: str) -> Any:  # noqa: ANN401 - JSON
    return shape.strip(answer, lambda _: allowed)


def test_only_what_is_named_and_allowed_goes_out() -> None:
    assert strip(PERSON, ANSWER, "name", "posts") == {
        "id": 7,
        "name": "N",
        "contact": {},
        "posts": [{"id": 1, "text": "t"}, {"text": "u"}],
        "home": {"city": {}},
        "links": {"self": "/7"},
    }
    assert strip(PERSON, ANSWER, "email", "tags", "city")["contact"] == {"email": "e@example.org"}
    assert strip(PERSON, ANSWER, "email", "tags", "city")["tags"] == ["a", {"b": 1}]
    assert strip(PERSON, ANSWER, "email", "tags", "city")["home"] == {"city": {"name": "C"}}


def test_with_nothing_allowed_only_free_places_go_out() -> None:
    assert strip(PERSON, ANSWER) == {
        "id": 7,
        "contact": {},
        "posts": [{"id": 1}, {}],
        "home": {"city": {}},
        "links": {"self": "/7"},
    }


@pytest.mark.parametrize(
    "answer",
    [
        {"name": {"first": "N"}, "contact": "e@example.org", "posts": {"text": "t", "[]": {"text": "t"}}},
        {"contact": ["e@example.org", {"email": "x"}], "home": None},
        ["N"],
        "N",
        None,
        5,
        {"posts": [["t", {"text": "t"}]]},
        {"[]": {"name": "N"}},
    ],
)
def test_other_shapes_than_expected_lose_everything(answer: object) -> None:
    left = strip(PERSON, answer, "email", "posts", "city")
    text = repr(left)
    for secret in ("N'", "e@example.org", "'t'", "x"):
        assert secret not in text


def test_people_in_a_list() -> None:
    shape = Shape({"email": "email"}, free=("id",), each="data[]", around=("next", "meta.count"))
    answer = {
        "data": [{"id": "a", "email": "A"}, {"id": 5, "email": "B"}, {"email": "C"}, {"id": ["a"], "email": "D"}, "E"],
        "next": "/2",
        "meta": {"count": 4, "owner": "O"},
        "owner": "O",
    }
    assert shape.people(answer) == ["a", "5"]
    left = shape.strip(answer, lambda name: ("email",) if name == "a" else ())
    assert left == {
        "data": [{"id": "a", "email": "A"}, {"id": 5}, {}, {"id": ["a"]}, None],
        "next": "/2",
        "meta": {"count": 4},
    }


def test_people_at_the_top_and_deeper() -> None:
    top = Shape({"n": "name"}, each="[]", person="key")
    assert top.people([{"key": "a"}, {"key": "b"}, 3]) == ["a", "b"]
    assert top.strip([{"key": "a", "n": 1}, {"key": "b", "n": 2}], lambda name: {"name"} if name == "b" else set()) == [
        {},
        {"n": 2},
    ]
    deep = Shape({"n": "name"}, each="groups[].members[]")
    answer = {"groups": [{"members": [{"id": "a", "n": 1}], "title": "T"}, {"members": {"id": "b"}}]}
    assert deep.people(answer) == ["a"]
    assert deep.strip(answer, lambda _: {"name"}) == {"groups": [{"members": [{"n": 1}]}, {}]}
    assert Shape({"n": "name"}, each="person").people({"person": {"id": True, "n": 1}}) == []


def test_lists_of_lists() -> None:
    shape = Shape({"rows[][].v": "value"})
    assert strip(shape, {"rows": [[{"v": 1, "w": 2}], {"v": 3}]}, "value") == {"rows": [[{"v": 1}]]}


@pytest.mark.parametrize(
    ("fields", "rest"),
    [
        ({}, {}),
        ({"a.": "a"}, {}),
        ({"": "a"}, {}),
        ({"a..b": "a"}, {}),
        ({"a[0]": "a"}, {}),
        ({"a]b": "a"}, {}),
        ({"a[": "a"}, {}),
        ({"a": "a", "a.b": "b"}, {}),
        ({"a.b": "b", "a": "a"}, {}),
        ({"a": "a"}, {"free": ("a",)}),
        ({"a": "a"}, {"free": ("a.b",)}),
        ({"a": "a"}, {"around": ("b",)}),
        ({"a": "a"}, {"each": "data[]", "around": ("data",)}),
        ({"a": "a"}, {"each": "data[]", "around": ("data[].a",)}),
    ],
)
def test_places_that_are_none(fields: dict[str, str], rest: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        Shape(fields, **rest)
    assert caught.value.hint


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.just("secret") | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "contact", "email", "posts", "text", "[]", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_with_nothing_allowed_or_free_no_value_goes_out(answer: object) -> None:
    shape = Shape({"name": "name", "contact.email": "email", "posts[].text": "posts"})
    assert "secret" not in repr(strip(shape, answer))


@given(json_values)
def test_stripping_twice_changes_nothing(answer: object) -> None:
    once = strip(PERSON, answer, "name", "posts")
    assert strip(PERSON, once, "name", "posts") == once
