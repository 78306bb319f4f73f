"""The people that an app affected, exact and frozen: rows in the lake, one commitment on the ledger, ready to be told.

The ledger hears the app, the time, a salted and padded root, and no number of people: `padded` is a power of two of
256 at least. Each person can later be shown their own row with a proof under that root, and nobody else's.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from ombud.audit.dossier.span import Span, span_of
from ombud.lake.faults import duck_faults
from ombud.lake.frozen import AffectedRow, StoredPerson, affected_bytes, stored_people, tree_of
from ombud.ledger.commitments import commit_rows
from ombud.ledger.cosigned import head_of
from ombud.ledger.entries import decode_entry
from ombud.ledger.evidence import RowOpening, prove_entry
from ombud.ledger.faults import LogError
from ombud.ledger.proofs import prove_and_read
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.rows import row_time
from ombud.model import clock, schema
from ombud.model.errors import InputError, NotFoundError, StorageError
from ombud.model.ids import random_id
from ombud.records import frozen_sets, outbox
from ombud.records.frozen_sets import FrozenSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.lake import Lake
    from ombud.ledger.proofs import TlogProof

__all__ = ["Frozen", "Verified", "affected", "freeze", "prove", "verify"]

AFFECTED = """
SELECT n.name AS person, r.person AS id,
       CASE WHEN bool_and(r.via) THEN 'via' WHEN bool_or(r.via) THEN 'both' ELSE 'direct' END AS reach,
       min(r.happened_at) AS first, max(r.happened_at) AS last, count(*) AS reads,
       coalesce(list_sort(list_distinct(flatten(list(r.fields)))), CAST([] AS VARCHAR[])) AS fields
FROM (
  SELECT *, coalesce(through <> person, false) OR list_contains(coalesce(quality, []), 'through:erased') AS via
  FROM reads
) AS r JOIN account_ids AS n ON n.id = r.person
WHERE r.app = (SELECT id FROM app_ids WHERE name = $app) AND n.name IS NOT NULL AND r.decision <> 'refused'
  AND r.happened_at >= CAST($since AS TIMESTAMPTZ) AND r.happened_at < CAST($until AS TIMESTAMPTZ)
