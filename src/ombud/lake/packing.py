"""Writing a backup: files with their hashes into a folder or a tar file, in place only when whole."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import msgspec

from ombud.lake.files import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["MANIFEST", "Hashed", "Manifest", "Packed", "Packing", "Vanished", "is_tar", "packing"]

MANIFEST = "manifest.json"


class Packed(msgspec.Struct, frozen=True):
    """One file of a backup."""

    path: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself."""

    format: Literal["ombud-backup-1"] = "ombud-backup-1"
    made_by: str
    """the version of Ombud"""
    made_at: datetime
    schema: str
    records: Literal["sqlite", "rows"]
    """a SQLite file, or every row of a PostgreSQL database as JSON lines"""
    with_keys: bool
    attached: list[Packed]
    """files that stay where the platform keeps them"""
    files: list[Packed]


class Vanished(Exception):  # noqa: N818 - not an error: the file was replaced while we read
    """A file of the lake is gone."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(path)


class Hashed(io.RawIOBase):
    """A stream that hashes what is read from it, and ends after `size` bytes."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        super().__init__()
        self._stream, self._left, self._digest = stream, size, hashlib.sha256()

    def readable(self) -> bool:
        """Return true."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes."""
        chunk = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(chunk)
        self._digest.update(chunk)
        return chunk

    @property
    def sha256(self) -> str:
        """Return the hash of what was read so far."""
        return self._digest.hexdigest()


class Packing:
    """A backup in the making: `scratch` is a folder beside it for what is not a file yet."""

    def __init__(self, scratch: Path, folder: Path | None, tar: tarfile.TarFile | None) -> None:
        self.scratch = scratch
        self.files: list[Packed] = []
        self._folder, self._tar = folder, tar

    def copy(self, name: str, source: Path, *, known: str | None = None) -> Packed:
        """Take the file `source` in as `name`; `Vanished` when it is gone and the records know it as `known`."""
        try:
            stream = source.open("rb")
        except FileNotFoundError:
            if known is None:
                raise
            raise Vanished(known) from None
        with stream:
            size = os.fstat(stream.fileno()).st_size  # a file that grows is taken as it is now
            return self._put(name, stream, size)

    def write(self, name: str, chunks: Iterable[bytes]) -> Packed:
        """Take these bytes in as `name`."""
        with tempfile.TemporaryFile(dir=self.scratch) as stream:
            for chunk in chunks:
                stream.write(chunk)
            size = stream.tell()
            stream.seek(0)
            return self._put(name, stream, size)

    def _put(self, name: str, stream: IO[bytes], size: int) -> Packed:
        hashed = Hashed(stream, size)
        if self._tar is not None:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = size, 0o600
            self._tar.addfile(entry, hashed)
        elif self._folder is not None:
            target = self._folder / name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with target.open("xb") as out:
                shutil.copyfileobj(hashed, out, 1 << 20)
                out.flush()
                os.fsync(out.fileno())
        packed = Packed(name, size, hashed.sha256)
        self.files.append(packed)
        return packed


def is_tar(target: Path) -> bool:
    """Return whether a backup of this name is one file."""
    return target.suffix == ".tar"


@contextmanager
def packing(target: Path) -> Iterator[Packing]:
    """Make a backup at `target`: a tar file or a folder, only its owner's, renamed into place at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        whole = scratch / "whole"
        if is_tar(target):
            with whole.open("xb") as out:
                whole.chmod(0o600)
                with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
                    yield Packing(scratch, None, tar)
                out.flush()
                os.fsync(out.fileno())
        else:
            whole.mkdir(mode=0o700)
            yield Packing(scratch, whole, None)
            for folder in [whole, *(path for path in whole.rglob("*") if path.is_dir())]:
                sync_folder(folder)
        whole.rename(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(scratch)
