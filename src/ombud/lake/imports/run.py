"""`import_files`: from source files to visible rows, one file at a time, each exactly once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ombud.lake.imports.cloudtrail import CloudtrailReader
from ombud.lake.imports.cooccurrence import CooccurrenceReader
from ombud.lake.imports.ira_ads import AdsReader
from ombud.lake.imports.ira_tweets import TweetsReader
from ombud.lake.imports.rejects import Rejects
from ombud.lake.imports.report import FileReport, ImportReport, TableCounts, summed
from ombud.lake.imports.stage import Options, Stage
from ombud.lake.imports.table import TableReader
from ombud.lake.sealing import refuse_changed, seal_files
from ombud.model.errors import InputError, NotFoundError
from ombud.model.ids import canonical_json, random_id, sha256_hex
from ombud.records import imports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ombud.lake.batch import Batch
    from ombud.lake.imports.mapping import Mapping
    from ombud.lake.imports.stage import Reader
    from ombud.lake.store import Lake
    from ombud.records.sealed import Sealed

    Progress = Callable[[int, int | None, str], None]

__all__ = ["FORMATS", "import_files"]

FORMATS: dict[str, Callable[[Stage, Path, Options], Reader]] = {
    "table": TableReader,
    "ira-ads": AdsReader,
    "ira-tweets": TweetsReader,
    "cooccurrence": CooccurrenceReader,
    "cloudtrail": CloudtrailReader,
}
"""What `ombud import` can read."""

_VERSION = 2
"""Raised when a reader comes to make other rows of the same file, so that files imported before are taken again."""


def import_files(
    lake: Lake,
    format: str,  # noqa: A002 - the command's word
    paths: Sequence[Path | str],
    *,
    table: str | None = None,
    mapping: Mapping | None = None,
    max_rejects: int | None = None,
    sealed: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import files (or folders of files) and say what became of every row.

    Each file is one step: its rows, its import record and the ledger's row
    appear together or not at all. After a kill, the same call goes on where it
    stopped: files that are in are skipped by their hash, and rows by their key.
    Rows that do not fit are in the rejects files; `max_rejects` does not stop
    the import but sets `too_many_rejects`. With `sealed` every file's hash is on
    record, and on the ledger when it is free, before a line is read. Raises `InputError` for a file that
    cannot be read at all; files before it are in.
    """
    started = time.monotonic()
    if format not in FORMATS:
        raise InputError(f"There is no import format `{format}`.", hint=f"There are {', '.join(sorted(FORMATS))}.")
    options = Options(table, mapping, lake.workspace.keys_dir)
    found = _expanded(paths)
    seals = seal_files(lake, format, found) if sealed else {}
    files = [_import_file(lake, format, path, options, seals.get(path), progress) for path in found]
    tables = summed(files)
    rejected = sum(counts.rejected for counts in tables.values())
    return ImportReport(
        format=format,
        tables=tables,
        rejects_file=next((file.rejects_file for file in files if file.rejects_file), None),
        files=files,
        too_many_rejects=max_rejects is not None and rejected > max_rejects,
        seconds=round(time.monotonic() - started, 3),
    )


def _expanded(paths: Iterable[Path | str]) -> list[Path]:
    """Return the files; a folder stands for the files directly in it, in the order of their names."""
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if not p.name.startswith(".") and p.is_file())
        if not inside:
            raise InputError(f"{path} is a folder without files.", hint="Name the files to import.")
        found += inside
    if not found:
        raise InputError("No file was named.", hint="Name the files to import.")
    missing = next((path for path in found if not path.exists()), None)
    if missing is not None:
        raise InputError(f"There is no file {missing}.", hint="Check the path.")
    stream = next((path for path in found if not path.is_file()), None)
    if stream is not None:  # it is read more than once, to go on after a stop
        raise InputError(f"{stream} is a stream, not a file.", hint="Write it to a file and import that.")
    if any(_has_bytes(str(path)) for path in found):
        raise InputError("A file's name is not UTF-8.", hint="Rename the file.")
    return list(dict.fromkeys(found))


def _has_bytes(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return False


def _import_file(  # noqa: PLR0917 - what one file needs
    lake: Lake,
    format: str,  # noqa: A002 - the command's word
    path: Path,
    options: Options,
    seal: Sealed | None,
    progress: Progress | None,
) -> FileReport:
    import_id = random_id("import")
    with (
        Rejects(lake.workspace.rejects_dir / f"{import_id}.ndjson") as rejects,
        lake.writing() as batch,
    ):
        _sweep(lake)
        stage = Stage(batch.staging, lake.workspace.settings, rejects, progress)
        try:
            reader = FORMATS[format](stage, path, options)
            refuse_changed(path, reader.sha256, seal)
            key = _options_hash(format, options)
            with lake.records.read() as tx:
                done = imports.find_done(tx, format, reader.sha256, key)
            if done is not None:
                return _skipped(lake, path, done, seal)
            reading = reader.read()
        finally:
            stage.close()
        report = FileReport(
            path=str(path),
            state="imported",
            import_id=import_id,
            sha256=reader.sha256,
            source_rows=reading.source_rows,
            rejects_file=None,
            tables={},
            sealed_at=seal.sealed_at if seal else None,
        )
        for staged in reading.tables:
            stage.say(0, None, f"writing {staged.table}")
            counts = batch.write(staged.table, staged.sql, import_id)
            report.tables[staged.table] = TableCounts(
                read=staged.read,
                accepted=counts.accepted,
                skipped=counts.skipped,
                rejected=staged.rejected,
                flagged=staged.flagged,
            )
        kept = rejects.keep()
        report = msgspec.structs.replace(report, rejects_file=str(kept) if kept else None)
        _record(batch, format, path.name, key, report)
    return report


def _sweep(lake: Lake) -> None:
    """Remove what killed imports left among the rejects; under the writer lock, no other import is under way."""
    with lake.records.read() as tx:
        for file in lake.workspace.rejects_dir.glob("import_*"):
            try:
                imports.get(tx, file.stem)
            except NotFoundError:
                file.unlink(missing_ok=True)


def _record(batch: Batch, format: str, name: str, key: str, report: FileReport) -> None:  # noqa: A002 - likewise
    """Have the import record written in the transaction that makes the rows visible."""
    counts = {
        "source_rows": report.source_rows,
        "tables": msgspec.to_builtins(report.tables),
    }
    batch.at_commit(lambda tx: imports.start(tx, format, name, report.sha256, key, import_id=report.import_id))
    batch.at_commit(lambda tx: imports.finish(tx, report.import_id, counts))


def _skipped(lake: Lake, path: Path, done: imports.Import, seal: Sealed | None) -> FileReport:
    """Return the report of a file that is in already: what was accepted then is skipped now."""
    then = msgspec.convert(done.counts["tables"], dict[str, TableCounts])
    tables = {name: TableCounts(c.read, 0, c.accepted + c.skipped, c.rejected, c.flagged) for name, c in then.items()}
    rejects = lake.workspace.rejects_dir / f"{done.id}.ndjson"
    return FileReport(
        path=str(path),
        state="skipped",
        import_id=done.id,
        sha256=done.source_sha256,
        source_rows=int(done.counts["source_rows"]),
        rejects_file=str(rejects) if rejects.exists() else None,
        tables=tables,
        sealed_at=seal.sealed_at if seal else None,
    )


def _options_hash(format: str, options: Options) -> str:  # noqa: A002 - the command's word
    mapping = None if options.mapping is None else options.mapping.to_toml()
    return sha256_hex(canonical_json([_VERSION, format, options.table, mapping]).encode())
