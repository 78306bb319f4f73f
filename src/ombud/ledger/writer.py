"""The log's one writer: an entry is acknowledged when it would survive a crash, many at a time.

What is handed in while a commit is under way makes the next commit. A commit is, in this order and each step
synced before the next: bundles and tiles, `checkpoint.next`, its name; then it is renamed to `checkpoint`, and
only then is anybody told. Partial files go when the full one is in force, not before.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from ombud.ledger.bundles import MAX_ENTRY_BYTES, decode_bundle
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.disk import SyncError, disk_faults, fault
from ombud.ledger.entries import EntryTooLargeError
from ombud.ledger.growth import Growth, grown
from ombud.ledger.notes import parse_note, sign_note
from ombud.ledger.opening import Opened, open_state
from ombud.ledger.recovery import CHECKPOINT, NEXT, Signed
from ombud.ledger.rotation import finish_rotation, key_entry, prepare_rotation
from ombud.ledger.tiles import TILE_WIDTH, Place
from ombud.model.errors import InputError, RefusedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ombud.ledger.disk import Disk
    from ombud.ledger.notes import Signer
    from ombud.model.workspace import Workspace

__all__ = ["Ledger", "open_ledger"]

_GROUP_ENTRIES, _GROUP_BYTES = 65_536, 64 << 20
"""About how much one commit takes; a single call is never cut."""
_KNOWN_FOLDERS = 1_000
_SWEPT = 8
"""Superfluous files that are removed after a commit: each costs the disk a moment, and up to 510 come at once."""


class Ledger:
    """The open ledger of a folder; this process is its only writer until it is closed. Safe between threads."""

    def __init__(self, opened: Opened) -> None:
        """Take what `open_state` found; use `Ledger.open`."""
        self.folder = opened.folder
        self._disk = opened.disk
        self._keyring = opened.keyring
        self._signer = opened.signer
        self._frontier = opened.frontier
        self._note = opened.note
        self._lock = opened.lock
        self._durable = set(opened.folders)
        self._filled: list[Growth] = []
        self._superfluous: deque[tuple[Path, list[str]]] = deque()
        """folders of partial files whose full one is in force, with the names that are left in them"""
        self._pid = os.getpid()
        self._queue: deque[tuple[Sequence[bytes], Future[int]]] = deque()
        self._wake = threading.Condition()
        self._committing = threading.Lock()
        self._failed: StorageError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, folder: Path, keys: Path, *, origin: str | None = None, disk: Disk | None = None) -> Ledger:
        """Open the log in `folder` with the key in the folder `keys`; make both when there is nothing yet.

        Whatever a crash left is put right first. Raises `BusyError` when another process has it open, naming it;
        `KeyLostError`, `DamagedError`, `RolledBackError`; `RefusedError` when the log has another `origin`;
        `StorageError` when the disk fails.
        """
        return cls(open_state(folder, keys, origin=origin, disk=disk))

    @property
    def size(self) -> int:
        """The number of entries that are durable."""
        return self._frontier.size

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._signer.name

    @property
    def vkey(self) -> str:
        """The key that checkpoints are signed with, as outsiders need it."""
        return self._signer.vkey

    def checkpoint(self) -> bytes:
        """Return the checkpoint in force, signed."""
        return self._note

    def append(self, entries: Sequence[bytes]) -> int:
        """Append entries, one after the other, and return the index of the first once all are durable.

        They are kept as they are, and not read again here: that would cost twice what an append does, and
        `encode_entry`, which makes them, has refused what is none. Bytes from elsewhere that are no entry would stay
        for ever, shown as unreadable and named by each check.

        Raises `InputError` for none or an empty one, `EntryTooLargeError`, `StorageError` when they may not be
        durable: then they may be in the log or not.
        """
        return self.submit(entries).result()

    def submit(self, entries: Sequence[bytes]) -> Future[int]:
        """Do the same without waiting; the future has the index, or the error."""
        for entry in entries:
            if not 0 < len(entry) <= MAX_ENTRY_BYTES:
                raise EntryTooLargeError(f"An entry has 1 to {MAX_ENTRY_BYTES:,} bytes, not {len(entry):,}.")
        if not entries:
            raise InputError("There is nothing to append.")
        future: Future[int] = Future()
        with self._wake:
            self._check()
            self._queue.append((entries, future))
            self._wake.notify()
        return future

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the durable entries from `start` up to `stop`, bundle by bundle."""
        size = self.size
        stop = size if stop is None else min(stop, size)
        for index in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)):
            first = index * TILE_WIDTH
            with disk_faults(self.folder):
                bundle = self._bundle(index, min(TILE_WIDTH, size - first))
            yield from bundle[max(0, start - first) : stop - first]

    def close(self) -> None:
        """Finish what was handed in, and let the folder go."""
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify()
        if os.getpid() == self._pid:
            self._thread.join()
            self._tidy()
            with suppress(OSError):
                self._sweep(len(self._superfluous) * TILE_WIDTH)
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rotate(self, reason: str) -> str:
        """Change the log's key and return the new vkey; from then on only the new key signs.

        Raises `StorageError`: opening the ledger again then finishes the change or undoes it.
        """
        with self._wake:
            self._check()
        with self._committing, disk_faults(self.folder):
            following = prepare_rotation(self._keyring, self.origin)
            entry = key_entry(self.vkey, following.vkey, reason)
            self.commit([entry], (self._signer, following))
            try:
                checkpoint = Checkpoint.parse(parse_note(self._note).text)
                signed = Signed(self._note, checkpoint, frozenset([following.verifier.key_id]))
                self._signer = finish_rotation(
                    self._disk, self.folder, self._keyring, signed, [self._signer, following]
                )
            except OSError as error:
                raise self._fail(error) from error
        return self.vkey

    # The thread that commits --------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closed:
                    self._wake.wait()
                group = self._take()
            if not group:
                return
            with self._committing:
                self._settle(group)
                try:
                    self._tidy()
                except BaseException:  # noqa: BLE001 - whoever comes next must hear of it
                    self._failed = _stopped()

    def _take(self) -> list[tuple[Sequence[bytes], Future[int]]]:
        group: list[tuple[Sequence[bytes], Future[int]]] = []
        count = length = 0
        while self._queue and count < _GROUP_ENTRIES and length < _GROUP_BYTES:
            group.append(self._queue.popleft())
            count += len(group[-1][0])
            length += sum(map(len, group[-1][0]))
        return group

    def _settle(self, group: list[tuple[Sequence[bytes], Future[int]]]) -> None:
        """Commit a group and tell those who wait."""
        wanted = [(entries, future) for entries, future in group if future.set_running_or_notify_cancel()]
        if not wanted:
            return
        first = self.size
        try:
            self.commit([entry for entries, _ in wanted for entry in entries], (self._signer,))
        except StorageError as error:
            for _, future in wanted:
                future.set_exception(StorageError(error.message, hint=error.hint))
            return
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
            self._failed = _stopped()
            for _, future in wanted:
                future.set_exception(error)
            return
        for entries, future in wanted:
            future.set_result(first)
            first += len(entries)

    def commit(self, entries: Sequence[bytes], signers: Sequence[Signer]) -> None:
        """Make entries durable under a checkpoint by `signers`; for the committing thread and for a change of keys."""
        if self._failed:
            raise self._failed
        growth = grown(self._frontier, entries)
        checkpoint = Checkpoint(self.origin, growth.after.size, growth.after.root())
        note = sign_note(checkpoint.text(), signers)
        files = [(self.folder / place.path, data) for place, data in growth.files]
        try:
            self._write(files)
        except OSError as error:
            if isinstance(error, SyncError):
                raise self._fail(error) from error
            self._undo(files)  # nothing points to these files: the log is as before, and can go on
            raise fault(error, self.folder) from error
        try:
            self._disk.write_files([(self.folder / NEXT, note)], folders=[self.folder])
            self._disk.rename(self.folder / NEXT, self.folder / CHECKPOINT)
            self._disk.sync_folders([self.folder])
        except OSError as error:
            raise self._fail(error) from error
        self._frontier, self._note = growth.after, note
        self._filled.append(growth)

    def _fail(self, error: OSError) -> StorageError:
        """Refuse everything from now on: what the disk holds is known again when the ledger is opened again."""
        said = fault(error, self.folder)
        self._failed = StorageError(said.message, hint=f"{said.hint} Then open the ledger again.")
        return self._failed

    def _write(self, files: list[tuple[Path, bytes]]) -> None:
        """Write files and make them and their names durable."""
        changed = {path.parent for path, _ in files}
        for folder in list(changed):
            changed |= self._make(folder)
        self._disk.write_files(files, folders=sorted(changed))
        if len(self._durable) > _KNOWN_FOLDERS:
            self._durable = {self.folder}
        self._durable |= changed

    def _make(self, folder: Path) -> set[Path]:
        """Make a folder that is not known to be durable, and those above it; return where a name is new."""
        above: set[Path] = set()
        if folder not in self._durable and folder != self.folder:
            above = {folder.parent} | self._make(folder.parent)
            self._disk.make_folder(folder)
        return above

    def _undo(self, files: list[tuple[Path, bytes]]) -> None:
        for path, _ in files:
            with suppress(OSError):
                self._disk.remove(path)

    def _tidy(self) -> None:
        """Do what nobody has to wait for after a commit."""
        filled, self._filled = self._filled, []
        with suppress(OSError):
            self._keyring.mark(self.origin, self.size)
        with suppress(OSError):
            for growth in filled:
                self._clear(growth)
            self._sweep()

    def _clear(self, growth: Growth) -> None:
        """Begin to remove the partial files of what is full now, which is in force."""
        for place in growth.filled:
            partial = self.folder / f"{place.path}.p"
            self._superfluous.append((partial, self._disk.names(partial)))
            self._durable.discard(partial)
            self._sweep()

    def _sweep(self, most: int = _SWEPT) -> None:
        """Remove up to `most` superfluous files; what is left when the machine stops goes at the next opening."""
        while self._superfluous and most > 0:
            folder, names = self._superfluous[0]
            while names and most > 0:
                self._disk.remove(folder / names.pop())
                most -= 1
            if not names:
                self._superfluous.popleft()
                self._disk.remove_folder(folder)

    def _bundle(self, index: int, width: int) -> list[bytes]:
        """Return a bundle that is durable; a partial one may have become full meanwhile."""
        try:
            return decode_bundle(self._disk.read(self.folder / Place(None, index, width).path), width)
        except FileNotFoundError:
            return decode_bundle(self._disk.read(self.folder / Place(None, index).path))

    def _check(self) -> None:
        if self._closed:
            raise RefusedError("The ledger is closed.", hint="Open it again.")
        if os.getpid() != self._pid:
            raise RefusedError("The ledger was opened before this process was forked.", hint="Open it in this process.")
        if self._failed:
            raise StorageError(self._failed.message, hint=self._failed.hint)


def _stopped() -> StorageError:
    return StorageError("The ledger's writer stopped.", hint="Open the ledger again.")


def open_ledger(workspace: Workspace, *, disk: Disk | None = None) -> Ledger:
    """Open the ledger of a workspace; errors as for `Ledger.open`."""
    return Ledger.open(workspace.ledger_dir, workspace.keys_dir, origin=workspace.settings.ledger_origin, disk=disk)
