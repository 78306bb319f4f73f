"""Frozen sets of affected people: their rows in the table `frozen`, and the commitments that the ledger has of them.

A row that is committed to names the person as imported, so that they can be told and can check it themselves; the
lake keeps the number. When a person is erased, row and salt go, and the commitment stays in `erased_rows`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.ledger.commitments import RowTree, commit_row
from ombud.ledger.rows import row_time
from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import duckdb

    from ombud.lake.store import Lake
    from ombud.records.frozen_sets import FrozenSet

__all__ = ["AffectedRow", "StoredPerson", "affected_bytes", "committed_people", "stored_people", "tree_of"]

_ROWS = """
SELECT r.frozen, r."position", r.salt, person.name AS person, r.reach, r.happened_at, r.last_at, r.reads, r.fields
FROM {source} AS r LEFT JOIN account_ids AS person ON person.id = r.person
WHERE {where}
ORDER BY r.frozen, r."position"
"""
_CHUNK = 100_000


class AffectedRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What is committed to about one affected person, in the order of the alphabet, as canonical JSON has it."""

    app: str
    fields: list[str]
    first: str
    """UTC, as `ledger.rows.row_time` writes it"""
    frozen: str
    """the set"""
    last: str
    person: str
    """as imported"""
    reach: str
    """direct, via or both"""
    reads: int


class StoredPerson(msgspec.Struct, frozen=True, gc=False):
    """One row of a frozen set as the lake has it."""

    frozen: str
    position: int
    salt: bytes
    person: str | None
    reach: str
    first: datetime
    last: datetime
    reads: int
    fields: list[str]

    def row(self, app: str) -> bytes:
        """Return the bytes that were committed to."""
        return affected_bytes(
            AffectedRow(
                app=app,
                fields=self.fields,
                first=row_time(self.first),
                frozen=self.frozen,
                last=row_time(self.last),
                person=self.person or "",
                reach=self.reach,
                reads=self.reads,
            )
        )


_encode = msgspec.json.Encoder().encode


def affected_bytes(row: AffectedRow) -> bytes:
    """Return the row in the canonical JSON of RFC 8785; its one number is whole."""
    return _encode(row)


def stored_people(
    duck: duckdb.DuckDBPyConnection, source: str, where: str, parameters: dict[str, Any] | None = None
) -> Iterator[StoredPerson]:
    """Yield rows of `source` (SQL, the table `frozen` or files of it) for which `where` holds, set by set in order.

    The view `account_ids` must be there.
    """
    reader = duck.sql(_ROWS.format(source=source, where=where), params=parameters).to_arrow_reader(_CHUNK)
    for batch in reader:
        for item in batch.to_pylist():
            yield StoredPerson(
                item["frozen"],
                item["position"],
                bytes.fromhex(item["salt"]),
                item["person"],
                item["reach"],
                item["happened_at"],
                item["last_at"],
                item["reads"],
                item["fields"],
            )


def committed_people(people: Iterable[StoredPerson], apps: dict[str, str]) -> Iterator[tuple[str, int, bytes]]:
    """Yield set, position and commitment of each row; `apps` names the app of each set."""
    for one in people:
        yield one.frozen, one.position, commit_row(one.row(apps[one.frozen]), one.salt)


def tree_of(lake: Lake, item: FrozenSet) -> tuple[RowTree, int]:
    """Return the tree over a set's rows as the lake has them now, and how many of them were erased.

    Raises `StorageError` when rows are missing or there are more than were frozen.
    """
    given = {"frozen": item.id}
    with lake.duck(["frozen", "erased_rows"]) as duck:
        here = stored_people(duck, "frozen", "r.frozen = $frozen", given)
        leaves = {position: leaf for _, position, leaf in committed_people(here, {item.id: item.app})}
        gone = duck.sql('SELECT "position", commitment FROM erased_rows WHERE "batch" = $frozen', params=given)
        erased = {position: bytes.fromhex(commitment) for position, commitment in gone.fetchall()}
    leaves |= erased
    if sorted(leaves) != list(range(item.people)):
        raise StorageError(
            f"The frozen set `{item.id}` had {item.people:,} people; the lake has rows of {len(leaves):,}.",
            hint="`ombud lake check` finds files that are missing.",
        )
    return RowTree([leaves[position] for position in range(item.people)], bytes.fromhex(item.pad_seed)), len(erased)
