"""The journal: where a gate puts its reads before it answers, until they are in the lake.

A folder per gate with segments that only grow. A frame is durable when
`append` returns. What a crash or a failing disk leaves at a segment's end is
not a frame and never was acknowledged. Only the owner can read it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from ombud.gate.frames import MAGIC, encode, frames
from ombud.ledger.disk import fault
from ombud.model.errors import BusyError, InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ombud.gate.frames import Frame, Head

__all__ = ["HOST", "DamagedJournalError", "Journal", "batches", "claim", "drop", "heads", "segments"]

SEGMENT_BYTES = 64 << 20
SEGMENT_SECONDS = 60.0
"""A segment is closed when it is this large or this old, so that it can go once its batches are in the lake."""
HOST = "host"
"""The file that holds the gate's name."""
_SUFFIX, _LOCK, _LONGEST = ".journal", "lock", 60


class DamagedJournalError(StorageError):
    """A journal is damaged where no crash damages it."""


class Journal:
    """The journal of one gate; this process is its only writer until it is closed. Safe between threads."""

    def __init__(
        self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES, segment_seconds: float = SEGMENT_SECONDS
    ) -> None:
        """Open the journal, cut off what a crash left at its end, and begin a new segment.

        Raises `BusyError` when another process has it open, `DamagedJournalError`, `StorageError`.
        """
        self.folder = folder
        self._most = segment_bytes
        self._seconds = segment_seconds
        self._write = threading.Lock()
        self._segment: int | None = None
        with _faults(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(folder)
        try:
            self.host = _host(folder)
            """the gate's name with four letters of its own, so that a new journal is never taken for an old one"""
            self.found = [head for _, head in heads(folder)]
            """what was in it when it was opened"""
            numbers = [int(path.name.removesuffix(_SUFFIX)) for path in segments(folder)]
            self._number = max(numbers, default=0)
        except BaseException:
            os.close(self._lock)
            raise

    def append(self, head: Head, salts: bytes = b"", rows: Sequence[bytes] = ()) -> int:
        """Write a frame and return where it begins in its segment, once it is durable.

        Raises `StorageError`; the frame is then not in the journal, and the next one goes into a new segment.
        """
        data = encode(head, salts, rows)
        with self._write, _faults(self.folder):
            if self._segment is not None and self._full():
                self._end()
            segment = self._segment if self._segment is not None else self._begin()
            at = self._size
            try:
                _all(segment, data)
                os.fdatasync(segment)
            except OSError:
                with suppress(OSError):  # whatever the disk keeps of it is no whole frame, or is written once more
                    os.ftruncate(segment, at)
                self._end()
                raise
            self._size += len(data)
            return at

    def turn(self) -> bool:
        """Close the present segment if it is old enough; return whether a segment was closed."""
        with self._write:
            if self._segment is None or not self._full():
                return False
            self._end()
            return True

    def close(self) -> None:
        """Let the folder go."""
        with self._write:
            if self._segment is not None:
                self._end()
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _full(self) -> bool:
        return self._size >= self._most or time.monotonic() - self._began >= self._seconds

    def _begin(self) -> int:
        """Begin a segment whose name is durable."""
        if self._lock < 0:
            raise InputError("The journal is closed.", hint="Open it again.")
        path = self.folder / f"{self._number + 1:012}{_SUFFIX}"
        segment = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._number += 1
        try:
            _all(segment, MAGIC)
            os.fsync(segment)
            _sync_folder(self.folder)
        except BaseException:
            os.close(segment)
            raise
        self._segment, self._size, self._began = segment, len(MAGIC), time.monotonic()
        return segment

    def _end(self) -> None:
        if self._segment is not None:
            with suppress(OSError):
                os.close(self._segment)
        self._segment = None


def heads(folder: Path) -> list[tuple[Path, Head]]:
    """Return the heads of all whole frames with their files, in order; every byte is checked.

    Of two frames with one number the later counts: the disk had refused the earlier one, though it kept it. Raises
    `DamagedJournalError` when a frame is missing that was acknowledged.
    """
    out: list[tuple[Path, Head]] = []
    for path in segments(folder):
        found, end, damaged = frames(_content(path))
        if damaged:
            raise DamagedJournalError(
                f"The journal {path} is damaged at byte {end}: reads after it are whole.",
                hint="Bring the file back from a backup, or put it aside and note the gap.",
            )
        first = next((frame.head.sequence for frame in found if frame.head.sequence), None)
        while first is not None and out and out[-1][1].sequence >= first:
            out.pop()
        out += [(path, frame.head) for frame in found]
    numbers = [head.sequence for _, head in out if head.sequence]
    for before, number in pairwise(numbers):
        if number != before + 1:
            raise DamagedJournalError(
                f"The journal {folder} lacks the batches {before + 1} to {number - 1}.",
                hint="Bring its files back from a backup, or put the later ones aside and note the gap.",
            )
    return out


def batches(folder: Path, wanted: set[str]) -> Iterator[Frame]:
    """Yield the frames of these batches with their rows, in order, one segment in memory at a time."""
    for path in segments(folder):
        yield from (frame for frame in frames(_content(path))[0] if frame.head.batch in wanted)


def _content(path: Path) -> bytes:
    """Return a segment's bytes; none when it went to the lake and was removed this moment."""
    with _faults(path.parent), suppress(FileNotFoundError):
        return path.read_bytes()
    return MAGIC


def segments(folder: Path) -> list[Path]:
    """Return the files of a journal, oldest first."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def drop(folder: Path, upto: int) -> int:
    """Remove the segments whose batches are all numbered up to `upto`, but for the newest; return how many.

    Nothing may read them any more: their batches are in the lake.
    """
    gone = 0
    with _faults(folder):
        for path in segments(folder)[:-1]:
            numbers = [frame.head.sequence for frame in frames(path.read_bytes())[0]]
            if max(numbers, default=0) > upto:
                break
            path.unlink()
            gone += 1
        if gone:
            _sync_folder(folder)
    return gone


def claim(root: Path, name: str, **options: float) -> Journal:
    """Open the first free journal below `root` of `name`, `name-2`, `name-3`, ...: one for each process of a host.

    Raises `InputError` for a name that is no plain word, `StorageError`.
    """
    if not name or len(name) > _LONGEST or not all(c.isalnum() or c in "-._" for c in name) or name[0] in ".-":
        raise InputError(
            f"A gate cannot be named {name[:_LONGEST]!r}.", hint="Use letters, digits, dots and hyphens; 60 at most."
        )
    number = 1
    while True:
        try:
            return Journal(root / (name if number == 1 else f"{name}-{number}"), **options)  # type: ignore[arg-type]  # two numbers
        except BusyError:
            number += 1


def _all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _host(folder: Path) -> str:
    """Return the name of the journal's gate, given when the journal is made."""
    path = folder / HOST
    with _faults(folder):
        with suppress(FileNotFoundError):
            return path.read_text()
        name = f"{folder.name}.{secrets.token_hex(2)}"
        begun = path.with_suffix(".new")
        with begun.open("w") as stream:
            stream.write(name)
            stream.flush()
            os.fsync(stream.fileno())
        begun.rename(path)
        _sync_folder(folder)
        _sync_folder(folder.parent)
    return name


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BusyError(
            f"Another process writes to the journal {folder}.", hint="Give each gate its own name: `--name`."
        ) from None
    return descriptor


@contextmanager
def _faults(folder: Path) -> Iterator[None]:
    """Raise the errors of the disk inside the block as `StorageError`."""
    try:
        yield
    except OSError as error:
        raise fault(error, folder) from error
