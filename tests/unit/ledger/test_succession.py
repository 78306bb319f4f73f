"""A log whose key is lost is frozen, and the next one begins with its last checkpoint."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.entries import decode_entry
from ombud.ledger.keys import KEY, NEXT_KEY
from ombud.ledger.notes import Verifier, open_note, parse_note
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.recovery import DamagedError
from ombud.ledger.succession import start_anew
from ombud.ledger.tree import tree_root
from ombud.ledger.writer import Ledger
from ombud.model.errors import BusyError, MissingError, RefusedError
from tests.ledger_crashes import FOLDER, KEYS, judged
from tests.powercut import KilledError, MemoryDisk


def filled(folder: Path, keys: Path, count: int = 3) -> str:
    with Ledger.open(folder, keys) as ledger:
        ledger.append([b"%d" % n for n in range(count)])
        return ledger.vkey


def test_the_new_log_begins_with_the_last_checkpoint_of_the_old(tmp_path: Path) -> None:
    folder, keys = tmp_path / "ledger", tmp_path / "keys"
    old = filled(folder, keys, 300)
    note = (folder / "checkpoint").read_text()
    (keys / KEY).unlink()
    new = start_anew(folder, keys, "the disk with the key broke")
    with Ledger.open(folder, keys) as ledger:
        assert (ledger.vkey, ledger.size) == (new, 1)
        entry = decode_entry(next(ledger.entries()))
        assert entry.type == "continues"
        assert entry.body["checkpoint"] == note
        assert (entry.body["size"], entry.body["reason"]) == (300, "the disk with the key broke")
        assert ledger.append([b"on"]) == 1
    assert Verifier.parse(new).name != Verifier.parse(old).name
    frozen = DirectoryLog(folder / "frozen")
    last = Checkpoint.parse(open_note(frozen.checkpoint(), [Verifier.parse(old)]).text)
    assert tree_root(frozen, 300) == last.root
    assert (folder / "frozen" / "vkey").read_text() == f"{old}\n"
    assert not list(tmp_path.glob("ledger.next*"))


def test_logs_can_follow_each_other(tmp_path: Path) -> None:
    folder, keys = tmp_path / "ledger", tmp_path / "keys"
    first = filled(folder, keys)
    second = start_anew(folder, keys, "one", origin="example.org/2")
    third = start_anew(folder, keys, "two", origin="example.org/3")
    assert (folder / "frozen/vkey").read_text() == f"{second}\n"
    assert (folder / "frozen/frozen/vkey").read_text() == f"{first}\n"
    with Ledger.open(folder, keys, origin="example.org/3") as ledger:
        assert ledger.vkey == third


def test_it_is_refused_where_it_would_do_harm(tmp_path: Path) -> None:
    folder, keys = tmp_path / "ledger", tmp_path / "keys"
    with pytest.raises(MissingError, match="no ledger"):
        start_anew(folder, keys, "x")
    old = filled(folder, keys)
    with pytest.raises(RefusedError, match="another name"):
        start_anew(folder, keys, "x", origin=Verifier.parse(old).name)
    with Ledger.open(folder, keys), pytest.raises(BusyError):
        start_anew(folder, keys, "x")
    (folder / "checkpoint").write_bytes(b"spoiled")
    with pytest.raises(DamagedError):
        start_anew(folder, keys, "x")
    assert not (tmp_path / "ledger.next").exists()


def test_what_an_earlier_attempt_left_is_not_in_the_way(tmp_path: Path) -> None:
    folder, keys = tmp_path / "ledger", tmp_path / "keys"
    filled(folder, keys)
    (tmp_path / "ledger.next/tile/0").mkdir(parents=True)
    (tmp_path / "ledger.next/tile/0/000").write_bytes(b"half")
    new = start_anew(folder, keys, "x")
    with Ledger.open(folder, keys) as ledger:
        assert ledger.vkey == new


def test_a_crash_anywhere_leaves_the_old_log_or_the_new_one() -> None:
    rng = random.Random(5)  # noqa: S311 - a repeatable choice
    outcomes = set()
    finished = False
    for kill in range(1, 200):
        disk = MemoryDisk()
        disk.make_folder(Path("/w"))
        disk.sync_folders([Path("/")])
        with Ledger.open(FOLDER, KEYS, disk=disk) as ledger:
            ledger.append([b"a"])
            old = ledger.vkey
        note = disk.read(FOLDER / "checkpoint")
        disk.kill_at = disk.steps + kill
        try:
            start_anew(FOLDER, KEYS, "test", disk=disk)
            finished = True
        except KilledError:
            pass
        disk.kill_at = None
        for state in (disk.after_power_cut(rng), disk.after_power_cut(rng), disk):
            with Ledger.open(FOLDER, KEYS, disk=state) as again:
                entries = list(again.entries())
                new = again.vkey != old
                outcomes.add(new)
                assert new or not finished
                if new:
                    assert decode_entry(entries[0]).body["checkpoint"] == note.decode()
                    assert state.read(FOLDER / "frozen" / "checkpoint") == note
                else:
                    assert entries == [b"a"]
                assert judged(state, again, [], [again.checkpoint()], set(entries)) == []
            assert NEXT_KEY not in state.names(KEYS)
        if finished:
            break
    assert finished
    assert outcomes == {True, False}


def test_the_last_checkpoint_that_was_written_counts_though_it_was_not_in_force(tmp_path: Path) -> None:
    folder, keys = tmp_path / "ledger", tmp_path / "keys"
    filled(folder, keys)
    before = (folder / "checkpoint").read_bytes()
    filled(folder, keys, 2)
    (folder / "checkpoint").rename(folder / "checkpoint.next")
    (folder / "checkpoint").write_bytes(before)
    start_anew(folder, keys, "x")
    with Ledger.open(folder, keys) as ledger:
        body = decode_entry(next(ledger.entries())).body
    assert Checkpoint.parse(parse_note(body["checkpoint"].encode()).text).size == 5
