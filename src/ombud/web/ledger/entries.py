"""Entries as people read them: one page for each, and lines for lists."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from ombud.ledger.bundles import decode_bundle
from ombud.ledger.entries import TYPES, Entry, decode_entry
from ombud.ledger.evidence import prove_entry
from ombud.ledger.faults import LogError
from ombud.ledger.hashing import leaf_hash
from ombud.ledger.proofs import entry_at
from ombud.ledger.tiles import TILE_WIDTH, width_at
from ombud.model.errors import StorageError
from ombud.web.access import PUBLIC
from ombud.web.ledger.files import number_of
from ombud.web.ledger.standing import standing_of, witnesses_of
from ombud.web.ledger.summaries import says_of, summary
from ombud.web.pages import Pages
from ombud.web.visit import VisitParameter

if TYPE_CHECKING:
    from ombud.ledger.reading import DirectoryLog

__all__ = ["EntryLine", "EntryPage", "line_of", "newest", "pages", "read_entry"]

pages = Pages()

UNREADABLE = "unreadable"


class EntryLine(msgspec.Struct, frozen=True):
    """One entry in a list."""

    index: Annotated[int, Meta(description="Its place on the ledger, from 0 on.")]
    type: Annotated[str, Meta(description="What kind of entry it is.")]
    says: Annotated[str, Meta(description="What it says, in a line.")]
    at: Annotated[datetime | None, Meta(description="When what it tells was recorded; null when it does not say.")]


class EntryPage(msgspec.Struct, frozen=True):
    """One entry with the proof that it is on the ledger."""

    index: Annotated[int, Meta(description="Its place on the ledger, from 0 on.")]
    type: Annotated[str, Meta(description="What kind of entry it is.")]
    version: Annotated[int, Meta(description="Version of the type.")]
    says: Annotated[str, Meta(description="What an entry of this type says.")]
    summary: Annotated[str, Meta(description="What sets it apart, in a line.")]
    at: Annotated[datetime | None, Meta(description="When what it tells was recorded; null when it does not say.")]
    body: Annotated[dict[str, Any], Meta(description="What it says, field by field.")]
    fields: Annotated[dict[str, str], Meta(description="What the fields mean, as far as the type has them.")]
    canonical: Annotated[str, Meta(description="Its bytes, which are hashed: canonical JSON (RFC 8785).")]
    leaf: Annotated[str, Meta(description="Its leaf hash, in hexadecimal.")]
    size: Annotated[int, Meta(description="Entries of the checkpoint that the proof leads to.")]
    root: Annotated[str, Meta(description="The root of that checkpoint, in base64.")]
    proof: Annotated[list[str], Meta(description="The hashes from the leaf's sibling up to the root, in base64.")]
    checkpoint: Annotated[str, Meta(description="That checkpoint, with its signatures.")]
    witnessed: Annotated[bool, Meta(description="Whether a witness cosigned a checkpoint that covers the entry.")]
    before: Annotated[int | None, Meta(description="The entry before it.")]
    after: Annotated[int | None, Meta(description="The entry after it.")]
    total: Annotated[int, Meta(description="Entries on the ledger.")]


@pages.page("/ledger/entry/{index}", shows=EntryPage, template="ledger/entry.html", access=PUBLIC)
def entry_page(visit: VisitParameter, index: str) -> EntryPage:
    """Show one entry of the ledger, and how to prove that it is there."""
    standing, number = standing_of(visit.house), number_of(index)
    note = standing.checkpoint_for(number)
    try:
        data = entry_at(standing.log, number, standing.size)
        proved = prove_entry(standing.log, number, checkpoint=note)
    except LogError as error:
        raise StorageError("The ledger cannot be read.", hint="`ombud ledger fsck` says more.") from error
    entry = read_entry(data)
    lines = note.decode().split("\n")
    known = TYPES.get(entry.type)
    return EntryPage(
        index=number,
        type=entry.type,
        version=entry.version,
        says=says_of(entry.type),
        summary=summary(entry),
        at=_moment(entry),
        body=entry.body,
        fields={field.name: field.says for field in known.fields if field.name in entry.body} if known else {},
        canonical=data.decode("utf-8", "replace"),
        leaf=leaf_hash(data).hex(),
        size=proved.size,
        root=lines[2],
        proof=[b64encode(one).decode() for one in proved.proof],
        checkpoint=note.decode(),
        witnessed=any(
            one.outside and one.size is not None and number < one.size for one in witnesses_of(visit.house, standing)
        ),
        before=number - 1 if number else None,
        after=number + 1 if number + 1 < standing.size else None,
        total=standing.size,
    )


def read_entry(data: bytes) -> Entry:
    """Read an entry; one that another program wrote becomes an entry of the type `unreadable`."""
    try:
        return decode_entry(data)
    except LogError:
        return Entry(UNREADABLE, 0, {"base64": b64encode(data).decode()})


def line_of(index: int, data: bytes) -> EntryLine:
    """Return an entry as a line of a list."""
    entry = read_entry(data)
    return EntryLine(index, entry.type, summary(entry), _moment(entry))


def newest(log: DirectoryLog, size: int, bundles: int) -> list[tuple[int, bytes]]:
    """Return the entries of the last `bundles` bundles, newest first. Raises `LogError`."""
    last = (size - 1) // TILE_WIDTH
    found: list[tuple[int, bytes]] = []
    for number in range(max(0, last - bundles + 1), last + 1) if size else ():
        width = width_at(0, number, size)
        entries = decode_bundle(log.bundle(number, width), width)
        found += enumerate(entries, start=number * TILE_WIDTH)
    return found[::-1]


def _moment(entry: Entry) -> datetime | None:
    """Return the time that an entry states."""
    for name in ("at", "recorded"):
        stated = entry.body.get(name)
        if isinstance(stated, str):
            with contextlib.suppress(ValueError):
                moment = datetime.fromisoformat(stated)
                return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
