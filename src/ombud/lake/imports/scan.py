"""One pass over a source file's bytes before any parser sees them.

DuckDB's readers let NUL bytes through, stop at the first byte that is not
UTF-8 and at long lines. So the bytes are looked at first: hashed, unpacked
when compressed, and searched for what would hurt. Only a file in which
something is found takes the slow way, row by row.
"""

from __future__ import annotations

import codecs
import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, cast

import pyarrow as pa

from ombud.model.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Progress = Callable[[int, int | None, str], None]

Packed = Literal["gzip", "zstd"]

__all__ = ["LONGEST_ROW", "Packed", "Scan", "file_kind", "hash_file", "scan_text"]

LONGEST_ROW = 4_000_000
"""Bytes of one row of a text file; a longer row is rejected unread."""
_CHUNK = 4 << 20

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".db": "sqlite",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
}
_PACKED: dict[str, Packed] = {".gz": "gzip", ".zst": "zstd"}
_MAGIC = {
    b"PAR1": "a Parquet file",
    b"SQLite format 3\0": "an SQLite database",
    b"\x1f\x8b": "gzip-compressed",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
    b"PK\x03\x04": "a zip archive or Office document",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"%PDF": "a PDF",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
_EXPECTED = {"parquet": b"PAR1", "sqlite": b"SQLite format 3\0", "gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}


class _Digest:
    """SHA-256 on a thread of its own, one chunk behind: hashing and searching share the time."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None

    def update(self, data: bytes) -> None:
        if self._pending is not None:
            self._pending.result()
        self._pending = self._pool.submit(self._digest.update, data)

    def finish(self) -> str:
        self._pool.shutdown()
        return self._digest.hexdigest()


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is: `csv`, `tsv`, `ndjson`, `parquet` or `sqlite`, and how it is packed."""

    kind: str
    packed: Packed | None


@dataclass(slots=True)
class Scan:
    """What one pass over a text file found."""

    sha256: str = ""
    """of the file as it lies there, packed or not"""
    bytes: int = 0
    """unpacked"""
    lines: int = 0
    nul: bool = False
    invalid: bool = False
    """holds bytes that are not UTF-8"""
    long: bool = False
    """a line is longer than `LONGEST_ROW`"""
    bom: bool = False
    quotes: bool = False
    returns: bool = False
    """holds a carriage return anywhere"""
    escaped_nul: bool = False
    """holds the six characters of a JSON-escaped NUL"""

    @property
    def harmful(self) -> bool:
        """Return whether the file must be read row by row."""
        return self.nul or self.invalid or self.long


def file_kind(path: Path, accepted: frozenset[str]) -> FileKind:
    """Tell what `path` is by its name, and check that its first bytes agree; `InputError` when not."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a file.", hint="Name the files in it.")
    suffixes = [s.lower() for s in path.suffixes]
    packed = _PACKED.get(suffixes[-1]) if suffixes else None
    if packed:
        suffixes.pop()
    kind = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    if kind is None or kind not in accepted:
        endings = " ".join(sorted(s for s, k in _SUFFIXES.items() if k in accepted))
        raise InputError(
            f"Cannot tell from its name what {path} is.", hint=f"Known here: {endings}, also .gz and .zst."
        )
    if packed and kind in {"parquet", "sqlite"}:
        raise InputError(f"{path} is packed, which {kind} files cannot be here.", hint="Unpack it first.")
    start = _first_bytes(path)
    if not start:
        raise InputError(f"{path} is empty.", hint="Look whether it was copied completely.")
    expected = _EXPECTED.get(packed or kind)
    looks = next((what for magic, what in _MAGIC.items() if start.startswith(magic)), None)
    if (expected and not start.startswith(expected)) or (not expected and looks):
        what = looks or "something else"
        raise InputError(
            f"{path} is not what its name says: by its first bytes it is {what}.",
            hint="Give it the right ending, or convert it to UTF-8 text.",
        )
    return FileKind(kind, packed)


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> InputError:
    """Return the error for a file that cannot be opened or read."""
    return InputError(f"Cannot read {path}: {error.strerror or error}.", hint="Check the path and its permissions.")


def hash_file(path: Path, progress: Progress | None = None) -> str:
    """Return the SHA-256 of the file's bytes in lower-case hexadecimal."""
    digest = hashlib.sha256()
    for chunk in _chunks(path, None, progress):
        digest.update(chunk)
    return digest.hexdigest()


def scan_text(path: Path, packed: Packed | None, unpack_to: Path | None, progress: Progress | None = None) -> Scan:
    """Look through a text file once; write it unpacked to `unpack_to` when it is packed.

    Raises `InputError` when the packed stream is damaged or ends early, and
    when nothing is in it.
    """
    scan = Scan()
    digest = _Digest()
    decoder = codecs.getincrementaldecoder("utf-8")()
    pending = 0  # bytes since the last line break
    out: IO[bytes] | None = None
    try:
        if packed and unpack_to is not None:
            out = unpack_to.open("wb")
        for chunk in _chunks(path, packed, progress, None if packed else digest):
            if scan.bytes == 0:
                scan.bom = chunk.startswith(codecs.BOM_UTF8)
            scan.bytes += len(chunk)
            _look(scan, chunk, decoder)
            pending = _lines(scan, chunk, pending)
            if out is not None:
                _write(out, chunk, path)
    finally:
        sha256 = digest.finish()
        if out is not None:
            out.close()
    if scan.bytes == 0:
        raise InputError(f"{path} is empty.", hint="Look whether it was copied completely.")
    if not scan.invalid:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            scan.invalid = True
    scan.lines += pending > 0
    scan.sha256 = hash_file(path) if packed else sha256
    return scan


def _look(scan: Scan, chunk: bytes, decoder: codecs.IncrementalDecoder) -> None:
    scan.nul = scan.nul or b"\0" in chunk
    scan.quotes = scan.quotes or b'"' in chunk
    scan.returns = scan.returns or b"\r" in chunk
    scan.escaped_nul = scan.escaped_nul or b"\\u0000" in chunk
    if not scan.invalid and not (chunk.isascii() and decoder.getstate()[0] == b""):
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            scan.invalid = True


def _lines(scan: Scan, chunk: bytes, pending: int) -> int:
    """Count line breaks and notice long lines by leaps, not line by line; return the bytes after the last break."""
    found = chunk.count(b"\n")
    scan.lines += found
    if not found:
        pending += len(chunk)
        scan.long = scan.long or pending > LONGEST_ROW
        return pending
    first = chunk.find(b"\n")
    scan.long = scan.long or pending + first > LONGEST_ROW
    last, end = first, chunk.rfind(b"\n")
    while last < end and not scan.long:
        leap = chunk.rfind(b"\n", last + 1, last + 2 + LONGEST_ROW)
        scan.long = leap < 0
        last = leap
    return len(chunk) - end - 1


def _write(out: IO[bytes], chunk: bytes, path: Path) -> None:
    try:
        out.write(chunk)
    except OSError as error:
        raise StorageError(f"Cannot unpack {path}: {error.strerror}.", hint="Make room in the workspace.") from error


def _chunks(
    path: Path, packed: Packed | None, progress: Progress | None, digest: _Digest | None = None
) -> Iterator[bytes]:
    try:
        total = path.stat().st_size
        with path.open("rb") as raw:
            stream = cast("IO[bytes]", pa.CompressedInputStream(raw, packed) if packed else raw)
            while chunk := stream.read(_CHUNK):
                if digest is not None:
                    digest.update(chunk)
                yield chunk
                if progress is not None:
                    progress(raw.tell(), total, f"looking through {path.name}")
    except OSError as error:
        if packed and error.errno is None:
            raise InputError(
                f"{path} is damaged: the {packed} stream breaks off or is not one ({error}).",
                hint="Fetch or pack the file again.",
            ) from error
        raise unreadable(path, error) from error
