"""Requests are columns of one length; parts and wholes agree."""

from __future__ import annotations

import numpy as np
import pytest

from ombud.simulate import NOBODY, Answers, Requests


def some(count: int, app: int = 3) -> Requests:
    return Requests.of(app, np.arange(count), NOBODY, fields=5, purpose=1, at=np.arange(count) * 10)


def test_a_single_value_stands_for_a_column() -> None:
    requests = some(4)
    assert len(requests) == 4
    assert requests.app.tolist() == [3] * 4
    assert requests.through.tolist() == [NOBODY] * 4
    assert requests.fields.tolist() == [5] * 4
    assert [str(column.dtype) for column in (requests.app, requests.fields, requests.purpose)] == [
        "int32",
        "uint64",
        "int8",
    ]


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([1, 2]), np.array([False, True, True, False])])
def test_rows_are_picked_in_every_column(rows: slice | np.ndarray) -> None:
    picked = some(4)[rows]
    assert picked.person.tolist() == [1, 2]
    assert picked.at.tolist() == [10, 20]
    assert len(picked.fields) == 2


def test_parts_are_joined_in_their_order() -> None:
    joined = Requests.joined([some(2), some(0), some(3, app=4)])
    assert joined.app.tolist() == [3, 3, 4, 4, 4]
    assert joined.person.tolist() == [0, 1, 0, 1, 2]


def test_nothing_joined_is_nothing_of_the_same_types() -> None:
    none = Requests.joined([])
    assert len(none) == 0
    assert none.fields.dtype == np.uint64
    assert len(Requests.joined([none, some(2)])) == 2


def test_answers_are_picked_like_requests() -> None:
    answers = Answers(np.array([1, 0, 2], dtype=np.uint64), np.array([False, True, False]))
    assert len(answers) == 3
    assert answers[np.array([1, 2])].allowed.tolist() == [0, 2]
    assert answers[1:].later.tolist() == [True, False]
