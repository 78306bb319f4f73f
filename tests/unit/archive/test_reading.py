"""Readers of the archive: damaged and old files, builds while others read, snippets, figures."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ombud.archive import AdQuery, Archive, build, build_archive, csv_lines, open_archive, upkeep
from ombud.lake.resolution import SpaceRow, resolve_spaces, space_rows
from ombud.model.errors import NotFoundError, StorageError
from ombud.records import entities, figures, jobs
from tests.unit.archive.conftest import filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.lake import Lake

    Make = Callable[..., Lake]

LATER = datetime(2016, 6, 1, tzinfo=UTC)
FB = "https://www.facebook.com/"


def many(count: int, **rest: object) -> list[dict[str, object]]:
    """Return ads that fill several pages of the file."""
    return [{"ad": f"{n:05}", "text": f"police number {n} " + "words " * 60, **rest} for n in range(count)]


def test_a_file_of_another_format_is_refused_and_rebuilt(made: Make) -> None:
    lake = made({"ad": "a", "text": "one"})
    file = build_archive(lake)
    with closing(sqlite3.connect(file)) as sql:
        sql.execute("UPDATE meta SET value = '0' WHERE key = 'format'")
        sql.commit()
    with pytest.raises(StorageError, match="another version") as caught:
        Archive.open(lake.workspace)
    assert caught.value.hint
    assert open_archive(lake).search(AdQuery(text="one")).totals.ads == 1


def test_another_kind_of_database_is_no_archive(made: Make) -> None:
    lake = made({"ad": "a"})
    with closing(sqlite3.connect(lake.workspace.archive_file)) as sql:
        sql.execute("CREATE TABLE other (x)")
    with pytest.raises(StorageError):
        Archive.open(lake.workspace)
    assert open_archive(lake).totals().ads == 1


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_damage_inside_the_file_is_one_sentence_for_searches_and_downloads(made: Make, part: float) -> None:
    lake = made(*many(400))
    file = build_archive(lake)
    whole = file.read_bytes()
    at = int(len(whole) * part) // 8192 * 8192
    file.write_bytes(whole[:at])
    archive = Archive(file)
    for ask in (
        lambda: archive.search(AdQuery(text="police", limit=200)),
        lambda: list(csv_lines(archive)),
        lambda: list(archive.each(AdQuery(text="police"))),
    ):
        with pytest.raises(StorageError) as caught:
            ask()
        assert str(file) in caught.value.message
        assert caught.value.hint


def test_a_file_that_vanishes_is_said_so_and_comes_back(made: Make) -> None:
    lake = made({"ad": "a", "text": "one"})
    archive = open_archive(lake)
    assert archive.totals().ads == 1
    lake.workspace.archive_file.unlink()
    for ask in (archive.totals, archive.search, lambda: list(archive.each())):
        with pytest.raises(NotFoundError, match="no ad archive yet"):
            ask()
    build_archive(lake)
    assert archive.totals().ads == 1


def test_others_read_while_it_is_built_again_and_again(made: Make) -> None:
    lake = made(*many(300, impressions=7, clicks=1))
    archive = open_archive(lake)
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not stop.is_set():
            try:
                found = archive.search(AdQuery(text="police", limit=3))
                if (found.totals.ads, found.totals.impressions, len(found.rows)) not in {
                    (300, 2100, 3),
                    (301, 2107, 3),
                }:
                    wrong.append(found.totals)
                count = sum(1 for _ in archive.each(AdQuery(text="police")))
                if count not in {300, 301}:
                    wrong.append(count)
            except Exception as error:  # noqa: BLE001 - whatever a reader meets
                wrong.append(error)
        archive.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    build_archive(lake)
    filled(lake, "ads", [{"ad": "new", "text": "police", "happened_at": LATER, "impressions": 7}])
    build_archive(lake)
    build_archive(lake)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert archive.totals().ads == 301


def test_a_download_that_began_ends_with_the_file_it_began_with(made: Make) -> None:
    lake = made(*many(50))
    rows = open_archive(lake).each()
    first = next(rows)
    filled(lake, "ads", [{"ad": "new", "happened_at": LATER}])
    build_archive(lake)
    assert len([first, *rows]) == 50
    assert sum(1 for _ in open_archive(lake).each()) == 51


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("x" * 50 + " police " + "y" * 3_000 + " z" * 300, "police"),
        ("y" * 3_000 + " police " + "z" * 3_000, "police"),
        ("word " * 2_000 + "police", "police"),
        ("police " * 500, "police"),
        ("a\n\n b   c " * 400, ""),
        ("x" * 5_000, ""),
    ],
)
def test_a_snippet_has_at_most_240_characters_and_shows_the_hit(made: Make, text: str, query: str) -> None:
    (row,) = open_archive(made({"ad": "a", "text": text})).search(AdQuery(text=query)).rows
    assert 0 < sum(len(segment.text) for segment in row.snippet) <= 240
    assert any(segment.hit and segment.text == "police" for segment in row.snippet) == bool(query)
    assert "\n" not in "".join(segment.text for segment in row.snippet)


def test_an_undone_merge_with_a_doubt_beside_it_is_built(made: Make) -> None:
    urls = [FB + "Secured.Borders/", FB + "SecuredBorders", FB + "Secured-Borders-757183957716200/"]
    lake = made(*({"ad": str(n), "space": url} for n, url in enumerate(urls)))
    entity = resolve_spaces([SpaceRow(url) for url in urls]).entity_of()[urls[0]]
    resolution = resolve_spaces([SpaceRow(url) for url in urls], apart={(urls[0], entity), (urls[1], entity)})
    build_archive(lake, resolution=resolution)
    archive = Archive.open(lake.workspace)
    pages = [archive.page(row.slug) for row in archive.pages().rows]
    assert [page.totals.ads for page in pages] == [1, 1, 1]
    assert sum(len(page.doubts) for page in pages) == 2
    for page in pages:
        for doubt in page.doubts:
            assert page.slug in {d.other.slug for d in archive.page(doubt.other.slug).doubts}


def test_only_what_a_person_undid_is_kept_apart(made: Make) -> None:
    one, other = FB + "Nothing-Left-362365657452374/", FB + "The-Red-Pill-362365657452374/"
    lake = made({"ad": "a", "space": one}, {"ad": "b", "space": other})
    entity = resolve_spaces(space_rows(lake)).entity_of()[one]
    with lake.records.begin() as tx:
        entities.save_merges(tx, [entities.Merge("page", other, entity, "A guess.", 0.1, "apart")])
    assert open_archive(lake).pages().total == 1


def test_two_pages_of_one_name_have_slugs_of_their_own(made: Make) -> None:
    lake = made(
        {"ad": "a", "space": FB + "Same-Name-111111111111111/"}, {"ad": "b", "space": FB + "Same-Name-222222222222222/"}
    )
    archive = open_archive(lake)
    slugs = [row.slug for row in archive.pages().rows]
    assert len(set(slugs)) == 2
    assert all(slug.startswith("same-name-") for slug in slugs)
    assert [archive.search(AdQuery(page=slug)).totals.ads for slug in slugs] == [1, 1]


def test_slugs_that_would_be_the_same_fall_back_to_the_id(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "slug_of", lambda name, entity: "the-same")  # noqa: ARG005 - a stand-in
    archive = open_archive(made({"ad": "a", "space": FB + "one/"}, {"ad": "b", "space": FB + "two/"}))
    slugs = {row.slug for row in archive.pages().rows}
    assert len(slugs) == 2
    assert "the-same" in slugs
    assert all(archive.page(slug).totals.ads == 1 for slug in slugs)


def test_deliveries_stand_with_their_ad_in_order(made: Make) -> None:
    lake = made({"ad": "a"}, {"ad": "b"})
    cells = [
        {"ad": "a", "happened_at": LATER, "age": "25-34", "gender": "female", "region": "Texas", "impressions": 3},
        {"ad": "a", "happened_at": LATER, "age": "18-24", "gender": None, "region": None, "reach": 2},
        {"ad": "a", "happened_at": datetime(2016, 5, 1, tzinfo=UTC), "age": "65+", "impressions": 9, "reach": 8},
    ]
    filled(lake, "deliveries", cells)
    found = open_archive(lake).ad("a").deliveries
    assert [(d.day, d.age, d.gender, d.region, d.impressions, d.reach) for d in found] == [
        (datetime(2016, 5, 1, tzinfo=UTC), "65+", None, None, 9, 8),
        (LATER, "18-24", None, None, None, 2),
        (LATER, "25-34", "female", "Texas", 3, None),
    ]
    assert open_archive(lake).ad("b").deliveries == ()


def test_an_ad_has_figures_only_for_the_numbers_that_it_states(made: Make) -> None:
    lake = made({"ad": "a", "spend": None, "currency": None, "impressions": 0}, {"ad": "b", "spend": Decimal("0.00")})
    archive = open_archive(lake)
    assert [ref.name for ref in archive.ad("a").figures] == ["impressions"]
    assert [ref.name for ref in archive.ad("b").figures] == ["spend"]
    with lake.records.read() as tx:
        assert figures.get(tx, archive.ad("b").figures[0].id).value == "0.00"
        assert figures.get(tx, archive.ad("a").figures[0].id).value == 0


def test_beyond_many_ads_only_totals_and_pages_have_figures(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ombud.archive.figures.MOST_ADS", 1)
    monkeypatch.setattr("ombud.archive.rows.MOST_ADS", 1)
    lake = made({"ad": "a", "impressions": 5}, {"ad": "b"})
    archive = open_archive(lake)
    assert archive.ad("a").figures == ()
    with lake.records.read() as tx:
        refs = archive.page(archive.pages().rows[0].slug).totals.figures
        assert {ref.name: figures.get(tx, ref.id).value for ref in refs} == {"ads": 2, "impressions": 5, "clicks": 0}


def test_targeting_of_an_exact_source_is_not_taken_for_misread(made: Make) -> None:
    lake = made({"ad": "a", "targeting": ["interests:Cooking", ""]}, {"ad": "b", "targeting": ["interests:Oooking"]})
    assert sorted((term.value, term.ads) for term in open_archive(lake).terms()) == [("Cooking", 1), ("Oooking", 1)]


def test_a_build_is_asked_for_once_for_each_state_of_the_lake(made: Make) -> None:
    empty = made()
    assert upkeep.ask_for_build(empty) is None
    lake = made({"ad": "a", "text": "one"})
    first = upkeep.ask_for_build(lake)
    again = upkeep.ask_for_build(lake)
    assert first is not None
    assert again is not None
    assert first.id == again.id
    assert upkeep.handlers(lake)[upkeep.BUILD](first) == {"ads": 1}
    assert upkeep.ask_for_build(lake) is None
    filled(lake, "ads", [{"ad": "b", "happened_at": LATER}])
    third = upkeep.ask_for_build(lake)
    assert third is not None
    assert third.id != first.id


def test_a_build_is_asked_for_again_when_the_file_is_lost(made: Make) -> None:
    lake = made({"ad": "a"})
    first = upkeep.ask_for_build(lake)
    with lake.records.begin() as tx:
        claimed = jobs.claim(tx, "worker", 60)
    assert first is not None
    assert claimed is not None
    upkeep.handlers(lake)[upkeep.BUILD](claimed)
    with lake.records.begin() as tx:
        assert jobs.finish(tx, claimed)
    assert upkeep.ask_for_build(lake) is None
    lake.workspace.archive_file.write_bytes(b"damaged")
    again = upkeep.ask_for_build(lake)
    assert again is not None
    assert again.id != first.id
    assert again.state == "waiting"
