"""What the disk says when it fails becomes one error; nothing acknowledged is lost, and nothing is built on sand."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from ombud.ledger import disk as disks
from ombud.ledger.disk import RealDisk, SyncError, disk_faults
from ombud.ledger.writer import Ledger
from ombud.model.errors import BusyError, RefusedError, StorageError
from tests.ledger_crashes import FOLDER, KEYS, proved
from tests.powercut import MemoryDisk

if TYPE_CHECKING:
    from collections.abc import Callable


def started() -> tuple[MemoryDisk, Ledger]:
    disk = MemoryDisk()
    disk.make_folder(Path("/w"))
    ledger = Ledger.open(FOLDER, KEYS, disk=disk)
    ledger.append([b"first"])
    return disk, ledger


def failing(operation: str, name: str, number: int) -> Callable[[str, Path], None]:
    """Return a disk's fault: the error `number` whenever `operation` meets a path with `name` in it."""

    def broken(what: str, path: Path) -> None:
        if what == operation and name in str(path):
            kind = SyncError if what == "sync" else OSError
            raise kind(number, os.strerror(number))

    return broken


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EIO])
@pytest.mark.parametrize(("operation", "name"), [("write", "tile/entries"), ("write", "tile/0"), ("make", "tile")])
def test_tiles_that_cannot_be_written_leave_the_log_as_it_was(operation: str, name: str, number: int) -> None:
    disk, ledger = started()
    with ledger:
        ledger.append([b"x"] * 254)  # the next entry but one needs a folder that is not there yet
        disk.broken = failing(operation, name, number)
        with pytest.raises(StorageError, match="nothing that was acknowledged is lost") as failed:
            ledger.append([b"lost", b"lost too"])
        assert failed.value.hint
        assert ledger.size == 255
        disk.broken = lambda *_: None
        assert proved(disk, ledger, [b"first", *[b"x"] * 254]) == []
        assert ledger.append([b"second", b"third"]) == 255
        assert list(ledger.entries(254)) == [b"x", b"second", b"third"]
        assert proved(disk, ledger, [b"first", *[b"x"] * 254, b"second", b"third"]) == []


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("sync", "tile/entries"),
        ("sync", "tile/0"),
        ("sync", "checkpoint.next"),
        ("sync", "ledger"),
        ("write", "checkpoint.next"),
        ("rename", "checkpoint"),
    ],
)
def test_after_a_failed_sync_nothing_is_taken_until_the_ledger_is_opened_again(operation: str, name: str) -> None:
    disk, ledger = started()
    disk.broken = failing(operation, name, errno.EIO)
    with pytest.raises(StorageError, match="open the ledger again"):
        ledger.append([b"in doubt"])
    disk.broken = lambda *_: None
    with pytest.raises(StorageError, match="open the ledger again"):
        ledger.append([b"refused"])
    ledger.close()
    with Ledger.open(FOLDER, KEYS, disk=disk) as again:
        entries = list(again.entries())
        assert entries in ([b"first"], [b"first", b"in doubt"])
        assert again.append([b"on"]) == len(entries)
        assert proved(disk, again, [*entries, b"on"]) == []


def test_everybody_who_waits_hears_of_the_error() -> None:
    disk, ledger = started()
    with ledger:
        disk.broken = failing("sync", "tile", errno.EIO)
        futures = []
        with ledger._committing:
            futures += [ledger.submit([b"%d" % n]) for n in range(10)]
        errors = [future.exception() for future in futures]
        assert all(isinstance(error, StorageError) for error in errors)
        assert len({id(error) for error in errors}) == 10


def test_an_error_in_the_writer_itself_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    _, ledger = started()
    with ledger:
        monkeypatch.setattr(ledger, "_write", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.append([b"a"])
        with pytest.raises(StorageError, match="stopped"):
            ledger.append([b"b"])


def test_a_disk_that_fails_while_opening_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError):
        Ledger.open(tmp_path / "file" / "ledger", tmp_path / "keys")
    disk = MemoryDisk()
    disk.make_folder(Path("/w"))
    disk.full = 10
    with pytest.raises(StorageError, match="full"):
        Ledger.open(FOLDER, KEYS, disk=disk)
    disk.full = 10**9
    with Ledger.open(FOLDER, KEYS, disk=disk) as ledger:
        assert ledger.append([b"a"]) == 0


