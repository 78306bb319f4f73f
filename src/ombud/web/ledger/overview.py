"""The ledger's front page: what it is, who vouches for it, what came last, and how to check it oneself."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import Query, Request
from msgspec import Meta

from ombud.gate.coverage import share as interval
from ombud.ledger.entries import TYPES
from ombud.ledger.faults import LogError
from ombud.ledger.proofs import entry_at
from ombud.model.errors import NotFoundError, StorageError
from ombud.records import outbox
from ombud.web.access import PUBLIC
from ombud.web.ledger.entries import EntryLine, line_of, newest, read_entry
from ombud.web.ledger.files import vkeys_of
from ombud.web.ledger.standing import Standing, WitnessLine, standing_of, witnesses_of
from ombud.web.ledger.summaries import says_of
from ombud.web.pages import Pages
from ombud.web.paging import Option
from ombud.web.visit import VisitParameter

if TYPE_CHECKING:
    from ombud.web.house import House

__all__ = ["LedgerPage", "pages"]

pages = Pages()

BUNDLES = 8
"""bundles that are looked through for the newest entries: up to 2,048 entries"""
SHOWN = 12
LARGEST = 10**9
"""counts beyond it are a mistake"""


class LogLine(msgspec.Struct, frozen=True):
    """The log itself."""

    origin: Annotated[str, Meta(description="Its name.")]
    size: Annotated[int, Meta(description="Entries on it.")]
    root: Annotated[str, Meta(description="The root over all entries, in base64.")]
    changed_at: Annotated[datetime | None, Meta(description="When its newest entry was recorded, by the entry's word.")]
    vkey: Annotated[str, Meta(description="Its key of today.")]
    earlier: Annotated[list[str], Meta(description="Keys that it had before.")]
    published: Annotated[int, Meta(description="Entries of the checkpoint that is shown to machines.")]
    witnessed: Annotated[int | None, Meta(description="Entries that a witness vouches for; null without any.")]


class TypeLine(msgspec.Struct, frozen=True):
    """A type of entry among the newest ones."""

    type: Annotated[str, Meta(description="What kind of entry.")]
    says: Annotated[str, Meta(description="What an entry of this type says.")]
    entries: Annotated[int, Meta(description="How many of the newest entries are of it.")]
    last: Annotated[int, Meta(description="The newest one.")]


class CoverageLine(msgspec.Struct, frozen=True):
    """How much of what left the platform is on the ledger, as it was measured last."""

    index: Annotated[int, Meta(description="The entry that says so.")]
    share: Annotated[float | None, Meta(description="Of test reads, from 0 to 1; null when none was due.")]
    canaries: Annotated[int | None, Meta(description="How many test reads were due.")]
    low: Annotated[float | None, Meta(description="The share is at least this, by a 95 % interval.")]
    egress: Annotated[
        float | None, Meta(description="Of answers that the platform itself counted; null if it does not.")
    ]
    missing_batches: Annotated[int | None, Meta(description="Numbered batches of reads that are not there.")]
    at: Annotated[datetime | None, Meta(description="When it was measured.")]


class LedgerPage(msgspec.Struct, frozen=True):
    """What the ledger is, and who vouches for it."""

    log: Annotated[LogLine | None, Meta(description="The log; null when nothing was written yet.")]
    witnesses: Annotated[list[WitnessLine], Meta(description="Witnesses that are asked to cosign.")]
    witnessed: Annotated[int, Meta(description="How many of those outside have cosigned what is shown.")]
    coverage: Annotated[CoverageLine | None, Meta(description="The last measured coverage, if it is recent.")]
    looked_at: Annotated[int, Meta(description="How many of the newest entries were looked through.")]
    types: Annotated[list[TypeLine], Meta(description="Their types, the most frequent first.")]
    kinds: Annotated[list[Option], Meta(description="Choices of the filter.")]
    chosen: Annotated[str, Meta(description="The type that is listed; empty for all.")]
    rows: Annotated[list[EntryLine], Meta(description="The newest entries of that type.")]
    example: Annotated[int | None, Meta(description="An entry that the commands take as their example.")]
    base: Annotated[str, Meta(description="Address of this installation.")]


@pages.page("/ledger", shows=LedgerPage, template="ledger/overview.html", access=PUBLIC)
def overview(
    request: Request, visit: VisitParameter, kind: Annotated[str, Query(alias="type", max_length=40)] = ""
) -> LedgerPage:
    """Show what the ledger is, who vouches for it, and how to check it."""
    house = visit.house
    base = (house.workspace.settings.public_url or str(request.base_url)).rstrip("/")
    try:
        standing = standing_of(house)
    except NotFoundError:
        return LedgerPage(None, witnesses_of(house, None), 0, None, 0, [], [], "", [], None, base)
    try:
        found = newest(standing.log, standing.size, BUNDLES)
        coverage = _coverage(house, standing, found)
    except LogError as error:
        raise StorageError("The ledger cannot be read.", hint="`ombud ledger fsck` says more.") from error
    lines = [line_of(index, data) for index, data in found]
    types = _types(lines)
    chosen = kind if kind in TYPES else ""
    witnesses = witnesses_of(house, standing)
    return LedgerPage(
        log=_log(house, standing, lines[0].at if lines else None),
        witnesses=witnesses,
        witnessed=sum(one.size is not None and one.outside for one in witnesses),
        coverage=coverage,
        looked_at=len(lines),
        types=types,
        kinds=[Option("", "All types"), *(Option(name, name) for name in TYPES)],
        chosen=chosen,
        rows=[line for line in lines if chosen in {"", line.type}][:SHOWN],
        example=min(standing.size, standing.head.published_size) - 1 if standing.head.published_size else None,
        base=base,
    )


def _log(house: House, standing: Standing, changed_at: datetime | None) -> LogLine:
    *earlier, today = vkeys_of(house)
    return LogLine(
        origin=standing.head.checkpoint.origin,
        size=standing.size,
        root=standing.head.newest.decode().split("\n")[2],
        changed_at=changed_at,
        vkey=today,
        earlier=earlier,
        published=standing.head.published_size,
        witnessed=standing.head.cosigned_size,
    )


def _types(lines: list[EntryLine]) -> list[TypeLine]:
    counts = Counter(line.type for line in lines)
    last = {line.type: line.index for line in reversed(lines)}
    return [TypeLine(kind, says_of(kind), number, last[kind]) for kind, number in counts.most_common()]


def _coverage(house: House, standing: Standing, found: list[tuple[int, bytes]]) -> CoverageLine | None:
    """Return the newest coverage that an entry states: among the newest entries, or one that the records know of."""
    for index, data in found:
        if b'"coverage"' in data and (line := _stated(index, data)):
            return line
    with house.records.read() as tx:
        places = [index for _, index in outbox.listing(tx, "coverage")]
    if not places or places[-1] >= standing.size:
        return None
    return _stated(places[-1], entry_at(standing.log, places[-1], standing.size))


def _stated(index: int, data: bytes) -> CoverageLine | None:
    """Return what an entry says of coverage; null when it is of another type."""
    entry, line = read_entry(data), line_of(index, data)
    if entry.type != "coverage":
        return None
    rate, of = _share(entry.body.get("share")), _count(entry.body.get("canaries"))
    return CoverageLine(
        index=index,
        share=rate,
        canaries=of,
        low=interval(round(rate * of), of).low if rate is not None and of else None,
        egress=_share(entry.body.get("egress")),
        missing_batches=_count(entry.body.get("missing_batches")),
        at=line.at,
    )


def _share(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return float(value) if known else None  # type: ignore[arg-type]  # a number, as was just asked


def _count(value: object) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST
    return value if known else None  # type: ignore[return-value]  # a whole number, as was just asked
