"""Merges carry their reason; contradictions and doubts stay apart; order plays no part."""

from __future__ import annotations

import random

import pytest

from ombud.lake.resolution import SpaceRow, calibrate, resolve_spaces
from ombud.lake.resolution.address import parse_address
from ombud.lake.resolution.readings import best_reading, mended, shown

FB = "https://www.facebook.com/"


def rows(*paths: str, ocr: bool = True) -> list[SpaceRow]:
    return [SpaceRow(FB + path, ocr=ocr) for path in paths]


def together(*paths: str, ocr: bool = True) -> bool:
    return len(resolve_spaces(rows(*paths, ocr=ocr)).entities) == 1


@pytest.mark.parametrize(
    "paths",
    [
        ("Blacktivist-128371547505950/", "BIacktivist-128371547505950/", "pages/Blacktivist/128371547505950"),
        ("Nothing-Left-362365657452374/", "The-Red-PiIl-362365657452374/"),
        ("Woke-B|acks-294234600956431/", "Woke-Blacks-294234600958431/"),
        ("BIackJourney2Justice/", "BlackJourneyZJustice"),
        ("lgbtun/", "Igbtun"),
        ("blacktivists/", "blacktivists/shop/?rid=128371547505950", "Blacktivist-128371547505950/"),
    ],
)
def test_one_page(paths: tuple[str, ...]) -> None:
    assert together(*paths)


@pytest.mark.parametrize(
    "paths",
    [
        ("Proud-BIacks-1065511110127506/", "Proudblacks-954167134618867/"),
        ("Melanie-Panther-1723444621280652/", "Woke-Blacks-1723444621280658/"),
        ("Secured.Borders/", "Secured-Borders-757183957716200/"),
        ("veterans/", "veteran/"),
        ("events/1085290071563825/", "events/1085290071563826/"),
        ("bat/", "bal/"),
        ("news24", "news25"),
    ],
)
def test_not_one_page(paths: tuple[str, ...]) -> None:
    assert not together(*paths)


def test_a_look_alike_of_an_exact_address_is_an_impostor_not_a_misreading() -> None:
    assert together("officialnews/", "officiaInews/")
    assert not together("officialnews/", "officiaInews/", ocr=False)
    assert not together("Woke-Blacks-294234600956431/", "Woke-Blacks-294234600958431/", ocr=False)
    assert not resolve_spaces(rows("officialnews/", "officiaInews/", ocr=False)).doubtful


def test_a_doubt_is_listed_with_its_reason() -> None:
    found = resolve_spaces(rows("Secured.Borders/", "Secured-Borders-757183957716200/"))
    (doubt,) = found.doubtful
    assert {doubt.one, doubt.other} == {entity.id for entity in found.entities}
    assert "only one of the addresses carries a page number" in doubt.reason
    assert 0.1 < doubt.probability < 1


def test_no_chain_joins_two_numbers_that_contradict() -> None:
    # The middle one agrees with both ends; the ends differ by two digits.
    found = resolve_spaces(
        rows("Woke-Blacks-294234600956431/", "Woke-Blacks-294234600958431/", "Woke-Blacks-294234608958431/")
    )
    assert len(found.entities) == 2
    assert len(found.doubtful) == 1
    assert "contradict" in found.doubtful[0].reason


def test_short_names_are_not_guessed() -> None:
    found = resolve_spaces(rows("sec", "soc"))
    assert len(found.entities) == 2
    assert len(found.doubtful) == 1


def test_every_space_has_one_home_and_a_reason() -> None:
    read = rows("lgbtun/", "Igbtun", "LGBTun", "Stop-AI-896610653786585/", "Stop-Al-896610653786585/")
    given = [*read, SpaceRow("—")]
    found = resolve_spaces(given)
    assert sorted(m.space for m in found.merges) == sorted(r.space for r in given if r.space != "—")
    assert found.unresolved == ("—",)
    assert {m.entity for m in found.merges} == {e.id for e in found.entities}
    assert all(m.reason.endswith(".") and 0.9 <= m.probability <= 1 for m in found.merges)
    home = found.entity_of()
    assert all(home[m.space] == m.entity for m in found.merges)


