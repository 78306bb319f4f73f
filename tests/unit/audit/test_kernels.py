"""The compiled loops do what their Python says: both are run on the same small input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pyroaring import BitMap

from ombud.audit.people import adjacency, bits, gathering, segments, walking

if TYPE_CHECKING:
    from pathlib import Path


def both(kernel: Any, *arguments: Any) -> tuple[Any, list[Any]]:  # noqa: ANN401 - numba's functions
    """Run a kernel compiled and plain on copies; return what it gave and left behind, which must be the same."""
    results = []
    for function in (kernel, kernel.py_func):
        mine = [one.copy() if isinstance(one, np.ndarray) else one for one in arguments]
        results.append((function(*mine), mine))
    compiled, plain = results
    assert np.array_equal(compiled[0], plain[0])
    assert all(np.array_equal(a, b) for a, b in zip(compiled[1], plain[1], strict=True))
    return plain


def test_rows_of_friends() -> None:
    a, b = np.array([0, 0, 2, 1, 0]), np.array([1, 1, 0, 0, 3])
    _, (_, _, degrees) = both(adjacency._count, a, b, np.zeros(4, dtype=np.int64))
    assert degrees.tolist() == [5, 3, 1, 1]
    starts = np.concatenate([[0], np.cumsum(degrees)])
    _, (_, _, _, filled) = both(adjacency._fill, a, b, starts[:-1], np.zeros(10, dtype=np.int32))
    kept, (ends, friends) = both(adjacency._sorted_once, starts, filled)
    assert (kept, ends.tolist(), friends[:kept].tolist()) == (6, [0, 3, 4, 5, 6], [1, 2, 3, 0, 0, 0])
    chosen = np.array([0, 2])
    ok, (*_, marked) = both(walking._mark, ends, friends, chosen, np.zeros(1, dtype=np.uint8))
    assert ok
    assert marked.tolist() == [0b1111]
    ok, (*_, counts) = both(walking._count, ends, friends, chosen, np.zeros(4, dtype=np.uint32))
    assert ok
    assert counts.tolist() == [1, 1, 1, 1]
    for kernel, out in ((walking._mark, np.zeros(1, dtype=np.uint8)), (walking._count, np.zeros(4, dtype=np.uint32))):
        assert not both(kernel, ends, friends + 9, chosen, out)[0]
        assert not both(kernel, ends + 9, friends, chosen, out)[0]


def test_bits_of_blocks() -> None:
    some = np.zeros(2 * 8192, dtype=np.uint8)
    some[0], some[5], some[8192 : 8192 + 600] = 0b101, 0x80, 255
    counts, _ = both(bits._counts, some)
    assert counts.tolist() == [3, 4800]
    places = np.array([0, 6, 6 + 8192])
    _, (*_, out) = both(bits._fill, some, np.array([0, 1]), counts, places, np.zeros(6 + 8192, dtype=np.uint8))
    assert out[:6].tolist() == [0, 0, 2, 0, 47, 0]
    assert np.array_equal(out[6:], some[8192:])


def test_groups_of_rows() -> None:
    rows = np.array([(1 << 32) | 5, (1 << 32) | 5, (1 << 32) | 9, (7 << 32) | 5])
    groups, _ = both(gathering._groups, rows)
    assert groups == 2
    empty = np.zeros(4, dtype=np.uint32), np.zeros(3, dtype=np.int64), np.zeros(2, dtype=np.int64)
    _, (_, people, ends, keys) = both(gathering._cut, rows, *empty)
    assert (people[:3].tolist(), ends.tolist(), keys.tolist()) == ([5, 9, 5], [0, 2, 3], [1, 7])


def test_look_ups_in_a_file(tmp_path: Path) -> None:
    sets = [BitMap([3, 70_000, 70_002]), BitMap(range(65_536, 75_536)), BitMap()]
    segments.write_segment(tmp_path / "some.roar", [segments.packed(n, one) for n, one in enumerate(sets)])
    segment = segments.Segment.open(tmp_path / "some.roar")
    data = np.array(segment.data)
    assert both(segments._word, data, 8, 4)[0] == segments._word(data, 8, 2) | segments._word(data, 10, 2) << 16
    for value, place in ((3, 0), (5, 1), (9, 2), (0, -1), (4, -1), (99, -1)):
        for guess in (-1, 0, 1, 2, 7):
            numbers = np.array([3, 5, 9], dtype="<u2").view(np.uint8)
            assert both(segments._place, numbers, 0, 2, 3, guess, value)[0] == place
    for person in (0, 3, 4, 65_536, 70_000, 70_001, 75_536, 1 << 31):
        high, low = person >> 16, person & 0xFFFF
        none = np.zeros(3, dtype=np.bool_)
        ok, (*_, found) = both(segments._holding, data, segment.offsets, segment.lengths, high, low, none)
        assert ok
        assert found.tolist() == [person in one for one in sets]
    assert not both(segments._holding, data, segment.offsets, segment.lengths - 40, 0, 3, none)[0]
    cut = np.minimum(segment.lengths, 28)
    assert not both(segments._holding, data, segment.offsets, cut, 1, 4_464, none)[0]
