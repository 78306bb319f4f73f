"""Every field of a question against a plain count over the same ads; facets, cursors and downloads with it."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ombud.archive import NOT_STATED, AdQuery, Archive, csv_lines, ndjson_lines, open_archive
from ombud.archive.targeting import parse_term
from ombud.records import imports
from tests.unit.archive.conftest import filled, lake_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TERMS = [
    "interests:Music",
    "interests:Cooking",
    "exclude:interests:Music",
    "age:18 - 65+",
    "location:united_states:Texas",
]
MOMENTS = [
    None,
    datetime(2015, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2016, 1, 1, tzinfo=UTC),
    datetime(2016, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2016, 1, 2, tzinfo=UTC),
    datetime(1969, 12, 31, 12, tzinfo=UTC),
]


def made_ads() -> list[dict[str, Any]]:
    """Return 90 ads in which every field is sometimes null, and ties are common."""
    return [
        {
            "ad": f"ad{n:02}",
            "space": None if n % 7 == 0 else f"https://www.facebook.com/page{'abc'[n % 3]}/",
            "happened_at": MOMENTS[n % 6],
            "text": None if n % 11 == 0 else f"word{n % 2} common",
            "spend": None if n % 5 == 0 else Decimal(n % 4) * Decimal("0.01") + n % 3,
            "currency": (None, "RUB", "USD", "EUR")[n % 4],
            "impressions": None if n % 8 == 0 else n % 10,
            "clicks": None if n % 9 == 0 else n % 6,
            "targeting": [TERMS[(n + k) % 5] for k in range(n % 4)] or None,
        }
        for n in range(90)
    ]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    lake = lake_at(tmp_path_factory.mktemp("answers") / "workspace")
    filled(lake, "ads", made_ads())
    yield open_archive(lake)
    lake.records.close()


def micros(ad: dict[str, Any]) -> float:
    moment: datetime | None = ad["happened_at"]
    return float("-inf") if moment is None else moment.timestamp()


def holds(query: AdQuery, ad: dict[str, Any]) -> bool:
    day = ad["happened_at"].date() if ad["happened_at"] else None
    terms = {parse_term(raw).id for raw in ad["targeting"] or []}
    spent = ad["spend"] is not None and ad["spend"] > 0
    return all(
        (
            query.page is None or (ad["space"] or "").endswith(f"{query.page.split('-')[0]}/"),
            query.currency is None or (ad["currency"] or NOT_STATED) == query.currency,
            query.since is None or (day is not None and day >= query.since),
            query.until is None or (day is not None and day <= query.until),
            terms.issuperset(query.terms),
            query.category is None or query.category in {parse_term(r).category for r in ad["targeting"] or []},
            query.min_impressions is None
            or (ad["impressions"] is not None and ad["impressions"] >= query.min_impressions),
            query.min_spend is None or (ad["spend"] is not None and ad["spend"] >= query.min_spend),
            query.has_spend is None or spent == query.has_spend,
            query.text == "" or query.text in (ad["text"] or "").split(),
        )
    )


def ordered(query: AdQuery, ads: list[dict[str, Any]]) -> list[str]:
    """Return the ids in the documented order; of equals the older first, but for `newest`."""
    stored = sorted(made_ads(), key=lambda ad: (ad["happened_at"] is None, micros(ad), ad["ad"]))
    number = {ad["ad"]: n for n, ad in enumerate(stored)}

    def least(value: Any) -> float:  # noqa: ANN401 - a number or null
        return float("inf") if value is None else -float(value)

    keys: dict[str, Callable[[dict[str, Any]], Any]] = {
        "newest": lambda ad: (-micros(ad), -number[ad["ad"]]),
        "oldest": lambda ad: (ad["happened_at"] is None, micros(ad), number[ad["ad"]]),
        "impressions": lambda ad: (least(ad["impressions"]), number[ad["ad"]]),
        "clicks": lambda ad: (least(ad["clicks"]), number[ad["ad"]]),
        "spend": lambda ad: (ad["currency"] is None, ad["currency"] or "", least(ad["spend"]), number[ad["ad"]]),
    }
    return [ad["ad"] for ad in sorted(ads, key=keys[query.sort])]


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a question; most of its fields are not used at once."""
    fields = {
        "page": st.sampled_from(["pagea", "pageb", "pagec"]),
        "currency": st.sampled_from(["RUB", "USD", "EUR", NOT_STATED]),
        "since": st.sampled_from([date(1969, 1, 1), date(2016, 1, 1), date(2016, 1, 2), date(2017, 1, 1)]),
        "until": st.sampled_from([date(2017, 2, 1), date(2017, 3, 1)]),
        "terms": st.lists(st.sampled_from([parse_term(raw).id for raw in TERMS]), max_size=3, unique=True).map(tuple),
        "category": st.sampled_from(["interests", "age", "location", "gender"]),
        "min_impressions": st.integers(-1, 10),
        "min_spend": st.decimals(0, 3, places=3),
        "has_spend": st.booleans(),
        "text": st.sampled_from(["word0", "word1", "common"]),
    }
    used = draw(st.sets(st.sampled_from(sorted(fields)), max_size=3))
    asked = {name: draw(fields[name]) for name in sorted(used)}
    if draw(st.booleans()) and "since" not in asked:
        asked["until"] = draw(st.sampled_from([date(2015, 12, 31), date(2016, 1, 1), date(1969, 12, 31)]))
    return asked | {"sort": draw(st.sampled_from(["newest", "oldest", "impressions", "clicks", "spend"]))}


