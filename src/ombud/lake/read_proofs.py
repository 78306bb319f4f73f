"""A proof that one read is on the ledger: its row, the batch that commits to it, and the log that has the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.lake.batches import stored_batch
from ombud.ledger.cosigned import head_of
from ombud.ledger.evidence import RowOpening, prove_entry
from ombud.ledger.reading import DirectoryLog
from ombud.model.errors import NotFoundError
from ombud.records import outbox

if TYPE_CHECKING:
    from ombud.lake.store import Lake
    from ombud.ledger.proofs import TlogProof

__all__ = ["prove_read"]


def prove_read(lake: Lake, read: str) -> TlogProof:
    """Return the proof for the read with this id, its row in it: personal data, for those who may see that row.

    Raises `NotFoundError` when there is no such read, or its batch is not on the ledger; `StorageError`, `LogError`.
    """
    with lake.duck(["reads"]) as duck:
        found = duck.sql('SELECT "batch", "position" FROM reads WHERE "read" = $read', params={"read": read}).fetchall()
    if not found:
        raise NotFoundError(f"There is no read `{read}`.", hint="Give an entry's number, or the id of a read.")
    name, position = found[0]
    if name is None or position is None:
        raise NotFoundError(
            f"The read `{read}` did not go through the gate, so the ledger has no commitment to it.",
            hint="The ledger has the import that brought it.",
        )
    batch = stored_batch(lake, name)
    index = batch.ledger_index
    if index is None and batch.outbox is not None:
        with lake.records.read() as tx:
            index = outbox.index_of(tx, batch.outbox)
    if index is None:
        raise NotFoundError(f"The batch of the read `{read}` waits for the ledger.", hint="`ombud ledger publish`")
    kept = batch.rows.get(position)
    if kept is None:
        raise NotFoundError(f"What ties the read `{read}` to the ledger was erased.")
    opening = RowOpening(kept.row, kept.salt, position, batch.tree.proof(position))
    folder = lake.workspace.ledger_dir
    head = head_of(folder)
    note = head.published if index < head.published_size else head.newest
    return prove_entry(DirectoryLog(folder), index, row=opening, checkpoint=note)
