"""A page shows its sums, its readings with reasons, what was left apart, and whom it aimed at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ombud.archive import AdQuery
from ombud.archive.targeting import CATEGORIES
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from ombud.archive import Archive


def test_ocr_readings_are_one_page(ira: Archive) -> None:
    (row,) = (r for r in ira.pages("Woke Blacks").rows if r.kind == "page")
    page = ira.page(row.slug)
    assert page.name == "Woke Blacks"
    assert len(page.readings) == 5
    assert sum(reading.ads for reading in page.readings) == page.totals.ads == 81
    assert all(reading.reason for reading in page.readings)
    assert any("misread digit" in reading.reason for reading in page.readings)


def test_doubtful_pages_point_at_each_other(ira: Archive) -> None:
    one, other = (ira.page(r.slug) for r in ira.pages("secured").rows)
    assert [d.other.slug for d in one.doubts] == [other.slug]
    assert [d.other.slug for d in other.doubts] == [one.slug]
    assert one.doubts[0].reason == other.doubts[0].reason


def test_page_sums_are_those_of_its_ads(ira: Archive) -> None:
    for row in ira.pages(limit=5).rows:
        found = ira.search(AdQuery(page=row.slug)).totals
        assert (row.ads, row.impressions, row.clicks) == (found.ads, found.impressions, found.clicks)
        assert [(m.currency, m.amount) for m in row.spend] == [(m.currency, m.amount) for m in found.spend]
        assert (row.first, row.last) == (found.first, found.last)


def test_audience_lines_count_the_pages_ads(ira: Archive) -> None:
    page = ira.page(ira.pages("Memopolis").rows[0].slug)
    assert page.audience
    order = list(CATEGORIES)
    places = [order.index(line.term.category) for line in page.audience]
    assert places == sorted(places)
    for line in page.audience[::5]:
        found = ira.search(AdQuery(page=page.slug, terms=(line.term.id,))).totals
        assert (line.ads, line.impressions) == (found.ads, found.impressions)
        assert line.share == pytest.approx(line.ads / page.ads_with_targeting)


@pytest.mark.parametrize("sort", ["ads", "name", "newest", "impressions", "clicks", "spend"])
def test_pages_in_every_order(ira: Archive, sort: str) -> None:
    rows = ira.pages(sort=sort, limit=1_000).rows
    keys: dict[str, list[float]] = {
        "ads": [-row.ads for row in rows],
        "impressions": [-row.impressions for row in rows],
        "clicks": [-row.clicks for row in rows],
        "spend": [-float(max((m.amount for m in row.spend if m.currency == "RUB"), default=-1)) for row in rows],
    }
    if sort in keys:
        assert keys[sort] == sorted(keys[sort])
    assert len({row.slug for row in rows}) == len(rows)


def test_pages_in_parts_are_the_whole(ira: Archive) -> None:
    whole = [row.slug for row in ira.pages(limit=1_000).rows]
    parts = [row.slug for offset in range(0, 203, 40) for row in ira.pages(limit=40, offset=offset).rows]
    assert parts == whole


def test_kinds_say_what_an_address_is(ira: Archive) -> None:
    kinds = {kind: ira.pages(kind=kind).total for kind in ("page", "event", "site", "post", "unknown")}
    assert kinds == {"page": 102, "event": 81, "site": 15, "post": 3, "unknown": 2}


def test_an_unknown_order_is_refused(ira: Archive) -> None:
    with pytest.raises(InputError, match="cannot be sorted"):
        ira.pages(sort="beauty")


def test_an_ad_links_to_its_page_and_shows_its_targeting(ira: Archive) -> None:
    ad = ira.ad("708")
    assert ad.page is not None
    assert ira.page(ad.page.slug).name == "Heart of Texas"
    assert (str(ad.spend), ad.currency, ad.impressions, ad.clicks) == ("500.00", "RUB", 3361, 808)
    assert {term.category for term in ad.targeting} >= {"age", "location"}
    assert ad.document == "data/2016-08/P(1)0002668.pdf"
