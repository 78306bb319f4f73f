"""What a person set apart stays apart, and what remains describes itself anew."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ombud.lake.resolution import SpaceRow, resolve_spaces

FB = "https://www.facebook.com/"
SHORT, DOTTED, NUMBERED = FB + "SecuredBorders", FB + "Secured.Borders/", FB + "Secured-Borders-757183957716200/"
RED, LEFT, ALSO = (FB + name + "-362365657452374/" for name in ("The-Red-Pill", "Nothing-Left", "Nothing-Left-US"))


def test_a_doubt_follows_the_place_that_was_set_apart() -> None:
    rows = [SpaceRow(url) for url in (SHORT, DOTTED, NUMBERED)]
    entity = resolve_spaces(rows).entity_of()[SHORT]
    found = resolve_spaces(rows, apart={(SHORT, entity), (DOTTED, entity)})
    ids = {one.id for one in found.entities}
    assert len(ids) == 3
    assert entity not in ids
    (doubt,) = found.doubtful
    assert {doubt.one, doubt.other} <= ids
    assert found.entity_of()[NUMBERED] in {doubt.one, doubt.other}


def test_what_remains_takes_its_name_and_address_from_what_remains() -> None:
    rows = [SpaceRow(RED, weight=50), SpaceRow(LEFT, weight=3), SpaceRow(ALSO, weight=1)]
    whole = resolve_spaces(rows).entities[0]
    assert (whole.name, whole.url) == ("The Red Pill", RED)
    found = resolve_spaces(rows, apart={(RED, whole.id)})
    rest = next(one for one in found.entities if one.id == whole.id)
    assert (rest.name, rest.url, rest.spaces) == ("Nothing Left", LEFT, tuple(sorted((LEFT, ALSO))))
    alone = next(one for one in found.entities if one.id != whole.id)
    assert (alone.name, alone.url, alone.spaces) == ("The Red Pill", RED, (RED,))
    reasons = {m.space: m.reason for m in found.merges}
    assert reasons[LEFT] == "This reading of the address gives the page its name."
    assert reasons[RED] == "A person set this address apart."


def test_two_spellings_of_one_address_can_be_parted() -> None:
    rows = [SpaceRow(SHORT, weight=9), SpaceRow(DOTTED)]
    entity = resolve_spaces(rows).entities[0]
    found = resolve_spaces(rows, apart={(SHORT, entity.id)})
    assert {one.spaces for one in found.entities} == {(SHORT,), (DOTTED,)}
    assert next(one for one in found.entities if one.id == entity.id).url == DOTTED


def test_setting_apart_the_only_space_or_a_stranger_changes_nothing() -> None:
    rows = [SpaceRow(LEFT), SpaceRow(FB + "other/")]
    plain = resolve_spaces(rows)
    entity = plain.entity_of()[LEFT]
    assert resolve_spaces(rows, apart={(LEFT, entity)}) == plain
    assert resolve_spaces(rows, apart={("nowhere", entity), (LEFT, "page_unknown")}) == plain


def test_new_readings_join_the_rest_and_not_what_was_parted() -> None:
    rows = [SpaceRow(RED), SpaceRow(LEFT)]
    entity = resolve_spaces(rows).entities[0].id
    later = [*rows, SpaceRow(FB + "Nothing-Left--362365657452374")]
    found = resolve_spaces(later, apart={(RED, entity)})
    home = found.entity_of()
    assert home[LEFT] == home[FB + "Nothing-Left--362365657452374"] == entity
    assert home[RED] != entity


READINGS = [RED, LEFT, ALSO, SHORT, DOTTED, NUMBERED, FB + "lgbtun/", FB + "Igbtun", FB + "LGBTun/timeline"]


@given(
    st.lists(st.sampled_from(READINGS), unique=True),
    st.sets(st.sampled_from(READINGS)),
    st.randoms(use_true_random=False),
)
def test_any_undoing_leaves_a_whole_and_repeatable_outcome(urls: list[str], undone: set[str], rng: object) -> None:
    rows = [SpaceRow(url) for url in urls]
    before = resolve_spaces(rows)
    home = before.entity_of()
    apart = {(url, home[url]) for url in undone if url in home}
    found = resolve_spaces(rows, apart=apart)
    ids = {one.id for one in found.entities}
    assert sorted(space for one in found.entities for space in one.spaces) == sorted(urls)
    assert len(ids) == len(found.entities)
    assert {m.entity for m in found.merges} == ids
    assert all(one.url in one.spaces for one in found.entities)
    assert all({d.one, d.other} <= ids for d in found.doubtful)
    for one in before.entities:
        parted = [space for space in one.spaces if space in undone]
        if len(one.spaces) > 1:
            assert all(found.entity_of()[space] != one.id for space in parted)
    rng.shuffle(rows)  # type: ignore[attr-defined]
    assert resolve_spaces(rows, apart=apart) == found
