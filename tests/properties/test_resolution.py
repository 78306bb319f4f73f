"""Resolution of any spaces: one outcome whatever the order, no contradictory numbers together."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from ombud.lake.resolution import SpaceRow, resolve_spaces
from ombud.lake.resolution.address import parse_address
from ombud.lake.resolution.glyphs import digit_difference

NAMES = st.sampled_from(
    ["Blacktivist", "BIacktivist", "B|aoktivist", "Woke-Blacks", "Woke-B|acks", "Stop-AI", "Stop-Al", "bat", "bal", "x"]
)
DIGITS = st.sampled_from(
    ["128371547505950", "128371547505958", "12837154750595O", "294234600956431", "994234600956431"]
)
HOSTS = st.sampled_from(
    ["https://www.facebook.com/", "https://faoebook.com/", "http://facebook.oom/", "https://www.instagram.com/"]
)
ENDS = st.sampled_from(["", "/", "/timeline/", "?sk=1", "l"])
ADDRESSES = st.one_of(
    st.builds(lambda h, n, d, e: f"{h}{n}-{d}{e}", HOSTS, NAMES, DIGITS, ENDS),
    st.builds(lambda h, n, e: f"{h}{n}{e}", HOSTS, NAMES, ENDS),
    st.builds(lambda h, d: f"{h}events/{d}/", HOSTS, DIGITS),
    st.text(max_size=20),
)
ROWS = st.lists(
    st.builds(SpaceRow, ADDRESSES, weight=st.integers(1, 50), ocr=st.booleans()),
    max_size=14,
    unique_by=lambda r: r.space,
)


@given(ROWS, st.randoms(use_true_random=False))
def test_order_plays_no_part(rows: list[SpaceRow], rng: object) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolve_spaces(rows) == resolve_spaces(shuffled) == resolve_spaces(rows + rows)


@given(ROWS)
def test_every_space_is_in_one_entity_or_says_nothing(rows: list[SpaceRow]) -> None:
    found = resolve_spaces(rows)
    inside = [space for entity in found.entities for space in entity.spaces]
    assert sorted([*inside, *found.unresolved]) == sorted(row.space for row in rows)
    assert len({entity.id for entity in found.entities}) == len(found.entities)
    assert {m.space for m in found.merges} == set(inside)
    assert all(m.entity == found.entity_of()[m.space] for m in found.merges)


@given(ROWS)
def test_numbers_in_one_entity_never_differ_beyond_what_ocr_confuses(rows: list[SpaceRow]) -> None:
    exact = {row.space for row in rows if not row.ocr}
    for entity in resolve_spaces(rows).entities:
        numbers = [(s, n) for s in entity.spaces if (n := parse_address(s).number)]
        for (one, a), (other, b) in combinations(numbers, 2):
            assert digit_difference(a, b) is not None
            assert not {one, other} <= exact or a == b


@given(ROWS)
def test_doubts_are_about_entities_that_stayed_apart(rows: list[SpaceRow]) -> None:
    found = resolve_spaces(rows)
    ids = {entity.id for entity in found.entities}
    for doubt in found.doubtful:
        assert {doubt.one, doubt.other} <= ids
        assert doubt.one < doubt.other
        assert 0 < doubt.probability < 1


@given(ROWS)
def test_resolving_one_entity_again_gives_it_again(rows: list[SpaceRow]) -> None:
    by_space = {row.space: row for row in rows}
    for entity in resolve_spaces(rows).entities:
        again = resolve_spaces([by_space[space] for space in entity.spaces])
        assert [e.spaces for e in again.entities] == [entity.spaces]
