"""The journal: what `append` returned for is there after any end, and nothing else is."""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from ombud.gate.frames import Head
from ombud.gate.journal import DamagedJournalError, Journal, batches, claim, drop, heads, segments
from ombud.model.errors import BusyError, InputError, StorageError
from tests.unit.gate.recording import row, sequences

if TYPE_CHECKING:
    from pathlib import Path

HEAD = Head(1, "", "gate.ab", "2014-04-30T12:00:00.000000Z", None, 1, 256, "00", "11", 1, 0)


def put(journal: Journal, number: int, rows: int = 1) -> int:
    head = msgspec.structs.replace(HEAD, sequence=number, batch=f"b{number}", rows=rows, last=number)
    return journal.append(head, b"s" * 16 * rows, [row(n) for n in range(rows)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "gate"


def test_what_was_appended_is_there_again(folder: Path) -> None:
    with Journal(folder) as journal:
        assert journal.found == []
        first = put(journal, 1, 3)
        assert put(journal, 2) > first
        name = journal.host
    with Journal(folder) as journal:
        assert sequences(journal) == [1, 2]
        assert journal.host == name
    (frame,) = batches(folder, {"b1"})
    assert frame.rows == [row(0), row(1), row(2)]
    assert frame.salts == b"s" * 48
    assert name.startswith("gate.")


def test_only_the_owner_reads_it(folder: Path) -> None:
    with Journal(folder) as journal:
        put(journal, 1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in segments(folder)} == {0o600}


def test_one_writer(folder: Path) -> None:
    with Journal(folder), pytest.raises(BusyError, match="Another process writes to the journal"):
        Journal(folder)
    Journal(folder).close()


def test_each_process_claims_its_own(tmp_path: Path) -> None:
    with claim(tmp_path, "www") as one, claim(tmp_path, "www") as two, claim(tmp_path, "www") as three:
        assert [j.folder.name for j in (one, two, three)] == ["www", "www-2", "www-3"]
        two.close()
        with claim(tmp_path, "www") as again:
            assert again.folder.name == "www-2"
    for name in ("", "../x", ".x", "a/b", "a" * 61, "a b"):
        with pytest.raises(InputError, match="cannot be named"):
            claim(tmp_path, name)


def test_a_new_journal_is_never_taken_for_an_old_one(folder: Path) -> None:
    names = set()
    for _ in range(3):
        with Journal(folder) as journal:
            names.add(journal.host)
        (folder / "host").unlink()
    assert len(names) == 3


@pytest.mark.parametrize("torn", [1, 7, 20, 60])
def test_a_torn_end_is_left_alone(folder: Path, torn: int) -> None:
    with Journal(folder) as journal:
        put(journal, 1)
        at = put(journal, 2)
    (path,) = segments(folder)
    os.truncate(path, at + torn)
    with Journal(folder) as journal:
        assert sequences(journal) == [1]
        put(journal, 2)  # written once more
        put(journal, 3)
    assert [head.sequence for _, head in heads(folder)] == [1, 2, 3]


def test_damage_is_told_from_a_crash(folder: Path) -> None:
    with Journal(folder) as journal:
        at = put(journal, 1)
        put(journal, 2)
    (path,) = segments(folder)
    data = bytearray(path.read_bytes())
    data[at + 40] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedJournalError, match="is damaged at byte 8") as caught:
        Journal(folder)
    assert caught.value.hint
    Journal.__new__(Journal)  # the lock was let go
    data[at + 40] ^= 1
    path.write_bytes(data)
    Journal(folder).close()


def test_a_missing_segment_is_noticed(folder: Path) -> None:
    with Journal(folder, segment_bytes=1) as journal:
        for number in range(1, 5):
            put(journal, number)
    segments(folder)[1].unlink()
    with pytest.raises(DamagedJournalError, match="lacks the batches 2 to 2"):
        Journal(folder)


def test_segments_are_closed_by_size_and_by_age_and_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Journal(folder, segment_bytes=1_000, segment_seconds=60) as journal:
        put(journal, 1, 8)
        put(journal, 2)
        assert len(segments(folder)) == 2
        assert not journal.turn()
        now[0] = 60.0
        assert journal.turn()
        assert not journal.turn()
        put(journal, 3)
        assert len(segments(folder)) == 3
        assert drop(folder, 1) == 1
        assert drop(folder, 1) == 0
        assert drop(folder, 3) == 1
        assert [head.sequence for _, head in heads(folder)] == [3]  # the newest segment stays
    with Journal(folder) as journal:
        put(journal, 4)
    assert [head.sequence for _, head in heads(folder)] == [3, 4]


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_disk_that_refuses(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    with Journal(folder) as journal:
        put(journal, 1)
        real = getattr(os, call)
        written: list[bytes] = []

        def refuse(descriptor: int, *data: bytes) -> int:
            if data:
                written.append(bytes(data[0]))
                real(descriptor, data[0][:9])  # a part of it comes through
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, call, refuse)
        with pytest.raises(StorageError, match="is full"):
            put(journal, 2)
        monkeypatch.setattr(os, call, real)
        put(journal, 2, 5)
        put(journal, 3)
    found = {head.sequence: head.rows for _, head in heads(folder)}
    assert found == {1: 1, 2: 5, 3: 1}


def test_of_two_frames_with_one_number_the_later_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk said that it could not write a frame, kept it all the same, and would not let it be cut off."""
    with Journal(folder) as journal:
        put(journal, 1)

        def refuse(*_: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", refuse)
            patch.setattr(os, "ftruncate", refuse)
            with pytest.raises(StorageError):
                put(journal, 2, 7)
        put(journal, 2, 3)
    assert [(head.sequence, head.rows) for _, head in heads(folder)] == [(1, 1), (2, 3)]


def test_closed(folder: Path) -> None:
    journal = Journal(folder)
    journal.close()
    journal.close()
    with pytest.raises(InputError, match="closed"):
        put(journal, 1)
