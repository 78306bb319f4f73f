"""What can be asked of the archive."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from ombud.model.errors import InputError

__all__ = ["MOST_ROWS", "NOT_STATED", "AdQuery"]

MOST_ROWS = 200
"""Rows of one page of results at most; downloads have no limit."""
NOT_STATED = "none"
"""The value of `AdQuery.currency` for ads whose currency the source does not state."""


class AdQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question to the archive; all conditions must hold together."""

    text: str = ""
    """words that must all occur; "a phrase" in quotation marks; `word*` for beginnings; `-word` for absence"""
    page: str | None = None
    """slug of a page"""
    currency: str | None = None
    """ISO 4217, or `none` for ads whose currency is not stated"""
    since: date | None = None
    until: date | None = None
    """created on these days or between them, UTC"""
    terms: tuple[str, ...] = ()
    """ids of targeting terms, all of which the ad chose"""
    category: str | None = None
    """a category of targeting that the ad used"""
    min_impressions: int | None = None
    min_spend: Decimal | None = None
    """in the ad's own currency"""
    has_spend: bool | None = None
    """true: spent more than nothing; false: nothing or not stated"""
    sort: Literal["relevance", "newest", "oldest", "spend", "impressions", "clicks"] = "newest"
    """relevance needs words, otherwise newest; spend sorts by currency first"""
    cursor: str | None = None
    """`AdPage.next_cursor` of the page before; wins over `offset`"""
    offset: int = 0
    limit: int = 25

    def __post_init__(self) -> None:
        """Refuse what makes no sense, in one sentence."""
        if not 1 <= self.limit <= MOST_ROWS:
            raise InputError(
                f"`limit` is {self.limit}.", hint=f"It goes from 1 to {MOST_ROWS}; downloads have no limit."
            )
        if self.offset < 0:
            raise InputError(f"`offset` is {self.offset}.", hint="It begins at 0.")
        if self.since and self.until and self.since > self.until:
            raise InputError(f"The period ends ({self.until}) before it begins ({self.since}).", hint="Swap the two.")
