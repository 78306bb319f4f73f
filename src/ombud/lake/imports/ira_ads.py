"""The format `ira-ads`: the Facebook ads of the Internet Research Agency as the US House released them.

The source is the SQLite file of github.com/simonw/russian-ira-facebook-ads-datasette
(tables `ads`, `targets`, `ad_targets`), parsed by OCR from the PDFs of May 2018.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ombud.lake.imports.columns import LONGEST_TEXT
from ombud.lake.imports.scan import file_kind, hash_file
from ombud.lake.imports.stage import Reading
from ombud.lake.resolution.address import parse_address
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake.imports.stage import Options, Stage

__all__ = ["AdsReader"]

FIRST, LAST = datetime(2015, 1, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)
"""The released ads ran from June 2015 to August 2017; a date outside these years is a misreading."""

_AMOUNT = re.compile(r"[0-9]{1,16}(\.[0-9]{1,2})?")
_WORD = re.compile(r"\w")
_WHOLE = 2**63
_COLUMNS = ("id", "pdf", "clicks", "impressions", "text", "url", "spend_amount", "spend_currency", "created", "ended")


class _UnfitError(Exception):
    """A value that no ad can have."""


class AdsReader:
    """One SQLite file on its way onto `ads` and `spaces`."""

    def __init__(self, stage: Stage, path: Path, options: Options) -> None:
        """Check that `path` is an SQLite file; the format decides tables and columns itself."""
        if options.table or options.mapping:
            raise InputError("`ira-ads` takes no table and no mapping.", hint="Leave them out.")
        file_kind(path, frozenset({"sqlite"}))
        self.stage = stage
        self.path = path
        self.sha256 = hash_file(path, stage.progress)

    def read(self) -> Reading:
        """Stage the ads and the pages that they name."""
        source, targeting = self._load()
        ads: list[dict[str, Any]] = []
        spaces: dict[str, dict[str, Any]] = {}
        rejected = 0
        for number, row in enumerate(source, 1):
            try:
                values = {key: _text(key, value) for key, value in row.items()}
                ad = _ad(values, targeting.get(row["id"], []))
            except _UnfitError as why:
                self.stage.rejects.add(number, "ads", str(why), {k: _shown(v) for k, v in row.items()})
                rejected += 1
                continue
            ads.append(ad)
            if ad["space"] is not None and ad["space"] not in spaces:
                spaces[ad["space"]] = _space(ad["space"])
            if number % 500 == 0:
                self.stage.say(number, len(source), "reading ads")
        tables = [self.stage.rows("ads", ads, rejected=rejected), self.stage.rows("spaces", list(spaces.values()))]
        return Reading(len(source), tables)

    def _load(self) -> tuple[list[dict[str, Any]], dict[object, list[str]]]:
        try:
            with closing(sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
                db.text_factory = bytes
                ads = [
                    dict(zip(_COLUMNS, row, strict=True))
                    for row in db.execute(f"SELECT {', '.join(_COLUMNS)} FROM ads ORDER BY id")
                ]
                pairs = db.execute(
                    "SELECT ad_id, name FROM ad_targets JOIN targets ON targets.id = target_id"
                    " ORDER BY ad_id, ad_targets.rowid"
                )
                targeting: dict[object, list[str]] = {}
                for ad, name in pairs:
                    if name is not None:
                        text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
                        targeting.setdefault(ad, []).append(" ".join(text.split()))
        except sqlite3.Error as error:
            raise InputError(
                f"{self.path} is not the ads' database, or it is damaged: {error}.",
                hint="It needs the tables ads, targets and ad_targets.",
            ) from error
        return ads, targeting


def _ad(row: dict[str, Any], targeting: list[str]) -> dict[str, Any]:
    """Return the row of `ads` for one row of the source."""
    if row["id"] in (None, ""):
        raise _UnfitError("id: missing")
    flags: list[str] = []
    url = (row["url"] or "").strip() or None
    space = url if url is not None and _WORD.search(url) else None
    if url is not None and space is None:
        flags.append("space:not an address")
    begun = _moment("happened_at", row["created"], flags)
    if row["created"] is None:
        flags.append("happened_at:not stated")
    spend = _amount(row["spend_amount"])
    currency = row["spend_currency"] or None
    if currency is not None and not spend:
        # The release names no currency for these; its parser filled in USD.
        if currency == "USD":
            currency = None
            flags.append("currency:not stated")
    elif currency is None:
        flags.append("currency:not stated")
    ended = _moment("ended_at", row["ended"], flags)
    if begun is not None and ended is not None and ended < begun:
        ended = None
        flags.append("ended_at:before it began")
    return {
        "ad": str(row["id"]),
        "space": space,
        "happened_at": begun,
        "ended_at": ended,
        "text": row["text"] or None,
        "landing": url,
        "spend": spend,
        "currency": currency,
        "impressions": _whole("impressions", row["impressions"]),
        "clicks": _whole("clicks", row["clicks"]),
        "targeting": targeting or None,
        "document": row["pdf"] or None,
        "quality": flags or None,
    }


def _space(url: str) -> dict[str, Any]:
    """Return the row of `spaces` for an address as OCR read it."""
    address = parse_address(url)
    known = address.kind in {"page", "group", "event", "site"}
    platform = None if address.platform in {"web", "none"} else address.platform
    return {
        "space": url,
        "space_kind": address.kind if known else "unknown",
        "name": address.name or None,
        "url": url,
        "platform": platform,
    }


def _text(column: str, value: object) -> object:
    if not isinstance(value, bytes):
        return value
    if len(value) > LONGEST_TEXT:
        raise _UnfitError(f"{column}: longer than {LONGEST_TEXT:,} bytes")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _UnfitError(f"{column}: bytes that are not UTF-8") from None
    if "\0" in text:
        raise _UnfitError(f"{column}: a NUL byte")
    return text


def _shown(value: object) -> object:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def _moment(column: str, value: object, flags: list[str]) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        moment = datetime.fromisoformat(str(value))
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        flags.append(f"{column}:no date")
        return None
    if not FIRST <= moment < LAST:
        flags.append(f"{column}:out of range")
        return None
    return moment


def _amount(value: object) -> Decimal | None:
    if value in (None, ""):
        return None
    text = str(value).strip()
    if not _AMOUNT.fullmatch(text):
        raise _UnfitError("spend_amount: no amount with at most two decimals")
    return Decimal(text)


def _whole(column: str, value: object) -> int | None:
    if value in (None, ""):
        return None
    try:
        number = int(str(value))
    except ValueError:
        raise _UnfitError(f"{column}: no whole number") from None
    if not -_WHOLE <= number < _WHOLE:
        raise _UnfitError(f"{column}: no whole number")
    return number
