"""The ad archive: search, pages that ran ads, one ad; everything of it can be taken away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
from fastapi import Depends, Path, Query
from msgspec import Meta
from starlette.responses import RedirectResponse, Response, StreamingResponse

from ombud.archive import AdQuery, Archive
from ombud.archive.answers import Ad, AdPage, Page, PageList
from ombud.archive.download import csv_lines, ndjson_lines
from ombud.model.errors import InputError
from ombud.web.access import PUBLIC
from ombud.web.pages import Pages
from ombud.web.paging import Option, Paging, address, paging
from ombud.web.visit import VisitParameter

__all__ = ["AdView", "PageView", "PagesPage", "SearchPage", "archive_of", "pages"]

pages = Pages()
SIZE = 20
_PIECE = 64 * 1024
"""Bytes sent at once: a switch of threads for each line would take longer than the line."""
Word = Annotated[str, Query(max_length=300)]
Slug = Annotated[str, Query(max_length=300)]
Day = Annotated[str, Query(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
Number = Annotated[int, Query(ge=1, le=100_000)]
Sort = Literal["relevance", "newest", "oldest", "spend", "impressions", "clicks"]
SORTS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "relevance": "Best match first",
    "impressions": "Most shown first",
    "clicks": "Most clicked first",
    "spend": "Most paid first",
}
PAGE_SORTS = {
    "ads": "Most ads first",
    "name": "By name",
    "newest": "Newest ad first",
    "impressions": "Most shown first",
    "clicks": "Most clicked first",
    "spend": "Most paid first, in rubles",
}


class Chosen(msgspec.Struct, frozen=True):
    """One filter in force."""

    label: Annotated[str, Meta(description="The filter in words.")]
    without: Annotated[str, Meta(description="Address of the search without it.")]


class FacetLine(msgspec.Struct, frozen=True):
    """One choice that narrows the search."""

    label: Annotated[str, Meta(description="The choice in words.")]
    ads: Annotated[int, Meta(description="Ads found that have it.")]
    address: Annotated[str, Meta(description="Address of the search with it, or without it when it is in force.")]
    chosen: Annotated[bool, Meta(description="Whether it is in force.")]


class FacetView(msgspec.Struct, frozen=True):
    """One way to narrow the search."""

    title: Annotated[str, Meta(description="What the choices are.")]
    lines: Annotated[list[FacetLine], Meta(description="Choices, the most frequent first.")]


class SearchPage(msgspec.Struct, frozen=True):
    """What a search of the ad archive found."""

    text: Annotated[str, Meta(description="Words searched for.")]
    since: Annotated[str, Meta(description="Created on this day or later; empty for any.")]
    until: Annotated[str, Meta(description="Created on this day or earlier; empty for any.")]
    currency: Annotated[str, Meta(description="ISO 4217, `none` for not stated, empty for any.")]
    sort: Annotated[str, Meta(description="The order.")]
    sorts: Annotated[list[Option], Meta(description="Orders to choose from.")]
    kept: Annotated[list[Option], Meta(description="Filters that the form keeps as hidden fields.")]
    chosen: Annotated[list[Chosen], Meta(description="Filters in force, other than words and period.")]
    result: Annotated[AdPage, Meta(description="The ads of this page and the totals of all found.")]
    facets: Annotated[list[FacetView], Meta(description="Ways to narrow the search.")]
    paging: Annotated[Paging, Meta(description="Where in the list this is.")]
    csv: Annotated[str, Meta(description="Address of all ads found as CSV.")]
    ndjson: Annotated[str, Meta(description="Address of all ads found as NDJSON.")]


class PagesPage(msgspec.Struct, frozen=True):
    """Pages that ran ads, or that ads led to."""

    name: Annotated[str, Meta(description="Part of a name searched for.")]
    sort: Annotated[str, Meta(description="The order.")]
    sorts: Annotated[list[Option], Meta(description="Orders to choose from.")]
    result: Annotated[PageList, Meta(description="The pages on this page.")]
    paging: Annotated[Paging, Meta(description="Where in the list this is.")]


class PageView(msgspec.Struct, frozen=True):
    """One page with all its ads and whom they were aimed at."""

    page: Annotated[Page, Meta(description="The page with its sums, readings, doubts and audience.")]
    ads: Annotated[AdPage, Meta(description="Its ads, newest first.")]
    paging: Annotated[Paging, Meta(description="Where in the list of its ads this is.")]
    search: Annotated[str, Meta(description="Address of a search among its ads.")]
    figure_ids: Annotated[dict[str, str], Meta(description="Figure ids of its sums by name.")]


class AdView(msgspec.Struct, frozen=True):
    """One ad with everything that is known of it."""

    ad: Annotated[Ad, Meta(description="The ad.")]
    figure_ids: Annotated[dict[str, str], Meta(description="Figure ids of spend, impressions and clicks.")]


def archive_of(visit: VisitParameter) -> Archive:
    """Return the archive; `NotFoundError` while there is none."""
    return visit.house.archive


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise InputError(f"There is no day {value}.", hint="Write it as year-month-day.") from error


class Asked(msgspec.Struct, frozen=True):
    """A search as its address states it."""

    q: str
    page: str
    currency: str
    since: str
    until: str
    terms: tuple[str, ...]
    category: str
    sort: Sort

    def query(self, offset: int = 0, limit: int = SIZE) -> AdQuery:
        """Return the question to the archive."""
        return AdQuery(
            text=self.q,
            page=self.page or None,
            currency=self.currency or None,
            since=_day(self.since),
            until=_day(self.until),
            terms=self.terms,
            category=self.category or None,
            sort=self.sort,
            offset=offset,
            limit=limit,
        )

    def pairs(self) -> list[tuple[str, str]]:
        """Return the address's parameters; those that say nothing are left out."""
        single = [(name, getattr(self, name)) for name in ("q", "page", "currency", "since", "until", "category")]
        chosen = [(name, value) for name, value in single if value] + [("term", term) for term in self.terms]
        return [*chosen, ("sort", self.sort)] if self.sort != "newest" else chosen

    def at(self, path: str = "/archive", page: int = 1) -> str:
        """Return the address of this search."""
        pairs = self.pairs() + ([("p", str(page))] if page > 1 else [])
        return f"{path}?{urlencode(pairs)}" if pairs else path


