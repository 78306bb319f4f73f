"""Whole results as files, without a cap: what researchers miss in other archives."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.archive.query import AdQuery
    from ombud.archive.store import Archive

__all__ = ["FIELDS", "csv_lines", "ndjson_lines"]

FIELDS = (
    "id",
    "page",
    "page_name",
    "page_kind",
    "created",
    "ended",
    "spend",
    "currency",
    "impressions",
    "clicks",
    "payer",
    "landing",
    "document",
    "targeting",
    "quality",
    "text",
)
"""The columns of a download. `targeting` and `quality` are lists; in CSV they are joined by ` | `."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _cell(value: Any) -> str:  # noqa: ANN401 - any field
    if value is None:
        return ""
    if isinstance(value, list):
        value = " | ".join(value)
    if isinstance(value, str):
        # A spreadsheet would run these; the quotation mark is the usual guard.
        return f"'{value}" if value.startswith(_FORMULA) else value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def csv_lines(archive: Archive, query: AdQuery | None = None) -> Iterator[bytes]:
    """Yield the ads that `query` finds as CSV (RFC 4180, UTF-8), the header first, a row at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(FIELDS)
    yield buffer.getvalue().encode()
    for ad in archive.each(query):
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([_cell(ad[field]) for field in FIELDS])
        yield buffer.getvalue().encode()


def ndjson_lines(archive: Archive, query: AdQuery | None = None) -> Iterator[bytes]:
    """Yield the ads that `query` finds as one JSON object a line; amounts are strings, exact to the cent."""
    for ad in archive.each(query):
        yield msgspec.json.encode(ad) + b"\n"
