"""Targeting strings become categories in words; what is unknown stays as it came."""

from __future__ import annotations

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