def test_a_mark_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    disk, ledger = started()

    def refuse(path: Path, data: bytes) -> None:
        raise OSError(errno.EROFS, path, data)

    monkeypatch.setattr(disk, "note", refuse)
    with ledger:
        assert ledger.append([b"second"]) == 1


@pytest.mark.parametrize("count", [1, 3, 200, 300])
def test_the_real_disk_writes_what_it_is_given(tmp_path: Path, count: int) -> None:
    disk = RealDisk()
    files = [(tmp_path / str(number), b"%d" % number * number) for number in range(count)]
    (tmp_path / "0").write_bytes(b"longer than before")
    disk.write_files(files, folders=[tmp_path])
    assert all(disk.read(path) == data for path, data in files)
    assert disk.names(tmp_path) == sorted(str(number) for number in range(count))


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the kernel's queue away."""
    monkeypatch.setattr(disks, "kernel_syncs", lambda: None)


def test_the_kernel_syncs_each_file_where_the_whole_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "_syncfs", lambda _: None)
    synced: list[list[int]] = []
    monkeypatch.setattr(disks, "kernel_syncs", lambda: SimpleNamespace(sync=synced.append))
    monkeypatch.setattr(os, "fsync", lambda _: None)
    disk = RealDisk()
    disk.write_files([(tmp_path / str(number), b"x") for number in range(300)], folders=[tmp_path])
    assert [len(one) for one in synced] == [64, 64, 64, 64, 45]


@pytest.mark.usefixtures("threads")
def test_the_real_disk_syncs_each_file_where_the_whole_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "_syncfs", lambda _: None)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    files = [(tmp_path / str(number), b"x") for number in range(300)]
    RealDisk().write_files(files)
    assert len(synced) == 300
    assert len(set(synced)) <= 64


@pytest.mark.usefixtures("threads")
def test_a_sync_that_fails_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SyncError):
        RealDisk().write_files([(tmp_path / "a", b"a")])
    with pytest.raises(SyncError):
        RealDisk().write_files([(tmp_path / "a", b"a")], folders=[tmp_path])
    with pytest.raises(SyncError):
        RealDisk().sync_folders([tmp_path])


def test_a_sync_of_several_that_fails_in_the_kernel_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disks, "kernel_syncs", lambda: SimpleNamespace(sync=fail))
    with pytest.raises(SyncError):
        RealDisk().write_files([(tmp_path / "a", b"a")], folders=[tmp_path])


def test_a_sync_of_everything_that_fails_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = disks._WholeSystem
    monkeypatch.setattr(
        disks,
        "_syncfs",
        lambda folder: whole(lambda _: -1, os.open(folder, os.O_RDONLY)),  # type: ignore[arg-type]
    )
    with pytest.raises(SyncError):
        RealDisk().write_files([(tmp_path / str(number), b"x") for number in range(200)])


def test_secret_files_are_their_owner_s_alone(tmp_path: Path) -> None:
    RealDisk().write_files([(tmp_path / "secret", b"s")], private=True)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_lock_is_held_once_and_let_go(tmp_path: Path) -> None:
    disk = RealDisk()
    held = disk.lock(tmp_path / ".lock")
    with pytest.raises(BusyError, match=f"process {os.getpid()} "):
        disk.lock(tmp_path / ".lock")
    held.close()
    disk.lock(tmp_path / ".lock").close()


def test_a_lock_that_says_nothing_yet(tmp_path: Path) -> None:
    disk = RealDisk()
    held = disk.lock(tmp_path / ".lock")
    (tmp_path / ".lock").write_bytes(b"")
    with pytest.raises(BusyError, match="this moment"):
        disk.lock(tmp_path / ".lock")
    held.close()


def test_faults_name_the_place_and_what_to_do() -> None:
    for number in (errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EBADMSG):
        with pytest.raises(StorageError, match="/somewhere") as failed, disk_faults(Path("/somewhere")):
            raise OSError(number, os.strerror(number))
        assert failed.value.hint
    with pytest.raises(RefusedError), disk_faults(Path("/somewhere")):
        raise RefusedError("as it is")
