"""The released ads add up to the cent, in each currency by itself, and every number can be explained."""

from __future__ import annotations

import sqlite3
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from ombud.archive import AdQuery
from ombud.records import figures

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.archive import Archive
    from ombud.lake import Lake

PAGES = 203


def test_totals_agree_with_the_release(ira: Archive) -> None:
    totals = ira.totals()
    assert (totals.ads, totals.impressions, totals.clicks) == (3_498, 40_285_461, 3_708_749)
    rubles, unstated, dollars = totals.spend
    assert (rubles.currency, rubles.amount, rubles.ads, rubles.paid_ads) == ("RUB", Decimal("5822554.92"), 2_533, 2_533)
    assert (dollars.currency, dollars.amount, dollars.ads, dollars.paid_ads) == ("USD", Decimal("109.33"), 5, 5)
    assert (unstated.currency, unstated.amount, unstated.ads, unstated.paid_ads) == (None, Decimal("0.00"), 960, 0)
    assert totals.pages == PAGES


def test_amounts_have_two_decimals_even_when_nothing_was_spent(ira: Archive) -> None:
    assert [str(money.amount) for money in ira.totals().spend] == ["5822554.92", "0.00", "109.33"]


def test_pages_add_up_to_the_ads_that_name_one(ira: Archive, examples: Path) -> None:
    with sqlite3.connect(examples / "ira-facebook-ads" / "russian-ads.db") as source:
        named = source.execute("SELECT count(*) FROM ads WHERE url NOT IN ('', '—') AND url IS NOT NULL").fetchone()[0]
    pages = ira.pages(limit=1_000)
    assert pages.total == len(pages.rows) == PAGES
    assert sum(page.ads for page in pages.rows) == named == 3_471
    spent: Counter[str | None] = Counter()
    for page in pages.rows:
        for money in page.spend:
            spent[money.currency] += int(money.amount * 100)
    unnamed = [row for row in ira.each() if row["page"] is None]
    for row in unnamed:
        spent[row["currency"]] += int(row["spend"] * 100)
    assert spent == Counter({"RUB": 582_255_492, "USD": 10_933, None: 0})
    assert len(unnamed) == 27


def test_every_total_has_a_figure_with_its_query_and_files(ira: Archive, ira_lake: Lake) -> None:
    totals = ira.totals()
    with ira_lake.records.read() as tx:
        by_name = {ref.name: figures.get(tx, ref.id) for ref in totals.figures}
        spent = {money.currency: figures.get(tx, str(money.figure)) for money in totals.spend}
    assert {name: f.value for name, f in by_name.items()} == {
        "ads": 3_498,
        "pages": PAGES,
        "impressions": 40_285_461,
        "clicks": 3_708_749,
    }
    assert spent["RUB"].value == "5822554.92"
    assert spent["RUB"].unit == "RUB"
    assert spent[None].unit == "not stated"
    hashes = {(file.path, file.sha256) for file in ira_lake.files("ads")}
    assert {(source.path, source.sha256) for source in spent["RUB"].inputs} == hashes


def test_the_query_of_a_figure_gives_its_value_again(ira: Archive, ira_lake: Lake) -> None:
    page = ira.page(ira.pages("Blacktivist").rows[0].slug)
    with ira_lake.records.read() as tx:
        found = [figures.get(tx, ref.id) for ref in page.totals.figures]
        found += [figures.get(tx, str(money.figure)) for money in page.totals.spend]
        found += [figures.get(tx, str(money.figure)) for money in ira.totals().spend]
    with ira_lake.duck() as duck:
        for figure in found:
            value = duck.execute(figure.query, figure.parameters or None).fetchall()[0][0]
            assert str(value) == str(figure.value), figure.name


def test_every_number_of_an_ad_has_a_figure(ira: Archive, ira_lake: Lake) -> None:
    ad = ira.ad(ira.search(AdQuery(sort="impressions")).rows[0].id)
    with ira_lake.records.read() as tx:
        values = {ref.name: figures.get(tx, ref.id).value for ref in ad.figures}
    assert values == {"spend": str(ad.spend), "impressions": ad.impressions, "clicks": ad.clicks}


def test_a_bad_date_is_null_with_a_flag_and_its_money_still_counts(ira: Archive) -> None:
    undated = [row for row in ira.search(AdQuery(sort="oldest", offset=3_400, limit=200)).rows if row.created is None]
    assert len(undated) == 3
    assert all(any(flag.startswith("happened_at:") for flag in row.quality) for row in undated)
