"""Addresses that platforms give one page in many ways, and different pages in similar ways."""

from __future__ import annotations

import pytest

from ombud.lake.resolution import SpaceRow, resolve_spaces
from ombud.lake.resolution.address import parse_address

NUMBER = "100012345678901"


def entities(*urls: str) -> int:
    """Count the pages behind exact addresses."""
    return len(resolve_spaces([SpaceRow(url, ocr=False) for url in urls]).entities)


@pytest.mark.parametrize(
    "url",
    [
        "https://de-de.facebook.com/example",
        "https://business.facebook.com/example/",
        "https://FACEBOOK.com/Example",
        "http://www.facebook.com:80/example",
        "https://facebook.com./example",
        "facebook.com/example?ref=ts#about",
        "https://www.facebook.com/@example",
        "https://www.facebook.com//example///",
        "https://www.facebook.com/ex.am-ple",
        "https://www.facebook.com/e%78ample",
    ],
)
def test_one_page_in_many_spellings(url: str) -> None:
    assert parse_address(url).key == parse_address("https://www.facebook.com/example").key


@pytest.mark.parametrize(
    "url",
    [
        f"https://www.facebook.com/profile.php?id={NUMBER}",
        f"https://www.facebook.com/profile.php?sk=about&id={NUMBER}",
        f"https://www.facebook.com/permalink.php?story_fbid=999999999999&id={NUMBER}",
        f"https://www.facebook.com/people/A-Name/{NUMBER}/",
        f"https://www.facebook.com/pages/A-Name/{NUMBER}?sk=info",
        f"https://www.facebook.com/p/A-Name-{NUMBER}/",
        f"https://www.facebook.com/A-Name-{NUMBER}/",
        f"https://www.facebook.com/{NUMBER}/",
    ],
)
def test_the_number_is_found_wherever_it_stands(url: str) -> None:
    found = parse_address(url)
    assert (found.platform, found.kind, found.number, found.unique_name) == ("facebook", "page", NUMBER, False)
    assert entities(url, f"https://www.facebook.com/Another-{NUMBER}/") == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://www.facebook.com/profile.php?id=100001", "https://www.facebook.com/profile.php?id=100002"),
        ("https://www.facebook.com/p/A-100012345678901/", "https://www.facebook.com/p/B-100012345678902/"),
        ("https://www.facebook.com/people/A/100012345678901", "https://www.facebook.com/people/B/100012345678902"),
        (
            "https://www.facebook.com/photo.php?fbid=10150000000001",
            "https://www.facebook.com/photo.php?fbid=10150000000002",
        ),
        ("https://www.facebook.com/media/set/?set=a.1", "https://www.facebook.com/media/set/?set=a.2"),
        ("https://de-de.facebook.com/a", "https://de-de.facebook.com/b"),
        ("https://www.facebook.com:443/a", "https://www.facebook.com:443/b"),
        ("https://www.facebook.com/groups/one/", "https://www.facebook.com/groups/two/"),
        ("https://www.facebook.com/groups/one/", "https://www.facebook.com/one/"),
        ("https://www.facebook.com/events/1030602953674774/", "https://www.facebook.com/groups/1030602953674774/"),
        ("https://www.instagram.com/p/AAA/", "https://www.instagram.com/p/BBB/"),
        ("https://www.instagram.com/p/", "https://www.instagram.com/reel/x/"),
        ("https://twitter.com/example", "https://vk.com/example"),
        ("https://example.co.uk/", "https://other.co.uk/"),
        ("https://example.com.au/", "https://other.com.au/"),
    ],
)
def test_different_places_stay_different(one: str, other: str) -> None:
    assert entities(one, other) == 2


@pytest.mark.parametrize(
    "url", ["https://my-facebook.com/x", "https://facebook.com.evil.example/x", "https://notfacebook.com/x"]
)
def test_a_site_that_only_sounds_like_a_platform_is_a_site(url: str) -> None:
    assert parse_address(url).platform == "web" or parse_address(url).name != "x"
    assert entities(url, "https://www.facebook.com/x") == 2


@pytest.mark.parametrize(
    ("url", "kind", "number"),
    [
        ("https://www.facebook.com/photo.php?fbid=10150000000001&set=a.5", "post", "10150000000001"),
        ("https://www.facebook.com/reel/123456789012345", "post", "123456789012345"),
        ("https://www.facebook.com/sharer/sharer.php?u=https%3A%2F%2Fexample.com", "unknown", None),
        ("https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.com", "unknown", None),
        ("https://www.facebook.com/groups/veterans", "group", None),
        ("https://www.facebook.com/profile.php", "page", None),
    ],
)
def test_what_is_no_page_is_not_taken_for_one(url: str, kind: str, number: str | None) -> None:
    found = parse_address(url)
    assert (found.platform, found.kind, found.number) == ("facebook", kind, number)


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("?rid=128371547505950", "128371547505950"),
        ("?page_id=128371547505950&x=1", "128371547505950"),
        ("?rid=12", None),
    ],
)
def test_a_short_name_may_carry_its_number_in_the_query(path: str, number: str | None) -> None:
    found = parse_address(f"https://www.facebook.com/blacktivists/shop/{path}")
    assert (found.name, found.number, found.unique_name) == ("blacktivists", number, True)
