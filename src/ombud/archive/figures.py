"""Every number that the archive shows, with what is needed to compute it again."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ombud.model.findings import Figure, SourceFile
from ombud.model.ids import derived_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from ombud.records.lake_files import LakeFile

__all__ = ["MOST_ADS", "every_figure", "figure_id", "moment", "money"]

MOST_ADS = 50_000
"""Up to this many ads each ad's own numbers are kept as figures too; beyond, totals and pages only."""
_ALL = "archive"
_FROM_LAKE = "SELECT {value} FROM ads LEFT JOIN space_ids ON space_ids.id = ads.space{where}"


def figure_id(name: str, subject: str, currency: str | None = None) -> str:
    """Return the id of a number of the archive: `subject` is `archive`, a page's entity id or `ad:ID`."""
    return derived_id("figure", "archive", name, subject, currency)


def money(cents: int | None) -> Decimal | None:
    """Return hundredths as an exact amount with two decimals."""
    return None if cents is None else Decimal(cents).scaleb(-2)


def moment(micros: int | None) -> datetime | None:
    """Return microseconds since 1970 as a UTC time."""
    return None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def every_figure(archive: sqlite3.Connection, files: Iterable[LakeFile]) -> Iterator[Figure]:
    """Yield the totals' figures, each page's, and each ad's when these are not too many."""
    by_day: dict[str | None, list[SourceFile]] = defaultdict(list)
    for file in files:
        by_day[file.day].append(SourceFile(file.path, file.sha256))
    everything = [source for sources in by_day.values() for source in sources]
    yield from _sums(archive, _ALL, None, [], everything)
    pages = archive.execute("SELECT id, entity FROM page WHERE ads > 0").fetchall()
    for page, entity in pages:
        days = archive.execute("SELECT DISTINCT date(created / 1000000, 'unixepoch') FROM ad WHERE page = ?", (page,))
        inputs = [source for (day,) in days for source in by_day.get(day, everything if day is None else [])]
        spaces = [url for (url,) in archive.execute("SELECT url FROM reading WHERE page = ? ORDER BY url", (page,))]
        yield from _sums(archive, entity, page, spaces, inputs or everything)
    if archive.execute("SELECT count(*) FROM ad").fetchone()[0] <= MOST_ADS:
        yield from _ads(archive, by_day, everything)


def _sums(
    archive: sqlite3.Connection, subject: str, page: int | None, spaces: list[str], inputs: list[SourceFile]
) -> Iterator[Figure]:
    where, bound = ("", ()) if page is None else (" WHERE page = ?", (page,))
    lake_where = "" if page is None else " WHERE list_contains($spaces, space_ids.name)"
    parameters = {} if page is None else {"spaces": spaces}
    counts = archive.execute(
        f"SELECT count(*), coalesce(sum(impressions), 0), coalesce(sum(clicks), 0) FROM ad{where}",  # noqa: S608 - ours
        bound,
    ).fetchone()
    values = ("count(*)", "sum(impressions)", "sum(clicks)")
    for name, value, number in zip(("ads", "impressions", "clicks"), values, counts, strict=True):
        query = _FROM_LAKE.format(value=value, where=lake_where)
        yield Figure(figure_id(name, subject), name, number, name, query, dict(parameters), inputs, subject=subject)
    rows = archive.execute(
        f"SELECT currency, coalesce(sum(cents), 0) FROM ad{where} GROUP BY currency ORDER BY currency",  # noqa: S608 - ours
        bound,
    ).fetchall()
    for currency, cents in rows:
        test = "ads.currency = $currency" if currency else "ads.currency IS NULL"
        joined = f"{lake_where} AND {test}" if lake_where else f" WHERE {test}"
        yield Figure(
            figure_id("spend", subject, currency or None),
            f"spend in {currency}" if currency else "spend without a stated currency",
            str(money(cents)),
            currency or "not stated",
            _FROM_LAKE.format(value="sum(spend)", where=joined),
            parameters | ({"currency": currency} if currency else {}),
            inputs,
            subject=subject,
        )
    if page is None:
        number = archive.execute("SELECT count(*) FROM page WHERE ads > 0").fetchone()[0]
        query = "ombud.lake.resolution.resolve_spaces over the spaces of all ads"
        yield Figure(figure_id("pages", subject), "pages", number, "pages", query, {}, inputs, subject=subject)


def _ads(
    archive: sqlite3.Connection, by_day: dict[str | None, list[SourceFile]], everything: list[SourceFile]
) -> Iterator[Figure]:
    rows = archive.execute(
        "SELECT ad, date(created / 1000000, 'unixepoch'), cents, currency, impressions, clicks FROM ad ORDER BY id"
    ).fetchall()
    for ad, day, cents, currency, impressions, clicks in rows:
        subject = f"ad:{ad}"
        inputs = by_day.get(day) or everything
        values = (
            ("spend", None if cents is None else str(money(cents)), currency or "not stated"),
            ("impressions", impressions, "impressions"),
            ("clicks", clicks, "clicks"),
        )
        for name, value, unit in values:
            if value is not None:
                query = f"SELECT {name} FROM ads WHERE ad = $ad"  # noqa: S608 - one of three words
                yield Figure(figure_id(name, subject), name, value, unit, query, {"ad": ad}, inputs, subject=subject)
