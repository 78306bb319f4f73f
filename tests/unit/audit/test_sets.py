"""The kept sets are those of the lake's rows, whatever becomes of its files."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from ombud.audit.people import keeping
from ombud.audit.people.manifest import read_manifest
from ombud.audit.people.sets import PeopleSets, catch_up, open_sets
from ombud.model.errors import BusyError, StorageError
from tests.unit.audit.exposing import START, check_against_rows, door, random_reads, read, write

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from ombud.lake import Lake


def opened(lake: Lake) -> PeopleSets:
    return open_sets(lake.workspace, lake)


def test_an_empty_lake_has_no_sets_and_no_folder(lake: Lake) -> None:
    sets = opened(lake)
    assert sets.apps() == []
    assert sets.sizes() == {}
    assert sets.readers(0) == []
    assert not sets.people(7)
    assert not lake.workspace.sets_dir.exists()
    assert sets.behind == 0


def test_import_by_import_they_are_those_of_the_rows(lake: Lake, rng: np.random.Generator) -> None:
    sets = opened(lake)
    for step in range(4):
        write(lake, "reads", random_reads(rng, 60, first=60 * step), f"import_{step}")
        assert sets.behind > 0
        assert catch_up(lake.workspace, lake) > 0
        assert catch_up(lake.workspace, lake) == 0
        assert sets.refresh() == 0
        assert sets.behind == 0
        assert check_against_rows(lake, sets) == 5
    assert len(read_manifest(lake.workspace.sets_dir).parts) < 4  # small ones are merged
    write(lake, "grants", [{"app": "a9", "person": "p1", "scope": "likes", "happened_at": START}])
    assert opened(lake).apps()[-1] == lake.ids("app", ["a9"])[0]
    check_against_rows(lake, opened(lake))


def test_no_read_one_read_all_people(lake: Lake) -> None:
    everybody = [f"p{n}" for n in range(200)]
    write(lake, "grants", [{"app": "none", "person": "p0", "scope": "likes", "happened_at": START}])
    write(
        lake,
        "reads",
        [
            read(0, "one", "p7"),
            read(1, "refused", "p7", decision="refused"),
            *(read(2 + n, "all", person, everybody[0]) for n, person in enumerate(everybody)),
        ],
    )
    sets = opened(lake)
    none, one, all_, refused = (number or 0 for number in lake.ids("app", ["none", "one", "all", "refused"]))
    assert (len(sets.people(none)), len(sets.people(one)), len(sets.people(all_))) == (0, 1, 200)
    assert set(sets.direct(all_)) == {lake.ids("account", ["p0"])[0]}  # through oneself is one's own grant
    assert refused not in sets.apps()
    check_against_rows(lake, sets)


def test_a_line_that_stands_twice_counts_once(lake: Lake, tmp_path: Path) -> None:
    lines = [read(0, "a", "p1"), read(0, "a", "p1"), read(1, "a", "p1"), read(2, "a", "p2")]
    write(lake, "reads", lines)
    write(lake, "reads", lines, "import_again")
    pq.write_table(door("reads", lines), tmp_path / "log.parquet")
    lake.attach("reads", [tmp_path / "log.parquet"])  # attached rows are not looked at for their keys
    assert lake.read("reads").num_rows == 7
    sets = opened(lake)
    assert len(sets.people(sets.apps()[0])) == 2
    check_against_rows(lake, sets)


def test_compaction_changes_files_and_no_set(lake: Lake, rng: np.random.Generator) -> None:
    for step in range(3):
        write(lake, "reads", random_reads(rng, 40, first=40 * step), f"import_{step}")
    before = opened(lake).sizes()
    lake.compact()
    sets = opened(lake)
    assert sets.behind == 0
    assert sets.sizes() == before
    check_against_rows(lake, sets)


def test_who_is_erased_is_in_no_set_and_those_read_through_them_stay(lake: Lake, tmp_path: Path) -> None:
    write(lake, "reads", [read(0, "a", "her"), read(1, "a", "him", "her"), read(2, "a", "them", "him")])
    pq.write_table(door("reads", [read(3, "b", "her"), read(4, "b", "him", "her")]), tmp_path / "log.parquet")
    lake.attach("reads", [tmp_path / "log.parquet"])
    sets = opened(lake)
    a, b = (number or 0 for number in lake.ids("app", ["a", "b"]))
    her, him = (number or 0 for number in lake.ids("account", ["her", "him"]))
    assert her in sets.direct(a)
    assert her in sets.direct(b)
    lake.erase("her")
    assert sets.refresh() > 0
    assert sets.readers(her) == []
    assert him in sets.via(a)
    assert him in sets.via(b)
    assert him not in sets.people(a) - sets.via(a)
    assert check_against_rows(lake, sets) == 2


def test_attached_files_come_and_go(lake: Lake, tmp_path: Path, rng: np.random.Generator) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for n in range(3):
        pq.write_table(door("reads", random_reads(rng, 30, first=30 * n)), folder / f"{n}.parquet")
    lake.attach("reads", [folder])
    check_against_rows(lake, opened(lake))
    (folder / "1.parquet").unlink()
    lake.attach("reads", [folder])
    check_against_rows(lake, opened(lake))
    renamed = door("reads", random_reads(rng, 30)).rename_columns(
        ["other" if name == "person" else name for name in door("reads", []).column_names]
    )
    pq.write_table(renamed, folder / "3.parquet")
    lake.attach("reads", [folder / "3.parquet"], {"person": "other"})
    check_against_rows(lake, opened(lake))
    lake.attach("reads", [folder / "3.parquet"], {"person": "'p0'"})  # the same file, under another mapping
    check_against_rows(lake, opened(lake))


def test_a_removed_or_torn_folder_is_made_again(lake: Lake, rng: np.random.Generator) -> None:
    write(lake, "reads", random_reads(rng, 80))
    write(lake, "grants", [{"app": "a1", "person": "p1", "scope": "likes", "happened_at": START}])
    folder = lake.workspace.sets_dir
    sets = opened(lake)
    before = sets.sizes()
    shutil.rmtree(folder)
    assert sets.people(sets.apps()[0])  # what is open stays readable
    assert opened(lake).sizes() == before
    for damage in (b"", b"{", b'{"format": 99}', (folder / "manifest.json").read_bytes()[:-9]):
        (folder / "manifest.json").write_bytes(damage)
        assert opened(lake).sizes() == before
    for part in folder.glob("*.roar"):
        part.write_bytes(part.read_bytes()[:-40])
    assert opened(lake).sizes() == before
    for part in folder.glob("*.roar"):
        part.unlink()
    assert opened(lake).sizes() == before
    (folder / "sets_left-by-a-crash.roar").write_bytes(b"half")
    (folder / "passing").mkdir()
    write(lake, "reads", random_reads(rng, 5, first=500))
    check_against_rows(lake, opened(lake))
    assert not (folder / "sets_left-by-a-crash.roar").exists()
    assert not (folder / "passing").exists()


@pytest.mark.parametrize("step", ["_gathered", "_few", "write_manifest", "_tidy"])
def test_whatever_step_a_crash_comes_before_the_state_is_whole(
    lake: Lake, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write(lake, "reads", random_reads(rng, 50))
    before = opened(lake).sizes()
    write(lake, "reads", random_reads(rng, 50, first=50))

    def dies(*args: object, **others: object) -> object:
        del args, others
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(keeping, step, dies)
        with pytest.raises(KeyboardInterrupt):
            catch_up(lake.workspace, lake)
    left = PeopleSets(lake.workspace, lake)
    if step == "_tidy":
        assert left.behind == 0
    else:
        assert left.sizes() == before
    left.refresh()
    check_against_rows(lake, left)


def test_a_damaged_set_is_said_when_it_is_read(lake: Lake) -> None:
    write(lake, "reads", [read(n, "a", f"p{n}") for n in range(50)])
    sets = opened(lake)
    (part,) = lake.workspace.sets_dir.glob("*.roar")
    data = bytearray(part.read_bytes())
    data[40] ^= 1
    part.write_bytes(bytes(data))
    sets.refresh()
    with pytest.raises(StorageError, match="damaged"):
        sets.people(sets.apps()[0])


def test_one_process_takes_in_and_readers_do_not_wait(
    lake: Lake, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lake, "reads", random_reads(rng, 50))
    before = opened(lake).sizes()
    write(lake, "reads", random_reads(rng, 50, first=50))
    monkeypatch.setattr(keeping, "WAIT", 0.1)
    folder = lake.workspace.sets_dir
    with keeping.locked(folder, 0):
        with pytest.raises(BusyError, match="up to date"):
            keeping.bring_up(lake, folder, wait=0.1)
        sets = PeopleSets(lake.workspace, lake)
        assert sets.behind > 0
        assert sets.sizes() == before
    assert sets.refresh() > 0
    check_against_rows(lake, sets)


def test_while_another_process_makes_the_first_sets_there_is_nothing_to_open(
    lake: Lake, rng: np.random.Generator
) -> None:
    write(lake, "reads", random_reads(rng, 50))
    with keeping.locked(lake.workspace.sets_dir, 0), pytest.raises(BusyError):
        open_sets(lake.workspace, lake, wait=0.1)
    write(lake, "reads", random_reads(rng, 50, first=50))
    opened(lake)
    write(lake, "reads", random_reads(rng, 50, first=100))
    with keeping.locked(lake.workspace.sets_dir, 0):
        assert open_sets(lake.workspace, lake, wait=0.1).behind > 0


def test_readers_read_on_while_files_are_taken_in(lake: Lake, rng: np.random.Generator) -> None:
    write(lake, "reads", random_reads(rng, 50))
    sets = opened(lake)
    stop, seen = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            mine = PeopleSets(lake.workspace, lake)
            seen.append(sum(size.people for size in mine.sizes().values()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for step in range(1, 3):
            write(lake, "reads", random_reads(rng, 50, first=50 * step), f"import_{step}")
            sets.refresh()
    finally:
        stop.set()
        thread.join()
    assert seen == sorted(seen)  # whole states only, each at least as large as the one before
    assert seen[-1] <= sum(size.people for size in sets.sizes().values())


def test_a_file_that_vanishes_while_it_is_read_is_looked_for_again(
    lake: Lake, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lake, "reads", random_reads(rng, 50))
    gathered = keeping._gathered

    def once(*args: object, **others: object) -> object:
        del args, others
        monkeypatch.setattr(keeping, "_gathered", gathered)
        lake.compact("reads")
        raise StorageError("The lake's file is gone.")

    monkeypatch.setattr(keeping, "_gathered", once)
    check_against_rows(lake, opened(lake))


def test_a_file_that_is_gone_for_good_is_said(lake: Lake, rng: np.random.Generator) -> None:
    write(lake, "reads", random_reads(rng, 5))
    (lake.folder / lake.files("reads")[0].path).unlink()
    with pytest.raises(StorageError, match="cannot be read"):
        opened(lake)
    assert not list(lake.workspace.sets_dir.glob("*.roar"))


def test_buffers_that_do_not_hold_it_all_give_the_same(lake: Lake, rng: np.random.Generator) -> None:
    write(lake, "reads", random_reads(rng, 300))
    steps: list[tuple[int, int | None]] = []
    keeping.bring_up(lake, lake.workspace.sets_dir, rows=7, progress=lambda done, total, _: steps.append((done, total)))
    check_against_rows(lake, PeopleSets(lake.workspace, lake))
    assert steps
    assert steps[-1][0] <= 300
