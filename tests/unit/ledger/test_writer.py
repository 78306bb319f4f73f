"""The writer on a real disk: durable groups, the files that readers rely on, one writer at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.disk import RealDisk
from ombud.ledger.entries import EntryTooLargeError
from ombud.ledger.hashing import leaf_hashes, root_of, verify_consistency
from ombud.ledger.notes import Verifier, open_note, parse_note
from ombud.ledger.opening import RolledBackError
from ombud.ledger.proofs import entry_at, prove
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.recovery import DamagedError
from ombud.ledger.tree import Tree, tree_root
from ombud.ledger.writer import Ledger, open_ledger
from ombud.model.errors import BusyError, InputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ombud.model.workspace import Workspace


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "ledger", tmp_path / "keys")


def read(ledger: Ledger) -> Checkpoint:
    """Check the folder as a stranger does: signature, tiles, bundles."""
    log = DirectoryLog(ledger.folder)
    checkpoint = Checkpoint.parse(open_note(log.checkpoint(), [Verifier.parse(ledger.vkey)]).text)
    assert tree_root(log, checkpoint.size) == checkpoint.root
    entries = [entry_at(log, index, checkpoint.size) for index in range(min(checkpoint.size, 600))]
    assert entries == list(ledger.entries())[:600]
    return checkpoint


def test_a_new_log_is_empty_signed_and_named(ledger: Ledger) -> None:
    with ledger:
        assert (ledger.size, list(ledger.entries())) == (0, [])
        assert ledger.origin.startswith("ombud.invalid/")
        assert read(ledger).size == 0
        assert (ledger.folder / "vkey").read_text() == f"{ledger.vkey}\n"
        assert (ledger.folder / "vkeys").read_text() == f"{ledger.vkey} 0\n"
    key = ledger.folder.parent / "keys" / "ledger.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" in key.read_bytes()


def test_entries_follow_each_other_and_are_there_after_reopening(ledger: Ledger, tmp_path: Path) -> None:
    with ledger:
        assert ledger.append([b"a"]) == 0
        assert ledger.append([b"b", b"c"]) == 1
        note = ledger.checkpoint()
        assert read(ledger).size == 3
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys") as again:
        assert (again.size, again.vkey, again.checkpoint()) == (3, ledger.vkey, note)
        assert again.append([b"d"]) == 3
        assert list(again.entries(1, 3)) == [b"b", b"c"]
        proof = prove(DirectoryLog(again.folder), 1)
        assert proof.verify(b"b", [Verifier.parse(again.vkey)]).size == 4


def test_every_checkpointed_size_can_be_read_until_its_files_are_full(ledger: Ledger) -> None:
    seen: list[bytes] = []
    with ledger:
        for number in range(40):
            ledger.append([b"%d-%d" % (number, inner) for inner in range(13)])
            seen.append(ledger.checkpoint())
            log = DirectoryLog(ledger.folder)
            for note in seen:
                old = Checkpoint.parse(parse_note(note).text)
                assert tree_root(log, old.size) == old.root
                entry_at(log, old.size - 1, old.size)
        widths = sorted(int(path.name) for path in (ledger.folder / "tile" / "entries" / "002.p").iterdir())
        assert widths == [size - 512 for size in range(13, 521, 13) if size > 512]
        proof = Tree(log).consistency(13, 520)
        first, last = (Checkpoint.parse(parse_note(note).text) for note in (seen[0], seen[-1]))
        verify_consistency(13, 520, first.root, last.root, proof)
    assert sorted(path.name for path in (ledger.folder / "tile" / "0").iterdir()) == ["000", "001", "002.p"]


def test_many_threads_share_commits(ledger: Ledger) -> None:
    commits = []
    commit = ledger.commit

    def counted(entries: Sequence[bytes], signers: object) -> None:
        commits.append(len(entries))
        commit(entries, signers)  # type: ignore[arg-type]

    ledger.commit = counted  # type: ignore[method-assign]
    with ledger, ThreadPoolExecutor(16) as pool:
        own = {n: [b"%d-%d" % (n, inner) for inner in range(n % 3 + 1)] for n in range(200)}
        firsts = dict(zip(own, pool.map(ledger.append, own.values()), strict=True))
        assert sum(commits) == ledger.size == sum(map(len, own.values()))
        assert len(commits) < 150
        there = list(ledger.entries())
        for n, first in firsts.items():
            assert there[first : first + len(own[n])] == own[n]
        read(ledger)


def test_a_future_has_the_index_once_it_is_durable(ledger: Ledger) -> None:
    with ledger:
        futures = [ledger.submit([b"%d" % n]) for n in range(50)]
        assert [future.result() for future in futures] == list(range(50))


def test_what_is_handed_in_before_closing_is_written(ledger: Ledger, tmp_path: Path) -> None:
    futures = [ledger.submit([b"%d" % n]) for n in range(20)]
    ledger.close()
    assert [future.result(timeout=0) for future in futures] == list(range(20))
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys") as again:
        assert again.size == 20


def test_a_cancelled_future_is_not_written(ledger: Ledger) -> None:
    with ledger:
        with ledger._committing:
            ledger.submit([b"first"])
            threading.Event().wait(0.05)  # the writer holds the first group
            late = ledger.submit([b"late"])
            assert late.cancel()
        ledger.append([b"last"])
        assert list(ledger.entries()) == [b"first", b"last"]


def test_a_large_append_fills_tiles_of_level_one(ledger: Ledger) -> None:
    entries = [b"%d" % n for n in range(66_000)]
    with ledger:
        assert ledger.append(entries) == 0
        checkpoint = read(ledger)
        assert checkpoint.root == root_of(leaf_hashes(entries))
        assert sorted(path.name for path in (ledger.folder / "tile" / "1").iterdir()) == ["000", "001.p"]
        assert [path.name for path in (ledger.folder / "tile" / "2" / "000.p").iterdir()] == ["1"]


def test_memory_is_that_of_the_open_tiles_alone(ledger: Ledger) -> None:
    with ledger:
        ledger.append([b"x" * 100] * 70_000)
        frontier = ledger._frontier
        assert [len(tail) for tail in frontier.tails] == [70_000 % 256, 273 - 256, 1]
        assert len(frontier.bundle) == 70_000 % 256


@pytest.mark.parametrize("entries", [[], [b""], [b"fine", b""], [b"x" * 65_536]])
def test_what_cannot_be_appended_is_refused_at_once(ledger: Ledger, entries: list[bytes]) -> None:
    with ledger:
        with pytest.raises(InputError):
            ledger.submit(entries)
        assert ledger.append([b"x" * 65_535]) == 0


def test_too_large_an_entry_says_so(ledger: Ledger) -> None:
    with ledger, pytest.raises(EntryTooLargeError, match="65,536"):
        ledger.append([b"x" * 65_536])


def test_a_closed_ledger_refuses(ledger: Ledger) -> None:
    ledger.close()
    ledger.close()
    with pytest.raises(RefusedError, match="closed"):
        ledger.append([b"a"])


def test_a_second_writer_is_refused_and_the_first_named(ledger: Ledger, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ombud.ledger.writer import Ledger\n"
        "from ombud.model.errors import BusyError\n"
        "try: Ledger.open(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except BusyError as busy: print(busy.message)"
    )
    with ledger:
        ledger.append([b"a"])
        with pytest.raises(BusyError, match=str(os.getpid())):
            Ledger.open(tmp_path / "ledger", tmp_path / "keys")
        command = [sys.executable, "-c", program, str(tmp_path / "ledger"), str(tmp_path / "keys")]
        other = subprocess.run(command, capture_output=True, text=True, check=True)
        assert f"process {os.getpid()} " in other.stdout
        assert ledger.append([b"b"]) == 1
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys") as again:
        assert again.size == 2


def test_a_forked_child_cannot_write(ledger: Ledger) -> None:
    with ledger:
        ledger._pid += 1
        with pytest.raises(RefusedError, match="forked"):
            ledger.append([b"a"])
        ledger._pid -= 1


def test_a_workspace_has_one_ledger(workspace: Workspace) -> None:
    with open_ledger(workspace) as ledger:
        ledger.append([b"a"])
        assert ledger.folder == workspace.ledger_dir
        read(ledger)


def test_a_log_keeps_its_name(tmp_path: Path) -> None:
    folder, keys = tmp_path / "ledger", tmp_path / "keys"
    with Ledger.open(folder, keys, origin="example.org/log") as ledger:
        assert ledger.origin == "example.org/log"
    with Ledger.open(folder, keys) as ledger:
        assert ledger.origin == "example.org/log"
    with pytest.raises(RefusedError, match="keeps its name"):
        Ledger.open(folder, keys, origin="example.org/other")
    (folder / "vkey").unlink()
    with Ledger.open(folder, keys) as ledger:
        assert ledger.origin == "example.org/log"
        assert (folder / "vkey").read_text() == f"{ledger.vkey}\n"


def test_an_older_copy_in_the_place_of_the_log_is_noticed(ledger: Ledger, tmp_path: Path) -> None:
    folder, keys = tmp_path / "ledger", tmp_path / "keys"
    with ledger:
        ledger.append([b"a"])
        subprocess.run(["cp", "-r", str(folder), str(tmp_path / "copy")], check=True)
        ledger.append([b"b"])
    subprocess.run(["rm", "-r", str(folder)], check=True)
    (tmp_path / "copy").rename(folder)
    with pytest.raises(RolledBackError, match="had 2 before"):
        Ledger.open(folder, keys)
    assert DirectoryLog(folder).checkpoint()


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("tile/0/000.p/3", b"\0" * 96),
        ("tile/0/000.p/3", b""),
        ("tile/entries/000.p/3", b"\0\1x\0\1y\0\1z"),
        ("tile/entries/000.p/3", b"\0"),
        ("tile/entries/000.p/3", None),
        ("tile/0/000.p/3", None),
        ("checkpoint", b"nothing"),
        ("checkpoint", None),
    ],
)
def test_damage_is_found_before_anything_is_signed(
    ledger: Ledger, tmp_path: Path, path: str, change: bytes | None
) -> None:
    with ledger:
        ledger.append([b"a", b"b", b"c"])
    place = tmp_path / "ledger" / path
    if change is None:
        place.unlink()
    else:
        place.write_bytes(change)
    with pytest.raises(DamagedError) as damaged:
        Ledger.open(tmp_path / "ledger", tmp_path / "keys")
    assert damaged.value.hint
    assert place.exists() == (change is not None)


def test_a_partial_file_that_is_gone_comes_back_from_the_full_one(ledger: Ledger, tmp_path: Path) -> None:
    """As in a copy that was made while the log grew."""
    folder = tmp_path / "ledger"
    entries = [b"%d" % n for n in range(300)]
    with ledger:
        ledger.append(entries[:200])
        note = ledger.checkpoint()
        ledger.append(entries[200:])
    (folder / "checkpoint").write_bytes(note)
    (tmp_path / "keys" / "ledger.mark").unlink()
    with Ledger.open(folder, tmp_path / "keys") as again:
        assert again.size == 200
        assert list(again.entries()) == entries[:200]
        assert (folder / "tile/entries/000.p/200").exists()
        assert not (folder / "tile/entries/000").exists()
        assert not (folder / "tile/0/001.p/44").exists()
        assert again.append([b"other"]) == 200
        read(again)


class CountingDisk(RealDisk):
    """Counts how often it is asked to write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[int] = []

    def write_files(
        self, files: Sequence[tuple[Path, bytes]], *, folders: Iterable[Path] = (), private: bool = False
    ) -> None:
        self.writes.append(len(files))
        super().write_files(files, folders=folders, private=private)


def test_one_append_is_two_rounds_of_writing(tmp_path: Path) -> None:
    disk = CountingDisk()
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys", disk=disk) as ledger:
        ledger.append([b"a"])
        disk.writes.clear()
        ledger.append([b"b"] * 3)
        assert disk.writes == [2, 1]


class SlowToRemove(RealDisk):
    """Counts what it removes, and says what was acknowledged by then."""

    def __init__(self) -> None:
        super().__init__()
        self.removed: list[int] = []
        self.acknowledged = 0

    def remove(self, path: Path) -> None:
        self.removed.append(self.acknowledged)
        super().remove(path)


def test_superfluous_files_go_a_few_at_a_time(tmp_path: Path) -> None:
    disk = SlowToRemove()
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys", disk=disk) as ledger:
        for number in range(260):
            ledger.append([b"x"])
            disk.acknowledged = number + 1
        assert 0 < len(disk.removed) < 200
        assert min(disk.removed) >= 255
    assert len(disk.removed) == 2 * 255
    with Ledger.open(tmp_path / "ledger", tmp_path / "keys") as again:
        assert again.size == 260
