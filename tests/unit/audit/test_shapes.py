"""An app's reads in numbers: as a plain reading of the words gives them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ombud.audit.ranking.shapes import MANY, NEAR, NEVER, THERE, WHOLE, Consents, Reads, Shape, shape_of

PEOPLE = 8
ROWS = st.lists(
    st.tuples(
        st.integers(0, PEOPLE - 1),
        st.one_of(st.just(-1), st.just(-2), st.integers(0, PEOPLE - 1)),
        st.integers(0, 5 * THERE),
        st.booleans(),
    ),
    max_size=40,
)
ENDS = st.dictionaries(st.integers(0, PEOPLE - 1), st.one_of(st.just(NEVER), st.integers(0, 5 * THERE)))
DEGREES = st.lists(st.integers(0, 3), min_size=PEOPLE - 1, max_size=PEOPLE - 1)


def reads_of(rows: list[tuple[int, int, int, bool]]) -> Reads:
    rows = sorted(((p, -1 if t == p else t, s, g) for p, t, s, g in rows), key=lambda row: row[2])
    person, through, second = (np.array([row[at] for row in rows], dtype=np.int64) for at in range(3))
    return Reads(person, through, second, np.array([row[3] for row in rows], dtype=np.bool_))


def consents_of(ends: dict[int, int]) -> Consents:
    people = sorted(ends)
    return Consents(np.array(people, dtype=np.int64), np.array([ends[p] for p in people], dtype=np.int64))


def plain(reads: Reads, ends: dict[int, int], degree: list[int]) -> Shape:
    """Count everything by the words of `Shape`, row by row."""
    columns = (reads.person, reads.through, reads.second, reads.given)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    own = [(p, s) for p, t, s, g in rows if g and t == -1]
    via = [(p, t, s) for p, t, s, g in rows if g and t != -1]
    pairs = {(t, p) for p, t, _ in via if t >= 0}
    away = [(p, t) for p, t, s in via if t >= 0 and not any(q == t and abs(s - at) <= THERE for q, at in own)]
    holder = [(p, p if t == -1 else t, s, g) for p, t, s, g in rows if t != -2]
    steps = [abs(b - a) for (a, at), (b, then) in pairwise((p, s) for p, t, s, _ in rows if t == -1) if then > at]
    hours = Counter(hour for hour, _ in {(s // 3600, p) for p, _, s, g in rows if g})
    circles = Counter(t for t, _ in pairs if t < len(degree) and degree[t] >= MANY)
    return Shape(
        installers=len(ends),
        active=len({p for p, _ in own if p in ends}),
        reads=len(own) + len(via),
        refused=len(rows) - len(own) - len(via),
        direct=len({p for p, _ in own}),
        via=len({p for p, *_ in via}),
        people=len({p for p, *_ in own} | {p for p, *_ in via}),
        pairs=len(pairs),
        friends=sum(degree[p] for p in ends if p < len(degree)),
        circles=len(circles),
        whole=sum(n >= WHOLE * degree[t] for t, n in circles.items()),
        absent=len({p for p, _ in away}),
        through=len({t for _, t in away}),
        ended=len({p for p, by, s, g in holder if g and by in ends and s > ends[by]}),
        strangers=len({p for p, by, *_ in holder if by not in ends}),
        steps=len(steps),
        near=sum(0 < step <= NEAR for step in steps),
        peak=max(hours.values(), default=0),
        days=len({hour // 24 for hour in hours}),
    )


@given(ROWS, ENDS, DEGREES)
def test_it_is_what_the_words_say(
    rows: list[tuple[int, int, int, bool]], ends: dict[int, int], degree: list[int]
) -> None:
    reads = reads_of(rows)
    assert shape_of(reads, consents_of(ends), np.array(degree)) == plain(reads, ends, degree)


def test_what_a_log_holds_under_one_second_is_no_sweep() -> None:
    rows = [(person, -1, 60 * (person // 100), True) for person in range(300)]
    shape = shape_of(reads_of(rows), consents_of({}), None)
    assert (shape.steps, shape.near) == (2, 2)
    slower = [(person, -1, person, True) for person in range(300)]
    assert shape_of(reads_of(slower), consents_of({}), None).steps == 299


def test_no_read_no_number() -> None:
    shape = shape_of(reads_of([]), consents_of({}), None)
    assert {getattr(shape, name) for name in shape.__slots__} == {0}


def test_a_circle_is_whole_when_nearly_all_of_many_were_read() -> None:
    degree = np.array([MANY, MANY, MANY - 1, *[0] * 100])
    rows = [(3 + n, through, n, True) for through in (0, 1, 2) for n in range(MANY if through != 1 else MANY // 2)]
    shape = shape_of(reads_of(rows), consents_of({0: NEVER, 1: NEVER, 2: NEVER}), degree)
    assert (shape.circles, shape.whole) == (2, 1)
    assert shape.friends == 3 * MANY - 1


def test_somebody_is_there_for_an_hour_before_and_after() -> None:
    base = 1_400_000_000
    for gap, absent in ((0, 0), (THERE, 0), (-THERE, 0), (THERE + 1, 1), (-THERE - 1, 1)):
        rows = [(1, -1, base, True), (2, 1, base + gap, True)]
        assert shape_of(reads_of(rows), consents_of({1: NEVER}), None).absent == absent


@given(st.lists(ROWS, min_size=1, max_size=3), st.lists(ENDS, min_size=3, max_size=3))
def test_apps_together_are_their_reads_and_consents_together(
    parts: list[list[tuple[int, int, int, bool]]], ends: list[dict[int, int]]
) -> None:
    reads = Reads.joined([reads_of(rows) for rows in parts])
    assert (np.diff(reads.second) >= 0).all()
    joined = Consents.joined([consents_of(one) for one in ends])
    latest = {person: max(one[person] for one in ends if person in one) for person in {p for one in ends for p in one}}
    assert dict(zip(joined.person.tolist(), joined.until.tolist(), strict=True)) == latest
    expected = plain(reads, latest, [])
    got = shape_of(reads, joined, None)
    counted = [name for name in Shape.__slots__ if name not in {"steps", "near", "friends", "circles", "whole"}]
    assert [getattr(got, name) for name in counted] == [getattr(expected, name) for name in counted]


def test_who_never_consented_has_no_end() -> None:
    assert consents_of({}).until_of(np.array([3])).tolist() == [-1]
    assert consents_of({1: 5, 3: NEVER}).until_of(np.array([0, 1, 2, 3, 9])).tolist() == [-1, 5, -1, NEVER, -1]
