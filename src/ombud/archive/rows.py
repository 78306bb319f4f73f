"""From the archive's tables to its answers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ombud.archive.answers import (
    Ad,
    AdRow,
    AudienceLine,
    Delivery,
    Doubt,
    Facet,
    FacetCount,
    FigureRef,
    Money,
    Page,
    PageList,
    PageRef,
    PageRow,
    Reading,
    Segment,
    Term,
    Totals,
    Version,
)
from ombud.archive.figures import MOST_ADS, figure_id, moment, money
from ombud.archive.query import NOT_STATED
from ombud.archive.targeting import CATEGORIES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from ombud.archive.search import Asked

__all__ = ["ad", "ad_rows", "every", "facets", "page", "page_list", "terms", "totals"]

_FACET = 25
_COUNT_TERMS_TO = 20_000
"""Targeting is counted for results up to this many ads; beyond that only for the whole archive."""
_SNIPPET = 240
_A_CATEGORY = 12
_AD = """ad.ad, page.slug, page.name, page.kind, ad.created, ad.ended, ad.cents, ad.currency,
    ad.impressions, ad.clicks, ad.quality"""
_TERM = "term.term, term.category, term.value, term.excluded, term.narrowing, term.raw, term.ads"
_OPEN, _CLOSE = "\x01", "\x02"


def _source(*, everything: bool) -> str:
    return "ad" if everything else "found AS ad"


def totals(sql: sqlite3.Connection, *, everything: bool) -> Totals:
    """Sum over all ads, or over those in `found`."""
    source, subject = _source(everything=everything), "archive"
    groups = sql.execute(
        f"SELECT ad.currency, coalesce(sum(ad.cents), 0), count(*), sum(coalesce(ad.cents, 0) > 0),"  # noqa: S608 - ours
        f" coalesce(sum(ad.impressions), 0), coalesce(sum(ad.clicks), 0), min(ad.created), max(ad.created)"
        f" FROM {source} GROUP BY ad.currency ORDER BY 3 DESC, 1"
    ).fetchall()
    pages = sql.execute(f"SELECT count(DISTINCT ad.page) FROM {source}").fetchone()[0]  # noqa: S608 - ours
    refs = tuple(FigureRef(n, figure_id(n, subject)) for n in ("ads", "pages", "impressions", "clicks"))
    firsts, lasts = [g[6] for g in groups if g[6] is not None], [g[7] for g in groups if g[7] is not None]
    return Totals(
        ads=sum(g[2] for g in groups),
        pages=pages,
        spend=tuple(_money(g[0], g[1], g[2], g[3], subject if everything else None) for g in groups),
        impressions=sum(g[4] for g in groups),
        clicks=sum(g[5] for g in groups),
        first=moment(min(firsts, default=None)),
        last=moment(max(lasts, default=None)),
        figures=refs if everything else (),
    )


def _money(currency: str, cents: int, ads: int, paid: int, subject: str | None) -> Money:
    figure = figure_id("spend", subject, currency or None) if subject else None
    return Money(currency or None, Decimal(cents).scaleb(-2), ads, paid, figure)


def _ref(slug: str | None, name: str | None, kind: str | None) -> PageRef | None:
    return PageRef(slug, name or "", kind) if slug else None  # type: ignore[arg-type]


def _quality(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()


def ad_rows(
    sql: sqlite3.Connection, question: Asked, limit: int, offset: int, *, everything: bool
) -> tuple[AdRow, ...]:
    """Return one page of results in their order, with snippets."""
    source = "ad" if everything else "found CROSS JOIN ad ON ad.id = found.id"
    rank, values = "", []
    if "rank." in question.order:
        rank = (
            " JOIN (SELECT rowid AS id, bm25(words) AS score FROM words WHERE words MATCH ?) AS rank ON rank.id = ad.id"
        )
        values = [question.match]
    found = sql.execute(
        f"SELECT ad.id, {_AD} FROM {source}{rank} LEFT JOIN page ON page.id = ad.page"  # noqa: S608
        f" ORDER BY {question.order} LIMIT ? OFFSET ?",
        [*values, limit, offset],
    ).fetchall()
    snippets = _snippets(sql, [row[0] for row in found], question.match)
    return tuple(_ad_row(row, snippets[row[0]]) for row in found)


def _ad_row(row: Sequence[Any], snippet: tuple[Segment, ...]) -> AdRow:
    _, wanted, slug, name, kind, created, ended, cents, currency, seen, clicked, quality = row
    return AdRow(
        id=wanted,
        page=_ref(slug, name, kind),
        snippet=snippet,
        created=moment(created),
        ended=moment(ended),
        spend=money(cents),
        currency=currency or None,
        impressions=seen,
        clicks=clicked,
        quality=_quality(quality),
    )


def _snippets(sql: sqlite3.Connection, ids: Sequence[int], match: str | None) -> dict[int, tuple[Segment, ...]]:
    marks = ", ".join("?" * len(ids))
    out: dict[int, tuple[Segment, ...]] = dict.fromkeys(ids, ())
    for number, text in sql.execute(f"SELECT id, text FROM ad WHERE id IN ({marks})", ids):  # noqa: S608 - marks only
        short = " ".join((text or "")[: 4 * _SNIPPET].split())
        cut = short if len(short) <= _SNIPPET else short[: _SNIPPET - 1].rsplit(" ", 1)[0] + "\u2026"
        out[number] = (Segment(cut),) if cut else ()
    if match:
        marked = sql.execute(
            "SELECT rowid, snippet(words, 0, ?, ?, '\u2026', 36) FROM words"  # noqa: S608 - marks only
            f" WHERE words MATCH ? AND rowid IN ({marks})",
            [_OPEN, _CLOSE, match, *ids],
        )
        for number, text in marked:
            out[number] = _cut(_segments(text))
    return out


def _segments(text: str) -> tuple[Segment, ...]:
    """Split what FTS5 marked into runs."""
    out = []
    for number, part in enumerate(text.split(_OPEN)):
        hit, _, rest = part.partition(_CLOSE) if number else ("", "", part)
        out += [Segment(t, h) for t, h in ((" ".join(hit.split()), True), (rest.replace("\n", " "), False)) if t]
    return tuple(out)


def _cut(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Return at most 240 characters, with the first hit among them."""
    before = 0
    for segment in segments:
        if segment.hit:
            break
        before += len(segment.text)
    skip = 0 if before <= _SNIPPET // 2 else before - _SNIPPET // 2
    room, out = _SNIPPET, []
    for segment in segments:
        text = segment.text[skip:][:room]
        skip = max(0, skip - len(segment.text))
        room -= len(text)
        out += [Segment(text, segment.hit)] if text else []
    return tuple(out)


