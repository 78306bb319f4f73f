"""Changing the key: both sign, outsiders can follow, and a crash anywhere leaves a log that goes on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ombud.ledger.entries import decode_entry
from ombud.ledger.faults import SignatureError
from ombud.ledger.keys import KEY, NEXT_KEY, KeyLostError
from ombud.ledger.notes import Verifier, open_note
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.rotation import follow_rotations
from ombud.ledger.writer import Ledger
from ombud.model.errors import StorageError
from tests.ledger_crashes import FOLDER, KEYS, judged
from tests.powercut import KilledError, MemoryDisk


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger.open(tmp_path / "ledger", tmp_path / "keys")
    ledger.append([b"a", b"b"])
    return ledger


def test_both_keys_sign_the_change_and_only_the_new_one_what_follows(ledger: Ledger, tmp_path: Path) -> None:
    old = ledger.vkey
    with ledger:
        new = ledger.rotate("once a year")
        assert new == ledger.vkey != old
        entry = decode_entry(next(ledger.entries(2)))
        assert (entry.type, entry.body["old"], entry.body["new"]) == ("key", old, new)
        assert entry.body["reason"] == "once a year"
        both = open_note((tmp_path / "ledger/rotation/3").read_bytes(), [Verifier.parse(old), Verifier.parse(new)])
        assert len(both.signatures) == 2
        ledger.append([b"c"])
        open_note(ledger.checkpoint(), [Verifier.parse(new)])
        with pytest.raises(SignatureError):
            open_note(ledger.checkpoint(), [Verifier.parse(old)])
    assert (tmp_path / "ledger/vkey").read_text() == f"{new}\n"
    assert (tmp_path / "ledger/vkeys").read_text() == f"{old} 0\n{new} 3\n"
    assert not (tmp_path / "keys" / NEXT_KEY).exists()
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys") as again:
        assert (again.vkey, again.size) == (new, 4)


def test_whoever_knows_the_first_key_can_follow_to_the_last(ledger: Ledger) -> None:
    first = ledger.vkey
    with ledger:
        later = [ledger.rotate("test") for _ in range(3)]
        ledger.append([b"x"] * 300)
        log = DirectoryLog(ledger.folder)
    assert [key.vkey for key in follow_rotations(log, log, first)] == [first, *later]
    assert [key.vkey for key in follow_rotations(log, log, later[1])] == later[1:]


def test_a_step_that_the_old_key_did_not_sign_is_not_followed(ledger: Ledger, tmp_path: Path) -> None:
    first = ledger.vkey
    with ledger:
        ledger.rotate("test")
    note = tmp_path / "ledger/rotation/3"
    lines = note.read_text().splitlines(keepends=True)
    signatures = [line for line in lines if line.startswith("—")]
    log = DirectoryLog(tmp_path / "ledger")
    for kept in signatures:
        note.write_text("".join(line for line in lines if not line.startswith("—") or line == kept))
        assert [key.vkey for key in follow_rotations(log, log, first)] == [first]
    note.unlink()
    assert [key.vkey for key in follow_rotations(log, log, first)] == [first]
    (tmp_path / "ledger/vkeys").unlink()
    assert [key.vkey for key in follow_rotations(log, log, first)] == [first]


def test_a_step_whose_entry_names_other_keys_is_not_followed(tmp_path: Path) -> None:
    """Two logs' keys that both signed something are no change of keys."""
    folder = tmp_path / "ledger"
    with Ledger.open(folder, tmp_path / "keys", origin="example.org/log") as ledger:
        ledger.append([b"no change of keys"])
        first = ledger._signer
        with Ledger.open(tmp_path / "other", tmp_path / "others", origin="example.org/log") as other:
            stranger = other._signer
        ledger.commit([b"neither"], (first, stranger))
    (folder / "rotation").mkdir()
    (folder / "rotation/2").write_bytes((folder / "checkpoint").read_bytes())
    (folder / "vkeys").write_text(f"{first.vkey} 0\n{stranger.vkey} 2\n")
    log = DirectoryLog(folder)
    assert [key.vkey for key in follow_rotations(log, log, first.vkey)] == [first.vkey]


def test_a_crash_anywhere_in_a_change_of_keys_leaves_a_log_that_goes_on() -> None:
    rng = random.Random(3)  # noqa: S311 - a repeatable choice
    outcomes = set()
    for kill in range(1, 60):
        disk = MemoryDisk()
        disk.make_folder(Path("/w"))
        disk.sync_folders([Path("/")])
        with Ledger.open(FOLDER, KEYS, disk=disk) as ledger:
            ledger.append([b"a"])
            old = ledger.vkey
            disk.kill_at = disk.steps + kill
            try:
                ledger.rotate("test")
                finished = True
            except KilledError:
                finished = False
            disk.kill_at = None
        for state in (disk.after_power_cut(rng), disk.after_power_cut(rng), disk):
            seen = [note for _, note in disk.seen]
            with Ledger.open(FOLDER, KEYS, disk=state) as again:
                entries = list(again.entries())
                changed = len(entries) == 2
                assert (again.vkey != old) == changed
                assert changed or not finished
                outcomes.add(changed)
                assert judged(state, again, [(0, [b"a"])], seen, set(entries)) == []
            assert NEXT_KEY not in state.names(KEYS)
            assert KEY in state.names(KEYS)
            assert state.read(FOLDER / "vkey").decode().strip() == again.vkey
        if finished:
            break
    assert finished
    assert outcomes == {True, False}


def test_a_key_that_is_gone_or_another_one_is_an_error_that_says_what_to_do(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    key = tmp_path / "keys" / KEY
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(KeyLostError, match="is not in") as lost:
        Ledger.open(tmp_path / "ledger", tmp_path / "keys")
    assert "start-anew" in str(lost.value)
    assert not key.exists()
    with Ledger.open(tmp_path / "other", tmp_path / "keys"):
        pass
    with pytest.raises(KeyLostError, match="is not the key"):
        Ledger.open(tmp_path / "ledger", tmp_path / "keys")
    key.write_bytes(b"no key")
    with pytest.raises(StorageError, match="no secret key"):
        Ledger.open(tmp_path / "ledger", tmp_path / "keys")
    key.write_bytes(kept)
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys") as again:
        assert again.size == 2
