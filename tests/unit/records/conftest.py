"""Every test of the records runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from tests.databases import backend, blank_url, migrated, new_url, postgres, records, template, url

__all__ = ["backend", "blank_url", "migrated", "new_url", "postgres", "records", "template", "url"]