def facets(sql: sqlite3.Connection, sums: Totals, *, everything: bool) -> tuple[Facet, ...]:
    """Count the ads found by page, currency, year and targeting."""
    source = _source(everything=everything)
    by_page = sql.execute(
        f"SELECT page.slug, page.name, count(*) FROM {source} CROSS JOIN page ON page.id = ad.page"  # noqa: S608 - ours
        f" GROUP BY page.id ORDER BY 3 DESC, 2, 1 LIMIT {_FACET}"
    ).fetchall()
    by_year = sql.execute(
        f"SELECT strftime('%Y', ad.created / 1000000, 'unixepoch') AS year, count(*) FROM {source}"  # noqa: S608 - ours
        " GROUP BY year HAVING year IS NOT NULL ORDER BY year"
    ).fetchall()
    out = [
        Facet("page", tuple(FacetCount(*row) for row in by_page)),
        Facet(
            "currency",
            tuple(FacetCount(m.currency or NOT_STATED, m.currency or "not stated", m.ads) for m in sums.spend),
        ),
        Facet("year", tuple(FacetCount(year, year, n) for year, n in by_year)),
    ]
    if everything:
        kept = sql.execute("SELECT name, value, label, ads FROM facet ORDER BY name, ads DESC, label").fetchall()
        out += [Facet(n, tuple(FacetCount(*r[1:]) for r in kept if r[0] == n)) for n in ("category", "term")]
    elif sums.ads <= _COUNT_TERMS_TO:
        joined = "found CROSS JOIN ad_term ON ad_term.ad = found.id CROSS JOIN term ON term.id = ad_term.term"
        by_category = sql.execute(
            f"SELECT term.category, count(DISTINCT found.id) FROM {joined} GROUP BY 1 ORDER BY 2 DESC, 1"  # noqa: S608 - ours
        ).fetchall()
        by_term = sql.execute(
            f"SELECT term.term, term.value, count(*) FROM {joined}"  # noqa: S608 - ours
            f" GROUP BY term.id ORDER BY 3 DESC, 2, 1 LIMIT {_FACET}"
        ).fetchall()
        out.append(Facet("category", tuple(FacetCount(c, CATEGORIES.get(c, c), n) for c, n in by_category)))
        out.append(Facet("term", tuple(FacetCount(*row) for row in by_term)))
    return tuple(out)


