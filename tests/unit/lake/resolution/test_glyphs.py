"""What OCR confuses costs little; any other difference costs much; and both ways alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.lake.resolution.glyphs import clean, compare, digit_difference, skeleton

NAMES = st.text(alphabet="abcdehilmnorstIlO01|-_. ", max_size=14)


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ("Woke-B|acks", "Woke—Blacks", "look-alike"),
        ("BIacktivist", "Blacktivist", "look-alike"),
        ("BlaCk-Matters", "black matters", "equal"),
        ("faoebook", "facebook", "misreading"),
        ("PahAfrootsmove", "PanAfrootsmove", "misreading"),
        ("savethe2a", "savetheZa", "misreading"),
        ("modem", "modern", "misreading"),
        ("Stop-AI", "Stop-Al", "look-alike"),
        ("Bat", "Bait", "one edit"),
        ("Black Matters", "Black Matters US", "other"),
        ("Blacktivist", "Black Fist", "other"),
    ],
)
def test_verdicts(one: str, other: str, verdict: str) -> None:
    assert compare(one, other).verdict == verdict
    assert compare(other, one).verdict == verdict


def test_separators_count_where_the_platform_says_so() -> None:
    assert compare("tea_party", "teaparty").verdict == "equal"
    assert compare("tea_party", "teaparty", separators=True).verdict == "one edit"


def test_case_counts_where_the_platform_says_so() -> None:
    assert compare("ABD", "abd").cost == 0
    assert compare("ABD", "abd", case=True).ordinary == 3


@given(NAMES, NAMES)
def test_a_difference_is_the_same_both_ways(one: str, other: str) -> None:
    assert compare(one, other).cost == compare(other, one).cost


@given(NAMES)
def test_a_name_differs_not_from_itself(name: str) -> None:
    assert compare(name, name).verdict == "equal"
    assert skeleton(name) == skeleton(clean(name))


@given(st.lists(st.sampled_from(["Il", "l|", "O0", "ce", "nh", "Zz"]), min_size=1, max_size=8))
def test_confusions_of_one_character_leave_the_skeleton(pairs: list[str]) -> None:
    one, other = ("".join(pair[i] for pair in pairs) for i in (0, 1))
    assert skeleton(f"x{one}x") == skeleton(f"x{other}x")


@pytest.mark.parametrize(
    ("one", "other", "wrong"),
    [
        ("839497472793277", "83949T472793277", 0),
        ("294234600956431", "294234600958431", 1),
        ("1579673598947501", "157967359894750", 1),
        ("1111111111", "1111111111", 0),
        ("294234600956431", "294234600956432", None),
        ("294234600956431", "294234600988431", None),
        ("294234600956431", "694234600958431", None),
        ("294234600956431", "29423460095643", 1),
        ("294234600956432", "29423460095643", None),
        ("240131319678646", "194465337564400", None),
    ],
)
def test_numbers(one: str, other: str, wrong: int | None) -> None:
    assert digit_difference(one, other) == wrong
    assert digit_difference(other, one) == wrong
