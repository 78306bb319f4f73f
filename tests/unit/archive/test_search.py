"""Search finds what it says, in a stable order, and its totals are those of its rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ombud.archive import NOT_STATED, AdQuery, open_archive
from ombud.archive.search import words_of
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.archive import Archive
    from ombud.lake import Lake


def ids(archive: Archive, query: AdQuery) -> list[str]:
    return [row.id for row in archive.search(query).rows]


@pytest.fixture
def few(made: Callable[..., Lake]) -> Archive:
    return open_archive(
        made(
            {
                "ad": "a",
                "text": "Stop police brutality now",
                "impressions": 100,
                "clicks": 9,
                "targeting": ["age:18 - 65+"],
            },
            {"ad": "b", "text": "Police, stop! <b>Now</b>", "impressions": 300, "clicks": 1, "spend": Decimal("0.10")},
            {
                "ad": "c",
                "text": "Back the badge",
                "currency": None,
                "spend": Decimal("0.00"),
                "targeting": ["interests:Police"],
            },
            {
                "ad": "d",
                "text": "naïve policemen",
                "currency": "USD",
                "spend": Decimal("7.05"),
                "happened_at": datetime(2017, 1, 1, 12, tzinfo=UTC),
                "targeting": ["interests:Police", "exclude:interests:Music"],
            },
        )
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("police", "ab"),
        ("POLICE stop", "ab"),
        ('"stop police"', "a"),
        ('"police stop"', "b"),
        ("polic*", "abd"),
        ("police -brutality", "b"),
        ("-police", "cd"),
        ("naive", "d"),
        ("nothing here", ""),
        ("!!!", ""),
        ('"', ""),
        ('"stop police', "a"),
        ("police AND brutality", ""),
        ("text:police", ""),
        ("   ", "abcd"),
        ("NEAR(", ""),
        ("*", ""),
        ("b\x00adge", ""),
    ],
)
def test_words(few: Archive, text: str, found: str) -> None:
    assert "".join(sorted(ids(few, AdQuery(text=text)))) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (AdQuery(currency="EUR"), "ab"),
        (AdQuery(currency="eur"), "ab"),
        (AdQuery(currency=NOT_STATED), "c"),
        (AdQuery(since=date(2017, 1, 1)), "d"),
        (AdQuery(until=date(2016, 5, 1)), "abc"),
        (AdQuery(since=date(2017, 1, 1), until=date(2017, 1, 1)), "d"),
        (AdQuery(since=date.min, until=date.max), "abcd"),
        (AdQuery(min_impressions=101), "b"),
        (AdQuery(min_spend=Decimal("0.101")), "ad"),
        (AdQuery(min_spend=Decimal("0.10")), "abd"),
        (AdQuery(has_spend=True), "abd"),
        (AdQuery(has_spend=False), "c"),
        (AdQuery(category="interests"), "cd"),
        (AdQuery(page="no-such-page"), ""),
        (AdQuery(terms=("term_none",)), ""),
        (AdQuery(min_impressions=2**80), ""),
        (AdQuery(min_spend=Decimal("NaN")), "abcd"),
        (AdQuery(min_spend=Decimal("1E+999999")), ""),
        (AdQuery(text="police", currency="EUR", min_impressions=200), "b"),
    ],
)
def test_conditions(few: Archive, query: AdQuery, found: str) -> None:
    result = few.search(query)
    assert "".join(sorted(row.id for row in result.rows)) == found
    assert result.totals.ads == len(found)


def test_terms_must_all_hold(few: Archive) -> None:
    police, music = few.terms("Police")[0], few.terms("Music")[0]
    assert music.excluded
    assert sorted(ids(few, AdQuery(terms=(police.id,)))) == ["c", "d"]
    assert ids(few, AdQuery(terms=(police.id, music.id))) == ["d"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [("newest", "dcba"), ("oldest", "abcd"), ("impressions", "bacd"), ("clicks", "abcd"), ("spend", "abdc")],
)
def test_orders(few: Archive, sort: str, order: str) -> None:
    assert "".join(ids(few, AdQuery(sort=sort))) == order  # type: ignore[arg-type]


def test_relevance_puts_the_denser_text_first(few: Archive) -> None:
    assert ids(few, AdQuery(text="police now", sort="relevance"))[0] in {"a", "b"}
    assert ids(few, AdQuery(sort="relevance")) == ids(few, AdQuery(sort="newest"))


def test_snippets_are_runs_of_text_never_html(few: Archive) -> None:
    (row,) = few.search(AdQuery(text='"police stop"')).rows
    assert [(s.text, s.hit) for s in row.snippet] == [("Police, stop", True), ("! <b>Now</b>", False)]


def test_snippets_of_the_release_mark_what_was_searched(ira: Archive) -> None:
    for row in ira.search(AdQuery(text='texas "second amendment" gun*', limit=50)).rows:
        hits = " ".join(segment.text.lower() for segment in row.snippet if segment.hit)
        assert any(word in hits for word in ("texas", "second", "gun"))
        assert sum(len(segment.text) for segment in row.snippet) < 600


def test_a_cursor_walks_through_everything_once(ira: Archive) -> None:
    seen: list[str] = []
    query = AdQuery(text="black", sort="impressions", limit=200)
    result = ira.search(query)
    while True:
        seen += [row.id for row in result.rows]
        if result.next_cursor is None:
            break
        result = ira.search(AdQuery(text="black", sort="impressions", limit=200, cursor=result.next_cursor))
    assert len(seen) == len(set(seen)) == result.totals.ads > 400


def test_the_answer_is_the_same_every_time(ira: Archive) -> None:
    query = AdQuery(text="america", sort="relevance")
    assert ira.search(query) == ira.search(query)


def test_facets_count_the_ads_found(ira: Archive) -> None:
    result = ira.search(AdQuery(currency="RUB", limit=1))
    facets: dict[str, dict[str, int]] = {facet.name: {c.value: c.ads for c in facet.counts} for facet in result.facets}
    assert facets["currency"] == {"RUB": 2_533}
    assert sum(facets["year"].values()) == 2_533 - len(
        [r for r in ira.each(AdQuery(currency="RUB")) if r["created"] is None]
    )
    for name, field in (("page", "page"), ("term", "terms"), ("category", "category")):
        value, count = next(iter(facets[name].items()))
        narrowed = {field: (value,) if field == "terms" else value}
        assert ira.search(AdQuery(currency="RUB", **narrowed)).totals.ads == count  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"limit": 201}, {"offset": -1}, {"since": date(2017, 1, 1), "until": date(2016, 1, 1)}]
)
def test_a_question_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        AdQuery(**wrong)  # type: ignore[arg-type]
    assert caught.value.hint


@pytest.mark.parametrize("cursor", ["", "x", "o-1", "o1; DROP TABLE ad", "o" + "9" * 13])
def test_a_made_up_cursor_is_refused(few: Archive, cursor: str) -> None:
    with pytest.raises(InputError, match="no cursor"):
        few.search(AdQuery(cursor=cursor))


def test_many_words_are_cut_off() -> None:
    assert len(words_of("word " * 500).wanted) == 32
