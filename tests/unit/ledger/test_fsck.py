from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from ombud.ledger.bundles import encode_bundle
from ombud.ledger.fsck import FolderReport, check_folder
from ombud.ledger.hashing import leaf_hashes
from tests.logs import entries, make_log, put

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = entries(700)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a log of 600 entries that was once 300 and 512 long, with what was left of those."""
    for size in (300, 512, 600):
        make_log(tmp_path, ITEMS[:size])
    return tmp_path


def test_a_folder_is_counted(folder: Path) -> None:
    assert check_folder(folder) == FolderReport(
        ok=True,
        size=600,
        problems=[],
        files=10,
        older=1,
        stale=2,
        beyond=0,
        strays=[],
        stale_files=["tile/0/001.p/44", "tile/entries/001.p/44"],
        beyond_files=[],
    )


def test_an_empty_log_has_no_files(tmp_path: Path) -> None:
    make_log(tmp_path, [])
    report = check_folder(tmp_path)
    assert (report.ok, report.size, report.files, report.strays) == (True, 0, 0, [])


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("tile/0/001.p/44", "tile/0/001.p/44: tile/0/001 does not begin like it; the log was rewritten."),
        ("tile/1/000.p/1", "tile/1/000.p/1: tile/1/000.p/2 does not begin like it; the log was rewritten."),
        ("tile/entries/001.p/44", "tile/entries/001.p/44: tile/entries/001 does not begin like it; the log was rew"),
    ],
)
def test_an_older_file_that_says_something_else_is_found(folder: Path, path: str, sentence: str) -> None:
    data = bytearray((folder / path).read_bytes())
    data[-1] ^= 1
    (folder / path).write_bytes(data)
    report = check_folder(folder)
    assert not report.ok
    assert report.problems[0].startswith(sentence)
    (folder / path).write_bytes(bytes(data[:-1]))
    assert len(check_folder(folder).problems) == 1


def test_what_is_wrong_with_the_log_itself_is_said_too(folder: Path) -> None:
    (folder / "tile/0/001").unlink()
    report = check_folder(folder)
    assert any("tile/0/001 is missing" in problem for problem in report.problems)
    assert report.older == 2


def test_what_lies_past_the_checkpoint_was_never_acknowledged(folder: Path) -> None:
    put(folder, "tile/0/002.p/100", b"".join(leaf_hashes(ITEMS[512:612])))
    put(folder, "tile/entries/002.p/100", encode_bundle(ITEMS[512:612]))
    put(folder, "tile/0/003", bytes(8192))
    put(folder, "tile/5/000.p/1", bytes(32))
    report = check_folder(folder)
    assert (report.ok, report.beyond) == (True, 4)
    assert report.beyond_files == ["tile/0/002.p/100", "tile/0/003", "tile/5/000.p/1", "tile/entries/002.p/100"]


def test_strays_are_named(folder: Path) -> None:
    strays = ["tile/0/000.tmp", "tile/0/x000/001", "tile/entries/note.txt", "tile/readme"]
    for name in strays:
        put(folder, name, b"")
    (folder / "tile/0/link").symlink_to(folder)
    put(folder, os.fsdecode(b"tile/\xff"), b"")
    report = check_folder(folder)
    assert report.ok
    assert sorted(report.strays) == sorted([*strays, "tile/0/link", "tile/\ufffd"])
    assert json.loads(msgspec.json.encode(report))["files"] == 16


def test_a_folder_that_cannot_be_read_is_a_stray(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("entries"):
            raise PermissionError(13, "no")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert check_folder(folder).strays == ["tile/entries/"]


def test_no_log_no_files(tmp_path: Path) -> None:
    report = check_folder(tmp_path / "nothing")
    assert (report.ok, report.files, len(report.problems)) == (False, 0, 1)
    put(tmp_path, "tile/0/000.p/1", bytes(32))
    assert check_folder(tmp_path).beyond == 1


def test_lists_are_cut_and_counts_are_not(folder: Path) -> None:
    for number in range(150):
        put(folder, f"tile/7/{number:03d}", b"")
        put(folder, f"tile/stray{number}", b"")
    report = check_folder(folder)
    assert (report.beyond, len(report.beyond_files), len(report.strays)) == (150, 100, 100)
