"""The public ad archive: a search index built from the lake, and what can be asked of it."""

from __future__ import annotations

from ombud.archive.answers import (
    Ad,
    AdPage,
    AdRow,
    AudienceLine,
    Facet,
    FacetCount,
    Money,
    Page,
    PageList,
    PageRef,
    PageRow,
    Segment,
    Term,
    Totals,
)
from ombud.archive.build import build_archive
from ombud.archive.download import csv_lines, ndjson_lines
from ombud.archive.query import NOT_STATED, AdQuery
from ombud.archive.store import Archive, open_archive

__all__ = [
    "NOT_STATED",
    "Ad",
    "AdPage",
    "AdQuery",
    "AdRow",
    "Archive",
    "AudienceLine",
    "Facet",
    "FacetCount",
    "Money",
    "Page",
    "PageList",
    "PageRef",
    "PageRow",
    "Segment",
    "Term",
    "Totals",
    "build_archive",
    "csv_lines",
    "ndjson_lines",
    "open_archive",
]
