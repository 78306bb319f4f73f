"""The tables of OCR confusions, entry by entry, both ways, and what is in none of them."""

from __future__ import annotations

from itertools import combinations

import pytest

from ombud.lake.resolution.glyphs import compare, digit_difference, skeleton
from ombud.lake.resolution.readings import best_reading, mended


@pytest.mark.parametrize("group", ["Il|1!", "O0o", "cC", "sS", "vV", "wW", "xX", "zZ", "uU", "kK", "pP"])
def test_look_alikes_cost_next_to_nothing(group: str) -> None:
    for a, b in combinations(group, 2):
        for one, other in ((a, b), (b, a)):
            found = compare(f"ab{one}de", f"ab{other}de", case=True)
            assert (found.verdict, found.look_alikes, found.cost) == ("look-alike", 1, 0.1), (one, other)


@pytest.mark.parametrize(
    "pair", ["ce", "co", "eo", "nh", "2Z", "2z", "5S", "5s", "8B", "6b", "68", "gq", "9g", "il", "i1", "iI", "uv", "7T"]
)
def test_misreadings_of_one_character(pair: str) -> None:
    for one, other in (tuple(pair), tuple(pair[::-1])):
        found = compare(f"xa{one}ay", f"xa{other}ay", case=True)
        assert (found.verdict, found.misreadings, found.ordinary) == ("misreading", 1, 0), (one, other)


@pytest.mark.parametrize(
    ("two", "one"),
    [("rn", "m"), ("vv", "w"), ("cl", "d"), ("li", "h"), ("ri", "n"), ("ii", "u"), ("nn", "m"), ("in", "m")],
)
def test_two_characters_read_as_one(two: str, one: str) -> None:
    for before, after in (("xa", "ay"), ("", "ay"), ("xa", "")):
        for a, b in ((two, one), (one, two)):
            found = compare(before + a + after, before + b + after)
            assert (found.cost, found.misreadings, found.ordinary) == (0.5, 1, 0), (before, a, b, after)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ab", "ac"), ("at", "ad"), ("r", "m"), ("tm", "trm"), ("a", ""), ("g", "s"), ("3", "8"), ("k", "h")],
)
def test_what_no_table_has_is_an_ordinary_difference(one: str, other: str) -> None:
    found = compare(f"xx{one}yy", f"xx{other}yy")
    assert (found.ordinary, found.verdict) == (1, "one edit")


def test_costs_add_up_and_the_cheapest_way_is_taken() -> None:
    found = compare("BIaok Mattcrs", "Black Matters")
    assert (found.look_alikes, found.misreadings, found.ordinary) == (1, 2, 0)
    assert found.cost == pytest.approx(1.1)
    assert compare("burn", "bum").cost == 0.5  # not two edits
    assert compare("clear", "dear").verdict == "misreading"
    assert compare("", "ab").cost == 4.0
    assert compare("abc", "xyz").ordinary == 3


def test_one_edit_beside_two_misreadings_is_another_name() -> None:
    assert compare("nat", "haz").verdict == "one edit"
    assert compare("nct", "hoz").verdict == "other"


@pytest.mark.parametrize(("letter", "digit"), list(zip("OoIl|!ZSTBg", "00111125789", strict=True)))
def test_letters_stand_for_the_digit_they_look_like(letter: str, digit: str) -> None:
    assert digit_difference(f"12345{letter}7890", f"12345{digit}7890") == 0


@pytest.mark.parametrize("pair", ["68", "38", "56", "17", "08", "69", "35", "27", "06", "49", "89", "14"])
def test_digits_that_are_confused_once(pair: str) -> None:
    a, b = pair[0], pair[1]
    assert digit_difference(f"1000{a}00001", f"1000{b}00001") == 1
    assert digit_difference(f"1000{b}00001", f"1000{a}00001") == 1
    assert digit_difference(f"1{a}00{a}00001", f"1{b}00{b}00001") is None


def test_digits_that_are_never_confused() -> None:
    known = {frozenset(p) for p in ("68", "38", "56", "17", "08", "69", "35", "27", "06", "49", "89", "14")}
    for a, b in combinations("0123456789", 2):
        if frozenset((a, b)) not in known:
            assert digit_difference(f"555{a}555555", f"555{b}555555") is None, (a, b)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Black-Matters", "BIaok.Matlers"),
        ("Secured Borders", "secured_borders"),
        ("modern", "modem"),
        ("vvoke", "woke"),
    ],
)
def test_a_skeleton_is_shared_by_readings_or_near_enough(one: str, other: str) -> None:
    same = skeleton(one) == skeleton(other)
    assert same == (compare(one, other).ordinary == 0)


def test_a_skeleton_keeps_other_names_apart() -> None:
    names = ["blacktivist", "black matters", "heart of texas", "being patriotic", "lgbt united", "woke blacks"]
    assert len({skeleton(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("readings", "best"),
    [
        ([("BIack", 1), ("Black", 1), ("B|ack", 1)], "Black"),
        ([("Heart of Texas", 5), ("Heart ot Texas", 4), ("Heart of Tcxas", 4)], "Heart of Texas"),
        ([("A", 1), ("", 99)], "A"),
        ([("same", 2), ("same", 3), ("Same", 4)], "same"),
    ],
)
def test_the_reading_that_the_others_support_names_the_page(readings: list[tuple[str, int]], best: str) -> None:
    assert best_reading(readings) == best
    assert best_reading(readings[::-1]) == best


def test_mending_twice_is_mending_once() -> None:
    for name in (
        "BIacK-L|ves",
        "PatriotiC",
        "Wil|iamsKa|vin",
        "Funnylnst",
        "BeeBuzz",
        "SouthUnited",
        "iPhone",
        "McDonald",
    ):
        assert mended(mended(name)) == mended(name)
    assert mended("BeeBuzz") == "BeeBuzz"
    assert mended("SouthUnited") == "SouthUnited"
