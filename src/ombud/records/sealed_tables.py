"""The table of sealed files."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from ombud.records.columns import Moment, Number, Words
from ombud.records.metadata import metadata, must

__all__ = ["sealed_source"]

sealed_source = Table(
    "sealed_source",
    metadata,
    Column("sha256", Words, primary_key=True),
    must("name", Words),
    must("path", Words),
    must("format", Words),
    must("sealed_at", Moment),
    must("outbox", Number),
    Index(None, "sealed_at"),
)
