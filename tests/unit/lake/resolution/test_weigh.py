"""What links two places: its sentence, its probability, and when it is enough to merge."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.lake.resolution import SpaceRow, calibrate, resolve_spaces
from ombud.lake.resolution.address import parse_address
from ombud.lake.resolution.weigh import HOUSE_2018, MERGE_FROM, Calibration, Link, numbers_agree, weigh

FB = "https://www.facebook.com/"


def linked(one: str, other: str, *, ocr: bool = True, calibration: Calibration = HOUSE_2018) -> Link | None:
    return weigh(0, 1, parse_address(FB + one), parse_address(FB + other), calibration, ocr=ocr)


@pytest.mark.parametrize(
    ("one", "other", "probability", "merge", "reason"),
    [
        ("A-111111111111111/", "B-111111111111111/", 0.9999, True, "carry the page number 111111111111111"),
        ("lgbtun/", "LGBTun", 0.999, True, "gives the name `lgbtun` only once"),
        ("Woke-294234600956431/", "Woke-294234600958431/", 0.97, True, "differ by one misread digit"),
        ("lgbtunited/", "Igbtunited/", 19.5 / 21, True, "1 look-alike character (such as I l |)"),
        ("patriotnews", "patrlotnews", 4.5 / 5, True, "1 common misreading"),
        ("beingpatriotic", "bcingpatriotic", 4.5 / 5, True, "1 common misreading (such as c o, n h)"),
        ("bIackfist/", "blaokfist/", 4.5 / 5, True, "1 look-alike character (such as I l |) and 1 common misreading"),
        ("bats-page", "bath-page", 0.25, False, "differ by one character that OCR rarely confuses"),
        ("sec", "soc", 0.5, False, "too much for so short a name"),
        ("Secured.Borders/", "Secured-Borders-757183957716200/", 19.5 / 21, False, "are the same, but only one"),
    ],
)  # fmt: skip
def test_each_kind_of_link(one: str, other: str, probability: float, merge: bool, reason: str) -> None:  # noqa: FBT001 - from the table
    found = linked(one, other)
    assert found is not None
    assert found.probability == pytest.approx(probability)
    assert found.merge == merge
    assert reason in found.reason
    assert found.reason.endswith(".")
    assert linked(other, one) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A-111111111111111/", "A-222222222222222/"),
        ("Alpha-294234600956431/", "Other-294234600958431/"),
        ("first/", "second/"),
        ("groups/one/", "groups/two/"),
        ("events/1085290071563825/", "events/1085290071563826/"),
    ],
)
def test_nothing_links_these(one: str, other: str) -> None:
    assert linked(one, other) is None


def test_exact_addresses_are_linked_by_what_is_certain_alone() -> None:
    assert linked("A-111111111111111/", "B-111111111111111/", ocr=False) is not None
    assert linked("lgbtun/", "LGBTun", ocr=False) is not None
    for one, other in (("lgbtunited/", "Igbtunited/"), ("Woke-294234600956431/", "Woke-294234600958431/")):
        assert linked(one, other, ocr=False) is None


def test_one_misreading_for_each_six_characters_and_no_more() -> None:
    one, two = linked("beingpatriot", "bcingpatriot"), linked("beingpatriot", "bcingpatrict")
    three = linked("beingpatriot", "bcihgpatrict")
    assert one is not None
    assert two is not None
    assert three is not None
    assert (one.merge, two.merge, three.merge) == (True, True, False)
    assert three.probability == 0.5


def test_a_surer_or_poorer_calibration_decides_the_merge() -> None:
    sure = Calibration({"look-alike": 99}, {"look-alike": 99}, "a test")
    poor = Calibration({"look-alike": 5}, {"look-alike": 10}, "a test")
    for calibration, merge in ((sure, True), (poor, False)):
        found = linked("lgbtunited/", "Igbtunited/", calibration=calibration)
        assert found is not None
        assert found.merge == merge == (found.probability >= MERGE_FROM)
    rows = [SpaceRow(FB + "lgbtunited/"), SpaceRow(FB + "Igbtunited/")]
    assert len(resolve_spaces(rows, calibration=sure).entities) == 1
    doubting = resolve_spaces(rows, calibration=poor)
    assert (len(doubting.entities), len(doubting.doubtful)) == (2, 1)
    assert "a test" in doubting.calibration


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_estimate_is_never_surer_than_its_pairs(same: int, other: int) -> None:
    found = Calibration({"v": same}, {"v": same + other}, "").probability("v")
    assert 0 < found < 1
    assert 1 - found >= 0.5 / (same + other + 1) - 1e-12
    assert Calibration({"v": same + 1}, {"v": same + other + 1}, "").probability("v") > found


def test_the_shipped_calibration_says_its_counts_and_source() -> None:
    sentence = HOUSE_2018.sentence
    assert "US House released in 2018" in sentence
    for verdict, pairs in HOUSE_2018.pairs.items():
        assert f"{verdict} {HOUSE_2018.same[verdict]} of {pairs}" in sentence
        assert HOUSE_2018.same[verdict] <= pairs
    assert "Jeffreys" in sentence


def test_calibration_takes_each_pair_once_and_only_near_names() -> None:
    urls = ["Alpha-111111111111111/", "AIpha-111111111111111/", "Alpha-111111111111111/", "Omega-333333333333333/"]
    found = calibrate([parse_address(FB + url) for url in [*urls, "alpha/", "—"]], "a test")
    assert (found.pairs, found.same) == ({"look-alike": 1}, {"look-alike": 1})
    assert calibrate([], "nothing").pairs == {}
    assert calibrate([], "nothing").probability("look-alike") == 0.5


def test_numbers_agree_unless_both_are_known_and_differ() -> None:
    assert numbers_agree(None, "1", ocr=False)
    assert numbers_agree("1", None, ocr=False)
    assert numbers_agree("15", "15", ocr=False)
    assert numbers_agree("1500000006", "1500000008", ocr=True)
    assert not numbers_agree("1500000006", "1500000008", ocr=False)
    assert not numbers_agree("1500000006", "1500000007", ocr=True)


def test_a_long_row_of_readings_of_one_page_is_still_one_page() -> None:
    """Beyond thirty places of one skeleton only neighbours are compared."""
    rng = random.Random(2)  # noqa: S311 - names for a test
    readings = {re.sub("l", lambda _: rng.choice("lI|1"), "allbullsallhill") for _ in range(90)}
    assert len(readings) > 60
    rows = [SpaceRow(FB + reading) for reading in sorted(readings)]
    calibration = Calibration({"look-alike": 99}, {"look-alike": 99}, "a test")
    found = resolve_spaces(rows, calibration=calibration)
    assert len(found.entities) == 1
    assert len(found.merges) == len(rows)


def test_readings_whose_first_letter_was_misread_are_found_from_the_end() -> None:
    others = [SpaceRow(FB + f"m{a}{b}otherpage") for a in "abdfgk" for b in "prtuwy"]
    rows = [SpaceRow(FB + "mainstreetnews/"), SpaceRow(FB + "rnainstreetnews/"), *others]
    home = resolve_spaces(rows).entity_of()
    assert home[FB + "mainstreetnews/"] == home[FB + "rnainstreetnews/"]
    assert len(set(home.values())) == len(rows) - 1
