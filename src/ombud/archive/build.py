"""Build the archive's file from the lake: derived, replaced in one step, always rebuildable."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import unicodedata
from collections import Counter, defaultdict
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ombud.archive.figures import every_figure
from ombud.archive.layout import FORMAT, INDEXES, TABLES
from ombud.archive.targeting import CATEGORIES, Parsed, parse_term
from ombud.lake.resolution import (
    OCR_FORMATS,
    apart_by_people,
    record_resolution,
    resolve_spaces,
    space_rows,
)
from ombud.model.errors import StorageError
from ombud.model.ids import random_id, sha256_hex
from ombud.records import entities, figures, imports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import duckdb

    from ombud.lake import Lake
    from ombud.lake.resolution import Resolution

__all__ = ["build_archive", "lake_state"]

_BATCH = 20_000
_INPUTS = ("ads", "ad_versions", "deliveries", "spaces")
_ADS = """
SELECT a.ad, i.name, a.text, a.landing, epoch_us(a.happened_at), epoch_us(a.ended_at),
       CAST(a.spend * 100 AS BIGINT), coalesce(a.currency, ''), a.impressions, a.clicks, a.payer, a.document,
       a.quality, a.targeting, a.import_id
FROM ads a LEFT JOIN space_ids i ON i.id = a.space
ORDER BY a.happened_at, a.ad
"""
_DELIVERIES = """
SELECT ad, epoch_us(happened_at), age, gender, region, impressions, reach FROM deliveries ORDER BY 1, 2
"""
_VERSIONS = "SELECT ad, epoch_us(happened_at), text, landing FROM ad_versions ORDER BY 1, 2"
_CONTROL = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])


def lake_state(lake: Lake) -> str:
    """Return a hash of everything that the archive is built from: files, and what people undid."""
    files = [file.sha256 + file.path for table in _INPUTS for file in lake.files(table)]
    with lake.records.read() as tx:
        undone = [(m.alias, m.entity) for m in entities.merges(tx, "page", "apart")]
    return sha256_hex(json.dumps([FORMAT, sorted(files), sorted(undone)]).encode())


def build_archive(
    lake: Lake, progress: Callable[[int, int | None, str], None] | None = None, resolution: Resolution | None = None
) -> Path:
    """Write the archive's file anew and put it in the place of the old one; returns where it is.

    Resolves the pages first, unless `resolution` is given, and saves merges and
    figures in the records. Readers keep the old file until the new one is whole.
    """
    state = lake_state(lake)
    if resolution is None:
        resolution = resolve_spaces(space_rows(lake), apart=apart_by_people(lake.records))
    record_resolution(lake.records, resolution)
    target = lake.workspace.archive_file
    draft = target.with_name(f"{target.name}.{random_id('draft')}")
    try:
        with closing(sqlite3.connect(draft)) as out:
            out.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA page_size = 8192;")
            out.executescript(TABLES)
            _Builder(lake, out, resolution, progress or (lambda _done, _total, _what: None)).run()
            out.execute("INSERT INTO meta VALUES ('format', ?), ('state', ?)", (FORMAT, state))
            out.commit()
            out.executescript(INDEXES + "ANALYZE;")
            out.commit()
            found = list(every_figure(out, lake.files("ads")))
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        with lake.records.begin() as tx:
            figures.save_all(tx, found)
        draft.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"Cannot write the ad archive {target}: {error}.",
            hint="The old archive, if any, is untouched; free space and try again.",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return target


def slug_of(name: str, entity: str) -> str:
    """Return a stable word for addresses: the name in plain letters and eight signs of the entity's id."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-")
    return f"{words or 'page'}-{entity[-8:]}"


