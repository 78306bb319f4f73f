"""Targeting strings become categories in words; what is unknown stays as it came."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.archive.targeting import CATEGORIES, parse_term

if TYPE_CHECKING:
    from ombud.archive import Archive


@pytest.mark.parametrize(
    ("raw", "category", "value", "excluded", "narrowing"),
    [
        ("age:18 - 65+", "age", "18–65+", False, False),
        ("page:18 — 65+", "age", "18–65+", False, False),
        ("gender:Female", "gender", "Female", False, False),
        ("interests:Malcolm X", "interests", "Malcolm X", False, False),
        ("people_who_match:interests:Malcolm X", "interests", "Malcolm X", False, False),
        ("and_must_also_match:interests:Black Power", "interests", "Black Power", False, True),
        ("people_who_match:interests:Employers: Allah", "work", "Allah", False, False),
        ("presbyterianism_employers:Jesus Daily", "work", "Jesus Daily", False, False),
        ("people_who_match:field_of_study:Job title: Polisi militer", "work", "Polisi militer", False, False),
        ("field_of_study:Human rights", "education", "Human rights", False, False),
        (
            "behaviors:facebook_access_(mobile):smartphones and tablets",
            "device",
            "smartphones and tablets",
            False,
            False,
        ),
        ("behaviors:African American (US)", "ethnic-affinity", "African American (US)", False, False),
        ("exclude:multicultural_affinity:Hispanic (US - All)", "ethnic-affinity", "Hispanic (US-All)", True, False),
        ("politics:US politics (very conservative)", "politics", "US politics (very conservative)", False, False),
        ("people_who_match:People who like BM", "connections", "People who like BM", False, False),
        (
            "excluded_connections:Exclude people who like Woke Blacks",
            "connections",
            "People who like Woke Blacks",
            True,
            False,
        ),
        ("custom_audience:tesy", "custom-audience", "tesy", False, False),
        ("custom_audience:Lookalike (US, 1%) - X", "custom-audience", "Lookalike (US, 1%) - X", False, False),
        ("location:united_states:Texas", "location", "Texas, United States", False, False),
        (
            "location_living_in:united_states:Oakland (+25 mi)",
            "location",
            "living in Oakland (+25 mi), United States",
            False,
            False,
        ),
        ("exclude_location:united_states:Washington", "location", "Washington, United States", True, False),
        ("location:Canada, United States", "location", "Canada, United States", False, False),
        ("language:Arabic", "language", "Arabic", False, False),
        ("placements:Instagram Feed", "placement", "Instagram Feed", False, False),
        ("generation:Millennials", "life", "Millennials", False, False),
        ("interest_expansion:On", "other", "On", False, False),
        ("whatever:else", "other", "else", False, False),
        ("plain words", "other", "plain words", False, False),
        ("", "other", "?", False, False),
    ],
)
def test_known_forms(raw: str, category: str, value: str, excluded: bool, narrowing: bool) -> None:  # noqa: FBT001 - from the table
    found = parse_term(raw)
    assert (found.category, found.excluded, found.narrowing) == (category, excluded, narrowing)
    assert found.value.replace("- ", "-").replace(" -", "-") == value.replace("- ", "-").replace(" -", "-")


def test_misreadings_share_a_term_when_the_text_was_read_by_ocr() -> None:
    readings = (
        "interests:African-American history",
        "interests:African-Amerioan history",
        "interests:African— American history",
    )
    assert len({parse_term(raw, ocr=True).id for raw in readings}) == 1
    assert len({parse_term(raw).id for raw in readings}) > 1


def test_digits_and_short_words_are_never_guessed() -> None:
    assert parse_term("age:18 - 65+", ocr=True).id != parse_term("age:16 - 65+", ocr=True).id
    assert parse_term("interests:Cats", ocr=True).id != parse_term("interests:Oats", ocr=True).id


def test_to_aim_at_is_not_to_leave_out() -> None:
    assert parse_term("interests:Music").id != parse_term("exclude:interests:Music").id
    assert parse_term("interests:Music").id != parse_term("and_must_also_match:interests:Music").id


@given(st.text(max_size=80), st.booleans())
def test_any_text_is_taken(raw: str, ocr: bool) -> None:  # noqa: FBT001 - drawn
    found = parse_term(raw, ocr=ocr)
    assert found.category in CATEGORIES
    assert found == parse_term(raw, ocr=ocr)


def test_little_of_the_release_stays_unknown(ira: Archive) -> None:
    other = [term for term in ira.terms(category="other", limit=1_000) if term.value != "On"]
    assert sum(term.ads for term in other) <= 20
    assert {term.value for term in ira.terms("malcolm x", category="interests")} >= {"Malcolm X"}


def test_terms_keep_what_the_source_wrote(ira: Archive) -> None:
    (term, *_) = ira.terms("African-American history", category="interests")
    assert len(term.raw) > 1
    assert all(":" in raw for raw in term.raw)
    assert ira.term(term.id) == term


@pytest.fixture(scope="module")
def golden() -> list[dict[str, str]]:
    """Return strings of the release with what a reader takes them to say; looked over by hand."""
    with (Path(__file__).parents[2] / "golden" / "targeting.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_strings_of_the_release_say_what_a_reader_takes_them_to_say(golden: list[dict[str, str]]) -> None:
    for row in golden:
        found = parse_term(row["raw"], ocr=True)
        shown = (found.category, found.value, str(int(found.excluded)), str(int(found.narrowing)))
        assert shown == (row["category"], row["value"], row["excluded"], row["narrowing"]), row["raw"]


def test_the_golden_strings_come_from_every_category_of_the_release(golden: list[dict[str, str]], ira: Archive) -> None:
    written = {" ".join(raw.split()) for term in ira.terms(limit=10_000) for raw in term.raw}
    assert {row["raw"] for row in golden} <= written
    assert {row["category"] for row in golden} == {term.category for term in ira.terms(limit=10_000)} == set(CATEGORIES)


def test_a_colon_inside_brackets_does_not_cut_the_words() -> None:
    found = parse_term("exclude:behaviors:Hispanic (US - Bilingual: English and Spanish)")
    assert (found.category, found.excluded) == ("ethnic-affinity", True)
    assert found.value == "Hispanic (US-Bilingual: English and Spanish)"
    assert parse_term("behaviors:Facebook access (browser): Opera").value == "Opera"
    assert parse_term("interests:Unclosed (bracket: here").value == "here"


def test_a_lookalike_of_a_pages_followers_is_an_audience_not_a_connection() -> None:
    found = parse_term("custom_audience:Lookalike (US, 1%) - People who like Defend the 2nd")
    assert found.category == "custom-audience"
    assert parse_term("people_who_match:Lookalike (US, 1%) - Friends of people who are connected to X").category == (
        "custom-audience"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("interests:Malcolm X", "people_who_match:interests:Malcolm X"),
        ("interests:  Malcolm   X ", "interests:malcolm x"),
        ("behaviors:African American (US)", "multicultural_affinity:African American (US)"),
        ("age:18 - 65+", "page:18 — 65+"),
        ("excluded_connections:Exclude people who like X", "excluded_connections:People who like X"),
    ],
)
def test_ways_of_writing_one_choice_share_a_term(one: str, other: str) -> None:
    assert parse_term(one).id == parse_term(other).id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("location:united_states:Texas", "location_living_in:united_states:Texas"),
        ("location:united_states:Washington", "location:canada:Washington"),
        ("interests:Texas", "location:Texas"),
        ("age:18 - 54", "age:18 - 65+"),
        ("field_of_study:Veteran", "job_title:Veteran"),
    ],
)
def test_different_choices_are_different_terms(one: str, other: str) -> None:
    assert parse_term(one, ocr=True).id != parse_term(other, ocr=True).id