def _term(row: Sequence[Any]) -> Term:
    term, category, value, excluded, narrowing, raw, ads = row
    label = CATEGORIES.get(category, category)
    return Term(term, category, label, value, bool(excluded), bool(narrowing), tuple(json.loads(raw)), ads)


def terms(sql: sqlite3.Connection, where: str, values: Sequence[object], *, limit: int) -> tuple[Term, ...]:
    """Return targeting terms, the most used first."""
    query = f"SELECT {_TERM} FROM term WHERE {where} ORDER BY term.ads DESC, term.value, term.id LIMIT ?"  # noqa: S608 - ours
    return tuple(_term(row) for row in sql.execute(query, [*values, limit]))


def ad(sql: sqlite3.Connection, wanted: str) -> Ad | None:
    """Return one ad with everything that is known of it."""
    row = sql.execute(
        f"SELECT ad.id, ad.text, ad.landing, ad.payer, ad.document, {_AD}"  # noqa: S608 - our own columns
        " FROM ad LEFT JOIN page ON page.id = ad.page WHERE ad.ad = ?",
        (wanted,),
    ).fetchone()
    if row is None:
        return None
    (
        number,
        text,
        landing,
        payer,
        document,
        found,
        *page_ref,
        created,
        ended,
        cents,
        currency,
        shown,
        clicked,
        quality,
    ) = row
    order = list(CATEGORIES)
    chosen = f"SELECT {_TERM} FROM ad_term JOIN term ON term.id = ad_term.term WHERE ad = ?"  # noqa: S608 - ours
    aimed = [_term(r) for r in sql.execute(chosen, (number,))]
    versions = sql.execute("SELECT since, text, landing FROM version WHERE ad = ? ORDER BY since", (wanted,)).fetchall()
    cells = sql.execute(
        "SELECT day, age, gender, region, impressions, reach FROM delivery WHERE ad = ? ORDER BY 1, 2, 3, 4",
        (wanted,),
    ).fetchall()
    kept = sql.execute("SELECT count(*) FROM ad").fetchone()[0] <= MOST_ADS
    names = [n for n, v in (("spend", cents), ("impressions", shown), ("clicks", clicked)) if v is not None and kept]
    return Ad(
        id=found,
        page=_ref(*page_ref),
        text=text,
        landing=landing,
        created=moment(created),
        ended=moment(ended),
        spend=money(cents),
        currency=currency or None,
        impressions=shown,
        clicks=clicked,
        payer=payer,
        document=document,
        targeting=tuple(sorted(aimed, key=lambda t: (t.excluded, order.index(t.category), t.value))),
        quality=_quality(quality),
        versions=tuple(Version(_sure(s), t, u) for s, t, u in versions),
        deliveries=tuple(Delivery(_sure(d), *rest) for d, *rest in cells),
        figures=tuple(FigureRef(n, figure_id(n, f"ad:{found}")) for n in names),
    )


def _sure(micros: int) -> Any:  # noqa: ANN401 - a datetime; null was handled
    return moment(micros)


def _page_money(sql: sqlite3.Connection, numbers: Sequence[int], entities: dict[int, str]) -> dict[int, list[Money]]:
    out: dict[int, list[Money]] = {n: [] for n in numbers}
    marks = ", ".join("?" * len(numbers))
    found = sql.execute(
        f"SELECT page, currency, cents, ads, paid FROM page_money WHERE page IN ({marks}) ORDER BY ads DESC, currency",  # noqa: S608
        numbers,
    )
    for number, currency, cents, ads, paid in found:
        out[number].append(_money(currency, cents, ads, paid, entities[number]))
    return out


_LISTED = "id, entity, slug, name, kind, url, readings, ads, first, last, impressions, clicks"


def page_list(
    sql: sqlite3.Connection,
    where: tuple[str, Sequence[object]],
    order: tuple[str, Sequence[object]],
    *,
    limit: int,
    offset: int,
) -> PageList:
    """Return one page of the list of pages that hold `where`, by `order`."""
    total = sql.execute(f"SELECT count(*) FROM page WHERE {where[0]}", where[1]).fetchone()[0]  # noqa: S608 - ours
    found = sql.execute(
        f"SELECT {_LISTED} FROM page WHERE {where[0]} ORDER BY {order[0]} LIMIT ? OFFSET ?",  # noqa: S608 - ours
        [*where[1], *order[1], limit, offset],
    ).fetchall()
    spent = _page_money(sql, [r[0] for r in found], {r[0]: r[1] for r in found})
    return PageList(tuple(_page_row(row, spent[row[0]]) for row in found), total, offset)


