"""What an import took, skipped, rejected and flagged: the document of `ombud import`."""

from __future__ import annotations

from datetime import datetime

import msgspec

__all__ = ["FileReport", "ImportReport", "TableCounts"]


class TableCounts(msgspec.Struct):
    """Rows of one table: `read` is always `accepted` + `skipped` + `rejected`."""

    read: int = 0
    accepted: int = 0
    skipped: int = 0
    """rows whose key the lake had already, or that repeat a key of the same input"""
    rejected: int = 0
    """rows that do not fit; kept with their reason in the rejects file"""
    flagged: int = 0
    """accepted or skipped rows of which a value was set to null, named in `quality`"""

    def add(self, other: TableCounts) -> None:
        """Add the counts of `other` to these."""
        self.read += other.read
        self.accepted += other.accepted
        self.skipped += other.skipped
        self.rejected += other.rejected
        self.flagged += other.flagged


class FileReport(msgspec.Struct, frozen=True):
    """What became of one source file."""

    path: str
    state: str
    """`imported`, or `skipped` when the same bytes were imported before with the same options"""
    import_id: str
    sha256: str
    source_rows: int
    """rows of the source, before it is turned into rows of the lake's tables"""
    rejects_file: str | None
    tables: dict[str, TableCounts]
    sealed_at: datetime | None = None
    """when its hash went on record, for a file from before there was a gate"""


class ImportReport(msgspec.Struct, frozen=True):
    """The document that `ombud import --json` prints."""

    format: str
    tables: dict[str, TableCounts]
    rejects_file: str | None
    """the first file of rejects; each file of the import names its own in `files`"""
    files: list[FileReport]
    too_many_rejects: bool
    """whether more rows were rejected than `--max-rejects` allows: then the command ends with 1"""
    seconds: float


def summed(files: list[FileReport]) -> dict[str, TableCounts]:
    """Return the counts of all `files` by table."""
    tables: dict[str, TableCounts] = {}
    for file in files:
        for name, counts in file.tables.items():
            tables.setdefault(name, TableCounts()).add(counts)
    return tables
