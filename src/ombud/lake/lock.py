"""One writer at a time: a lock that the kernel lets go when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ombud.lake.faults import disk_faults
from ombud.model import clock
from ombud.model.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["writer_lock"]

_POLL = 0.05


@contextmanager
def writer_lock(lake_dir: Path, wait: float) -> Iterator[None]:
    """Hold the lake's writer lock inside the block.

    Waits `wait` seconds for another writer, then raises `BusyError` that names
    it by process, command and start. Readers need no lock.
    """
    path = lake_dir / ".lock"
    with disk_faults(lake_dir):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(descriptor, wait)
        holder = {"pid": os.getpid(), "command": _command(), "since": clock.now().isoformat(timespec="seconds")}
        with disk_faults(lake_dir):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, wait: float) -> None:
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise BusyError(
                    f"Another process is writing to this workspace: {_holder(descriptor)}.",
                    hint="Wait until it is done, or end it; nothing is lost.",
                ) from None
            time.sleep(_POLL)
        else:
            return


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        return "it started this moment"
    return f"process {holder['pid']} (`{holder['command']}`), since {holder['since']}"


def _command() -> str:
    """Return the program and its command's first word: an argument may name a person."""
    words = [word for word in sys.argv[1:] if word.isalpha()][:1]
    return " ".join([Path(sys.argv[0] or "python").name, *words])[:80]