def _page_row(row: Sequence[Any], spent: list[Money]) -> PageRow:
    _, _, slug, name, kind, url, readings, ads, first, last, seen, clicked = row
    return PageRow(slug, name, kind, url, readings, ads, moment(first), moment(last), tuple(spent), seen, clicked)


def page(sql: sqlite3.Connection, wanted: str) -> Page | None:
    """Return one page with its sums, readings, doubts and audience."""
    row = sql.execute(
        "SELECT id, slug, entity, name, kind, url, ads, first, last, impressions, clicks, targeted"
        " FROM page WHERE slug = ?1 OR entity = ?1",
        (wanted,),
    ).fetchone()
    if row is None:
        return None
    number, slug, entity, name, kind, url, ads, first, last, seen, clicked, targeted = row
    readings = sql.execute(
        "SELECT url, ads, reason, probability FROM reading WHERE page = ? ORDER BY ads DESC, url", (number,)
    ).fetchall()
    doubts = sql.execute(
        "SELECT page.slug, page.name, page.kind, doubt.reason, doubt.probability"
        " FROM doubt JOIN page ON page.id = doubt.other"
        " WHERE doubt.page = ? ORDER BY doubt.probability DESC, page.slug",
        (number,),
    ).fetchall()
    sums = Totals(
        ads=ads,
        pages=1,
        spend=tuple(_page_money(sql, [number], {number: entity})[number]),
        impressions=seen,
        clicks=clicked,
        first=moment(first),
        last=moment(last),
        figures=tuple(FigureRef(n, figure_id(n, entity)) for n in ("ads", "impressions", "clicks")) if ads else (),
    )
    return Page(
        slug=slug,
        entity=entity,
        name=name,
        kind=kind,
        url=url,
        totals=sums,
        readings=tuple(Reading(*r) for r in readings),
        doubts=tuple(Doubt(PageRef(*d[:3]), *d[3:]) for d in doubts),
        audience=_audience(sql, number, targeted),
        ads_with_targeting=targeted,
    )


def _audience(sql: sqlite3.Connection, number: int, targeted: int) -> tuple[AudienceLine, ...]:
    found = sql.execute(
        f"SELECT {_TERM}, audience.ads, audience.impressions FROM audience JOIN term ON term.id = audience.term"  # noqa: S608
        " WHERE audience.page = ? ORDER BY audience.ads DESC, term.value, term.id",
        (number,),
    ).fetchall()
    lines: dict[str, list[AudienceLine]] = {category: [] for category in CATEGORIES}
    for *term, ads, seen in found:
        group = lines[term[1]]
        if len(group) < _A_CATEGORY:
            group.append(AudienceLine(_term(term), ads, seen, ads / targeted if targeted else 0.0))
    return tuple(line for group in lines.values() for line in group)


def every(sql: sqlite3.Connection, question: Asked) -> Iterator[dict[str, Any]]:
    """Yield every ad found with all its fields, oldest first."""
    raws = "SELECT term.raw FROM ad_term t JOIN term ON term.id = t.term WHERE t.ad = ad.id"
    aimed = f"(SELECT json_group_array(raw) FROM ({raws}))"  # noqa: S608 - ours
    found = sql.execute(
        f"SELECT ad.text, ad.landing, ad.payer, ad.document, {aimed}, {_AD}"  # noqa: S608 - our own clauses
        f" FROM ad LEFT JOIN page ON page.id = ad.page WHERE {question.where} ORDER BY ad.id",
        question.values,
    )
    for text, landing, payer, document, chosen, wanted, slug, name, kind, *numbers in found:
        created, ended, cents, currency, seen, clicked, flags = numbers
        yield {
            "id": wanted,
            "page": slug,
            "page_name": name,
            "page_kind": kind,
            "created": moment(created),
            "ended": moment(ended),
            "spend": money(cents),
            "currency": currency or None,
            "impressions": seen,
            "clicks": clicked,
            "payer": payer,
            "landing": landing,
            "document": document,
            "targeting": [json.loads(raw)[0] for raw in json.loads(chosen)],
            "quality": list(_quality(flags)),
            "text": text,
        }
