"""Erasing a person: every row of theirs goes from our own files, and the name from the dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from ombud.lake.batches import committed_rows
from ombud.lake.faults import disk_faults
from ombud.lake.files import Staged, forget, sweep
from ombud.lake.frozen import committed_people, stored_people
from ombud.lake.parquet import CHUNK_ROWS, write_days
from ombud.lake.views import THROUGH_ERASED, ids_relation, own_relation, present, quoted, reading, table_relation
from ombud.model import clock, schema
from ombud.model.errors import NotFoundError
from ombud.model.ids import random_id
from ombud.records import frozen_sets, lake_files, outbox

if TYPE_CHECKING:
    from ombud.lake.batch import Batch
    from ombud.lake.store import Lake
    from ombud.model.schema import Table
    from ombud.records.lake_files import LakeFile

    Tombstone = tuple[str, int, bytes]  # batch or frozen set, position in it, commitment

__all__ = ["Erased", "Erasure", "erase"]


class Erased(msgspec.Struct, frozen=True):
    """Rows of one table that held the person."""

    table: str
    removed: int
    rewritten: int
    """rows about somebody else that named the person in passing: only that name went"""


class Erasure(msgspec.Struct, frozen=True):
    """What an erasure did, and what is left for others to do."""

    tables: list[Erased]
    files: int
    """files that were written anew"""
    remains: list[str]
    """one sentence each: what still names the person and why"""


def erase(lake: Lake, person: str) -> Erasure:
    """Remove every row of the account `person` from our own files.

    The number stays in the dictionary without its name, so that counts by
    account keep their meaning. Reads through the person's grant lose that name
    only, and say in `quality` that there was one. Of a read that is committed to on the ledger the commitment stays, in
    `erased_rows`: salt and row are gone, and every other row of its batch can
    still be proved; so it is with frozen sets of affected people. The files
    that held the rows are deleted at once: a reader that began before may fail
    and has to start again.
    """
    with lake.writing() as batch:
        number = _number(batch, person)
        tables: list[Erased] = []
        remains: list[str] = []
        old: list[LakeFile] = []
        new: list[Staged] = []
        tombstones: list[Tombstone] = []
        for spec in schema.TABLES.values():
            if not _matches(spec):
                continue
            _about(batch, number, person)
            if left := _attached(batch, spec):
                remains.append(
                    f"{left:,} rows of attached files of `{spec.name}` name the person: these files are the"
                    " platform's, not ours to change. Ombud no longer shows them."
                )
            removed = rewritten = 0
            for file in [f for f in batch.visible(spec.name) if not f.attached]:
                tombstones += _committed(lake, batch, spec, file)
                counts, staged = _rewrite(batch, spec, file)
                if sum(counts):
                    removed, rewritten = removed + counts[0], rewritten + counts[1]
                    old.append(file)
                    new += staged
            if removed or rewritten:
                tables.append(Erased(spec.name, removed, rewritten))
        names = batch.visible("_ids/account")
        held = [f for f in names if _count(batch, f"SELECT count(*) FROM {_read(batch, f)} WHERE id = {number}")]
        kept = f"SELECT id, CASE WHEN id <> {number} THEN name END AS name"
        new += [batch.stage_names("account", f"{kept} FROM {_read(batch, f)} ORDER BY id") for f in held]
        batch.replace([*old, *held], new)
        if tombstones:
            batch.write("erased_rows", _tombstones(tombstones), random_id("erasure"))
        forget(lake.folder, [f.path for f in (*old, *held)])
        done = {
            erased.table: {}
            if erased.table in lake_files.UNCOUNTED
            else {"removed": erased.removed, "rewritten": erased.rewritten}
            for erased in tables
        }
        batch.at_commit(lambda tx: outbox.append(tx, "erase", {"tables": done}))
    _delete(lake)
    if any(lake.workspace.rejects_dir.glob("*")):
        remains.append("Files in `rejects/` keep rows that imports could not take; they may name the person.")
    remains.append("Findings, cases and backups are records of what was done; they are not part of the lake.")
    return Erasure(tables, len(new), remains)


def _number(batch: Batch, person: str) -> int:
    relation = ids_relation(batch.lake_dir, batch.visible("_ids/account"))
    found = batch.duck.execute(f"SELECT id FROM ({relation}) WHERE name = $name", {"name": person}).fetchall()
    if not found:
        raise NotFoundError("The lake knows no account of this id.", hint="Give the id as it was imported.")
    return int(found[0][0])


def _about(batch: Batch, number: int, person: str) -> None:
    """Make `erased_person` (number and name) and `erased_posts` (their posts' ids) for the queries below."""
    batch.duck.execute(
        "CREATE OR REPLACE TEMP TABLE erased_person AS SELECT CAST($number AS BIGINT) AS id, $name AS name",
        {"number": number, "name": person},
    )
    posts = [f for f in batch.visible("posts") if not f.attached]
    if posts:
        theirs = f"SELECT post FROM {reading(present(batch.lake_dir, posts))} WHERE account = {number}"
    else:
        theirs = "SELECT CAST(NULL AS VARCHAR) AS post WHERE false"
    batch.duck.execute(f"CREATE OR REPLACE TEMP TABLE erased_posts AS {theirs}")


def _matches(spec: Table) -> str | None:
    """Return SQL that says of a row that it goes."""
    columns = [c.name for c in spec.columns if c.kind == "account" and c.name != "through"]
    tests = [f"{quoted(name)} = (SELECT id FROM erased_person)" for name in columns]
    if "subject_kind" in spec.names:
        tests += [
            "(subject_kind = 'account' AND subject = (SELECT name FROM erased_person))",
            "(subject_kind = 'post' AND subject IN (SELECT post FROM erased_posts))",
        ]
    return f"coalesce({' OR '.join(tests)}, false)" if tests else None


def _through(spec: Table) -> str:
    named = "through" in spec.names
    return "coalesce(through = (SELECT id FROM erased_person), false)" if named else "false"


def _rewrite(batch: Batch, spec: Table, file: LakeFile) -> tuple[tuple[int, int], list[Staged]]:
    """Write a file anew without the person; return rows removed and rewritten, and the file if any row is left."""
    goes, through = _matches(spec), _through(spec)
    source = own_relation(batch.lake_dir, spec, [file])
    removed = _count(batch, f"SELECT count(*) FROM {source} WHERE {goes}")
    rewritten = _count(batch, f"SELECT count(*) FROM {source} WHERE NOT {goes} AND {through}")
    if not removed and not rewritten:
        return (0, 0), []
    gone = {"through", "salt"} if "salt" in spec.names else {"through"}
    changed = {name: f"CASE WHEN NOT {through} THEN {quoted(name)} END" for name in gone}
    if "through" in spec.names:
        changed["quality"] = f"CASE WHEN {through} THEN {THROUGH_ERASED} ELSE quality END"
    columns = ", ".join(f"{changed.get(name, quoted(name))} AS {quoted(name)}" for name in spec.names)
    reader = batch.duck.sql(f"SELECT {columns} FROM {source} WHERE NOT {goes}").to_arrow_reader(CHUNK_ROWS)
    parts = write_days(
        reader, spec, batch.staging, constants={}, memory=batch.memory // 4, threads=2, level=3, sort=False
    )
    return (removed, rewritten), [batch.staged(spec, part, file.import_id) for part in parts]


def _committed(lake: Lake, batch: Batch, spec: Table, file: LakeFile) -> list[Tombstone]:
    """Return the rows of a file that the ledger has a commitment to and that will change or go."""
    if spec.name not in {"reads", "frozen"}:
        return []
    batch.dictionary_views()
    source = own_relation(batch.lake_dir, spec, [file])
    person = "(SELECT id FROM erased_person)"
    if spec.name == "reads":
        rows = committed_rows(batch.duck, source, f"(r.person = {person} OR r.through = {person})")
        return [(row.batch, row.position, row.commitment) for row in rows]
    with lake.records.read() as tx:
        apps = {one.id: one.app for one in frozen_sets.every(tx)}
    return list(committed_people(stored_people(batch.duck, source, f"r.person = {person}"), apps))


def _tombstones(rows: list[Tombstone]) -> pa.Table:
    door = schema.table("erased_rows").door
    now = clock.now()
    items = [
        {"batch": batch, "position": position, "commitment": commitment.hex(), "happened_at": now}
        for batch, position, commitment in rows
    ]
    return pa.Table.from_pylist(items, schema=pa.schema([field for field in door if field.name in items[0]]))


def _attached(batch: Batch, spec: Table) -> int:
    files = [f for f in batch.visible(spec.name) if f.attached]
    if not files:
        return 0
    batch.dictionary_views()
    relation = table_relation(batch.lake_dir, spec, files)
    return _count(batch, f"SELECT count(*) FROM ({relation}) WHERE {_matches(spec)} OR {_through(spec)}")


def _read(batch: Batch, file: LakeFile) -> str:
    return reading(present(batch.lake_dir, [file]))


def _count(batch: Batch, sql: str) -> int:
    rows: list[tuple[Any, ...]] = batch.duck.execute(sql).fetchall()
    return int(rows[0][0])


def _delete(lake: Lake) -> None:
    """Delete what was replaced, by this and by earlier compactions, without the usual grace."""
    with lake.records.read() as tx:
        visible = [file.path for file in lake_files.every(tx)]
    with disk_faults(lake.folder):
        sweep(lake.folder, visible, grace=0)
