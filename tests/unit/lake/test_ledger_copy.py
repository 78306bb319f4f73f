"""The ledger in a backup: made while others write, it verifies; restored, it is not the log's newest state."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ombud.lake import ledger_copy
from ombud.lake.backup import backup, restore
from ombud.lake.publisher import publish_all
from ombud.ledger.check import check_log
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.cosigned import COSIGNED
from ombud.ledger.entries import encode_entry
from ombud.ledger.fsck import check_folder
from ombud.ledger.notes import Verifier, parse_note
from ombud.ledger.opening import RolledBackError
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.resuming import resume
from ombud.ledger.succession import start_anew
from ombud.ledger.writer import open_ledger
from ombud.model.workspace import Workspace
from ombud.records import open_records, outbox

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake


pytestmark = pytest.mark.usefixtures("lake")


def entry(text: str) -> bytes:
    return encode_entry("decision", {"decision": text})


def size_of(note: bytes) -> int:
    return Checkpoint.parse(parse_note(note).text).size


def test_backups_made_while_the_ledger_grows_verify(workspace: Workspace, tmp_path: Path) -> None:
    stop = threading.Event()
    with open_ledger(workspace) as ledger:
        ledger.append([entry("first")])

        def write() -> None:
            number = 0
            while not stop.is_set():
                ledger.append([entry(f"{number} {inner}") for inner in range(number % 60 + 1)])
                number += 1

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for number in range(5):
                backup(workspace, tmp_path / f"{number}.tar")
        finally:
            stop.set()
            thread.join()
        entries, vkey = list(ledger.entries()), ledger.vkey
    sizes = []
    for number in range(5):
        restore(tmp_path / f"{number}.tar", tmp_path / f"new{number}")
        folder = tmp_path / f"new{number}" / "ledger"
        report = check_log(DirectoryLog(folder), keys=[Verifier.parse(vkey)])
        assert report.problems == []
        found = check_folder(folder)
        assert (found.ok, found.older, found.beyond, found.stale, found.strays) == (True, 0, 0, 0, [])
        sizes.append(report.size)
        assert not list(folder.glob(".*"))
    assert sizes == sorted(sizes)
    assert sizes[-1] <= len(entries)


def test_a_partial_file_that_becomes_full_meanwhile(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer fills the tile and removes its partial file after the backup has read the checkpoint."""
    with open_ledger(workspace) as ledger:
        ledger.append([entry("x")] * 200)
        places = ledger_copy._places

        def later(size: int) -> object:
            if ledger.size == size:
                ledger.append([entry("y")] * 100)
            return places(size)

        monkeypatch.setattr(ledger_copy, "_places", later)
        backup(workspace, tmp_path / "b")
        assert ledger.size == 300
    restore(tmp_path / "b", tmp_path / "new")
    report = check_log(DirectoryLog(tmp_path / "new" / "ledger"))
    assert (report.ok, report.size) == (True, 200)
    assert (tmp_path / "new/ledger/tile/entries/000.p/200").exists()


def test_a_cosigned_checkpoint_in_the_backup_is_not_of_a_larger_tree(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_ledger(workspace) as ledger:
        ledger.append([entry("x")])
        (workspace.ledger_dir / COSIGNED).write_bytes(ledger.checkpoint())
        places = ledger_copy._places

        def later(size: int) -> object:
            ledger.append([entry("y")])
            (workspace.ledger_dir / COSIGNED).write_bytes(ledger.checkpoint())
            return places(size)

        monkeypatch.setattr(ledger_copy, "_places", later)
        backup(workspace, tmp_path / "b")
    assert size_of((tmp_path / "b/ledger" / COSIGNED).read_bytes()) == 1
    assert size_of((tmp_path / "b/ledger/checkpoint").read_bytes()) == 1


def test_frozen_logs_and_changed_keys_are_in_the_backup(workspace: Workspace, tmp_path: Path) -> None:
    with open_ledger(workspace) as ledger:
        ledger.append([entry("old")])
    start_anew(workspace.ledger_dir, workspace.keys_dir, "test")
    with open_ledger(workspace) as ledger:
        ledger.rotate("test")
    backup(workspace, tmp_path / "b.tar", with_keys=True)
    restore(tmp_path / "b.tar", tmp_path / "new")
    new = tmp_path / "new"
    for folder in (new / "ledger", new / "ledger/frozen"):
        assert check_log(DirectoryLog(folder)).ok
    assert (new / "ledger/rotation/2").exists()
    assert not (new / "keys/ledger.mark").exists()
    resume(new / "ledger", new / "keys")
    with open_ledger(Workspace.open(new)) as ledger:
        assert ledger.append([entry("on")]) == 2


def test_a_restored_ledger_waits_for_a_word_and_the_outbox_waits_with_it(
    lake: Lake, workspace: Workspace, tmp_path: Path
) -> None:
    with lake.records.begin() as tx:
        outbox.append(tx, "decision", {})
    publish_all(workspace, lake.records)
    backup(workspace, tmp_path / "b.tar", with_keys=True)
    with open_ledger(workspace) as ledger:
        later = (ledger.append([entry("after the backup")]), ledger.checkpoint())[1]
    restore(tmp_path / "b.tar", tmp_path / "new")
    new = Workspace.open(tmp_path / "new")
    with open_records(new) as records:
        with records.begin() as tx:
            outbox.append(tx, "decision", {})
        result = publish_all(new, records)
        assert (result.entries, result.waiting) == (0, 1)
        assert "ombud ledger resume" in (result.why or "")
        with pytest.raises(RolledBackError, match="2 were seen"):
            resume(new.ledger_dir, new.keys_dir, [later])
        assert resume(new.ledger_dir, new.keys_dir) == 1
        assert publish_all(new, records).entries == 1


def test_a_ledger_that_cannot_be_read_is_copied_as_it_lies(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.ledger_dir / "checkpoint").write_text("spoiled\n")
    (workspace.ledger_dir / "tile").mkdir()
    (workspace.ledger_dir / "tile" / "file").write_text("left")
    backup(workspace, tmp_path / "b")
    assert (tmp_path / "b/ledger/checkpoint").read_text() == "spoiled\n"
    assert (tmp_path / "b/ledger/tile/file").read_text() == "left"


def test_a_workspace_without_a_ledger_has_none_in_its_backup(workspace: Workspace, tmp_path: Path) -> None:
    backup(workspace, tmp_path / "b")
    restore(tmp_path / "b", tmp_path / "new")
    assert list((tmp_path / "new/ledger").iterdir()) == []
