"""A disk in memory that remembers what was made durable, and shows what could be left after the power fails.

It promises no more than POSIX does: a file's bytes are safe after its sync, a name after its folder's. All else may
be there, be missing, come in another order or be torn. A rename happens wholly or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

SECTOR = 512


class KilledError(BaseException):
    """The process is no more; what it wrote is still in the machine's memory."""


@dataclass(eq=False)
class File:
    data: bytes = b""
    safe: bytes | None = None
    """what the last sync made durable; None before the first"""
    dirty: bool = False
    """whether anything was written since"""


@dataclass(eq=False)
class Folder:
    names: dict[str, File | Folder] = field(default_factory=dict)
    safe: dict[str, File | Folder] = field(default_factory=dict)
    """the names that the last sync made durable"""


@dataclass(eq=False)
class Change:
    """A change of names that is not durable yet: (folder, name, what it stands for from then on; None: nothing)."""

    parts: list[tuple[Folder, str, File | Folder | None]]


class MemoryDisk:
    """A disk on which every step counts: `steps` grows with each, and `watch` is called after each."""

    def __init__(self, root: Folder | None = None) -> None:
        self.root = root or Folder()
        self.pending: list[Change] = []
        self.steps = 0
        self.watch: Callable[[], None] = lambda: None
        self.kill_at: int | None = None
        self.seen: list[tuple[int, bytes]] = []
        """each checkpoint that readers could see, with the step from which on"""
        self.full = 10**12
        """bytes that may still be written"""
        self.broken: Callable[[str, Path], None] = lambda *_: None
        """raises what the disk says when it fails"""

    # What the ledger calls ----------------------------------------------------

    def read(self, path: Path) -> bytes:
        found = self._find(path)
        if not isinstance(found, File):
            raise FileNotFoundError(2, "No such file", str(path))
        return found.data

    def names(self, folder: Path) -> list[str]:
        found = self._find(folder)
        return sorted(found.names) if isinstance(found, Folder) else []

    def is_folder(self, path: Path) -> bool:
        return isinstance(self._find(path), Folder)

    def make_folder(self, folder: Path) -> None:
        self.broken("make", folder)
        parent = self._folder(folder.parent)
        if folder.name not in parent.names:
            self._name(Change([(parent, folder.name, Folder())]))

    def write_files(
        self, files: Sequence[tuple[Path, bytes]], *, folders: Iterable[Path] = (), private: bool = False
    ) -> None:
        del private
        for path, data in files:
            file = self._created(path)
            file.dirty = True
            file.data = data[: len(data) // 2]
            self._step()
            self.broken("write", path)
            self.full -= len(data)
            if self.full < 0:
                raise OSError(28, "No space left on device")
            file.data = data
            self._step()
        for path, _ in files:
            self._sync_file(path)
        self.sync_folders(folders)

    def sync_file(self, path: Path) -> None:
        self._sync_file(path)

    def sync_folders(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            self._sync_folder(folder)

    def rename(self, old: Path, new: Path) -> None:
        self.broken("rename", new)
        before, after = self._folder(old.parent), self._folder(new.parent)
        item = before.names[old.name]
        taken = after.names.get(new.name)
        assert not (isinstance(taken, Folder) and taken.names), "a folder that is not empty is in the way"
        if new.name == "checkpoint" and isinstance(item, File):
            self.seen.append((self.steps, item.data))  # from this very step on
        self._name(Change([(before, old.name, None), (after, new.name, item)]))

    def remove(self, path: Path) -> None:
        parent = self._folder(path.parent)
        if not isinstance(parent.names.get(path.name), File):
            raise FileNotFoundError(2, "No such file", str(path))
        self._name(Change([(parent, path.name, None)]))

    def remove_folder(self, folder: Path) -> None:
        found = self._find(folder)
        if not isinstance(found, Folder):
            raise FileNotFoundError(2, "No such folder", str(folder))
        if found.names:
            raise OSError(39, "Directory not empty")
        self._name(Change([(self._folder(folder.parent), folder.name, None)]))

    def note(self, path: Path, data: bytes) -> None:
        file = self._created(path)
        file.data, file.dirty = data, True
        self._step()

    def lock(self, path: Path) -> NoLock:
        self._created(path)
        return NoLock()

    # What makes bytes and names durable ---------------------------------------

    def _sync_file(self, path: Path) -> None:
        self.broken("sync", path)
        file = self._find(path)
        assert isinstance(file, File)
        file.safe, file.dirty = file.data, False
        self._step()

    def _sync_folder(self, path: Path) -> None:
        self.broken("sync", path)
        folder = self._folder(path)
        for change in [c for c in self.pending if any(where is folder for where, _, _ in c.parts)]:
            self.pending.remove(change)
            apply(change, lambda where: where.safe)
        self._step()

    # The parts ------------------------------------------------------------------

    def _find(self, path: Path) -> File | Folder | None:
        item: File | Folder | None = self.root
        for part in path.parts[1:]:
            item = item.names.get(part) if isinstance(item, Folder) else None
        return item

    def _folder(self, path: Path) -> Folder:
        found = self._find(path)
        if not isinstance(found, Folder):
            raise FileNotFoundError(2, "No such folder", str(path))
        return found

    def _created(self, path: Path) -> File:
        """Open a file to write it from its beginning: one that is there is emptied, and keeps its name."""
        parent = self._folder(path.parent)
        there = parent.names.get(path.name)
        if isinstance(there, File):
            return there
        file = File()
        self._name(Change([(parent, path.name, file)]))
        return file

    def _name(self, change: Change) -> None:
        apply(change, lambda where: where.names)
        self.pending.append(change)
        self._step()

    def _step(self) -> None:
        self.steps += 1
        self.watch()
        if self.kill_at is not None and self.steps >= self.kill_at:
            self.kill_at = None
            raise KilledError

    # After the power failed -----------------------------------------------------

    def copy(self) -> MemoryDisk:
        """Return the same disk once more, of which everything is durable."""
        return MemoryDisk(_twin(self.root))

    def after_power_cut(self, rng: random.Random) -> MemoryDisk:
        """Return a disk that this one could be when the machine starts again."""
        survived = _survivors(self.pending, rng)
        fate = rng.choice(("lost", "kept", "torn", "mixed"))
        known: dict[int, File | Folder] = {}
        folders: list[tuple[Folder, Folder]] = []

        def copied(item: File | Folder) -> File | Folder:
            if id(item) not in known:
                if isinstance(item, Folder):
                    twin = Folder()
                    known[id(item)] = twin
                    folders.append((item, twin))
                    twin.names = {name: copied(inner) for name, inner in item.safe.items()}
                else:
                    data = _left(item, fate, rng)
                    known[id(item)] = File(data, data)
            return known[id(item)]

        root = copied(self.root)
        assert isinstance(root, Folder)
        for change in survived:
            parts = [
                (where, name, None if item is None else copied(item))
                for old, name, item in change.parts
                if isinstance(where := copied(old), Folder)
            ]
            apply(Change(parts), lambda where: where.names)
        for _, twin in folders:
            twin.safe = dict(twin.names)
        return MemoryDisk(root)


def _twin(folder: Folder) -> Folder:
    names: dict[str, File | Folder] = {}
    for name, item in folder.names.items():
        names[name] = _twin(item) if isinstance(item, Folder) else File(item.data, item.data)
    return Folder(names, dict(names))


class NoLock:
    """A lock on a disk that nobody else can reach."""

    def close(self) -> None:
        """Do nothing."""


def apply(change: Change, side: Callable[[Folder], dict[str, File | Folder]]) -> None:
    """Make the change in the names that `side` chooses."""
    for folder, name, item in change.parts:
        if item is None:
            side(folder).pop(name, None)
        else:
            side(folder)[name] = item


def _survivors(pending: list[Change], rng: random.Random) -> list[Change]:
    """Return which changes of names reached the disk: none, all, the first ones, or any."""
    fate = rng.choice(("none", "all", "first", "any", "any"))
    if fate == "none":
        return []
    if fate == "all":
        return list(pending)
    if fate == "first":
        return pending[: rng.randint(0, len(pending))]
    return [change for change in pending if rng.random() < 0.5]


def _left(file: File, fate: str, rng: random.Random) -> bytes:
    """Return what is left of a file's bytes."""
    if not file.dirty:
        return file.safe or b""
    before, now = file.safe or b"", file.data
    chosen = rng.choice(("lost", "kept", "torn", "sectors", "empty")) if fate == "mixed" else fate
    if chosen == "lost":
        return before
    if chosen == "kept":
        return now
    if chosen == "empty":
        return b""
    if chosen == "torn":
        return now[: rng.randint(0, len(now))]
    pieces = []
    for at in range(0, len(now), SECTOR):
        piece = now[at : at + SECTOR]
        old = before[at : at + len(piece)].ljust(len(piece), b"\0")
        pieces.append(rng.choice((piece, old, bytes(len(piece)))))
    return b"".join(pieces)
