"""Addresses are taken apart even when OCR misread host, slash and number; nothing raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.lake.resolution.address import Address, parse_address


@pytest.mark.parametrize(
    ("url", "platform", "kind", "name", "number"),
    [
        ("https://www.facebook.com/Woke-B|acks-294234600956431/", "facebook", "page", "Woke-B|acks", "294234600956431"),
        (
            "https://www.facebook.comNeterans-Come-First-1757336424535312/",
            "facebook",
            "page",
            "Veterans-Come-First",
            "1757336424535312",
        ),
        ("https://www.faoebook.comlLGBT-United-839497472793277/", "facebook", "page", "LGBT-United", "839497472793277"),
        ("https://www.facebook.oom/lgbtun/", "facebook", "page", "lgbtun", None),
        (
            "https://www.facebook.com/pages/Blacktivist/128371547505950",
            "facebook",
            "page",
            "Blacktivist",
            "128371547505950",
        ),
        (
            "https://www.facebook.com/blacktivists/shop/?rid=128371547505950&rt=6",
            "facebook",
            "page",
            "blacktivists",
            "128371547505950",
        ),
        ("https://www.facebook.com/1839993966238044/videos/19133/", "facebook", "page", "", "1839993966238044"),
        ("https://www.facebook.com/events/1030602953674774/", "facebook", "event", "", "1030602953674774"),
        ("https://www.facebook.comleventsl1095560153903958]", "facebook", "event", "", "1095560153903958"),
        ("https://www.facebook.com/evehts/450671001935703/", "facebook", "event", "", "450671001935703"),
        ("https://www.facebook.com/Commerce/products/1194263447326332/", "facebook", "post", "", "1194263447326332"),
        ("https://ihstagram.Com/Cop_block_us", "instagram", "page", "Cop_block_us", None),
        ("https://www.instagram.com/p/BAw7thMbc4/", "instagram", "post", "BAw7thMbc4", None),
        ("http://edition.cnn.com/2016/02/08/x", "web", "site", "cnn.com", None),
        ("https://news.example.co.uk/a", "web", "site", "example.co.uk", None),
        ("https://blackmattersus.oom/33865-x", "web", "site", "blackmattersus.com", None),
        ("https://www.facebook.com/", "facebook", "unknown", "", None),
        ("—", "none", "unknown", "-", None),
        ("", "none", "unknown", "", None),
    ],
)
def test_known_forms(url: str, platform: str, kind: str, name: str, number: str | None) -> None:
    found = parse_address(url)
    assert (found.platform, found.kind, found.name, found.number) == (platform, kind, name, number)


def test_a_short_name_is_unique_and_a_title_is_not() -> None:
    assert parse_address("https://www.facebook.com/lgbtun/").unique_name
    assert not parse_address("https://www.facebook.com/LGBT-United-839497472793277/").unique_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://www.facebook.com/timetosecede", "https://facebook.com/TimeToSecede/"),
        ("https://www.facebook.com/Secured.Borders/", "https://www.facebook.com/securedborders"),
        ("https://www.facebook.com/Libelibe-1484239251885741/", "https://www.facebook.com/Libelibe—1484239251885741/"),
        ("http://m.facebook.com/x?sk=timeline", "https://www.facebook.com/x"),
    ],
)
def test_one_place_has_one_key(one: str, other: str) -> None:
    assert parse_address(one).key == parse_address(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://www.instagram.com/tea.party/", "https://www.instagram.com/tea_party/"),
        ("https://www.instagram.com/lgbtun/", "https://www.facebook.com/lgbtun/"),
        ("https://www.facebook.com/a-111111111111111/", "https://www.facebook.com/a-222222222222222/"),
        ("https://facebook.example.org/", "https://www.facebook.com/"),
        ("https://facebookers.com/x", "https://www.facebook.com/x"),
    ],
)
def test_other_places_have_other_keys(one: str, other: str) -> None:
    assert parse_address(one).key != parse_address(other).key


@given(st.text(max_size=60))
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(parse_address(text), Address)
    assert isinstance(parse_address(f"https://www.facebook.com/{text}"), Address)
