"""Batches of reads that are on the ledger: their commitments, again from the lake, and what is left of erased rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ombud.ledger.commitments import RowTree, commit_row
from ombud.ledger.rows import ReadRow, row_bytes, row_time
from ombud.model.errors import NotFoundError, StorageError

if TYPE_CHECKING:
    import duckdb

    from ombud.lake.store import Lake

__all__ = ["StoredBatch", "StoredRow", "committed_rows", "stored_batch"]

_ROWS = """
SELECT r."batch", r."position", r.salt, r."read", app.name AS app, person.name AS person, through.name AS through,
  r.happened_at, r.fields, r.purpose, r.decision, r.reason, r."policy",
  r."key", r.acts_for
FROM {source} AS r
LEFT JOIN app_ids AS app ON app.id = r.app
LEFT JOIN account_ids AS person ON person.id = r.person
LEFT JOIN account_ids AS through ON through.id = r.through
WHERE r."batch" IS NOT NULL AND r.salt IS NOT NULL AND {where}
"""


class StoredRow(msgspec.Struct, frozen=True):
    """A read as it was committed to."""

    batch: str
    position: int
    salt: bytes
    row: bytes

    @property
    def commitment(self) -> bytes:
        """Its leaf in the batch's tree."""
        return commit_row(self.row, self.salt)


class StoredBatch(msgspec.Struct, frozen=True):
    """A whole batch, whose root was found to be the one on the ledger."""

    batch: str
    root: bytes
    padded: int
    ledger_index: int | None
    """null when it went there by the outbox, or waits there"""
    outbox: int | None
    tree: RowTree
    rows: dict[int, StoredRow]
    """by position; those that were erased are missing"""


def committed_rows(
    duck: duckdb.DuckDBPyConnection, source: str, where: str, parameters: dict[str, Any] | None = None
) -> list[StoredRow]:
    """Return the reads of `source` (SQL) for which `where` holds, those that have a salt.

    The views `app_ids` and `account_ids` must be there. Ids are those that came in.
    """
    table = duck.sql(_ROWS.format(source=source, where=where), params=parameters).to_arrow_table()
    return [
        StoredRow(
            item["batch"],
            item["position"],
            bytes.fromhex(item["salt"]),
            row_bytes(
                ReadRow(
                    acts_for=item["acts_for"],
                    app=item["app"],
                    at=row_time(item["happened_at"]),
                    decision=item["decision"],
                    fields=item["fields"],
                    key=item["key"],
                    person=item["person"],
                    policy=item["policy"],
                    purpose=item["purpose"],
                    read=item["read"],
                    reason=item["reason"],
                    through=item["through"],
                )
            ),
        )
        for item in table.to_pylist()
    ]


def stored_batch(lake: Lake, batch: str) -> StoredBatch:
    """Return a batch with every proof at hand.

    Raises `NotFoundError` for a batch that the lake does not have, `StorageError` when its rows do not lead to its
    root: then one was changed, lost or added.
    """
    with lake.duck(["reads", "batches", "erased_rows"]) as duck:
        given = {"batch": batch}
        kept = duck.sql(
            "SELECT rows, padded, root, pad_seed, ledger_index, outbox FROM batches WHERE batch = $batch", params=given
        ).fetchall()
        if not kept:
            raise NotFoundError(f"The lake has no batch `{batch}`.")
        count, padded, root, seed, index, outbox = kept[0]
        found = {row.position: row for row in committed_rows(duck, "reads", 'r."batch" = $batch', given)}
        gone = duck.sql("SELECT position, commitment FROM erased_rows WHERE batch = $batch", params=given).fetchall()
    leaves = {position: row.commitment for position, row in found.items()}
    leaves |= {position: bytes.fromhex(commitment) for position, commitment in gone}
    missing = count - len(leaves)
    if missing or sorted(leaves) != list(range(count)):
        raise StorageError(
            f"The batch `{batch}` has {count:,} rows on the ledger, but {len(leaves):,} in the lake.",
            hint="`ombud lake check` finds files that are missing.",
        )
    tree = RowTree([leaves[position] for position in range(count)], bytes.fromhex(seed))
    if (tree.root, tree.padded) != (bytes.fromhex(root), padded):
        raise StorageError(f"A row of the batch `{batch}` was changed: it does not lead to the root that was kept.")
    return StoredBatch(batch, tree.root, tree.padded, index, outbox, tree, found)