def test_the_number_makes_the_id_so_that_a_new_reading_does_not_change_it() -> None:
    before = resolve_spaces(rows("Blacktivist-128371547505950/")).entities[0]
    after = resolve_spaces(rows("BIacktivist-128371547505950/", "Blacktivist-128371547505950/")).entities[0]
    assert before.id == after.id


def test_a_person_can_undo_a_merge_and_it_stays_undone() -> None:
    given = rows("Nothing-Left-362365657452374/", "The-Red-Pill-362365657452374/", "Nothing—Left-362365657452374")
    whole = resolve_spaces(given).entities[0]
    out = FB + "The-Red-Pill-362365657452374/"
    parted = resolve_spaces(given, apart={(out, whole.id)})
    assert len(parted.entities) == 2
    assert parted.entity_of()[out] != whole.id
    assert sum(len(e.spaces) for e in parted.entities) == 3
    assert next(m for m in parted.merges if m.space == out).reason == "A person set this address apart."
    assert parted == resolve_spaces(given, apart={(out, whole.id)})


def test_best_supported_reading_names_the_page() -> None:
    given = [
        SpaceRow(FB + "BIacktivist-128371547505950/", weight=30),
        SpaceRow(FB + "Blacktivist-128371547505950/", weight=95),
    ]
    entity = resolve_spaces(given).entities[0]
    assert (entity.name, entity.url) == ("Blacktivist", FB + "Blacktivist-128371547505950/")


@pytest.mark.parametrize(
    ("reading", "plain"),
    [
        ("Black-Matters", "Black-Matters"),
        ("BlaCk-Matters", "Black-Matters"),
        ("BIack", "Black"),
        ("Wil|iamsKa|vin", "WilliamsKalvin"),
        ("PatriotiC", "Patriotic"),
        ("Born-LiberaI", "Born-Liberal"),
        ("Stop-AI", "Stop-AI"),
        ("Funnylnst", "FunnyInst"),
        ("MuslimInst", "MuslimInst"),
        ("AmericanCops", "AmericanCops"),
        ("L-for-Iife", "L-for-life"),
    ],
)
def test_readings_made_plain(reading: str, plain: str) -> None:
    assert mended(reading) == plain


def test_titles_show_spaces_and_short_names_stay() -> None:
    assert shown("Black_|iberation_churCh", title=True) == "Black liberation church"
    assert shown("tea_party_news", title=False) == "tea_party_news"


def test_best_reading_weighs_by_use_then_by_plausibility() -> None:
    assert best_reading([("Wil|iams", 13), ("WilIiams", 41), ("Williams", 4)]) == "Williams"
    assert best_reading([("Nothing-Left", 6), ("The-Red-Pill", 4)]) == "Nothing-Left"
    assert best_reading([]) == ""


def test_calibration_counts_only_pairs_whose_numbers_tell() -> None:
    urls = (
        "Black-Matters-157967359894750/",
        "BIack-Matters-157967359894750/",
        "BIaok-Matters-157967359894750/",
        "BIack-Matters-157967359894756/",  # 0 or 6: may be the same number
        "BIack-Matters-257967359894750/",
    )
    found = calibrate([parse_address(FB + url) for url in urls], "a test")
    assert found.pairs == {"look-alike": 4, "misreading": 3}
    assert found.same == {"look-alike": 1, "misreading": 2}
    assert found.probability("look-alike") == pytest.approx(1.5 / 5)
    assert found.probability("one edit") == 0.5
    assert "look-alike 1 of 4" in found.sentence


def test_many_pages_are_compared_by_their_keys_not_all_with_all() -> None:
    rng = random.Random(5)  # noqa: S311 - names for a test
    letters = "abdfgkmprstuwxy"
    given = [SpaceRow(FB + "".join(rng.choices(letters, k=12))) for _ in range(4_000)]
    found = resolve_spaces(given)
    assert len(found.entities) == len({row.space for row in given})
