"""Rows of the outbox as entries of the ledger: what is too large is cut into parts, and nothing ever gets stuck."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import rfc8785

from ombud.ledger.bundles import MAX_ENTRY_BYTES
from ombud.ledger.entries import EntryTooLargeError, encode_entry
from ombud.model.errors import InputError
from ombud.model.ids import canonical_json, sha256_hex

if TYPE_CHECKING:
    from datetime import datetime

    from ombud.records.outbox import Entry

__all__ = ["Told", "moment", "tell"]

_ROOM_FOR_PART = 64
"""bytes that the numbers of a part may take"""


@dataclass(frozen=True, slots=True)
class Told:
    """One row of the outbox as entries."""

    id: int
    recorded: str
    entries: list[bytes]
    bodies: list[dict[str, Any]]

    def part_with(self, file: dict[str, Any]) -> int | None:
        """Return which of the entries names a lake file; None when none does."""
        named = _without_place(file)
        return next((at for at, body in enumerate(self.bodies) if named in body.get("files", ())), None)


def moment(value: datetime) -> str:
    """Return a moment as entries have it: UTC, to the microsecond."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def tell(row: Entry) -> Told:
    """Return the entries that tell a row: one, or as many parts as it needs.

    Each part has the row's fields, and of each list a stretch. A row that cannot be cut becomes its hash; one whose
    type this version does not know, or that lacks a field of its type, an entry of type `other`. Where the platform
    keeps attached files is nobody else's business: such a path becomes its hash.
    """
    recorded = moment(row.created_at)
    head = {"outbox": row.id, "recorded": recorded}
    kind, body = row.type, row.payload | head
    for name in ("files", "removed"):
        if isinstance(body.get(name), list):
            body[name] = [_without_place(file) for file in body[name]]
    try:
        return Told(row.id, recorded, [encode_entry(kind, body)], [body])
    except EntryTooLargeError:
        pass
    except InputError:
        kind, body = "other", {"of": row.type} | body
    try:
        bodies = _parts(kind, body)
        return Told(row.id, recorded, [encode_entry(kind, part) for part in bodies], bodies)
    except InputError:  # a text longer than an entry, or a value that JSON does not have
        text = canonical_json(row.payload).encode()
        body = {"of": row.type, "sha256": sha256_hex(text), "bytes": len(text)} | head
        return Told(row.id, recorded, [encode_entry("digest", body)], [body])


def _parts(kind: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Cut the lists of a body so that each part fits. Raises `InputError` when what is not in a list is too long."""
    lists = {name: value for name, value in body.items() if isinstance(value, list)}
    bare: dict[str, Any] = body | {name: [] for name in lists}
    try:
        room = MAX_ENTRY_BYTES - len(rfc8785.dumps({"type": kind, "version": 1, "body": bare})) - _ROOM_FOR_PART
        parts: list[dict[str, Any]] = [_empty(bare, lists)]
        used = 0
        for name, items in lists.items():
            for item in items:
                length = len(rfc8785.dumps(item)) + 1
                if used + length > room and used:
                    parts.append(_empty(bare, lists))
                    used = 0
                parts[-1][name].append(item)
                used += length
    except (rfc8785.CanonicalizationError, TypeError) as error:
        raise InputError("The row holds something that JSON cannot.") from error
    if len(parts) == 1:
        return parts
    return [part | {"part": number, "parts": len(parts)} for number, part in enumerate(parts, 1)]


def _without_place(file: Any) -> Any:  # noqa: ANN401 - a file, or whatever stands in its place
    """Return a file whose path, when it leads out of the lake, is replaced by its hash."""
    if isinstance(file, dict) and str(file.get("path", "")).startswith("/"):
        return file | {"path": f"attached/{sha256_hex(file['path'].encode())[:32]}"}
    return file


def _empty(bare: dict[str, Any], lists: dict[str, Any]) -> dict[str, Any]:
    """Return a body whose lists can be filled."""
    return bare | {name: [] for name in lists}
