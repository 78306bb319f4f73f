"""Backups of a whole workspace: made while everything runs on, checked before they are restored."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import msgspec

from ombud import __version__
from ombud.lake.faults import disk_faults
from ombud.lake.ledger_copy import copy_ledger
from ombud.lake.packing import MANIFEST, Manifest, Packed, Vanished, is_tar, packing
from ombud.lake.restore import Restored, restore
from ombud.ledger.keys import MARK
from ombud.model import clock
from ombud.model.errors import BusyError, RefusedError, StorageError
from ombud.records import lake_files, migrate, open_records
from ombud.records.database import SCHEMAS, open_url, schema_of
from ombud.records.dump import TABLES, dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ombud.lake.packing import Packing
    from ombud.model.workspace import Workspace
    from ombud.records import Records
    from ombud.records.lake_files import LakeFile

    Progress = Callable[[int, int | None, str], None]

__all__ = ["BackupReport", "Restored", "UpgradeReport", "backup", "restore", "upgrade"]

_TRIES = 5
_HALF = ".part"
"""Ending of the rejects of an import that is under way."""


class BackupReport(msgspec.Struct, frozen=True):
    """What a backup holds."""

    target: str
    files: int
    bytes: int
    attached: list[str]
    """files of the platform that the lake reads in place: they are not in the backup"""
    with_keys: bool


class UpgradeReport(msgspec.Struct, frozen=True):
    """The schema that the records have now."""

    schema: str


def backup(
    workspace: Workspace, target: Path, *, with_keys: bool = False, progress: Progress | None = None
) -> BackupReport:
    """Write the workspace into a new folder, or into one file when `target` ends in `.tar`.

    The records are those of one moment, and the lake's files are those which
    they list; of the ledger it holds what one checkpoint speaks of, which is
    newer than the records. All goes on being written meanwhile. Nothing is at `target` until
    the backup is whole. The search index of the archive is left out: it is
    derived. `StorageError` when a file of the lake is missing or was changed.
    """
    if target.exists() and (target.is_file() or is_tar(target) or any(target.iterdir())):
        raise RefusedError(f"{target} is there already.", hint="Name a file or folder that is not there.")
    inside = target.expanduser().resolve()
    for folder in (workspace.lake_dir, workspace.ledger_dir, workspace.rejects_dir, workspace.keys_dir):
        if inside.is_relative_to(folder.resolve()):
            raise RefusedError(f"{target} is inside what is to be saved.", hint="Name a place outside the workspace.")
    with open_records(workspace) as records, disk_faults(target.parent):
        for _ in range(_TRIES):
            try:
                return _once(workspace, records, target, with_keys=with_keys, progress=progress)
            except Vanished as gone:
                if _listed(records, gone.path):
                    raise StorageError(
                        f"The lake's file {gone.path} is missing.", hint="`ombud lake check` lists what is wrong."
                    ) from gone
    raise BusyError("The lake changed faster than it could be copied.", hint="Try again when less is written.")


def upgrade(workspace: Workspace) -> UpgradeReport:
    """Bring the records to the present schema, wholly or not at all."""
    migrate(workspace.records_url)
    return UpgradeReport(SCHEMAS[-1])


def _once(
    workspace: Workspace, records: Records, target: Path, *, with_keys: bool, progress: Progress | None
) -> BackupReport:
    with packing(target) as pack:
        files = _sqlite(records, pack) if records.is_sqlite else _dumped(records, pack)
        total = sum(file.bytes for file in files if not file.attached)
        done = 0
        for file in files:
            if not file.attached:
                _lake_file(workspace, pack, file)
                done += file.bytes
                if progress is not None:
                    progress(done, total, "copying the lake")
        copy_ledger(pack, workspace.root, workspace.ledger_dir)
        for name in _others(workspace, with_keys=with_keys):
            try:
                pack.copy(name, workspace.root / name)
            except FileNotFoundError:
                if not name.startswith("rejects/"):  # of an import that did not come to its end
                    raise
        manifest = Manifest(
            made_by=__version__,
            made_at=clock.now(),
            schema=SCHEMAS[-1],
            records="sqlite" if records.is_sqlite else "rows",
            with_keys=with_keys,
            attached=[Packed(f.path, f.bytes, f.sha256) for f in files if f.attached],
            files=list(pack.files),
        )
        pack.write(MANIFEST, [json.dumps(msgspec.to_builtins(manifest), indent=1).encode()])
    return BackupReport(
        target=str(target),
        files=len(manifest.files),
        bytes=sum(file.bytes for file in manifest.files),
        attached=[file.path for file in manifest.attached],
        with_keys=with_keys,
    )


def _sqlite(records: Records, pack: Packing) -> list[LakeFile]:
    """Copy the records' file as it is at one moment; return the lake's files of that moment."""
    copy = pack.scratch / "records.sqlite"
    raw = records.engine.raw_connection()
    try:
        source = raw.driver_connection
        if not isinstance(source, sqlite3.Connection):
            raise TypeError(type(source))
        target = sqlite3.connect(copy, isolation_level=None)
        try:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            target.execute("DELETE FROM staff_session")  # a restored backup signs nobody in
        finally:
            target.close()
    finally:
        raw.close()
    pack.copy("records.sqlite", copy)
    with open_url(f"sqlite:///{copy}") as frozen, frozen.read() as tx:
        return lake_files.every(tx)


def _dumped(records: Records, pack: Packing) -> list[LakeFile]:
    """Write every row of the records as they are at one moment; return the lake's files of that moment."""
    with records.read() as tx:
        if schema_of(tx) != SCHEMAS[-1]:
            raise BusyError("The records are being upgraded.", hint="Try again when that is done.")
        for table in TABLES:
            pack.write(f"records/{table}.ndjson", dump(tx, table))
        return lake_files.every(tx)


def _lake_file(workspace: Workspace, pack: Packing, file: LakeFile) -> None:
    packed = pack.copy(f"lake/{file.path}", workspace.lake_dir / file.path, known=file.path)
    if packed.sha256 != file.sha256:
        raise StorageError(
            f"The lake's file {file.path} was changed after it was written; no backup was made.",
            hint="`ombud lake check` lists what is wrong.",
        )


def _others(workspace: Workspace, *, with_keys: bool) -> Iterator[str]:
    """Return the names of the other files: settings, rejects, and keys but for the ledger's mark of its size."""
    yield "ombud.toml"
    for folder in [workspace.rejects_dir, *([workspace.keys_dir] if with_keys else [])]:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink() and file.suffix != _HALF and file.name != MARK:
                yield str(file.relative_to(workspace.root))


def _listed(records: Records, path: str) -> bool:
    with records.read() as tx:
        return any(file.path == path for file in lake_files.every(tx))