@settings(max_examples=120)
@given(questions(), st.integers(1, 30))
def test_every_field_against_a_plain_count(archive: Archive, asked: dict[str, Any], limit: int) -> None:
    if "page" in asked:
        asked["page"] = next(row.slug for row in archive.pages().rows if row.slug.startswith(asked["page"]))
    query = AdQuery(**asked)
    wanted = [ad for ad in made_ads() if holds(query, ad)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        found = archive.search(AdQuery(**asked, limit=limit, cursor=cursor))
        seen += [row.id for row in found.rows]
        cursor = found.next_cursor
        if cursor is None:
            break
    assert seen == ordered(query, wanted)
    assert found.totals.ads == len(wanted)
    cents: Counter[str | None] = Counter({ad["currency"]: 0 for ad in wanted})
    for ad in wanted:
        cents[ad["currency"]] += int((ad["spend"] or 0) * 100)
    assert {m.currency: m.amount for m in found.totals.spend} == {c: Decimal(n).scaleb(-2) for c, n in cents.items()}
    assert sum(m.paid_ads for m in found.totals.spend) == sum((ad["spend"] or 0) > 0 for ad in wanted)
    created = [ad["happened_at"] for ad in wanted if ad["happened_at"]]
    assert (found.totals.first, found.totals.last) == ((min(created), max(created)) if created else (None, None))
    counts = {facet.name: {c.value: c.ads for c in facet.counts} for facet in found.facets}
    assert counts["year"] == Counter(str(moment.year) for moment in created)
    assert counts["currency"] == Counter(ad["currency"] or NOT_STATED for ad in wanted)
    chosen = [{parse_term(raw) for raw in ad["targeting"] or []} for ad in wanted]
    assert counts["term"] == Counter(term.id for terms in chosen for term in terms)
    assert counts["category"] == Counter(c for terms in chosen for c in {term.category for term in terms})
    assert sum(counts["page"].values()) == sum(ad["space"] is not None for ad in wanted)


@settings(max_examples=25)
@given(questions())
def test_a_download_is_the_whole_result_in_both_forms(archive: Archive, asked: dict[str, Any]) -> None:
    if "page" in asked:
        asked["page"] = next(row.slug for row in archive.pages().rows if row.slug.startswith(asked["page"]))
    query = AdQuery(**asked)
    wanted = {ad["ad"]: ad for ad in made_ads() if holds(query, ad)}
    rows = list(csv.DictReader(io.StringIO(b"".join(csv_lines(archive, query)).decode(), newline="")))
    lines = [json.loads(line) for line in ndjson_lines(archive, query)]
    assert [row["id"] for row in rows] == [line["id"] for line in lines]
    assert {row["id"] for row in rows} == set(wanted)
    for row, line in zip(rows, lines, strict=True):
        ad = wanted[row["id"]]
        spend = None if ad["spend"] is None else f"{ad['spend']:.2f}"
        assert (line["spend"], line["currency"], line["impressions"]) == (spend, ad["currency"], ad["impressions"])
        assert (row["spend"], row["currency"]) == (spend or "", ad["currency"] or "")
        assert sorted(line["targeting"]) == sorted(set(ad["targeting"] or []))
        assert row["targeting"].split(" | ") == (line["targeting"] or [""])
        assert line["text"] == ad["text"]


def test_a_question_in_words_names_every_condition(archive: Archive) -> None:
    query = AdQuery(
        text='police "stop now" -badge',
        page="p",
        currency="rub",
        since=date(2016, 1, 1),
        until=date(2016, 2, 1),
        terms=("term_x",),
        category="age",
        min_impressions=5,
        min_spend=Decimal("1.50"),
        has_spend=True,
    )
    words = archive.search(query).understood
    for part in (
        '"police" and "stop now"', 'without "badge"', "page p", "currency RUB", "since 2016-01-01", "until 2016-02-01",
        "aimed by term_x", "aimed by age", "at least 5 impressions", "at least 1.50 spent", "that cost something",
    ):  # fmt: skip
        assert part in words
    assert archive.search().understood == "all ads"
    assert "cost nothing" in archive.search(AdQuery(has_spend=False)).understood
    assert "currency not stated" in archive.search(AdQuery(currency="NONE")).understood


def test_pages_are_found_by_part_of_a_name_in_any_script(made: Callable[..., Any]) -> None:
    archive = open_archive(
        made(
            {"ad": "1", "space": "https://www.facebook.com/Привет-Мир/"},
            {"ad": "2", "space": "https://www.facebook.com/Größe.Zwei/"},
            {"ad": "3", "space": "https://www.facebook.com/plain/", "targeting": ["interests:Музыка"]},
        )
    )
    for name, found in (
        ("привет", 1),
        ("ПРИВЕТ-м", 1),
        ("GRÖSSE", 1),
        ("größe", 1),
        ("facebook.com/PLAIN", 1),
        ("%", 0),
    ):
        assert archive.pages(name).total == found, name
    assert [term.value for term in archive.terms("музыка")] == ["Музыка"]
    assert [row.name for row in archive.pages(sort="name").rows] == ["Größe.Zwei", "plain", "Привет-Мир"]


@pytest.mark.parametrize("offset", [10**6, 2**63, 2**80])
def test_beyond_the_end_there_is_nothing_however_far(archive: Archive, offset: int) -> None:
    found = archive.search(AdQuery(offset=offset))
    assert (found.rows, found.next_cursor, found.totals.ads) == ((), None, 90)
    assert archive.pages(offset=offset).rows == ()
    assert archive.search(AdQuery(cursor="o999999999999")).rows == ()


@pytest.mark.parametrize(("limit", "count"), [(-1, 0), (0, 0), (2, 2), (2**80, 5)])
def test_terms_come_in_the_number_asked_for(archive: Archive, limit: int, count: int) -> None:
    assert len(archive.terms(limit=limit)) == count


def test_terms_count_the_ads_of_the_whole_archive(archive: Archive) -> None:
    wanted = Counter(parse_term(raw).id for ad in made_ads() for raw in set(ad["targeting"] or []))
    assert {term.id: term.ads for term in archive.terms()} == wanted
    assert [term.ads for term in archive.terms()] == sorted(wanted.values(), reverse=True)


def test_the_day_of_an_ad_is_the_day_in_utc(archive: Archive) -> None:
    day = date(2016, 1, 1)
    found = {row.created for row in archive.search(AdQuery(since=day, until=day, limit=200)).rows}
    assert found == {MOMENTS[2], MOMENTS[3]}
    before = archive.search(AdQuery(until=day - timedelta(days=1), limit=200)).rows
    assert {row.created for row in before} == {MOMENTS[1], MOMENTS[5]}


def test_currencies_come_with_the_most_ads_first(made: Callable[..., Any]) -> None:
    plain = {"spend": Decimal("1.00")}
    ads = [plain | {"ad": f"{n}", "currency": "USD" if n else "EUR"} for n in range(3)]
    archive = open_archive(made(*ads, plain | {"ad": "3", "currency": "AUD"}))
    for found in (archive.totals(), archive.search(AdQuery(has_spend=True)).totals):
        assert [money.currency for money in found.spend] == ["USD", "AUD", "EUR"]
    page = archive.page(archive.pages().rows[0].slug)
    assert [money.currency for money in page.totals.spend] == ["USD", "AUD", "EUR"]


def test_a_term_is_shown_in_the_reading_of_most_ads(made: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ombud.archive.build.OCR_FORMATS", frozenset({"made"}))
    readings = ["interests:Amerioan history"] + ["interests:American history"] * 2
    lake = made(*({"ad": str(n), "targeting": [raw]} for n, raw in enumerate(readings)))
    with lake.records.begin() as tx:
        imports.start(tx, "made", "made", "00" * 32, "options", import_id="import_made")
    (term,) = open_archive(lake).terms()
    assert (term.value, term.ads, len(term.raw)) == ("American history", 3, 2)


def test_a_page_shows_twelve_terms_of_a_category_the_most_used_first(made: Callable[..., Any]) -> None:
    ads = [{"ad": str(n), "targeting": [f"interests:Topic {k}" for k in range(n, 15)]} for n in range(15)]
    archive = open_archive(made(*ads, {"ad": "none", "targeting": None}))
    page = archive.page(archive.pages().rows[0].slug)
    assert [line.ads for line in page.audience] == [15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4]
    assert page.ads_with_targeting == 15
    assert page.audience[0].share == 1.0
