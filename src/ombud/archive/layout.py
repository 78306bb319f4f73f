"""The tables of the archive's file, and how they are opened."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMAT", "INDEXES", "TABLES", "read_only"]

FORMAT = "1"
"""Raised when the tables change; a file of another format is rebuilt."""

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE page (
    id INTEGER PRIMARY KEY, slug TEXT NOT NULL, entity TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, url TEXT,
    readings INTEGER NOT NULL, ads INTEGER NOT NULL DEFAULT 0, impressions INTEGER NOT NULL DEFAULT 0,
    clicks INTEGER NOT NULL DEFAULT 0, first INTEGER, last INTEGER, targeted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE page_money (
    page INTEGER NOT NULL, currency TEXT NOT NULL, cents INTEGER NOT NULL, ads INTEGER NOT NULL, paid INTEGER NOT NULL,
    PRIMARY KEY (page, currency)
) WITHOUT ROWID;
CREATE TABLE reading (page INTEGER, url TEXT, ads INTEGER, reason TEXT, probability REAL);
CREATE TABLE doubt (page INTEGER, other INTEGER, reason TEXT, probability REAL);
CREATE TABLE ad (
    id INTEGER PRIMARY KEY, ad TEXT NOT NULL, page INTEGER, text TEXT, landing TEXT, created INTEGER, ended INTEGER,
    cents INTEGER, currency TEXT NOT NULL, impressions INTEGER, clicks INTEGER, payer TEXT, document TEXT, quality TEXT
);
CREATE TABLE term (
    id INTEGER PRIMARY KEY, term TEXT NOT NULL, category TEXT NOT NULL, value TEXT NOT NULL, excluded INTEGER NOT NULL,
    narrowing INTEGER NOT NULL, raw TEXT NOT NULL, ads INTEGER NOT NULL
);
CREATE TABLE ad_term (term INTEGER NOT NULL, ad INTEGER NOT NULL, PRIMARY KEY (term, ad)) WITHOUT ROWID;
CREATE TABLE audience (page INTEGER, term INTEGER, ads INTEGER, impressions INTEGER);
CREATE TABLE version (ad TEXT, since INTEGER, text TEXT, landing TEXT);
CREATE TABLE delivery (
    ad TEXT, day INTEGER, age TEXT, gender TEXT, region TEXT, impressions INTEGER, reach INTEGER
);
CREATE TABLE facet (name TEXT, value TEXT, label TEXT, ads INTEGER);
CREATE VIRTUAL TABLE words USING fts5(
    text, content='ad', content_rowid='id', tokenize="unicode61 remove_diacritics 2", prefix='3'
);
"""
"""`created`, `ended`, `since`, `day`, `first`, `last`: microseconds since 1970, UTC. `cents`: hundredths of the
currency. `currency`: empty when the source states none."""

INDEXES = """
INSERT INTO words (words) VALUES ('rebuild');
CREATE UNIQUE INDEX ad_by_id ON ad (ad);
CREATE INDEX ad_by_created ON ad (created DESC, id DESC);
CREATE INDEX ad_by_page ON ad (page);
CREATE INDEX ad_by_currency ON ad (currency, cents DESC, id);
CREATE INDEX ad_by_impressions ON ad (impressions DESC, id);
CREATE INDEX ad_by_clicks ON ad (clicks DESC, id);
CREATE UNIQUE INDEX page_by_slug ON page (slug);
CREATE INDEX page_by_entity ON page (entity);
CREATE UNIQUE INDEX term_by_id ON term (term);
CREATE INDEX reading_by_page ON reading (page);
CREATE INDEX doubt_by_page ON doubt (page);
CREATE INDEX audience_by_page ON audience (page);
CREATE INDEX version_by_ad ON version (ad);
CREATE INDEX delivery_by_ad ON delivery (ad);
"""


def _folded(text: str | None) -> str | None:
    """Return text without case; SQLite's own `lower` knows only plain letters."""
    return None if text is None else text.casefold()


def read_only(file: Path) -> sqlite3.Connection:
    """Open the file for reading; its own tables never change once it is in place."""
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    connection.create_function("folded", 1, _folded, deterministic=True)
    connection.executescript("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; PRAGMA mmap_size = 268435456;")
    return connection
