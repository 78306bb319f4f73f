"""The kernel's queue of syncs: all have ended when it returns, and the first error is heard of."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ombud.ledger.disk import RealDisk
from ombud.ledger.syncing import MOST, KernelSyncs, kernel_syncs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def syncs() -> KernelSyncs:
    try:
        return KernelSyncs()
    except OSError as error:
        pytest.skip(f"this kernel has no such queue: {error}")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[list[int]]:
    """Return open files with bytes that are not durable yet, and their folder."""
    opened = [os.open(tmp_path / str(number), os.O_WRONLY | os.O_CREAT) for number in range(9)]
    for descriptor in opened:
        os.write(descriptor, b"x" * 5_000)
    opened.append(os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY))
    yield opened
    for descriptor in opened:
        os.close(descriptor)


def test_files_and_folders_are_synced_without_a_call_for_each(
    syncs: KernelSyncs, files: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("one by one"))
    for _ in range(50):
        syncs.sync(files)
    syncs.sync([])


@pytest.mark.parametrize("where", [0, 4, 9])
def test_one_that_fails_is_heard_of(syncs: KernelSyncs, files: list[int], where: int) -> None:
    end, other = os.pipe()
    with pytest.raises(OSError, match="Invalid argument") as failed:
        syncs.sync([*files[:where], end, *files[where:]])
    assert failed.value.errno == errno.EINVAL
    os.close(end)
    os.close(other)
    with pytest.raises(OSError, match="Bad file descriptor"):
        syncs.sync([*files[:where], end, *files[where:]])
    syncs.sync(files)


class Kernel:
    """Takes the kernel's place: each wait has what a test says, as (round, place, result), or an error's number."""

    def __init__(
        self, syncs: KernelSyncs, monkeypatch: pytest.MonkeyPatch, *answers: list[tuple[int, int, int]] | int
    ) -> None:
        self.syncs, self.answers, self.number, self.synced = syncs, list(answers), 0, list[int]()
        monkeypatch.setattr(syncs, "_call", self)
        monkeypatch.setattr(ctypes, "get_errno", lambda: self.number)
        monkeypatch.setattr(os, "fsync", self.synced.append)

    def __call__(self, number: ctypes.c_long, *rest: object) -> int:
        if number.value == self.syncs._submit_number:
            count = rest[1]
            assert isinstance(count, ctypes.c_long)
            return count.value
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            self.number = answer
            return -1
        for place, (back, at, result) in zip(self.syncs._done, answer, strict=False):
            place.data, place.result = (self.syncs._round - back) * MOST + at, result
        return len(answer)


def test_an_error_of_the_disk_is_heard_of_and_not_tried_again(
    syncs: KernelSyncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(syncs, monkeypatch, [(0, 0, 0), (0, 2, 0)], errno.EINTR, [(0, 1, -errno.EIO)])
    with pytest.raises(OSError, match="Input/output error"):
        syncs.sync([7, 8, 9])
    assert (kernel.synced, kernel.answers) == ([], [])


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_do_it_is_synced_as_ever(
    syncs: KernelSyncs, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    kernel = Kernel(syncs, monkeypatch, [(0, 1, -number), (0, 0, 0)])
    syncs.sync([7, 8])
    assert kernel.synced == [8]


def test_a_wait_that_fails_leaves_nothing_acknowledged(syncs: KernelSyncs, monkeypatch: pytest.MonkeyPatch) -> None:
    Kernel(syncs, monkeypatch, [(0, 0, 0)], errno.EINVAL)
    with pytest.raises(OSError, match="Input/output error"):
        syncs.sync([7, 8])


def test_a_late_end_is_not_taken_for_one_of_a_later_call(syncs: KernelSyncs, monkeypatch: pytest.MonkeyPatch) -> None:
    late, other = [(1, 0, 0), (1, 1, -errno.EIO)], [(0, 0, 0), (0, 1, -errno.ENOSPC)]
    kernel = Kernel(syncs, monkeypatch, errno.EFAULT, late, other)
    with pytest.raises(OSError, match="Input/output error"):
        syncs.sync([7, 8])
    with pytest.raises(OSError, match="No space left"):
        syncs.sync([7, 8])
    assert kernel.answers == []


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM, errno.EAGAIN])
def test_where_the_kernel_refuses_a_queue_threads_do_it(
    number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Refusing:
        def __init__(self, *_: object, **__: object) -> None:
            self.syscall = lambda *_: -1

    monkeypatch.setattr(ctypes, "CDLL", Refusing)
    monkeypatch.setattr(ctypes, "get_errno", lambda: number)
    with pytest.raises(OSError, match=re.escape(os.strerror(number))):
        KernelSyncs()
    kernel_syncs.cache_clear()
    disk = RealDisk()
    disk.write_files([(tmp_path / name, b"x") for name in "abc"], folders=[tmp_path])
    assert kernel_syncs() is None
    assert disk.read(tmp_path / "c") == b"x"
    kernel_syncs.cache_clear()


def test_more_than_the_queue_takes(syncs: KernelSyncs, files: list[int]) -> None:
    syncs.sync(files * (MOST // 5))


def test_threads_share_it(syncs: KernelSyncs, files: list[int]) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: syncs.sync(files), range(40))) == [None] * 40


def test_signals_do_not_disturb_it(syncs: KernelSyncs, files: list[int]) -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: rung.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while len(rung) < 5:
            syncs.sync(files)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_forked_process_syncs_one_by_one(syncs: KernelSyncs, files: list[int]) -> None:
    child = os.fork()
    if not child:
        synced: list[int] = []
        os.fsync = synced.append  # type: ignore[assignment]  # in the child alone
        code = 1
        try:
            syncs.sync(files)
            code = 0 if synced == files else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    syncs.sync(files)


def test_another_machine_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(OSError, match="not implemented"):
        KernelSyncs()
    kernel_syncs.cache_clear()
    disk = RealDisk()
    disk.write_files([(tmp_path / name, b"x") for name in "abc"], folders=[tmp_path])
    assert kernel_syncs() is None
    assert disk.read(tmp_path / "c") == b"x"
    kernel_syncs.cache_clear()


def test_a_process_has_one_queue_and_a_forked_one_its_own(syncs: KernelSyncs, files: list[int]) -> None:
    first = kernel_syncs()
    assert first is kernel_syncs() is not syncs
    child = os.fork()
    if not child:
        code = 1
        try:
            os.fsync = None  # type: ignore[assignment]  # in the child alone
            found = kernel_syncs()
            if found is not None and found is not first:
                found.sync(files)
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