class _Builder:
    """One build: pages, then ads in a stream, then what is counted over them."""

    def __init__(
        self,
        lake: Lake,
        out: sqlite3.Connection,
        resolution: Resolution,
        progress: Callable[[int, int | None, str], None],
    ) -> None:
        self._lake, self._out, self._resolution, self._progress = lake, out, resolution, progress
        self._page_of: dict[str, int] = {}
        self._ids: dict[str, int] = {}
        self._terms: dict[tuple[str, bool], int] = {}
        self._parsed: dict[str, tuple[int, Parsed]] = {}
        self._raw: defaultdict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
        self._per_space: Counter[str] = Counter()

    def run(self) -> None:
        self._pages()
        with self._lake.records.read() as tx:
            ocr = {run.id for run in imports.listing(tx, limit=1_000_000) if run.format in OCR_FORMATS}
        with self._lake.duck() as duck:
            total = duck.execute("SELECT count(*) FROM ads").fetchall()[0][0]
            done = 0
            for rows in _batches(duck, _ADS):
                self._ads(rows, done, ocr)
                done += len(rows)
                self._progress(done, total, "ads into the archive")
            self._copy(duck, _VERSIONS, "version", 4)
            self._copy(duck, _DELIVERIES, "delivery", 7)
        self._write_terms()
        self._readings()
        self._counted()

    def _copy(self, duck: duckdb.DuckDBPyConnection, sql: str, table: str, width: int) -> None:
        marks = ", ".join("?" * width)
        for rows in _batches(duck, sql):
            self._out.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - our own names

    def _pages(self) -> None:
        rows, slugs = [], set[str]()
        for number, entity in enumerate(self._resolution.entities, 1):
            self._ids[entity.id] = number
            self._page_of.update(dict.fromkeys(entity.spaces, number))
            slug = slug_of(entity.name, entity.id)
            if slug in slugs:
                slug = entity.id.replace("_", "-")
            slugs.add(slug)
            rows.append((number, slug, entity.id, entity.name, entity.kind, entity.url, len(entity.spaces)))
        self._out.executemany(
            "INSERT INTO page (id, slug, entity, name, kind, url, readings) VALUES (?,?,?,?,?,?,?)", rows
        )
        doubts = [
            (self._ids[a], self._ids[b], d.reason, d.probability)
            for d in self._resolution.doubtful
            for a, b in ((d.one, d.other), (d.other, d.one))
        ]
        self._out.executemany("INSERT INTO doubt VALUES (?,?,?,?)", doubts)

    def _ads(self, rows: list[tuple[Any, ...]], before: int, ocr: set[str]) -> None:
        ads, pairs = [], set()
        for number, row in enumerate(rows, before + 1):
            ad, space, text, *rest, quality, targeting, import_id = row
            if space is not None:
                self._per_space[space] += 1
            shown = text.translate(_CONTROL) if text else text
            ads.append((number, ad, self._page_of.get(space), shown, *rest, json.dumps(quality) if quality else None))
            pairs |= {(self._term(raw, ocr=import_id in ocr), number) for raw in targeting or () if raw}
        self._out.executemany("INSERT INTO ad VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", ads)
        self._out.executemany("INSERT INTO ad_term VALUES (?, ?)", sorted(pairs))

    def _term(self, raw: str, *, ocr: bool) -> int:
        found = self._terms.get((raw, ocr))
        parsed = None
        if found is None:
            parsed = parse_term(raw, ocr=ocr)
            known = self._parsed.setdefault(parsed.id, (len(self._parsed) + 1, parsed))
            found = self._terms[raw, ocr] = known[0]
            self._raw[found][raw, parsed.value] += 0
        for key in self._raw[found]:
            if key[0] == raw:
                self._raw[found][key] += 1
                break
        return found

    def _write_terms(self) -> None:
        rows = []
        for number, parsed in self._parsed.values():
            spellings: Counter[str] = Counter()
            for (_, value), count in self._raw[number].items():
                spellings[value] += count
            best = min(spellings, key=lambda v: (-spellings[v], v))
            raws = json.dumps(sorted({raw for raw, _ in self._raw[number]}), ensure_ascii=False)
            rows.append((number, parsed.id, parsed.category, best, parsed.excluded, parsed.narrowing, raws))
        self._out.executemany("INSERT INTO term VALUES (?,?,?,?,?,?,?,0)", rows)
        self._out.execute("UPDATE term SET ads = (SELECT count(*) FROM ad_term WHERE ad_term.term = term.id)")

    def _readings(self) -> None:
        rows = [
            (self._ids[m.entity], m.space, self._per_space[m.space], m.reason, m.probability)
            for m in self._resolution.merges
        ]
        self._out.executemany("INSERT INTO reading VALUES (?,?,?,?,?)", rows)

    def _counted(self) -> None:
        labels = json.dumps(CATEGORIES)
        self._out.executescript(_COUNTS)
        self._out.execute(_CATEGORY_FACET, (labels,))


def _batches(duck: duckdb.DuckDBPyConnection, sql: str) -> Iterator[list[tuple[Any, ...]]]:
    cursor = duck.execute(sql)
    while rows := cursor.fetchmany(_BATCH):
        yield rows


_COUNTS = """
CREATE INDEX ad_term_by_ad ON ad_term (ad, term);
CREATE TEMP TABLE sums AS
    SELECT page, count(*) AS ads, coalesce(sum(impressions), 0) AS impressions, coalesce(sum(clicks), 0) AS clicks,
           min(created) AS first, max(created) AS last,
           sum(EXISTS (SELECT 1 FROM ad_term WHERE ad_term.ad = ad.id)) AS targeted
    FROM (SELECT * FROM ad) AS ad WHERE page IS NOT NULL GROUP BY page;
UPDATE page SET ads = s.ads, impressions = s.impressions, clicks = s.clicks, first = s.first, last = s.last,
                targeted = s.targeted
    FROM sums AS s WHERE s.page = page.id;
INSERT INTO page_money
    SELECT page, currency, coalesce(sum(cents), 0), count(*), sum(coalesce(cents, 0) > 0)
    FROM ad WHERE page IS NOT NULL GROUP BY page, currency;
INSERT INTO audience
    SELECT ad.page, ad_term.term, count(*), coalesce(sum(ad.impressions), 0)
    FROM ad_term JOIN ad ON ad.id = ad_term.ad WHERE ad.page IS NOT NULL GROUP BY ad.page, ad_term.term;
INSERT INTO facet SELECT 'term', term, value, ads FROM term ORDER BY ads DESC, value LIMIT 25;
"""
_CATEGORY_FACET = """
INSERT INTO facet
    SELECT 'category', category, coalesce(json_extract(?1, '$."' || category || '"'), category), count(DISTINCT ad)
    FROM ad_term JOIN term ON term.id = ad_term.term GROUP BY category ORDER BY 4 DESC
"""
