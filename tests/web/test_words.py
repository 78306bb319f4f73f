"""Numbers, moments and codes in words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.web import words
from ombud.web.downloads import csv_line, harmless
from ombud.web.paging import address, paging
from ombud.web.posts import language_of

NB = "\u00a0"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (4e-9, "4 in a billion"),
        (3.2e-9, "4 in a billion"),
        (0.01, "1 in 100"),
        (0.0099, "1 in 100"),
        (0.05, "5 in 100"),
        (0.002, "2 in 1,000"),
        (1e-12, "1 in a trillion"),
        (0.0, "fewer than 1 in a trillion"),
        (1.0, "all"),
        (None, "not known"),
    ],
)
def test_chance(value: float | None, said: str) -> None:
    assert words.chance(value) == said


@given(st.floats(min_value=1e-12, max_value=0.99))
def test_chance_never_understates_by_more_than_a_twentieth(value: float) -> None:
    """What is said is a bound: rounding goes up, but for the last twentieth of a unit."""
    sizes = {"100": 100, "1,000": 1_000, "10,000": 10_000, "100,000": 100_000, "a million": 10**6, "a billion": 10**9,
             "a trillion": 10**12}  # fmt: skip
    count, _, size = words.chance(value).partition(" in ")
    assert int(count) / sizes[size] >= value * 0.94
    assert 1 <= int(count) <= 950


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.4, "0.4"), (3.1, "3.1"), (1234.4, "1,234"), (0.00021, "0.00021"), (41, "41"), (12.345, "12.3"),
     (1.5e-7, f"1.5{NB}×{NB}10⁻⁷"), (100, "100"), (20.0, "20"), (float("inf"), "not finite")],
)  # fmt: skip
def test_number(value: float, said: str) -> None:
    assert words.number(value) == said


@given(st.floats(min_value=1e-4, max_value=1e12))
def test_number_keeps_three_figures(value: float) -> None:
    assert float(words.number(value).replace(",", "")) == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(41, "41 s"), (0.4, "0.4 s"), (60, "1 min"), (90, "1.5 min"), (3600, "1 h"),
     (86_400, "1 day"), (604_800, "7 days")],
)  # fmt: skip
def test_duration(seconds: float, said: str) -> None:
    assert words.duration(seconds).replace(NB, " ") == said


def test_backticks_become_code_and_everything_is_escaped() -> None:
    assert words.code("run `a <b>` now") == "run <code>a &lt;b&gt;</code> now"
    assert words.code("one ` only <b>") == "one ` only &lt;b&gt;"


def test_periods() -> None:
    first, last = datetime(2016, 6, 1, 9, 5, 7, tzinfo=UTC), datetime(2016, 11, 3, 14, 5, tzinfo=UTC)
    assert words.interval(first, last).replace(NB, " ") == "from 1 June to 3 November 2016"
    assert words.interval(first, first).replace(NB, " ") == "on 1 June 2016"
    assert words.interval(first, last.replace(year=2018)).replace(NB, " ") == "from 1 June 2016 to 3 November 2018"
    assert words.moment(first).replace(NB, " ") == "1 June 2016, 09:05:07 UTC"
    assert words.month(last) == f"Nov{NB}2016"
    assert words.day(None) == words.month(None) == "no date"


def test_money_is_exact_and_says_when_it_is_not_stated() -> None:
    assert words.money(Decimal("5822554.92"), "RUB") == f"5,822,554.92{NB}RUB"
    assert words.money(None, "RUB") == "not stated"
    assert words.money(Decimal(3), None) == f"3.00{NB}(currency not stated)"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        ("5822554.92", "RUB", f"5,822,554.92{NB}RUB"),
        (2533, "ads", f"2,533{NB}ads"),
        (4e-9, "q", "4 in a billion"),
        (4e-9, "bound on the share of false findings", "at most 4 in a billion"),
        (41.0, "seconds", f"41{NB}s"),
        (0.25, "", "0.25"),
        (None, "ads", "not known"),
        ("about 3", "", "about 3"),
    ],
)
def test_figures(value: float | str | None, unit: str, said: str) -> None:
    assert words.figure_value(value, unit) == said


def test_codes_in_words_and_unknown_ones_as_they_are() -> None:
    assert words.trace("link") == "the same link"
    assert words.trace("new_trace") == "new trace"
    assert words.flag("currency:not stated") == "The currency is not stated in the source."
    assert words.flag("landing:odd") == "Landing has a remark: odd."
    assert words.flag("odd") == "Odd has a remark: flagged at import."
    assert words.share(0.99991) == f"over 99.9{NB}%"
    assert words.share(1.0) == f"100{NB}%"
    assert words.share(0.25) == f"25{NB}%"
    assert words.short_id("a" * 30) == "a" * 13 + "…"
    assert words.plural(1, "account") == f"1{NB}account"
    assert words.plural(2, "entry", "entries") == f"2{NB}entries"
    assert (words.lower_first("I work"), words.lower_first("A colleague"), words.lower_first("My")) == (
        "I work", "A colleague", "my",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "code"),
    [("English", "en"), ("de", "de"), ("pt_BR", "pt-BR"), ("zh-cn", "zh-CN"), ("und", None), ("", None), (None, None),
     ("LANGUAGE UNDEFINED", None), ('x"><b>', None), ("éé", None)],
)  # fmt: skip
def test_languages(stated: str | None, code: str | None) -> None:
    assert language_of(stated) == code


@given(st.text(max_size=40))
def test_a_cell_never_begins_as_a_formula(text: str) -> None:
    cell = harmless(text)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.endswith(text)


def test_csv_quotes_what_needs_it() -> None:
    assert csv_line(["a,b", 'say "x"', 3, None]) == '"a,b","say ""x""",3,\r\n'


def test_paging() -> None:
    middle = paging("/x", {"q": "a b", "state": ""}, 2, 51, 25)
    assert (middle.pages, middle.previous, middle.next) == (3, "/x?q=a+b", "/x?q=a+b&page=3")
    empty = paging("/x", {}, 1, 0, 25)
    assert (empty.pages, empty.previous, empty.next) == (1, None, None)
    beyond = paging("/x", {}, 9, 30, 25, parameter="p")
    assert (beyond.previous, beyond.next) == ("/x?p=2", None)
    assert address("/x", {"q": None, "n": 3}, n=4) == "/x?n=4"


def test_addresses_break_after_a_slash_and_stay_text() -> None:
    assert words.breakable("/a/<b>/{c}") == "/<wbr>a/<wbr>&lt;b&gt;/<wbr>{c}"
