"""Files of sets: whole, or damaged and said so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyroaring import BitMap

from ombud.audit.people.gathering import Gathering
from ombud.audit.people.manifest import Manifest, Part, Source, read_manifest, write_manifest
from ombud.audit.people.segments import Segment, merged, packed, write_segment
from ombud.model.errors import RefusedError, StorageError

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_file_of_sets_is_whole(tmp_path: Path) -> None:
    write_segment(tmp_path / "none.roar", merged([]))
    segment = Segment.open(tmp_path / "none.roar")
    assert len(segment.keys) == 0
    assert segment.get(0) is None
    assert segment.holding(3, np.arange(0)).tolist() == []


def test_sets_with_runs_are_written_without(tmp_path: Path) -> None:
    runs = BitMap(range(100_000))
    runs.run_optimize()
    write_segment(tmp_path / "runs.roar", [packed(3, runs)])
    segment = Segment.open(tmp_path / "runs.roar")
    assert segment.get(3) == runs
    assert [segment.holding(person, np.arange(1)).tolist() for person in (0, 99_999, 100_000)] == [[3], [3], []]


def test_what_is_cut_off_or_changed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "some.roar"
    write_segment(path, [packed(key, BitMap(range(key, key + 9))) for key in range(5)])
    whole = path.read_bytes()
    index = whole[:-60] + bytes([whole[-60] ^ 1]) + whole[-59:]
    damaged = [b"", whole[:20], whole[:-1], whole[:-24] + b"\xff" * 8 + whole[-16:], index]
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(StorageError, match="damaged"):
            Segment.open(path)
    path.write_bytes(whole[:30] + b"\0" + whole[31:])
    with pytest.raises(StorageError, match="damaged"):
        Segment.open(path).get(0)


def test_a_look_up_never_leaves_a_damaged_set(tmp_path: Path) -> None:
    path = tmp_path / "some.roar"
    write_segment(path, [packed(1, BitMap(range(5000))), packed(2, BitMap(range(5000)))])
    whole = path.read_bytes()
    for at, word in ((12, b"\xff" * 4), (20, b"\xff" * 4), (12, b"\x00\x00\x00\x80")):
        path.write_bytes(whole[:at] + word + whole[at + 4 :])
        with pytest.raises(StorageError, match="damaged"):
            Segment.open(path).holding(7, np.arange(2))


def test_numbers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    gathering = Gathering(tmp_path)
    for app, person in ((1 << 28, 0), (0, 1 << 32), (-1, 0), (0, -1)):
        with pytest.raises(RefusedError, match="at most"):
            gathering.add(np.array([app]), np.array([person]), 0)
    assert gathering.rows == 0


def test_a_manifest_comes_back_and_a_strange_one_is_none(tmp_path: Path) -> None:
    assert read_manifest(tmp_path / "nowhere") == Manifest()
    part = Part("sets_1.roar", 9, [Source("reads", "a.parquet", "00", "attach_1")], ["11"])
    write_manifest(tmp_path, Manifest(parts=[part]))
    assert read_manifest(tmp_path) == Manifest(parts=[part])
    assert read_manifest(tmp_path).sources == {part.sources[0]}
    write_manifest(tmp_path, Manifest(format=1, parts=[part]))
    assert read_manifest(tmp_path) == Manifest()
