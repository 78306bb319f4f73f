"""Sets of people: what goes in comes out, however it was cut into files; and friends of installers are all there."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from ombud.audit.people.adjacency import rows_of
from ombud.audit.people.bits import from_bits, numbers_of
from ombud.audit.people.gathering import DIRECT, GIVER, GRANTED, VIA, Gathering, app_of, key_of, kind_of
from ombud.audit.people.segments import Segment, merged, packed, write_segment
from ombud.audit.people.walking import Csr, friends_of, installers_by_friend

# people close together, far apart, at the edges of blocks, and the last there can be
people = st.one_of(
    st.integers(0, 40),
    st.sampled_from([65_535, 65_536, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]),
    st.integers(0, 1 << 32),
).map(lambda n: min(n, (1 << 32) - 1))
rows = st.lists(st.tuples(st.integers(0, 4), people, st.sampled_from([DIRECT, VIA, GRANTED, GIVER])), max_size=80)


def columns(items: list[tuple[int, int, int]]) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    return [np.array([item[n] for item in items], dtype=np.int64) for n in range(3)]


@settings(max_examples=25)  # each writes files
@given(st.lists(rows, min_size=1, max_size=4), st.integers(1, 50))
def test_what_goes_in_comes_out_of_one_file_or_many(parts: list[list[tuple[int, int, int]]], buffer: int) -> None:
    expected: dict[int, set[int]] = {}
    for app, person, kind in (row for part in parts for row in part):
        expected.setdefault(key_of(app, kind), set()).add(person)
    with tempfile.TemporaryDirectory() as folder:
        segments = []
        for n, part in enumerate(parts):
            gathering = Gathering(Path(folder), buffer)
            gathering.add(*columns(part))
            assert gathering.rows == len(part)
            size = gathering.finish(Path(folder) / f"{n}.roar")
            assert (Path(folder) / f"{n}.roar").stat().st_size == size
            segments.append(Segment.open(Path(folder) / f"{n}.roar"))
        assert not list(Path(folder).glob("run-*"))
        write_segment(Path(folder) / "all.roar", merged(segments))
        whole = Segment.open(Path(folder) / "all.roar")
        assert {key: set(whole.get(key) or ()) for key in whole.keys.tolist()} == expected
        assert {key: whole.count(key) for key in expected} == {key: len(members) for key, members in expected.items()}
        assert whole.get(key_of(9, VIA)) is None
        assert whole.count(key_of(9, VIA)) == 0
        for person in {0, 7, (1 << 32) - 1} | {person for part in parts for _, person, _ in part}:
            held = {key for key, members in expected.items() if person in members}
            assert set(whole.holding(person, np.arange(len(whole.keys))).tolist()) == held
        assert all(0 <= app_of(key) < 5 for key in expected)
        assert set(kind_of(whole.keys).tolist()) <= {DIRECT, VIA, GRANTED, GIVER}


@given(st.lists(st.integers(0, 200_000), max_size=50), st.lists(st.integers(0, 3), max_size=3))
def test_dense_blocks_and_thin_ones_are_found_in_the_file(few: list[int], full: list[int]) -> None:
    members = BitMap(few) | BitMap.union(BitMap(), *(BitMap(range(n * 65_536, n * 65_536 + 6_000)) for n in full))
    with tempfile.TemporaryDirectory() as folder:
        write_segment(Path(folder) / "one.roar", [packed(1, members)])
        segment = Segment.open(Path(folder) / "one.roar")
        asked = {0, 5_999, 6_000, 65_535, 65_536, 71_535, 71_536, 262_144, *few, *(n + 1 for n in few)}
        assert {n for n in asked if segment.holding(n, np.zeros(1, dtype=np.int64)).tolist() == [1]} == {
            n for n in asked if n in members
        }


@given(st.sets(st.integers(0, 150_000), max_size=60), st.integers(0, 2))
def test_bits_become_the_set_of_those_people(few: set[int], full: int) -> None:
    bits = np.zeros(20_000, dtype=np.uint8)
    for n in few:
        bits[n // 8] |= 1 << (n % 8)
    bits[full * 8192 : full * 8192 + 600] = 255
    expected = few | set(range(full * 65_536, min(full * 65_536 + 4_800, 160_000)))
    made = from_bits(bits)
    assert set(made) == expected
    assert numbers_of(made).tolist() == sorted(expected)
    assert made == BitMap(expected)


pairs = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda pair: pair[0] != pair[1]), max_size=60)


@given(pairs, st.sets(st.integers(0, 20)))
def test_friends_of_installers_are_those_of_the_pairs(ties: list[tuple[int, int]], installers: set[int]) -> None:
    friends = {frozenset(pair) for pair in ties}
    walked = Counter(other for pair in friends for one in pair if one in installers for other in pair - {one})
    csr = Csr(*rows_of([(np.array([a]), np.array([b])) for a, b in ties]))
    assert csr.people == max((max(pair) for pair in ties), default=-1) + 1
    assert len(csr.friends) == 2 * len(friends)
    assert set(friends_of(csr, BitMap(installers))) == set(walked)
    found, counts = installers_by_friend(csr, BitMap(installers))
    assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == walked
    assert found.tolist() == sorted(found.tolist())
