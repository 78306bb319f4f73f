"""Rows that an import could not take, kept whole with line number and reason."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any, Self

import msgspec

from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["WHOLE_ROW", "Rejects"]

WHOLE_ROW = 16_000_000
"""Bytes up to which a rejected row is kept whole; of a longer one the start is kept, and its length."""
_START = 1_000_000


class Rejects:
    """The rejects file of one import: NDJSON with `line`, `table`, `reason`, `row`; only the owner may read it.

    It is written beside its place and moved there by `keep`, so that the file
    of an import that was killed is never taken for a complete one. No row, no
    file.
    """

    def __init__(self, path: Path) -> None:
        """Collect rejects for `path`; nothing is written before the first."""
        self.path = path
        self.count = 0
        self._part = path.with_suffix(".part")
        self._part.unlink(missing_ok=True)
        self._fd: int | None = None

    def add(self, line: int, table: str, reason: str, row: bytes | str | Any) -> None:  # noqa: ANN401 - any JSON value
        """Keep one row; bytes that are not UTF-8 are kept as base64."""
        entry: dict[str, Any] = {"line": line, "table": table, "reason": reason}
        if isinstance(row, bytes):
            if len(row) > WHOLE_ROW:
                entry["bytes"] = len(row)
                row = row[:_START]
            try:
                entry["row"] = row.decode()
            except UnicodeDecodeError:
                entry["row_base64"] = base64.b64encode(row).decode()
        else:
            entry["row"] = row
        self._write(msgspec.json.encode(entry) + b"\n")
        self.count += 1

    def mark(self) -> tuple[int, int]:
        """Return the present end, for `rewind`."""
        return (0 if self._fd is None else os.lseek(self._fd, 0, os.SEEK_CUR), self.count)

    def rewind(self, mark: tuple[int, int]) -> None:
        """Forget what was added since `mark`."""
        offset, self.count = mark
        if self._fd is not None:
            os.ftruncate(self._fd, offset)
            os.lseek(self._fd, offset, os.SEEK_SET)

    def keep(self) -> Path | None:
        """Move the file to its place for good; return it, or None without rejects."""
        if self._fd is None or self.count == 0:
            self.close()
            return None
        try:
            os.fsync(self._fd)
            self._part.replace(self.path)
        except OSError as error:
            raise _failed(self.path, error) from error
        self.close()
        return self.path

    def close(self) -> None:
        """Close, and remove what was not kept."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._part.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        try:
            if self._fd is None:
                self._part.parent.mkdir(parents=True, exist_ok=True)
                self._fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise _failed(self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        del kind, error, tb
        self.close()


def _failed(path: Path, error: OSError) -> StorageError:
    return StorageError(f"Cannot write rejected rows to {path}: {error.strerror}.", hint="Make room and import again.")
