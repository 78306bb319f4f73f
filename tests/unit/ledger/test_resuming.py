"""A restored log grows again only when nobody has seen more of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ombud.ledger.faults import ProofError, SignatureError
from ombud.ledger.opening import RESTORED, RolledBackError
from ombud.ledger.resuming import resume
from ombud.ledger.writer import Ledger
from ombud.model.errors import BusyError, MissingError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def notes(tmp_path: Path) -> list[bytes]:
    """Return the checkpoints of a log with 1 to 5 entries, whose copy with 3 is in its place, restored."""
    notes = []
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys") as ledger:
        for number in range(5):
            ledger.append([b"%d" % number])
            notes.append(ledger.checkpoint())
            if number == 2:
                shutil.copytree(tmp_path / "ledger", tmp_path / "copy")
    shutil.rmtree(tmp_path / "ledger")
    (tmp_path / "copy").rename(tmp_path / "ledger")
    (tmp_path / "keys/ledger.mark").unlink()
    (tmp_path / "ledger" / RESTORED).write_text("from a backup\n")
    return notes


def test_a_restored_log_signs_nothing_until_somebody_says_so(notes: list[bytes], tmp_path: Path) -> None:
    with pytest.raises(RolledBackError, match="restored") as refused:
        Ledger.open(tmp_path / "ledger", tmp_path / "keys")
    assert "ombud ledger resume" in str(refused.value)
    assert resume(tmp_path / "ledger", tmp_path / "keys", notes[:3]) == 3
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys") as ledger:
        assert ledger.append([b"on"]) == 3


def test_a_larger_checkpoint_that_somebody_holds_stops_it(notes: list[bytes], tmp_path: Path) -> None:
    with pytest.raises(RolledBackError, match="5 were seen"):
        resume(tmp_path / "ledger", tmp_path / "keys", [notes[0], notes[4]])
    assert (tmp_path / "ledger" / RESTORED).exists()


def test_what_the_folder_of_keys_knows_stops_it(notes: list[bytes], tmp_path: Path) -> None:
    origin = notes[0].decode().splitlines()[0]
    (tmp_path / "keys/ledger.mark").write_text(f"{origin}\n4\nend\n")
    with pytest.raises(RolledBackError, match="4 were seen"):
        resume(tmp_path / "ledger", tmp_path / "keys")
    for unreadable in (f"{origin}\n4\n", "", "other\n4\nend\n", f"{origin}\nfour\nend\n"):
        (tmp_path / "keys/ledger.mark").write_text(unreadable)
        assert resume(tmp_path / "ledger", tmp_path / "keys") == 3


def test_another_log_of_the_same_name_is_found_out(notes: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "ledger" / RESTORED).unlink()
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys") as fork:
        fork.append([b"another fourth", b"another fifth", b"sixth"])
    with pytest.raises(ProofError, match="forked"):
        resume(tmp_path / "ledger", tmp_path / "keys", [notes[4]])


def test_only_checkpoints_of_this_log_count(notes: list[bytes], tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "other", tmp_path / "others") as other, pytest.raises(SignatureError):
        resume(tmp_path / "ledger", tmp_path / "keys", [other.checkpoint()])
    assert len(notes) == 5


def test_where_there_is_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        resume(tmp_path / "ledger", tmp_path / "keys")
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys"), pytest.raises(BusyError):
        resume(tmp_path / "ledger", tmp_path / "keys")
