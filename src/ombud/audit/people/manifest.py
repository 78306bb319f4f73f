"""Which files of the lake the kept sets were made from: a file that is written whole, or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ombud.lake.files import sync_folder
from ombud.records import lake_files

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from ombud.records.lake_files import LakeFile

__all__ = ["SOURCES", "Manifest", "Part", "Source", "Wanted", "read_manifest", "wanted", "write_manifest"]

SOURCES = ("reads", "grants")
"""The tables that the sets are made from."""
_FORMAT = 2
_NAME = "manifest.json"
_NAMED = ("_ids/account", "_ids/app")


class Source(msgspec.Struct, frozen=True, order=True):
    """One file of the lake, by what is in it."""

    table: str
    path: str
    sha256: str
    attachment: str | None = None
    """for an attached file: which attachment brought it, with its mapping"""


class Part(msgspec.Struct, frozen=True):
    """One file of sets, and what it was made from."""

    name: str
    bytes: int
    sources: list[Source]
    names: list[str] = []
    """hashes of the dictionaries' files, when an attached file is in: one of them goes when a person is erased"""


class Manifest(msgspec.Struct, frozen=True):
    """All files of sets that count."""

    format: int = _FORMAT
    parts: list[Part] = []

    @property
    def sources(self) -> set[Source]:
        """Return every file of the lake that is in."""
        return {source for part in self.parts for source in part.sources}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The lake's files of one moment."""

    files: dict[str, list[LakeFile]]
    """by table, dictionaries among them"""
    sources: dict[Source, LakeFile]
    names: list[str]
    """hashes of the dictionaries' files"""

    def fits(self, part: Part) -> bool:
        """Say whether all that a part was made from is in the lake as it was."""
        return all(source in self.sources for source in part.sources) and set(part.names) <= set(self.names)


def wanted(tx: Connection) -> Wanted:
    """Return the files that the sets are to be made from now."""
    files = {name: lake_files.visible(tx, name) for name in lake_files.tables(tx)}
    sources = {
        Source(name, file.path, file.sha256, file.import_id if file.attached else None): file
        for name in SOURCES
        for file in files.get(name, [])
    }
    return Wanted(files, sources, [file.sha256 for name in _NAMED for file in files.get(name, [])])


def read_manifest(folder: Path) -> Manifest:
    """Return what is kept in a folder; nothing when there is none, or none that this release reads."""
    try:
        found = msgspec.json.decode((folder / _NAME).read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return Manifest()
    return found if found.format == _FORMAT else Manifest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the last one; it is on the disk on return."""
    new = folder / f"{_NAME}.new"
    with new.open("wb") as stream:
        stream.write(msgspec.json.encode(manifest))
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(folder)
    new.rename(folder / _NAME)
    sync_folder(folder)
