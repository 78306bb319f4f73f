"""Growing numbers by which a gate sees that something it keeps in memory has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from ombud.records import dictionaries
from ombud.records.tables import counter

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["CONSENT", "RULES", "Changes", "latest", "next_change"]

CONSENT = "change/consent"
"""Counts changes of consents."""
RULES = "change/rules"
"""Counts changes of apps, reviews, policies and brakes."""


class Changes(msgspec.Struct, frozen=True):
    """The numbers of the latest changes; 0 before the first."""

    consent: int
    rules: int


def next_change(tx: Connection, name: str) -> int:
    """Take the next number, from 1. Whoever else takes one waits until this transaction ends.

    So a change with a lower number is always visible before one with a higher one, on both databases.
    """
    return dictionaries.reserve(tx, name, 1, start=1)


def latest(tx: Connection) -> Changes:
    """Return the numbers of the latest changes that are visible."""
    rows = tx.execute(select(counter.c.name, counter.c.next).where(counter.c.name.in_([CONSENT, RULES])))
    found = {row.name: int(row.next) - 1 for row in rows}
    return Changes(found.get(CONSENT, 0), found.get(RULES, 0))
