"""What the archive answers with: frozen structs, every field documented.

Money is a `Decimal` in its own currency, exact to the cent; a currency of null
means that the source stated none. Sums are one per currency, never across.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

__all__ = [
    "Ad",
    "AdPage",
    "AdRow",
    "AudienceLine",
    "Delivery",
    "Doubt",
    "Facet",
    "FacetCount",
    "FigureRef",
    "Money",
    "Page",
    "PageList",
    "PageRef",
    "PageRow",
    "Reading",
    "Segment",
    "Term",
    "Totals",
    "Version",
]

PageKind = Literal["page", "group", "event", "site", "post", "unknown"]


class Segment(msgspec.Struct, frozen=True):
    """A run of a snippet's text; the face marks it when it is a hit. Never HTML."""

    text: str
    hit: bool = False


class Money(msgspec.Struct, frozen=True):
    """What was spent in one currency."""

    currency: str | None
    """ISO 4217; null: the source states none"""
    amount: Decimal
    ads: int
    """ads with this currency, whether they spent or not"""
    paid_ads: int
    """of those, ads that spent more than nothing"""
    figure: str | None = None
    """id for `ombud explain`"""


class FigureRef(msgspec.Struct, frozen=True):
    """The ids, for `ombud explain`, of the numbers beside it."""

    name: str
    id: str


class PageRef(msgspec.Struct, frozen=True):
    """A link to a page of the archive."""

    slug: str
    name: str
    kind: PageKind


class Term(msgspec.Struct, frozen=True):
    """One thing that a buyer chose: whom to aim at, or whom to leave out."""

    id: str
    """stable; what `AdQuery.term` takes"""
    category: str
    """age, gender, location, interests, behaviours, education, work, politics, connections, custom-audience,
    language, placement, device, life, other"""
    label: str
    """the category in words"""
    value: str
    """the choice in words, with the reading of most ads"""
    excluded: bool
    """true: these people were left out"""
    narrowing: bool
    """true: people had to match this as well"""
    raw: tuple[str, ...]
    """as written in the source"""
    ads: int = 0
    """ads of the whole archive that chose it"""


class AdRow(msgspec.Struct, frozen=True):
    """One ad in a list of results."""

    id: str
    """the ad's id at the source"""
    page: PageRef | None
    """null: the source names no page"""
    snippet: tuple[Segment, ...]
    """at most 240 characters of its text, around the hits when words were searched"""
    created: datetime | None
    """UTC; null when not readable (see `quality`)"""
    ended: datetime | None
    spend: Decimal | None
    """null when not stated; otherwise in `currency`"""
    currency: str | None
    impressions: int | None
    clicks: int | None
    quality: tuple[str, ...] = ()
    """what was set to null at import, such as `happened_at:out of range`"""


class Version(msgspec.Struct, frozen=True):
    """What the ad said from a moment on."""

    since: datetime
    text: str | None
    landing: str | None


class Delivery(msgspec.Struct, frozen=True):
    """To whom it was shown: one cell, counts only."""

    day: datetime
    age: str | None
    gender: str | None
    region: str | None
    impressions: int | None
    reach: int | None


class Ad(msgspec.Struct, frozen=True):
    """One ad with everything that is known of it."""

    id: str
    page: PageRef | None
    text: str | None
    landing: str | None
    """where a click leads, as read"""
    created: datetime | None
    ended: datetime | None
    spend: Decimal | None
    currency: str | None
    impressions: int | None
    clicks: int | None
    payer: str | None
    document: str | None
    """name of the source's document"""
    targeting: tuple[Term, ...]
    quality: tuple[str, ...]
    versions: tuple[Version, ...]
    deliveries: tuple[Delivery, ...]
    figures: tuple[FigureRef, ...]
    """spend, impressions, clicks"""


class Totals(msgspec.Struct, frozen=True):
    """Sums over a set of ads: everything, one page, or the result of a query."""

    ads: int
    pages: int
    """different pages, events and sites"""
    spend: tuple[Money, ...]
    """one a currency, the largest number of ads first; never added up"""
    impressions: int
    clicks: int
    first: datetime | None
    last: datetime | None
    """creation of the earliest and latest ad"""
    figures: tuple[FigureRef, ...] = ()
    """ads, pages, impressions, clicks; money has its own"""


class FacetCount(msgspec.Struct, frozen=True):
    """One choice of a facet, and how many of the ads found have it."""

    value: str
    """what to put into the query"""
    label: str
    ads: int


class Facet(msgspec.Struct, frozen=True):
    """Counts of the ads found by one attribute; at most 25 choices, the most frequent first."""

    name: Literal["page", "currency", "year", "category", "term"]
    counts: tuple[FacetCount, ...]


class AdPage(msgspec.Struct, frozen=True):
    """One page of results."""

    rows: tuple[AdRow, ...]
    totals: Totals
    """over all ads found, not only those of this page"""
    facets: tuple[Facet, ...]
    offset: int
    next_cursor: str | None
    """put it into `AdQuery.cursor` for what follows; null at the end"""
    understood: str
    """the query in words, as it was understood"""


class Reading(msgspec.Struct, frozen=True):
    """One way in which the source writes a page's address."""

    url: str
    ads: int
    reason: str
    """why it is taken for this page"""
    probability: float
    """that it is the same page (1.0 for the reading that gives the name)"""


class Doubt(msgspec.Struct, frozen=True):
    """A page that may be this one and was left apart."""

    other: PageRef
    reason: str
    probability: float


class AudienceLine(msgspec.Struct, frozen=True):
    """One line of "whom its ads were aimed at"."""

    term: Term
    ads: int
    """ads of the page that chose it"""
    impressions: int
    share: float
    """of the page's ads that state any targeting"""


class PageRow(msgspec.Struct, frozen=True):
    """A page in the list of pages."""

    slug: str
    name: str
    kind: PageKind
    """page or group: who ran the ad; event, site, post: what the ad leads to, as the source names no other page"""
    url: str | None
    readings: int
    ads: int
    first: datetime | None
    last: datetime | None
    spend: tuple[Money, ...]
    impressions: int
    clicks: int


class PageList(msgspec.Struct, frozen=True):
    """One page of the list of pages."""

    rows: tuple[PageRow, ...]
    total: int
    offset: int


class Page(msgspec.Struct, frozen=True):
    """A page with its sums, the readings merged into it, and whom its ads were aimed at."""

    slug: str
    entity: str
    """stable id"""
    name: str
    kind: PageKind
    url: str | None
    totals: Totals
    readings: tuple[Reading, ...]
    doubts: tuple[Doubt, ...]
    audience: tuple[AudienceLine, ...]
    """grouped by category, the most frequent first; at most 12 a category"""
    ads_with_targeting: int
