"""Restoring a backup: every hash is checked before anything is where it will be."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

import msgspec

from ombud.lake.faults import disk_faults
from ombud.lake.files import sync_folder
from ombud.lake.packing import MANIFEST, Hashed, Manifest, Packed
from ombud.ledger.opening import RESTORED
from ombud.ledger.recovery import CHECKPOINT
from ombud.model.errors import InputError, NotFoundError, RefusedError
from ombud.model.workspace import Workspace
from ombud.records import migrate
from ombud.records.database import SCHEMAS, open_url
from ombud.records.dump import TABLES, load, refuse_unless_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[int, int | None, str], None]
    Reader = Callable[[str], IO[bytes]]

__all__ = ["Restored", "restore"]

_FOLDERS = ("lake", "ledger", "keys", "rejects")


class Restored(msgspec.Struct, frozen=True):
    """What was restored."""

    workspace: str
    files: int
    bytes: int
    made_by: str
    """the version of Ombud that made the backup"""
    schema: str
    attached: list[str]
    """files that the lake reads where the platform keeps them: see that they are there"""
    with_keys: bool


def restore(source: Path, root: Path, *, progress: Progress | None = None) -> Restored:
    """Make the workspace `root` from the backup `source`, a folder or a tar file.

    All is copied beside `root` and its hashes compared; only then is it renamed
    into place in one step. Rows of a PostgreSQL database go into the one that
    `records_url` names, which must be empty. The ledger can be read at once, but
    takes new entries only after `ombud ledger resume`: what was written to it
    after the backup must not be contradicted. `RefusedError` when `root` is not
    empty, `InputError` when the backup is damaged: nothing is changed then.
    """
    root = root.expanduser().resolve()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise RefusedError(f"{root} is not empty.", hint="Name a folder that is not there, or an empty one.")
    if source.exists() and not (source.is_dir() or source.is_file()):
        raise InputError(f"{source} is neither a file nor a folder.", hint="Write the backup to a file first.")
    with disk_faults(root.parent):
        root.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
        try:
            manifest = _take_out(source, staging, progress)
            _finish(manifest, staging, root, source)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Restored(
        workspace=str(root),
        files=len(manifest.files),
        bytes=sum(file.bytes for file in manifest.files),
        made_by=manifest.made_by,
        schema=manifest.schema,
        attached=[file.path for file in manifest.attached],
        with_keys=manifest.with_keys,
    )


def _take_out(source: Path, staging: Path, progress: Progress | None) -> Manifest:
    """Copy every file of the backup into `staging`, and compare its hash."""
    with _reading(source) as read:
        manifest = _manifest(read, source)
        total, done = sum(file.bytes for file in manifest.files), 0
        for file in manifest.files:
            _copy(read, file, staging, source)
            done += file.bytes
            if progress is not None:
                progress(done, total, "checking and copying")
    return manifest


def _finish(manifest: Manifest, staging: Path, root: Path, source: Path) -> None:
    """Make a workspace of what was copied, and rename it into place."""
    rows = staging / "records"
    aside = Path(tempfile.mkdtemp(prefix=f".{root.name}.rows.", dir=root.parent))
    try:
        if manifest.records == "rows":
            rows.rename(aside / "records")
        for name in _FOLDERS:
            (staging / name).mkdir(exist_ok=True)
        (staging / "keys").chmod(0o700)
        _stop_ledger(manifest, staging / "ledger")
        staging.chmod(0o755)
        for folder in [staging, *(path for path in staging.rglob("*") if path.is_dir())]:
            sync_folder(folder)
        if manifest.records == "rows":
            _load(manifest, aside / "records", staging, root)
        else:
            if not Workspace.open(staging).records_url.startswith("sqlite"):
                raise RefusedError(
                    f"{source} holds a SQLite file, but `records_url` names another database.",
                    hint="Unset OMBUD_RECORDS_URL.",
                )
            _place(staging, root)
    finally:
        shutil.rmtree(aside)


def _stop_ledger(manifest: Manifest, folder: Path) -> None:
    """Have the ledger sign nothing until somebody has said that it is its newest state."""
    if (folder / CHECKPOINT).exists():
        with (folder / RESTORED).open("w") as out:
            out.write(f"from a backup of {manifest.made_at.isoformat()}\n")
            out.flush()
            os.fsync(out.fileno())


def _load(manifest: Manifest, rows: Path, staging: Path, root: Path) -> None:
    """Fill the database in one transaction that ends when the files are in place."""
    if manifest.schema != SCHEMAS[-1]:
        raise RefusedError(
            f"The rows of this backup have schema {manifest.schema}; this Ombud needs {SCHEMAS[-1]}.",
            hint=f"Restore with Ombud {manifest.made_by}, then run `ombud upgrade`.",
        )
    url = Workspace.open(staging).records_url
    migrate(url)
    with open_url(url) as records:
        in_folder = records.is_sqlite  # then the file moves along, so it must be closed first
        try:
            with records.begin() as tx:
                refuse_unless_empty(tx, records.place)
                for table in TABLES:
                    with (rows / f"{table}.ndjson").open("rb") as lines:
                        load(tx, table, lines)
                if not in_folder:
                    _place(staging, root)
        except BaseException:
            if not staging.exists():  # the rows did not stay, so the files must not either
                root.rename(staging)
            raise
    if in_folder:
        _place(staging, root)


def _place(staging: Path, root: Path) -> None:
    staging.rename(root)  # over an empty folder too, in one step
    sync_folder(root.parent)


@contextmanager
def _reading(source: Path) -> Iterator[Reader]:
    """Return a function that opens a file of the backup by name; `KeyError` when there is none."""
    if source.is_dir():
        folder = source.resolve()

        def of_folder(name: str) -> IO[bytes]:
            try:
                return (folder / name).open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise KeyError(name) from None

        yield of_folder
        return
    try:
        tar = tarfile.open(source, "r:")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise NotFoundError(f"There is no backup {source}.", hint="Check the path.") from None
    except PermissionError:
        raise InputError(f"The backup {source} may not be read.", hint="Let this user read it.") from None
    except tarfile.TarError:
        raise InputError(f"{source} is not a backup.", hint="Name what `ombud backup` wrote.") from None

    def of_tar(name: str) -> IO[bytes]:
        stream = tar.extractfile(name)
        if stream is None:
            raise KeyError(name)
        return stream

    with tar:
        try:
            yield of_tar
        except tarfile.TarError as error:
            raise InputError(f"The backup {source} is cut short or damaged.", hint="Take another one.") from error


def _manifest(read: Reader, source: Path) -> Manifest:
    try:
        with read(MANIFEST) as stream:
            manifest = msgspec.json.decode(stream.read(), type=Manifest)
    except KeyError:
        raise InputError(f"{source} is not a whole backup: it has no {MANIFEST}.", hint="Take another one.") from None
    except msgspec.DecodeError as error:
        raise InputError(f"The {MANIFEST} of {source} cannot be read: {error}.", hint="Take another one.") from None
    names = [file.path for file in manifest.files]
    for name in names:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\0" in name or name == MANIFEST:
            raise InputError(f"The backup {source} names a file outside itself.", hint="Do not trust it.")
    wanted = {f"records/{table}.ndjson" for table in TABLES} if manifest.records == "rows" else {"records.sqlite"}
    if len(set(names)) != len(names) or not {"ombud.toml", *wanted} <= set(names):
        raise InputError(f"The {MANIFEST} of {source} does not describe a workspace.", hint="Take another one.")
    return manifest


def _copy(read: Reader, file: Packed, staging: Path, source: Path) -> None:
    target = staging / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    private = not file.path.startswith(("lake/", "ledger/")) and file.path != "ombud.toml"
    try:
        with read(file.path) as stream, open(target, "xb", opener=_private if private else None) as out:
            hashed = Hashed(stream, file.bytes + 1)
            shutil.copyfileobj(hashed, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
    except KeyError:
        raise InputError(f"The file {file.path} is missing in {source}.", hint="Take another backup.") from None
    if hashed.sha256 != file.sha256:
        raise InputError(
            f"The file {file.path} in {source} is damaged; nothing was restored.", hint="Take another one."
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
