"""Files between staging and the lake: put in place, swept, retired."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ombud.lake import files
from ombud.lake.files import Staged, durable, forget, put_in_place, retire, retired, sha256_of, staging_folder, sweep
from ombud.records.lake_files import LakeFile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a lake's folder."""
    (tmp_path / "lake").mkdir()
    return tmp_path / "lake"


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def staged(staging: Path, path: str, content: bytes = b"rows") -> Staged:
    at = staging / path.replace("/", "-")
    at.write_bytes(content)
    return Staged(at, LakeFile(path, "posts", None, 1, None, None, 0, "", "import_1"))


def dead_writer(folder: Path, *paths: str) -> Path:
    place = staging_folder(folder, "w")
    (place / "placing.json").write_text(json.dumps({"paths": paths, "at": time.time()}))
    return place


def test_durable_files_know_their_size_and_hash(folder: Path) -> None:
    staging = staging_folder(folder, "w")
    empty, full = durable([staged(staging, "a", b""), staged(staging, "b", b"abc")])
    assert (empty.file.bytes, full.file.bytes) == (0, 3)
    assert full.file.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" == sha256_of(full.at)
    assert full.file.path == "b"
    assert durable([]) == []


def test_staging_is_only_its_owners_and_never_the_same(folder: Path) -> None:
    one, two = staging_folder(folder, "w"), staging_folder(folder, "w")
    assert one != two
    assert one.stat().st_mode & 0o777 == 0o700


def test_files_move_and_the_journal_is_there_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staging = staging_folder(folder, "w")
    items = [staged(staging, "posts/day=2016-11-07/x.parquet"), staged(staging, "_ids/account/y.parquet")]
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    put_in_place(folder, staging, items)
    assert json.loads((staging / "placing.json").read_text())["paths"] == [item.file.path for item in items]
    assert all((folder / item.file.path).read_bytes() == b"rows" and not item.at.exists() for item in items)
    # The journal before any move; then every folder that got a new entry.
    assert synced[:2] == [staging, staging.parent]
    assert set(synced[2:]) == {
        folder,
        folder / "posts",
        folder / "posts/day=2016-11-07",
        folder / "_ids",
        folder / "_ids/account",
    }


def test_what_a_dead_writer_put_in_place_goes_unless_it_counts(folder: Path) -> None:
    put(folder, "posts/counts", "posts/does-not", "posts/of-nobody")
    staging = dead_writer(folder, "posts/counts", "posts/does-not", "posts/never-came")
    (staging / "rest.parquet").touch()
    assert sweep(folder, ["posts/counts"]) == ["posts/does-not"]
    assert sorted(p.name for p in (folder / "posts").iterdir()) == ["counts", "of-nobody"]
    assert list((folder / "_staging").iterdir()) == []


@pytest.mark.parametrize("journal", [None, b"", b'{"paths": ["posts/x"', b"\xff"])
def test_a_journal_that_was_never_whole_names_nothing(folder: Path, journal: bytes | None) -> None:
    put(folder, "posts/x")
    staging = staging_folder(folder, "w")
    if journal is not None:
        (staging / "placing.json").write_bytes(journal)
    assert sweep(folder, []) == []
    assert (folder / "posts/x").exists()
    assert not staging.exists()


def test_what_no_writer_left_stops_no_writer(folder: Path) -> None:
    (folder / "_staging").mkdir()
    (folder / "_staging" / ".DS_Store").write_text("x")
    assert sweep(folder, []) == []
    assert list((folder / "_staging").iterdir()) == []


def test_without_staging_there_is_nothing_to_sweep(folder: Path) -> None:
    assert sweep(folder, []) == []
    assert not (folder / "_staging").exists()
    assert retired(folder) == set()


def test_retired_files_stay_for_the_grace(folder: Path) -> None:
    put(folder, "posts/old", "posts/new")
    retire(folder, ["posts/old"])
    assert retired(folder) == {"posts/old"}
    assert sweep(folder, ["posts/new"]) == []
    assert (folder / "posts/old").exists()
    assert sweep(folder, ["posts/new"], grace=0) == ["posts/old"]
    assert retired(folder) == set()


def test_retired_files_that_count_after_all_stay(folder: Path) -> None:
    # The machine stopped between the note and the transaction: the old files still are the table.
    put(folder, "posts/old")
    retire(folder, ["posts/old"])
    assert sweep(folder, ["posts/old"], grace=0) == []
    assert (folder / "posts/old").exists()


def test_forgotten_files_have_no_grace(folder: Path) -> None:
    put(folder, "posts/person")
    forget(folder, ["posts/person"])
    assert retired(folder) == {"posts/person"}  # until then it is no orphan
    assert sweep(folder, []) == ["posts/person"]


def test_noting_nothing_leaves_nothing(folder: Path) -> None:
    retire(folder, [])
    forget(folder, [])
    assert not (folder / "_staging").exists()


def test_the_spill_of_a_reader_goes_when_it_has_died(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    gone = folder / "_staging" / f"r-{int(done.stdout)}_abc"
    mine = folder / "_staging" / f"r-{os.getpid()}_abc"
    odd = folder / "_staging" / "r-somebody_abc"
    for place in (gone, mine, odd):
        place.mkdir(parents=True)
        (place / "spill").touch()
    sweep(folder, [])
    assert [p for p in (gone, mine, odd) if p.exists()] == [mine]


def test_a_reader_of_another_user_is_alive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, signal: int) -> None:
        raise PermissionError(pid, signal)

    monkeypatch.setattr(os, "kill", refuse)
    place = folder / "_staging" / "r-77_abc"
    place.mkdir(parents=True)
    sweep(folder, [])
    assert place.exists()
