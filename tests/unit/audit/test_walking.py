"""Friendships beside the sets: kept, made again when ties change, never walked when damaged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyroaring import BitMap

from ombud.audit.people import walking
from ombud.audit.people.adjacency import rows_of
from ombud.audit.people.friendships import opened
from ombud.audit.people.walking import Csr, build, friends_of, installers_by_friend
from ombud.model.errors import RefusedError, StorageError
from tests.unit.audit.exposing import START, door, write

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake


def tie(a: str, b: str | None, kind: str = "friend", **others: object) -> dict[str, Any]:
    return {"account": a, "other": b, "tie": kind} | others


def friends(lake: Lake, csr: Csr, person: str) -> set[str]:
    (number,) = lake.ids("account", [person])
    assert number is not None
    return set(lake.names("account", csr.friends[csr.starts[number] : csr.starts[number + 1]].tolist()))


def files(lake: Lake) -> set[str]:
    return {path.name for path in lake.workspace.sets_dir.glob("*") if path.suffix in {".starts", ".friends"}}


def test_no_ties_no_friends(lake: Lake) -> None:
    csr = build(lake)
    assert csr.people == 0
    assert len(csr.friends) == 0
    assert not friends_of(csr, BitMap([0, 5]))
    people, counts = installers_by_friend(csr, BitMap([0]))
    assert len(people) == len(counts) == 0


def test_friends_are_so_both_ways_and_once(lake: Lake) -> None:
    ties = [tie("a", "b"), tie("b", "a"), tie("a", "b", happened_at=START), tie("a", "c"), tie("d", "d")]
    write(lake, "ties", [*ties, tie("a", "e", "follow"), tie("a", None, "member", space="club")])
    csr = build(lake)
    assert [friends(lake, csr, name) for name in "abc"] == [{"b", "c"}, {"a"}, {"a"}]
    assert csr.friends.dtype == np.int32
    assert len(csr.friends) == 4


def test_they_are_made_once_and_again_when_ties_change(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake, "ties", [tie("a", "b")])
    steps: list[int] = []
    build(lake, progress=lambda done, _total, _what: steps.append(done))
    assert steps == [1, 2]
    first = files(lake)
    assert friends(lake, build(lake, progress=lambda *_: pytest.fail("made again")), "a") == {"b"}
    assert files(lake) == first
    write(lake, "ties", [tie("a", "z")])
    assert friends(lake, build(lake), "a") == {"b", "z"}
    assert len(files(lake)) == 2
    assert files(lake).isdisjoint(first)
    lake.erase("z")
    assert friends(lake, build(lake), "a") == {"b"}
    monkeypatch.setattr("ombud.audit.people.friendships._fits", lambda *_: False)
    with pytest.raises(RefusedError, match="faster"):
        opened(lake)


def test_attached_ties_count_and_an_erased_friend_goes(lake: Lake, tmp_path: Path) -> None:
    pq.write_table(door("ties", [tie("a", "b"), tie("a", "c")]), tmp_path / "ties.parquet")
    lake.attach("ties", [tmp_path / "ties.parquet"])
    assert friends(lake, build(lake), "a") == {"b", "c"}
    lake.erase("c")
    assert friends(lake, build(lake), "a") == {"b"}


def test_torn_files_are_made_again_and_damaged_ones_are_said(lake: Lake) -> None:
    write(lake, "ties", [tie("a", "b"), tie("b", "c")])
    build(lake)
    folder = lake.workspace.sets_dir
    for ending in ("starts", "friends"):
        os.truncate(next(folder.glob(f"*.{ending}")), 4)
        assert friends(lake, build(lake), "b") == {"a", "c"}
    (folder / "friendships.json").write_bytes(b"{")
    assert friends(lake, build(lake), "b") == {"a", "c"}
    (path,) = folder.glob("*.friends")
    for number in (-1, 3, 1 << 30):
        np.full(4, number, dtype=np.int32).tofile(path)
        for walk in (friends_of, installers_by_friend):
            with pytest.raises(StorageError, match="damaged"):
                walk(build(lake), BitMap([0, 1, 2]))
    np.array([0, 99, 0, 0], dtype=np.int64).tofile(next(folder.glob("*.starts")))
    for walk in (friends_of, installers_by_friend):
        with pytest.raises(StorageError, match="damaged"):
            walk(build(lake), BitMap([0]))


def test_installers_of_whom_no_tie_is_on_record_have_no_friends() -> None:
    csr = Csr(*rows_of([(np.array([0, 2]), np.array([1, 1]))]))
    assert set(friends_of(csr, BitMap([1, 3, 70_000, (1 << 32) - 1]))) == {0, 2}
    assert walking.installers_by_friend(csr, BitMap([0, 2, 9]))[1].tolist() == [2]


def test_numbers_that_are_none_are_refused() -> None:
    for pair in ((-1, 2), (0, 1 << 32)):
        with pytest.raises(RefusedError, match="at most"):
            rows_of([(np.array(pair[:1]), np.array(pair[1:]))])
    none = np.zeros(0, dtype=np.int64)
    starts, found = rows_of([(none, none)])
    assert (starts.tolist(), len(found)) == ([0], 0)