def _asked(
    q: Word = "",
    page: Slug = "",
    currency: Annotated[str, Query(pattern=r"^([A-Z]{3}|none)?$")] = "",
    since: Day = "",
    until: Day = "",
    term: Annotated[list[str] | None, Query(max_length=20)] = None,
    category: Annotated[str, Query(max_length=60)] = "",
    sort: Sort = "newest",
) -> Asked:
    terms = tuple(dict.fromkeys(item for item in term or [] if item))
    return Asked(q=q, page=page, currency=currency, since=since, until=until, terms=terms, category=category, sort=sort)


AskedParameter = Annotated[Asked, Depends(_asked)]
_TITLES = {
    "page": "Page",
    "currency": "Currency",
    "year": "Year",
    "category": "Aimed by",
    "term": "Aimed at",
}


def _facet_line(asked: Asked, name: str, value: str, label: str, ads: int) -> FacetLine:
    """Return one choice; a chosen one leads to the search without it."""
    if name == "term":
        chosen = value in asked.terms
        terms = tuple(t for t in asked.terms if t != value) if chosen else (*asked.terms, value)
        return FacetLine(label, ads, msgspec.structs.replace(asked, terms=terms).at(), chosen)
    if name == "year":
        first, last = f"{value}-01-01", f"{value}-12-31"
        chosen = (asked.since, asked.until) == (first, last)
        changed = {"since": "", "until": ""} if chosen else {"since": first, "until": last}
        return FacetLine(label, ads, msgspec.structs.replace(asked, **changed).at(), chosen)
    chosen = getattr(asked, name) == value
    return FacetLine(label, ads, msgspec.structs.replace(asked, **{name: "" if chosen else value}).at(), chosen)


def _facets(asked: Asked, result: AdPage) -> list[FacetView]:
    views = []
    for facet in result.facets:
        lines = [_facet_line(asked, facet.name, c.value, c.label, c.ads) for c in facet.counts]
        if lines:
            views.append(FacetView(_TITLES.get(facet.name, facet.name.capitalize()), lines))
    return views


def _chosen(archive: Archive, asked: Asked, facets: list[FacetView]) -> list[Chosen]:
    """Return the filters in force that are not fields of the form, each with the way out of it."""
    found = []
    if asked.page:
        name = archive.page(asked.page).name
        found.append(Chosen(f"Page: {name}", msgspec.structs.replace(asked, page="").at()))
    if asked.category:
        label = next(
            (li.label for v in facets for li in v.lines if v.title == "Aimed by" and li.chosen), asked.category
        )
        found.append(Chosen(f"Aimed by {label.lower()}", msgspec.structs.replace(asked, category="").at()))
    for term_id in asked.terms:
        term = archive.term(term_id)
        rest = tuple(t for t in asked.terms if t != term_id)
        words = "Not shown to" if term.excluded else "Aimed at"
        found.append(Chosen(f"{words}: {term.value}", msgspec.structs.replace(asked, terms=rest).at()))
    return found


