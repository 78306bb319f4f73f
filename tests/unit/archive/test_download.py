"""Downloads hold every ad found, in order, safe for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING

from ombud.archive import AdQuery, csv_lines, ndjson_lines, open_archive
from ombud.archive.download import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.archive import Archive
    from ombud.lake import Lake


def test_csv_of_everything_adds_up(ira: Archive) -> None:
    text = b"".join(csv_lines(ira)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 3_498
    assert sum(Decimal(row["spend"]) for row in rows if row["currency"] == "RUB") == Decimal("5822554.92")
    assert tuple(rows[0]) == FIELDS
    assert len({row["id"] for row in rows}) == 3_498


def test_ndjson_of_a_question_is_that_questions_ads(ira: Archive) -> None:
    query = AdQuery(text="police", currency="RUB")
    rows = [json.loads(line) for line in ndjson_lines(ira, query)]
    assert len(rows) == ira.search(query).totals.ads
    assert all("police" in row["text"].lower() and row["currency"] == "RUB" for row in rows)
    assert tuple(sorted(rows[0])) == tuple(sorted(FIELDS))
    assert isinstance(rows[0]["spend"], str)
    assert isinstance(rows[0]["targeting"], list)


def test_cells_that_a_spreadsheet_would_run_are_guarded(made: Callable[..., Lake]) -> None:
    archive = open_archive(
        made({"ad": "a", "text": '=HYPERLINK("x")'}, {"ad": "b", "text": 'fine, "quoted"\nand long'})
    )
    rows = list(csv.DictReader(io.StringIO(b"".join(csv_lines(archive)).decode(), newline="")))
    assert [row["text"] for row in rows] == ['\'=HYPERLINK("x")', 'fine, "quoted"\nand long']


def test_the_header_comes_even_when_nothing_is_found(ira: Archive) -> None:
    lines = list(csv_lines(ira, AdQuery(text="no such words here")))
    assert lines == [",".join(FIELDS).encode() + b"\r\n"]


def test_a_download_goes_on_while_others_search(ira: Archive) -> None:
    rows = ndjson_lines(ira)
    first = next(rows)
    assert ira.search(AdQuery(text="texas")).totals.ads > 0
    assert 1 + sum(1 for _ in rows) == 3_498
    assert json.loads(first)["id"]
