"""Table-like files behind one face: their columns, how DuckDB reads them, and their rows the exact way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, TYPE_CHECKING, Protocol, Self

import duckdb

from ombud.lake.imports.columns import literal, name
from ombud.lake.imports.scan import LONGEST_ROW, Packed, Scan, scan_text
from ombud.lake.imports.stage import damaged, exact, parquet
from ombud.lake.imports.text_rows import csv_rows, json_rows, split_header
from ombud.model.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ombud.lake.imports.stage import Stage
    from ombud.lake.imports.text_rows import Row

__all__ = ["CsvSource", "NdjsonSource", "ParquetSource", "Source", "open_csv"]

_SAMPLE = 1_000
_DELIMITERS = b",;\t|"
_NUMBER = "file_row_number"
"""What DuckDB calls the number that it gives to each row of a Parquet file."""


class Source(Protocol):
    """A table-like file. Columns that `open_ended` sources will have are only known in part."""

    columns: list[str]
    sha256: str
    harmful: bool
    """whether only the exact way leads through it"""
    is_text: bool
    open_ended: bool

    def has(self, column: str) -> bool:
        """Return whether a mapping may name this column."""

    def expression(self, column: str, wanted: list[str]) -> tuple[str, str]:
        """Return a column as SQL over `relation(wanted)`, and its type."""

    def relation(self, wanted: list[str]) -> str:
        """Return the table function that reads the file."""

    def rows(self) -> Iterator[Row] | None:
        """Return the rows of the original file the exact way, or None for a format that numbers its rows."""

    def clean(self, stage: Stage, table: str) -> int:
        """Go on with a copy of the good rows; the others go to the rejects. Return how many those are."""


@dataclass(slots=True)
class CsvSource:
    """A CSV or TSV file with a header."""

    path: Path
    """readable by DuckDB: the file, its unpacked copy, or the clean copy"""
    original: Path
    """the same, before any cleaning"""
    delimiter: int
    columns: list[str]
    sha256: str
    harmful: bool
    is_text: bool = True
    open_ended: bool = False

    def has(self, column: str) -> bool:
        """Return whether the header names this column."""
        return column in self.columns

    def expression(self, column: str, wanted: list[str]) -> tuple[str, str]:
        """Return the column; every field of a CSV is text."""
        del wanted
        return f"c{self.columns.index(column)}", "VARCHAR"

    def relation(self, wanted: list[str]) -> str:
        """Return `read_csv` with everything told, so that nothing is guessed."""
        del wanted
        columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(self.columns)))
        return (
            f"read_csv({exact(self.path)}, auto_detect=false, header=true, delim={literal(chr(self.delimiter))}, "
            f"""quote='"', escape='"', columns={{{columns}}}, max_line_size={2 * LONGEST_ROW}, """
            "buffer_size=33554432, compression='none')"
        )

    def rows(self) -> Iterator[Row]:
        """Return the rows after the header."""
        return islice(csv_rows(self.original, self.delimiter, len(self.columns)), 1, None)

    def clean(self, stage: Stage, table: str) -> int:
        """Go on with a copy that holds the header and the good rows, one form of line break and quotes."""
        target = stage.path("csv")
        header = split_header(self.original, self.delimiter)
        lost = _copy(stage, table, self.rows(), target, _quoted_row(header, self.delimiter))
        self.path, self.harmful = target, False
        return lost


def open_csv(stage: Stage, path: Path, packed: Packed | None, *, tab: bool) -> CsvSource:
    """Scan a CSV or TSV file and read its header; the delimiter of a CSV is what splits the header most."""
    unpacked, scan = _scanned(stage, path, packed)
    candidates = b"\t" if tab else _DELIMITERS
    headers = {sign: split_header(unpacked, sign) for sign in candidates}
    delimiter = max(candidates, key=lambda sign: len(headers[sign]))
    try:
        columns = [field.decode().strip() for field in headers[delimiter]]
    except UnicodeDecodeError as error:
        raise InputError(f"The first line of {path} is not UTF-8.", hint="Convert the file to UTF-8.") from error
    if not columns:
        raise InputError(f"The first line of {path} is no CSV header.", hint="Give the columns' names in it.")
    if any("\0" in column for column in columns):
        raise InputError(f"The first line of {path} holds NUL bytes.", hint="It may be UTF-16: convert it to UTF-8.")
    if "" in columns:
        raise InputError(f"Column {columns.index('') + 1} of {path} has no name.", hint="Name it in the first line.")
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise InputError(
            f"The header of {path} has `{twice[0]}` twice.",
            hint="Give every column a name of its own in the first line.",
        )
    return CsvSource(unpacked, unpacked, delimiter, columns, scan.sha256, scan.harmful)


def _quoted_row(fields: list[bytes], delimiter: int) -> bytes:
    return bytes([delimiter]).join(b'"' + f.replace(b'"', b'""') + b'"' for f in fields) + b"\n"


@dataclass(slots=True)
class NdjsonSource:
    """A file with one JSON object a line."""

    path: Path
    original: Path
    columns: list[str]
    """keys of the first thousand objects, nested ones as `a.b`"""
    sha256: str
    harmful: bool
    flat: frozenset[str] = frozenset()
    """keys that hold a dot themselves, as flattened files have them"""
    is_text: bool = True
    open_ended: bool = True

    @classmethod
    def open(cls, stage: Stage, path: Path, packed: Packed | None) -> Self:
        """Scan the file and look at its first objects."""
        unpacked, scan = _scanned(stage, path, packed)
        columns: dict[str, None] = {}
        flat: set[str] = set()
        objects = 0
        first = b""
        for row in islice(json_rows(unpacked), _SAMPLE):
            first = first or row.raw.strip()
            if row.problem is None and isinstance(value := json.loads(row.raw), dict):
                objects += 1
                columns.update(dict.fromkeys(_keys(value)))
                flat.update(key for key in value if "." in key)
        array = first == b"[" or first.startswith(b"[{")
        if not objects or array:
            raise InputError(
                f"{path} does not hold one JSON object a line.",
                hint="A JSON array becomes lines by `jq -c '.[]'`." if array else "Look at its first lines.",
            )
        odd = scan.harmful or scan.bom or scan.escaped_nul
        return cls(unpacked, unpacked, list(columns), scan.sha256, odd, frozenset(flat))

    def has(self, column: str) -> bool:
        """Return true: a key may first come late in the file."""
        return bool(column)

    def expression(self, column: str, wanted: list[str]) -> tuple[str, str]:
        """Return a key, or a key inside an object, as text; lists stay JSON."""
        top, rest = self._split(column)
        if self._kinds(wanted)[top] == "VARCHAR":
            return name(top), "VARCHAR"
        inside = "".join("." + json.dumps(key, ensure_ascii=False) for key in rest.split(".")) if rest else ""
        return f"json_extract_string({name(top)}, {literal('$' + inside)})", "VARCHAR"

    def relation(self, wanted: list[str]) -> str:
        """Return `read_json` over the wanted keys."""
        columns = ", ".join(f"{literal(key)}: '{kind}'" for key, kind in self._kinds(wanted).items())
        return (
            f"read_json({exact(self.path)}, format='newline_delimited', records=true, auto_detect=false, "
            f"columns={{{columns}}}, maximum_object_size={2 * LONGEST_ROW}, compression='none')"
        )

    def rows(self) -> Iterator[Row]:
        """Return the lines."""
        return json_rows(self.original)

    def clean(self, stage: Stage, table: str) -> int:
        """Go on with a copy of the good lines."""
        target = stage.path("ndjson")
        lost = _copy(stage, table, self.rows(), target, b"")
        self.path, self.harmful = target, False
        return lost

    def _kinds(self, wanted: list[str]) -> dict[str, str]:
        tops: dict[str, str] = {}
        for column in wanted:
            top, rest = self._split(column)
            tops[top] = "JSON" if rest else tops.get(top, "VARCHAR")
        return tops

    def _split(self, column: str) -> tuple[str, str]:
        """Return the key and, for a key inside an object, the way on from there."""
        if column in self.flat:
            return column, ""
        top, _, rest = column.partition(".")
        return top, rest


def _keys(value: dict[str, object]) -> Iterable[str]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from (f"{key}.{inner}" for inner in item)
        else:
            yield key


@dataclass(slots=True)
class ParquetSource:
    """A Parquet file; its rows are numbered from 1."""

    path: Path
    sha256: str
    columns: list[str]
    types: dict[str, str] = field(default_factory=dict)
    harmful: bool = False
    is_text: bool = False
    open_ended: bool = False

    @classmethod
    def open(cls, stage: Stage, path: Path, sha256: str) -> Self:
        """Read the file's footer."""
        try:
            found = stage.duck.execute(f"DESCRIBE FROM {parquet(path)}").fetchall()
        except duckdb.Error as error:
            raise damaged(path, error) from error
        if any(row[0].lower() == _NUMBER for row in found):
            raise InputError(f"{path} has a column `{_NUMBER}`, a name that is needed here.", hint="Rename it.")
        return cls(path, sha256, [row[0] for row in found], {row[0]: row[1] for row in found})

    def has(self, column: str) -> bool:
        """Return whether the file has this column."""
        return column in self.types

    def expression(self, column: str, wanted: list[str]) -> tuple[str, str]:
        """Return the column and its type."""
        del wanted
        return name(column), self.types[column]

    def relation(self, wanted: list[str]) -> str:
        """Return `read_parquet`; with nothing wanted, with the rows' numbers."""
        return parquet(self.path, rows=not wanted)

    def rows(self) -> None:
        """Return None: DuckDB numbers the rows."""

    def clean(self, stage: Stage, table: str) -> int:
        """Never needed: a Parquet file is taken whole or not at all."""
        del stage, table
        raise InputError(f"{self.path} cannot be read.", hint="Write it again.")


def _scanned(stage: Stage, path: Path, packed: Packed | None) -> tuple[Path, Scan]:
    target = stage.path("unpacked") if packed else None
    scan = scan_text(path, packed, target, stage.progress)
    return target or path, scan


def _copy(stage: Stage, table: str, rows: Iterator[Row], target: Path, header: bytes) -> int:
    """Write the good rows to `target` and the others to the rejects; return how many those are."""
    lost = 0
    try:
        with target.open("wb", buffering=1 << 20) as out:
            out.write(header)
            for row in rows:
                if row.problem is None:
                    out.write(row.clean)
                else:
                    stage.rejects.add(row.line, table, row.problem, row.raw.rstrip(b"\r\n"))
                    lost += 1
    except OSError as error:
        raise _full(target, error) from error
    return lost


def _full(target: Path, error: IO[bytes] | OSError) -> StorageError:
    why = error.strerror if isinstance(error, OSError) else ""
    return StorageError(f"Cannot write {target}: {why}.", hint="Make room in the workspace.")
