"""Text files row by row: the slow, exact way, for files in which something is wrong.

It finds where each row of a CSV or NDJSON file starts and ends, says what is
wrong with it, and writes a copy of the good rows in a form that no parser
stumbles over. It also finds the line and the raw bytes of rows that are
rejected later, by their number.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ombud.lake.imports.scan import LONGEST_ROW, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Row", "csv_rows", "json_rows", "split_header", "split_row", "unfit_json"]

_BOM = b"\xef\xbb\xbf"
_QUOTE, _SPACE = 0x22, 0x20


class Row(NamedTuple):
    """One row of a text file. A row with a `problem` is not part of the clean copy."""

    line: int
    """number of its first line, from 1"""
    raw: bytes
    problem: str | None
    clean: bytes
    """the row as it goes into the clean copy, with its line break"""


class _Lines:
    """The lines of a file with their numbers; lines can be put back."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._back: deque[tuple[int, bytes]] = deque()
        self._number = 0

    def next(self) -> tuple[int, bytes]:
        """Return number and bytes of the next line; empty bytes at the end."""
        if self._back:
            return self._back.popleft()
        line = self._file.readline(LONGEST_ROW + 1)
        self._number += 1
        if len(line) > LONGEST_ROW and not line.endswith(b"\n"):
            line += self._rest()
        if self._number == 1 and line.startswith(_BOM):
            line = line[len(_BOM) :]
        return self._number, line

    def _rest(self) -> bytes:
        """Read to the end of an over-long line; of a gigantic one only so much that it is known as one."""
        parts, size = [], 0
        while True:
            part = self._file.readline(LONGEST_ROW)
            if size < 4 * LONGEST_ROW:
                parts.append(part)
                size += len(part)
            if not part or part.endswith(b"\n"):
                return b"".join(parts)

    def back(self, lines: list[tuple[int, bytes]]) -> None:
        """Put lines back, the first of them to come next."""
        self._back.extendleft(reversed(lines))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Fields:
    """The fields of one CSV row, fed line by line (RFC 4180, double quotes)."""

    def __init__(self, delimiter: int) -> None:
        self.delimiter = bytes([delimiter])
        self.fields: list[bytes] = []
        self.open = False
        """inside quotes at the end of what was fed"""
        self.problem: str | None = None
        self._part = bytearray()

    def feed(self, line: bytes) -> None:
        """Take one line with its line break."""
        at, end = 0, _end(line)
        while True:
            if self.open:
                at = self._inside(line, at)
                if self.open:
                    return
            else:
                start = at
                while start < end and line[start] == _SPACE and self.delimiter != b" ":
                    start += 1
                if start < end and line[start] == _QUOTE:
                    self.open, self._part, at = True, bytearray(), start + 1
                    continue
                stop = line.find(self.delimiter, at, end)
                stop = end if stop < 0 else stop
                self.fields.append(line[at:stop])
                at = stop
            if at >= end:
                return
            if line[at : at + 1] != self.delimiter:
                self.problem = "text after a closing quote"
                return
            at += 1
            if at >= end:
                self.fields.append(b"")
                return

    def _inside(self, line: bytes, at: int) -> int:
        """Read on inside quotes; return the place after the closing quote, if it closes."""
        while True:
            quote = line.find(b'"', at)
            if quote < 0:
                self._part += line[at:]
                return len(line)
            self._part += line[at:quote]
            if line[quote + 1 : quote + 2] != b'"':
                self.open = False
                self.fields.append(bytes(self._part))
                return quote + 1
            self._part += b'"'
            at = quote + 2


def _end(line: bytes) -> int:
    if line.endswith(b"\r\n"):
        return len(line) - 2
    return len(line) - 1 if line.endswith((b"\n", b"\r")) else len(line)


def split_header(path: Path, delimiter: int) -> list[bytes]:
    """Return the fields of the first row that is not blank; an empty list when its quotes never close."""
    lines = _Lines(path)
    try:
        fields = _Fields(delimiter)
        while True:
            _, line = lines.next()
            if not line:
                return [] if fields.open else fields.fields
            if not fields.open and not line.strip():
                continue
            fields.feed(line)
            if not fields.open:
                return [] if fields.problem else fields.fields
    finally:
        lines.close()


