"""The public archive's pages: search, sums, money that is not stated, downloads."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from ombud.web.app import create_app
from tests.web.client import Browser
from tests.web.conftest import NOBODY

if TYPE_CHECKING:
    from ombud.model.workspace import Workspace
    from tests.web.seeding import World


@pytest.fixture
def ask(signed_in: dict[str, Browser]) -> Browser:
    return signed_in[NOBODY]


class TestSearch:
    def test_sums_are_over_all_found_not_over_the_page(self, ask: Browser) -> None:
        page = ask.get("/archive.json?currency=RUB").json()
        assert page["paging"]["total"] == 40
        assert len(page["result"]["rows"]) == 20
        assert page["result"]["totals"]["spend"] == [
            {"currency": "RUB", "amount": "120020.00", "ads": 40, "paid_ads": 40, "figure": None}
        ]

    def test_facets_narrow_and_widen_again(self, ask: Browser) -> None:
        page = ask.get("/archive.json").json()
        facets = {facet["title"]: facet["lines"] for facet in page["facets"]}
        line = next(line for line in facets["Currency"] if line["label"] != "RUB")
        assert line["ads"] == 20
        narrowed = ask.get(line["address"].replace("/archive?", "/archive.json?")).json()
        assert narrowed["paging"]["total"] == 20
        chosen = [x for f in narrowed["facets"] for x in f["lines"] if x["chosen"]]
        assert [x["address"] for x in chosen] == ["/archive"]

    def test_filters_in_force_can_be_taken_away_one_by_one(self, ask: Browser, world: World) -> None:
        facets = {f["title"]: f["lines"] for f in ask.get("/archive.json").json()["facets"]}
        term = facets["Aimed at"][0]["address"].partition("term=")[2]
        page = ask.get(f"/archive.json?page={world.page}&term={term}&q=rally").json()
        assert len(page["chosen"]) == 2
        assert page["chosen"][0]["without"] == f"/archive?q=rally&term={term}"
        kept = {(field["value"]) for field in page["kept"]}
        assert kept == {"page", "term"}

    def test_state_is_in_the_address_of_pages_and_downloads(self, ask: Browser) -> None:
        page = ask.get("/archive.json?q=rally&sort=clicks&p=2").json()
        assert page["paging"]["previous"] == "/archive?q=rally&sort=clicks"
        assert page["paging"]["next"] == "/archive?q=rally&sort=clicks&p=3"
        assert page["csv"] == "/archive/ads.csv?q=rally&sort=clicks"
        clicks = [row["clicks"] for row in page["result"]["rows"]]
        assert clicks == sorted(clicks, reverse=True)

    def test_period(self, ask: Browser) -> None:
        assert ask.get("/archive.json?since=2016-08-02&until=2016-08-04").json()["paging"]["total"] == 3
        backwards = ask.get("/archive?since=2016-09-01&until=2016-08-01")
        assert backwards.status_code == 400
        assert "before it begins" in backwards.text

    def test_hits_are_marked(self, ask: Browser) -> None:
        assert "<mark>rally</mark>" in ask.get("/archive?q=rally").text

    def test_nothing_found_says_what_to_do(self, ask: Browser) -> None:
        assert "begin again" in ask.get("/archive?q=zzzzzz").text


class TestDownloads:
    def test_csv_has_every_ad_found(self, ask: Browser) -> None:
        rows = list(csv.DictReader(io.StringIO(ask.get("/archive/ads.csv?currency=RUB").text)))
        assert len(rows) == 40
        assert sum(float(row["spend"]) for row in rows) == pytest.approx(120_020.00)

    def test_ndjson_is_one_object_a_line(self, ask: Browser) -> None:
        answer = ask.get("/archive/ads.ndjson")
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert len(lines) == 60
        assert answer.headers["content-type"] == "application/x-ndjson"

    def test_a_wrong_question_is_refused_before_anything_is_sent(self, ask: Browser) -> None:
        assert ask.get("/archive/ads.csv?since=2016-09-01&until=2016-08-01").status_code == 400


class TestOneAd:
    def test_all_fields_and_figures(self, ask: Browser) -> None:
        text = ask.get("/archive/ads/4").text
        assert "400.50\u00a0RUB" in text
        assert "4,000" in text
        assert text.count("/explain/figure_") >= 3
        assert "Malcolm X" in text

    def test_money_that_is_not_stated_is_shown_as_such(self, ask: Browser) -> None:
        text = ask.get("/archive/ads/6").text
        assert "names no amount and no currency" in text
        assert "0.00\u00a0RUB" not in text

    def test_quality_flags_in_words(self, ask: Browser) -> None:
        text = ask.get("/archive/ads/5").text
        assert "The date lies outside what is plausible and was left out." in text
        assert "not readable" in text

    def test_an_ad_without_text(self, ask: Browser) -> None:
        assert "gives no text" in ask.get("/archive/ads/11").text


class TestPages:
    def test_a_page_shows_its_ads_and_whom_they_were_aimed_at(self, ask: Browser, world: World) -> None:
        text = ask.get(f"/archive/pages/{world.page}").text
        assert "30\u00a0ads" in text
        assert "Whom its ads were aimed at" in text
        assert "Malcolm X" in text
        assert "Currency not stated for 10\u00a0ads" in text
        assert 'rel="next"' in text

    def test_an_entity_id_leads_to_the_address(self, ask: Browser, world: World) -> None:
        page = ask.get(f"/archive/pages/{world.page}.json").json()["page"]
        answer = ask.get(f"/archive/pages/{page['entity']}")
        assert answer.status_code == 308
        assert answer.headers["location"] == f"/archive/pages/{world.page}"

    def test_list_by_name(self, ask: Browser) -> None:
        assert ask.get("/archive/pages.json?q=patriot").json()["result"]["total"] == 1
        assert "No page fits" in ask.get("/archive/pages?q=zzzz").text


def test_every_public_figure_on_the_start_page_can_be_followed(ask: Browser) -> None:
    page = ask.get("/index.json").json()
    assert page["totals"]["ads"] == 60
    figures = [*page["figure_ids"].values(), *(m["figure"] for m in page["totals"]["spend"] if m["figure"])]
    assert len(figures) >= 4
    for figure in figures:
        explained = ask.get(f"/explain/{figure}.json").json()
        assert explained["public"]
        assert explained["figure"]["query"]


def test_an_empty_workspace_says_what_will_appear(workspace: Workspace) -> None:
    from ombud.records import migrate  # noqa: PLC0415 - only this test begins with nothing

    migrate(workspace.records_url)
    browser = Browser(create_app(workspace))
    assert "The archive is empty" in browser.get("/").text
    assert browser.get("/archive").status_code == 404
    assert "No public data was imported" in browser.get("/about").text
    browser.close()