@pages.page("/archive", shows=SearchPage, template="public/archive.html", access=PUBLIC)
def search(visit: VisitParameter, asked: AskedParameter, p: Number = 1) -> SearchPage:
    """Search the ads."""
    archive = archive_of(visit)
    result = archive.search(asked.query(offset=(p - 1) * SIZE))
    facets = _facets(asked, result)
    pages_ = max(1, -(-result.totals.ads // SIZE))
    return SearchPage(
        text=asked.q,
        since=asked.since,
        until=asked.until,
        currency=asked.currency,
        sort=asked.sort,
        sorts=[Option(value, label) for value, label in SORTS.items()],
        kept=[Option(name, value) for name, value in asked.pairs() if name in {"page", "term", "category"}],
        chosen=_chosen(archive, asked, facets),
        result=result,
        facets=facets,
        paging=Paging(
            page=p,
            pages=pages_,
            total=result.totals.ads,
            previous=asked.at(page=min(p - 1, pages_)) if p > 1 else None,
            next=asked.at(page=p + 1) if p < pages_ else None,
        ),
        csv=asked.at("/archive/ads.csv"),
        ndjson=asked.at("/archive/ads.ndjson"),
    )


@pages.data("/archive/ads.csv", access=PUBLIC, media_type="text/csv")
def ads_csv(visit: VisitParameter, asked: AskedParameter) -> Response:
    """Send all ads that a search finds as CSV."""
    return _download(csv_lines(archive_of(visit), asked.query()), "text/csv; charset=utf-8", "ads.csv")


@pages.data("/archive/ads.ndjson", access=PUBLIC, media_type="application/x-ndjson")
def ads_ndjson(visit: VisitParameter, asked: AskedParameter) -> Response:
    """Send all ads that a search finds as one JSON object a line."""
    return _download(ndjson_lines(archive_of(visit), asked.query()), "application/x-ndjson", "ads.ndjson")


def _download(lines: Iterator[bytes], media_type: str, name: str) -> Response:
    """Stream lines in large pieces; the first is made now, so that a refusal is still an answer with its status."""
    first = next(lines, b"")

    def whole() -> Iterator[bytes]:
        piece = bytearray(first)
        for line in lines:
            piece += line
            if len(piece) > _PIECE:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece)

    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(whole(), media_type=media_type, headers=headers)


@pages.page("/archive/pages", shows=PagesPage, template="public/pages.html", access=PUBLIC)
def page_list(
    visit: VisitParameter,
    q: Word = "",
    sort: Literal["ads", "name", "newest", "impressions", "clicks", "spend"] = "ads",
    p: Number = 1,
) -> PagesPage:
    """List the pages that ran ads."""
    result = archive_of(visit).pages(q, sort=sort, limit=50, offset=(p - 1) * 50)
    state = {"q": q, "sort": sort if sort != "ads" else None}
    return PagesPage(
        name=q,
        sort=sort,
        sorts=[Option(value, label) for value, label in PAGE_SORTS.items()],
        result=result,
        paging=paging("/archive/pages", state, p, result.total, 50, parameter="p"),
    )


@pages.page("/archive/pages/{slug}", shows=PageView, template="public/page.html", access=PUBLIC)
def page_view(visit: VisitParameter, slug: Annotated[str, Path(max_length=300)], p: Number = 1) -> PageView | Response:
    """Show one page with all its ads and whom they were aimed at."""
    archive = archive_of(visit)
    page = archive.page(slug)
    if page.slug != slug:
        return RedirectResponse(f"/archive/pages/{page.slug}", 308)
    ads = archive.search(AdQuery(page=page.slug, offset=(p - 1) * SIZE, limit=SIZE))
    path = f"/archive/pages/{page.slug}"
    return PageView(
        page=page,
        ads=ads,
        paging=paging(path, {}, p, page.totals.ads, SIZE, parameter="p"),
        search=address("/archive", {"page": page.slug}),
        figure_ids={figure.name: figure.id for figure in page.totals.figures},
    )


@pages.page("/archive/ads/{ad}", shows=AdView, template="public/ad.html", access=PUBLIC)
def ad_view(visit: VisitParameter, ad: Annotated[str, Path(max_length=300)]) -> AdView:
    """Show one ad with everything that is known of it."""
    found = archive_of(visit).ad(ad)
    return AdView(ad=found, figure_ids={figure.name: figure.id for figure in found.figures})