def split_row(row: bytes, delimiter: int) -> list[str]:
    """Return the fields of a row's clean form, quoted line breaks and all."""
    fields = _Fields(delimiter)
    fields.feed(row)
    return [value.decode() for value in fields.fields]


def csv_rows(path: Path, delimiter: int, columns: int) -> Iterator[Row]:
    """Yield every row of a CSV file, its header too; blank lines of a file with several columns are no rows."""
    try:
        lines = _Lines(path)
    except OSError as error:
        raise unreadable(path, error) from error
    sign = bytes([delimiter])
    try:
        while True:
            number, line = lines.next()
            if not line:
                return
            if columns > 1 and not line.strip(b"\r\n"):
                continue
            if b'"' in line and len(line) <= LONGEST_ROW:
                yield _quoted(lines, number, line, delimiter, columns)
                continue
            body = line[: _end(line)]
            problem = _harm(line) or _count(body.count(sign) + 1, columns, last=body[-1:] == sign)
            if problem is None and b"\r" in body:
                problem = "a carriage return inside the row"
            yield Row(number, line, problem, body + b"\n")
    finally:
        lines.close()


def _quoted(lines: _Lines, number: int, line: bytes, delimiter: int, columns: int) -> Row:
    fields = _Fields(delimiter)
    fields.feed(line)
    taken = [(number, line)]
    size = len(line)
    while fields.open and fields.problem is None:
        following = lines.next()
        if not following[1] or size > LONGEST_ROW:
            lines.back([*taken[1:], following] if following[1] else taken[1:])
            return Row(number, line, "a quote that never closes", b"")
        taken.append(following)
        size += len(following[1])
        fields.feed(following[1])
    if fields.problem:
        # Whether the lines belong together is unsure: only the first is given up.
        lines.back(taken[1:])
        return Row(number, line, fields.problem, b"")
    raw = b"".join(part for _, part in taken)
    values = fields.fields
    problem = _harm(raw) or _count(len(values), columns, last=values[-1] == b"")
    clean = bytes([delimiter]).join(b'"' + value.replace(b'"', b'""') + b'"' for value in values[:columns]) + b"\n"
    return Row(number, raw, problem, clean)


def _count(found: int, columns: int, *, last: bool) -> str | None:
    """Say what is wrong with the number of fields; one empty field too many at the end is let pass."""
    if found == columns or (found == columns + 1 and last):
        return None
    return f"{found} fields instead of {columns}"


def _harm(raw: bytes) -> str | None:
    if len(raw) > LONGEST_ROW:
        return f"longer than {LONGEST_ROW:,} bytes"
    if b"\0" in raw:
        return "a NUL byte"
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            return "bytes that are not UTF-8"
    return None


def json_rows(path: Path) -> Iterator[Row]:
    """Yield every row of an NDJSON file; blank lines are no rows."""
    try:
        lines = _Lines(path)
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        while True:
            number, line = lines.next()
            if not line:
                return
            if not line.strip():
                continue
            yield Row(number, line, _harm(line) or _json_problem(line.rstrip(b"\r\n")), line.rstrip(b"\r\n") + b"\n")
    finally:
        lines.close()


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("the same key twice")
    return row


def _json_problem(line: bytes) -> str | None:
    try:
        value = json.loads(line, object_pairs_hook=_pairs)
    except RecursionError:
        return "JSON nested too deep"
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}"
    except ValueError as error:
        return f"not JSON that can be taken: {error}"
    if value is not None and not isinstance(value, dict):
        return "not a JSON object"
    return _odd_text(line, value)


def unfit_json(value: object) -> str | None:
    """Say what no text may hold and a parsed value does; None when nothing is wrong."""
    if _holds_nul(value):
        return "a NUL character"
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "half a surrogate pair"
    return None


def _odd_text(line: bytes, value: object) -> str | None:
    """Say which escaped character no text may hold."""
    if b"\\u" in line:
        if b"\\u0000" in line and _holds_nul(value):
            return "a NUL character"
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "half a surrogate pair"
    return None


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_holds_nul(item) for item in value)
