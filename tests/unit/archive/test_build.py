"""The archive's file is derived: rebuilt when the lake changed, replaced in one step, never half."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ombud.archive import Archive, build, build_archive, open_archive
from ombud.archive.query import AdQuery
from ombud.lake.resolution import resolve_spaces, space_rows
from ombud.model.errors import NotFoundError, StorageError
from ombud.records import entities
from tests.unit.archive.conftest import filled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ombud.lake import Lake

    Make = Callable[..., Lake]

NUMBERED = "https://www.facebook.com/Nothing-Left-362365657452374/"
RENAMED = "https://www.facebook.com/The-Red-Pill-362365657452374/"


def test_a_missing_archive_is_one_clear_error(made: Make) -> None:
    lake = made()
    with pytest.raises(NotFoundError, match="no ad archive yet") as caught:
        Archive.open(lake.workspace)
    assert caught.value.hint
    assert open_archive(lake).totals().ads == 0


def test_an_empty_archive_answers(made: Make) -> None:
    archive = open_archive(made())
    found = archive.search(AdQuery(text="anything"))
    assert (found.rows, found.totals.ads, found.totals.spend, found.next_cursor) == ((), 0, (), None)
    assert archive.pages().total == 0
    assert archive.totals().first is None


@pytest.mark.parametrize(
    "damage", [b"", b"not a database at all, but some text", b"SQLite format 3\x00" + b"\xff" * 9000]
)
def test_a_damaged_archive_is_one_clear_error_and_is_rebuilt(made: Make, damage: bytes) -> None:
    lake = made({"ad": "a", "text": "one"})
    build_archive(lake).write_bytes(damage)
    with pytest.raises(StorageError) as caught:
        Archive.open(lake.workspace).totals()
    assert caught.value.hint
    assert open_archive(lake).totals().ads == 1


def test_it_is_rebuilt_when_ads_came_and_only_then(made: Make) -> None:
    lake = made({"ad": "a", "text": "one"})
    open_archive(lake)
    first = lake.workspace.archive_file.stat()
    open_archive(lake)
    assert lake.workspace.archive_file.stat().st_mtime_ns == first.st_mtime_ns
    filled(lake, "ads", [{"ad": "b", "text": "two", "happened_at": datetime(2016, 6, 1, tzinfo=UTC)}])
    assert open_archive(lake).totals().ads == 2


def test_a_reader_sees_the_new_file_after_a_rebuild(made: Make) -> None:
    lake = made({"ad": "a", "text": "one"})
    archive = open_archive(lake)
    assert archive.totals().ads == 1
    filled(lake, "ads", [{"ad": "b", "text": "two", "happened_at": datetime(2016, 6, 1, tzinfo=UTC)}])
    build_archive(lake)
    assert archive.totals().ads == 2


def test_a_build_that_fails_leaves_the_old_file(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = made({"ad": "a", "text": "one"})
    archive = open_archive(lake)
    monkeypatch.setattr(build, "INDEXES", "CREATE INDEX broken ON nowhere (nothing);")
    with pytest.raises(StorageError, match="Cannot write the ad archive"):
        build_archive(lake)
    assert archive.totals().ads == 1
    assert [p.name for p in lake.workspace.root.iterdir() if "draft" in p.name] == []


def test_the_same_lake_gives_the_same_tables(made: Make, tmp_path: Path) -> None:
    lake = made(*({"ad": str(n), "text": f"ad {n}", "space": NUMBERED if n % 2 else RENAMED} for n in range(9)))
    dumps = []
    for name in ("one", "two"):
        copy = tmp_path / name
        copy.write_bytes(build_archive(lake).read_bytes())
        with sqlite3.connect(copy) as sql:
            dumps.append("\n".join(line for line in sql.iterdump() if "words" not in line))
        sql.close()
    assert dumps[0] == dumps[1]


def test_many_threads_read_at_once(ira: Archive) -> None:
    found: list[tuple[int, ...]] = []

    def read() -> None:
        found.append(tuple(ira.search(AdQuery(text=word)).totals.ads for word in ("police", "texas", "police")))
        ira.close()

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(452, 68, 452)] * 6


def test_pages_are_merged_in_the_archive_and_the_merge_is_kept(made: Make) -> None:
    lake = made(
        {"ad": "a", "space": NUMBERED, "spend": Decimal("1.10")},
        {"ad": "b", "space": RENAMED, "spend": Decimal("2.20")},
    )
    archive = open_archive(lake)
    (row,) = archive.pages().rows
    assert (row.ads, row.readings, row.spend[0].amount) == (2, 2, Decimal("3.30"))
    page = archive.page(row.slug)
    assert {r.url for r in page.readings} == {NUMBERED, RENAMED}
    assert archive.page(page.entity) == page
    with lake.records.read() as tx:
        kept = entities.merges(tx, "page", "merged")
    assert {m.alias for m in kept} == {NUMBERED, RENAMED}
    assert {m.entity for m in kept} == {page.entity}


def test_an_undone_merge_stays_undone_in_the_next_build(made: Make) -> None:
    lake = made({"ad": "a", "space": NUMBERED}, {"ad": "b", "space": RENAMED})
    entity = open_archive(lake).page(open_archive(lake).pages().rows[0].slug).entity
    with lake.records.begin() as tx:
        entities.save_merges(
            tx, [entities.Merge("page", RENAMED, entity, "Two campaigns.", 0.0, "apart", decided_by="an analyst")]
        )
    for _ in range(2):
        archive = open_archive(lake)
        assert archive.pages().total == 2
        build_archive(lake)
    assert len(resolve_spaces(space_rows(lake)).entities) == 1


def test_exact_sources_never_merge_by_looking_alike(made: Make) -> None:
    lake = made(
        {"ad": "a", "space": "https://www.facebook.com/officialnews/"},
        {"ad": "b", "space": "https://www.facebook.com/officiaInews/"},
    )
    assert open_archive(lake).pages().total == 2


def test_versions_and_control_characters(made: Make) -> None:
    when = datetime(2016, 5, 2, tzinfo=UTC)
    lake = made(
        {"ad": "a", "text": "one\x01two\x02 three"},
        versions=[{"ad": "a", "happened_at": when, "text": "later", "landing": None}],
    )
    ad = open_archive(lake).ad("a")
    assert ad.text == "onetwo three"
    assert [(v.since, v.text) for v in ad.versions] == [(when, "later")]


def test_slugs_are_plain_and_unique() -> None:
    assert build.slug_of("Näive & Blacks|", "page_0123456789abcdef") == "naive-blacks-89abcdef"
    assert build.slug_of("Привет", "page_0123456789abcdef") == "page-89abcdef"
    assert len(build.slug_of("x" * 500, "page_0123456789abcdef")) < 80


def test_unknown_ads_pages_and_terms_are_said_so(ira: Archive) -> None:
    for ask in (ira.ad, ira.page, ira.term):
        with pytest.raises(NotFoundError) as caught:
            ask("'; DROP TABLE ad; --")
        assert caught.value.hint