GROUP BY ALL ORDER BY id
"""
"""One row a person of whom any field went out to the app, each person once; by their number in the lake."""
_CHUNK = 100_000


class Frozen(msgspec.Struct, frozen=True):
    """What `freeze` did."""

    set: FrozenSet
    new: bool
    """false when the newest set of the app holds the very same people, reads and fields: nothing was written"""


class Verified(msgspec.Struct, frozen=True):
    """What a check of a frozen set found."""

    id: str
    ok: bool
    people: int
    """when it was frozen"""
    erased: int
    """of them, people whose row and salt were destroyed since"""
    root: str
    """over the rows as they are now"""
    ledger: int | None
    """the entry that holds the root; null while it waits"""
    problems: list[str]


class _Affected(msgspec.Struct, frozen=True, gc=False):
    """One affected person, before or without a salt."""

    person: str
    reach: str
    first: datetime
    last: datetime
    reads: int
    fields: list[str]


def affected(lake: Lake, app: str, span: Span) -> list[_Affected]:
    """Return everybody of whom any field went out to the app in the time; people who were erased are not among them."""
    out: list[_Affected] = []
    with lake.duck(["reads"]) as duck, duck_faults(lake.folder, "`reads`"):
        reader = duck.sql(AFFECTED, params={"app": app, **span.parameters}).to_arrow_reader(_CHUNK)
        for batch in reader:
            out += [
                _Affected(row["person"], row["reach"], row["first"], row["last"], row["reads"], row["fields"])
                for row in batch.to_pylist()
            ]
    return out


def freeze(  # noqa: PLR0917 - what is frozen, for what, by whom, over what time
    lake: Lake,
    app: str,
    reason: str,
    author: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Frozen:
    """Write down exactly who was affected, and queue the commitment for the ledger, in one step.

    The same people, reads and fields as in the app's newest set for the same time are not written twice. Raises
    `NotFoundError` for an app that never read anybody in the time, `InputError` without a reason.
    """
    if not reason.strip():
        raise InputError("A set of affected people is frozen for a reason.", hint="Say it with --reason.")
    span = span_of(lake, app, since, until)
    people = affected(lake, app, span)
    if not people:
        raise NotFoundError(f"Nothing went out to the app `{app}` in this time: there is nobody to freeze.")
    with lake.records.read() as tx:
        older = next((one for one in frozen_sets.of_app(tx, app) if (one.since, one.until) == span.bounds), None)
    if older is not None and _same(lake, older, people):
        return Frozen(older, new=False)
    return Frozen(_write(lake, app, reason.strip(), author, span, people), new=True)


def _same(lake: Lake, older: FrozenSet, people: Sequence[_Affected]) -> bool:
    """Return whether a set holds exactly these rows."""
    kept = sorted(
        ((one.person or "", one.reach, one.first, one.last, one.reads, one.fields) for one in _stored(lake, older.id)),
    )
    return kept == sorted((one.person, one.reach, one.first, one.last, one.reads, one.fields) for one in people)


def _stored(lake: Lake, set_id: str) -> list[StoredPerson]:
    with lake.duck(["frozen"]) as duck, duck_faults(lake.folder, "`frozen`"):
        return list(stored_people(duck, "frozen", "r.frozen = $frozen", {"frozen": set_id}))


def _write(  # noqa: PLR0917 - one set
    lake: Lake, app: str, reason: str, author: str, span: Span, people: Sequence[_Affected]
) -> FrozenSet:
    name, now = random_id("frozen"), clock.now()
    batch = commit_rows(
        [
            affected_bytes(
                AffectedRow(
                    app=app,
                    fields=one.fields,
                    first=row_time(one.first),
                    frozen=name,
                    last=row_time(one.last),
                    person=one.person,
                    reach=one.reach,
                    reads=one.reads,
                )
            )
            for one in people
        ]
    )
    door = schema.table("frozen").door
    columns: dict[str, list[Any]] = {
        "frozen": [name] * len(people),
        "position": list(range(len(people))),
        "person": [one.person for one in people],
        "reach": [one.reach for one in people],
        "happened_at": [one.first for one in people],
        "last_at": [one.last for one in people],
        "reads": [one.reads for one in people],
        "fields": [one.fields for one in people],
        "salt": [batch.salt(position).hex() for position in range(len(people))],
    }
    rows = pa.table(columns, schema=pa.schema([door.field(column) for column in columns]))
    body = {
        "frozen": name,
        "app": app,
        "root": batch.root.hex(),
        "padded": batch.padded,
        "since": row_time(span.since),
        "until": row_time(span.until),
        "at": row_time(now),
    }
    made: list[FrozenSet] = []

    def keep(tx: Any) -> None:  # noqa: ANN401 - a connection of the records
        item = FrozenSet(
            id=name,
            app=app,
            reason=reason,
            author=author,
            frozen_at=now,
            since=span.since,
            until=span.until,
            people=len(people),
            direct=sum(one.reach != "via" for one in people),
            via=sum(one.reach != "direct" for one in people),
            root=batch.root.hex(),
            padded=batch.padded,
            pad_seed=batch.pad_seed.hex(),
            outbox=outbox.append(tx, "affected", body),
        )
        frozen_sets.add(tx, item)
        made.append(item)

    with lake.writing() as writer:
        writer.write("frozen", rows, name, new=True)
        writer.at_commit(keep)
    return made[0]


def verify(lake: Lake, set_id: str) -> Verified:
    """Compute a set's root again from rows and salts, and hold it against the records and the ledger's own entry.

    Nothing that is wrong is raised: it is told in `problems`. Raises `NotFoundError` for an unknown set.
    """
    with lake.records.read() as tx:
        item = frozen_sets.get(tx, set_id)
        index = outbox.index_of(tx, item.outbox)
    problems: list[str] = []
    root, erased = "", 0
    try:
        tree, erased = tree_of(lake, item)
        root = tree.root.hex()
    except StorageError as error:
        problems.append(error.message)
    if root and (root, tree.padded) != (item.root, item.padded):
        problems.append("A row was changed since it was frozen: the rows do not lead to the root in the records.")
    if index is not None:
        problems += _on_ledger(lake, item, index)
    return Verified(set_id, not problems, item.people, erased, root, index, problems)


def prove(lake: Lake, set_id: str, person: str) -> TlogProof:
    """Return the proof that the person (as imported) is in a set, with their own row: for that person to have.

    Raises `NotFoundError` when they are not in it, or the set waits for the ledger; `StorageError`, `LogError`.
    """
    with lake.records.read() as tx:
        item = frozen_sets.get(tx, set_id)
        index = outbox.index_of(tx, item.outbox)
    if index is None:
        raise NotFoundError(f"The frozen set `{set_id}` waits for the ledger.", hint="`ombud ledger publish`")
    given = {"frozen": set_id, "person": person}
    with lake.duck(["frozen"]) as duck, duck_faults(lake.folder, "`frozen`"):
        mine = list(stored_people(duck, "frozen", "r.frozen = $frozen AND person.name = $person", given))
    if not mine:
        raise NotFoundError(f"This person is not in the frozen set `{set_id}`.", hint="Give the id as imported.")
    tree, _ = tree_of(lake, item)
    opening = RowOpening(mine[0].row(item.app), mine[0].salt, mine[0].position, tree.proof(mine[0].position))
    folder = lake.workspace.ledger_dir
    head = head_of(folder)
    note = head.published if index < head.published_size else head.newest
    return prove_entry(DirectoryLog(folder), index, row=opening, checkpoint=note)


def _on_ledger(lake: Lake, item: FrozenSet, index: int) -> list[str]:
    try:
        entry = decode_entry(prove_and_read(DirectoryLog(lake.workspace.ledger_dir), index, None)[1])
    except LogError as error:
        return [f"The ledger's entry {index:,} cannot be read: {error.message}"]
    told = (entry.type, entry.body.get("frozen"), entry.body.get("root"), entry.body.get("padded"))
    if told != ("affected", item.id, item.root, item.padded):
        return [f"The ledger's entry {index:,} holds another commitment than the records."]
    return []
