"""From a question to SQL: words for FTS5 that can never be a syntax error, conditions, order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING

from ombud.archive.query import NOT_STATED
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from ombud.archive.query import AdQuery

__all__ = ["Asked", "Words", "asked", "offset_of", "words_of"]

_TOKEN = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_MOST_TOKENS = 32
_BIGGEST = 2**63 - 1
_MOST_MONEY = Decimal(10**16)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a question: expressions for FTS5, quoted so that nothing in them is syntax."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    hopeless: bool
    """something was typed, but no word in it"""

    @property
    def match(self) -> str | None:
        """Return the expression of what must occur, or null."""
        return " AND ".join(self.wanted) or None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as SQL: conditions over `ad`, their values, an order, and the question in words."""

    where: str
    values: tuple[object, ...]
    order: str
    match: str | None
    understood: str


def words_of(text: str) -> Words:
    """Take words, "phrases", beginn* and -absent apart; at most 32 are looked at."""
    wanted: list[str] = []
    unwanted: list[str] = []
    plain = "".join(c if c.isprintable() and not 0xD800 <= ord(c) < 0xE000 else " " for c in text)  # noqa: PLR2004 - surrogates
    for minus, phrase, word in _TOKEN.findall(plain)[:_MOST_TOKENS]:
        body = phrase or word
        if not any(c.isalnum() for c in body):
            continue
        star = "*" if word.endswith("*") else ""
        quoted = '"' + body.rstrip("*").replace('"', '""') + '"' + star
        (unwanted if minus else wanted).append(quoted)
    return Words(tuple(wanted), tuple(unwanted), bool(text.strip()) and not wanted and not unwanted)


def offset_of(query: AdQuery) -> int:
    """Return where the page of results begins; the cursor wins over the offset."""
    if query.cursor is None:
        return query.offset
    if not re.fullmatch(r"o[0-9]{1,12}", query.cursor):
        raise InputError(f"`{query.cursor[:40]}` is no cursor.", hint="Take it from `next_cursor` of the page before.")
    return int(query.cursor[1:])


def _micros(day: date) -> int:
    return int((datetime.combine(day, time(), UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


_ORDERS = {
    "newest": "ad.created DESC, ad.id DESC",
    "oldest": "ad.created NULLS LAST, ad.id",
    "spend": "ad.currency = '', ad.currency, ad.cents DESC, ad.id",
    "impressions": "ad.impressions DESC, ad.id",
    "clicks": "ad.clicks DESC, ad.id",
}


def asked(query: AdQuery) -> Asked:
    """Return the question as SQL. Never raises: impossible values find nothing."""
    words = words_of(query.text)
    clauses: list[tuple[str, tuple[object, ...], str]] = []
    if words.hopeless:
        clauses.append(("0", (), "nothing, as the text holds no word"))
    if words.match:
        said = " and ".join(w.replace('""', "'") for w in words.wanted)
        clauses.append(("ad.id IN (SELECT rowid FROM words WHERE words MATCH ?)", (words.match,), f"text with {said}"))
    if words.unwanted:
        unwanted = " OR ".join(words.unwanted)
        clauses.append(
            ("ad.id NOT IN (SELECT rowid FROM words WHERE words MATCH ?)", (unwanted,), f"text without {unwanted}")
        )
    clauses += _conditions(query)
    order = _ORDERS.get(query.sort, _ORDERS["newest"])
    if query.sort == "relevance" and words.match:
        order = "rank.score, ad.id"
    where = " AND ".join(sql for sql, _, _ in clauses) or "1"
    values = tuple(value for _, bound, _ in clauses for value in bound)
    understood = "; ".join(said for _, _, said in clauses) or "all ads"
    return Asked(where, values, order, words.match, understood)


def _conditions(query: AdQuery) -> list[tuple[str, tuple[object, ...], str]]:
    out: list[tuple[str, tuple[object, ...], str]] = []
    if query.page is not None:
        out.append(("ad.page = (SELECT id FROM page WHERE slug = ?)", (query.page,), f"page {query.page}"))
    if query.currency is not None:
        none = query.currency.lower() == NOT_STATED
        value = "" if none else query.currency.upper()
        out.append(("ad.currency = ?", (value,), "currency not stated" if none else f"currency {value}"))
    if query.since is not None:
        out.append(("ad.created >= ?", (_micros(query.since),), f"since {query.since}"))
    if query.until is not None:
        last = _BIGGEST if query.until == date.max else _micros(query.until + timedelta(days=1))
        out.append(("ad.created < ?", (last,), f"until {query.until}"))
    for term in query.terms:
        sql = "ad.id IN (SELECT ad FROM ad_term WHERE term = (SELECT id FROM term WHERE term.term = ?))"
        out.append((sql, (term,), f"aimed by {term}"))
    if query.category is not None:
        sql = "ad.id IN (SELECT ad FROM ad_term JOIN term ON term.id = ad_term.term WHERE term.category = ?)"
        out.append((sql, (query.category,), f"aimed by {query.category}"))
    if query.min_impressions is not None:
        least = max(min(query.min_impressions, _BIGGEST), -_BIGGEST)
        out.append(("ad.impressions >= ?", (least,), f"at least {query.min_impressions} impressions"))
    if query.min_spend is not None and query.min_spend.is_finite():
        cents = ceil(max(min(query.min_spend, _MOST_MONEY), -_MOST_MONEY) * 100)
        out.append(("ad.cents >= ?", (cents,), f"at least {query.min_spend} spent"))
    if query.has_spend is not None:
        sql = "coalesce(ad.cents, 0) > 0" if query.has_spend else "coalesce(ad.cents, 0) <= 0"
        out.append((sql, (), "that cost something" if query.has_spend else "that cost nothing"))
    return out
