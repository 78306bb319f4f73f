"""Tables as CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["csv_line", "csv_response", "harmless"]

_LEADS = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: object) -> object:
    """Put an apostrophe before text that a spreadsheet would take for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_LEADS) else value


def csv_line(values: Sequence[object]) -> str:
    """Write one line of CSV (RFC 4180)."""
    out = io.StringIO()
    csv.writer(out).writerow([harmless(value) for value in values])
    return out.getvalue()


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return a CSV document that browsers save as NAME.csv."""
    body = csv_line(header) + "".join(csv_line(row) for row in rows)
    return Response(
        body,
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )
