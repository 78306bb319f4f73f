"""Several syncs at a time without a thread for each: the kernel is asked for all at once, by Linux's own queue.

Threads of Python's cost more than the syncs: each one that ends must wait for
the interpreter's lock, which the thread that decides reads needs as well. The
calls are those of `io_submit(2)`; where they are missing, threads do it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
import threading
from functools import cache

__all__ = ["MOST", "KernelSyncs", "kernel_syncs"]

MOST = 128
"""Syncs under way at a time, at most; for those beyond it the caller waits one by one."""
_CALLS = {"x86_64": (206, 208, 209), "aarch64": (0, 4, 2)}
"""By machine, the numbers of `io_setup`, `io_getevents` and `io_submit`."""
_FSYNC = 2
_NOT_HERE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""What a file system answers that does not sync in this way; it says nothing of the disk."""


class _Order(ctypes.Structure):
    """`struct iocb` of a machine that is little-endian."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("key", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("operation", ctypes.c_uint16),
        ("priority", ctypes.c_int16),
        ("descriptor", ctypes.c_uint32),
        ("buffer", ctypes.c_uint64),
        ("length", ctypes.c_uint64),
        ("offset", ctypes.c_int64),
        ("reserved", ctypes.c_uint64),
        ("more_flags", ctypes.c_uint32),
        ("event", ctypes.c_uint32),
    )


class _Done(ctypes.Structure):
    """`struct io_event`."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("order", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("more", ctypes.c_int64),
    )


class KernelSyncs:
    """A queue of the kernel's until the process ends. Safe between threads; a forked process syncs one by one."""

    def __init__(self) -> None:
        """Ask for a queue. Raises `OSError` where there is none."""
        numbers = _CALLS.get(platform.machine()) if sys.platform == "linux" and sys.byteorder == "little" else None
        if numbers is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        setup, self._wait_number, self._submit_number = numbers
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        self._queue = ctypes.c_ulong(0)
        self._lock = threading.Lock()
        self._round = 0
        """number of the call, so that the end of a sync is never taken for one of a later call"""
        self._orders = (_Order * MOST)()
        self._places = (ctypes.POINTER(_Order) * MOST)(*map(ctypes.pointer, self._orders))
        self._done = (_Done * MOST)()
        if self._call(ctypes.c_long(setup), ctypes.c_long(MOST), ctypes.byref(self._queue)):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def sync(self, descriptors: list[int]) -> None:
        """Make files and folders durable. Every sync has ended when this returns, or raises the first `OSError`."""
        with self._lock:
            taken = self._submit(descriptors[:MOST])
            ended = self._wait(taken)
        failed = [number for number in ended.values() if number and number not in _NOT_HERE]
        again = [descriptors[at] for at, number in ended.items() if number in _NOT_HERE]
        for descriptor in (*again, *descriptors[taken:]):  # what the queue did not take, or could not do
            try:
                os.fsync(descriptor)
            except OSError as error:
                failed.append(error.errno or errno.EIO)
        if failed:
            raise OSError(failed[0], os.strerror(failed[0]))

    def _submit(self, descriptors: list[int]) -> int:
        """Queue syncs; return how many were taken."""
        self._round += 1
        for at, (order, descriptor) in enumerate(zip(self._orders, descriptors, strict=False)):
            order.operation, order.descriptor, order.data = _FSYNC, descriptor, self._round * MOST + at
        number = ctypes.c_long(len(descriptors))
        return max(0, int(self._call(ctypes.c_long(self._submit_number), self._queue, number, self._places)))

    def _wait(self, count: int) -> dict[int, int]:
        """Wait until the first `count` syncs of this round have ended; return by place the number of the error, or 0.

        Ends of syncs of an earlier round, whose caller was interrupted, are passed over.
        """
        ended: dict[int, int] = {}
        while len(ended) < count:
            rest = ctypes.c_long(1)
            came = int(
                self._call(ctypes.c_long(self._wait_number), self._queue, rest, ctypes.c_long(MOST), self._done, None)
            )
            if came < 0 and ctypes.get_errno() != errno.EINTR:
                return dict.fromkeys(range(count), errno.EIO)  # nothing is known of the syncs any more
            for done in self._done[: max(0, came)]:
                if done.data // MOST == self._round:
                    ended[done.data % MOST] = -done.result
        return ended


@cache
def kernel_syncs() -> KernelSyncs | None:
    """Return this process's queue; None where the kernel has none."""
    try:
        return KernelSyncs()
    except OSError:
        return None


os.register_at_fork(after_in_child=kernel_syncs.cache_clear)
