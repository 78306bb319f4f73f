"""The few file operations that the ledger's writer uses, so that a test can take their place and cut the power.

A write is durable when its file was synced, a name when its folder was. Nothing else may be relied on.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ombud.ledger.syncing import kernel_syncs
from ombud.model import clock
from ombud.model.errors import BusyError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Disk", "Held", "RealDisk", "SyncError", "disk_faults", "fault"]

_AT_ONCE = 64
"""Files that are open at a time; for more, the whole file system is synced once, which is faster."""
_SYNCS = 8
"""Syncs under way at a time where threads do them: the disk does several as fast as one."""


class SyncError(OSError):
    """The disk may have lost what was written before: nothing can be said of it until it is read again."""


class Held(Protocol):
    """A lock that is held."""

    def close(self) -> None:
        """Let it go."""
        ...


class Disk(Protocol):
    """Where a ledger lies. Everything raises `OSError`."""

    def read(self, path: Path) -> bytes:
        """Return a file's bytes."""
        ...

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, sorted; none when there is no folder."""
        ...

    def is_folder(self, path: Path) -> bool:
        """Return whether there is a folder."""
        ...

    def make_folder(self, folder: Path) -> None:
        """Make a folder in one that is there; nothing happens when it is there."""
        ...

    def write_files(
        self, files: Sequence[tuple[Path, bytes]], *, folders: Iterable[Path] = (), private: bool = False
    ) -> None:
        """Write whole files, in order, then make their bytes durable, and the names in `folders`, in any order.

        Raises `SyncError` when a sync fails.
        """
        ...

    def sync_file(self, path: Path) -> None:
        """Make the bytes of a file that is there durable, as they are. Raises `SyncError`."""
        ...

    def sync_folders(self, folders: Iterable[Path]) -> None:
        """Make the names in folders durable. Raises `SyncError`."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name, in one step, in the place of what has that name."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file."""
        ...

    def remove_folder(self, folder: Path) -> None:
        """Remove an empty folder."""
        ...

    def note(self, path: Path, data: bytes) -> None:
        """Write a small file in place without syncing it: what may be lost."""
        ...

    def lock(self, path: Path) -> Held:
        """Take the lock at `path` or raise `BusyError`."""
        ...


class RealDisk:
    """The disk of this machine."""

    def __init__(self) -> None:
        """Make it; threads for syncs come when they are needed."""
        self._pool: ThreadPoolExecutor | None = None

    def read(self, path: Path) -> bytes:
        """Return a file's bytes."""
        return path.read_bytes()

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, sorted; none when there is no folder."""
        try:
            return sorted(entry.name for entry in folder.iterdir())
        except FileNotFoundError:
            return []

    def is_folder(self, path: Path) -> bool:
        """Return whether there is a folder."""
        return path.is_dir()

    def make_folder(self, folder: Path) -> None:
        """Make a folder in one that is there; nothing happens when it is there."""
        folder.mkdir(exist_ok=True)

    def write_files(
        self, files: Sequence[tuple[Path, bytes]], *, folders: Iterable[Path] = (), private: bool = False
    ) -> None:
        """Write whole files, in order, then make their bytes durable, and the names in `folders`.

        A file stays open from its first byte to its sync, so that no error of the disk is missed between.
        """
        mode = 0o600 if private else 0o644
        if len(files) > _AT_ONCE and (sync := _syncfs(files[0][0].parent)) is not None:
            with sync:
                for path, data in files:
                    os.close(_written(path, data, mode))
            self.sync_folders(folders)
            return
        for start in range(0, len(files), _AT_ONCE):
            last = start + _AT_ONCE >= len(files)
            with ExitStack() as open_files:
                written = []
                for path, data in files[start : start + _AT_ONCE]:
                    written.append(_written(path, data, mode))
                    open_files.callback(os.close, written[-1])
                if last:
                    written += _opened(folders, open_files)
                self._sync(written)

    def sync_file(self, path: Path) -> None:
        """Make the bytes of a file that is there durable, as they are."""
        with path.open("rb") as stream:
            self._sync([stream.fileno()])

    def sync_folders(self, folders: Iterable[Path]) -> None:
        """Make the names in folders durable."""
        with ExitStack() as open_files:
            self._sync(_opened(folders, open_files))

    def _sync(self, descriptors: list[int]) -> None:
        """Sync files and folders, several at a time; each sync has ended when this returns or raises."""
        try:
            if len(descriptors) == 1:
                os.fsync(descriptors[0])
            elif descriptors:
                self._sync_several(descriptors)
        except OSError as error:
            raise SyncError(error.errno, error.strerror) from error

    def _sync_several(self, descriptors: list[int]) -> None:
        if (kernel := kernel_syncs()) is not None:
            kernel.sync(descriptors)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_SYNCS, thread_name_prefix="sync")
        under_way = [self._pool.submit(os.fsync, one) for one in descriptors]
        for failed in [done.exception() for done in under_way]:
            if failed is not None:
                raise failed

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name, in one step, in the place of what has that name."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def remove_folder(self, folder: Path) -> None:
        """Remove an empty folder."""
        folder.rmdir()

    def note(self, path: Path, data: bytes) -> None:
        """Write a small file in place without syncing it, and without cutting it first: that would make close wait."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.pwrite(descriptor, data, 0) == len(data) < os.fstat(descriptor).st_size:
                os.ftruncate(descriptor, len(data))
        finally:
            os.close(descriptor)

    def lock(self, path: Path) -> Held:
        """Take the lock at `path` or raise `BusyError`; the kernel lets it go when this process dies."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise BusyError(
                f"Another process writes to the ledger {path.parent}: {holder}.",
                hint="Wait until it is done, or end it; nothing is lost.",
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        holds = {"pid": os.getpid(), "program": Path(sys.argv[0] or "python").name[:40]}
        os.pwrite(descriptor, json.dumps(holds | {"since": clock.now().isoformat(timespec="seconds")}).encode(), 0)
        return os.fdopen(descriptor, "rb", buffering=0)


@contextmanager
def disk_faults(place: Path) -> Iterator[None]:
    """Raise the errors of the disk inside the block as `StorageError` about the folder `place`."""
    try:
        yield
    except OSError as error:
        raise fault(error, place) from error


_WORDS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("The disk of {place} is full", "Free some space, then try again."),
    errno.EDQUOT: ("The disk quota of {place} is used up", "Free some space, then try again."),
    errno.EFBIG: ("A file in {place} would pass this process's size limit", "Raise the limit."),
    errno.EROFS: ("The disk of {place} may only be read", "Mount it for writing."),
    errno.EACCES: ("This user may not write to {place}", "Let this user write to the folder."),
    errno.EPERM: ("This user may not write to {place}", "Let this user write to the folder."),
    errno.EMFILE: ("Too many files are open for {place}", "Raise the limit with `ulimit -n 4096`."),
}


def fault(error: OSError, place: Path) -> StorageError:
    """Return what the error means to a user."""
    said = f"The disk of {{place}} failed ({error.strerror or type(error).__name__})"
    message, hint = _WORDS.get(error.errno or 0, (said, "Check the disk."))
    return StorageError(f"{message.format(place=place)}; nothing that was acknowledged is lost.", hint=hint)


def _written(path: Path, data: bytes, mode: int) -> int:
    """Write a file from its beginning; return its descriptor."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _opened(folders: Iterable[Path], open_files: ExitStack) -> list[int]:
    """Open folders until the stack is closed."""
    descriptors = []
    for folder in folders:
        descriptors.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        open_files.callback(os.close, descriptors[-1])
    return descriptors


def _syncfs(folder: Path) -> _WholeSystem | None:
    """Return what syncs the file system of `folder` when its block ends; None where the system cannot."""
    with suppress(OSError, AttributeError):
        call = ctypes.CDLL(None, use_errno=True).syncfs
        return _WholeSystem(call, os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    return None


class _WholeSystem:
    """Syncs a whole file system at the end of a block; open from its beginning, so that it hears of every error."""

    def __init__(self, call: ctypes._NamedFuncPointer, descriptor: int) -> None:
        self._call = call
        self._descriptor = descriptor

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if error is None and self._call(self._descriptor):
                number = ctypes.get_errno()
                raise SyncError(number, os.strerror(number))
        finally:
            os.close(self._descriptor)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {holder['pid']} (`{holder['program']}`), since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "it started this moment"
