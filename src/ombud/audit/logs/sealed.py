"""What rests on sealed logs: files from before there was a gate, of which only the day they were found is certain."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import select

from ombud.model.schema import table as table_of
from ombud.records import lake_files, outbox
from ombud.records import sealed as seals
from ombud.records.tables import import_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from ombud.lake import Lake
    from ombud.records import Records
    from ombud.records.sealed import Sealed

__all__ = ["SealedImport", "limits", "sealed"]

_BY_IMPORT = """\
SELECT import_id, count(*) FROM {table}
WHERE ($since IS NULL OR happened_at >= $since) AND ($until IS NULL OR happened_at < $until) GROUP BY import_id"""
_SHOWN = 5


class SealedImport(msgspec.Struct, frozen=True):
    """One sealed file, and the import or attachment by which its rows came into the lake."""

    import_id: str | None
    """null when it was sealed and never got into the lake"""
    source: str
    """the file's name"""
    format: str
    sha256: str
    """of the file as it was found"""
    sealed_at: datetime
    ledger: int | None
    """its entry on the ledger; null while that waits"""
    attached: bool
    tables: dict[str, int]
    """rows that came into the lake, by table"""


def sealed(records: Records) -> list[SealedImport]:
    """Return what was imported or attached sealed, in the order of sealing."""
    with records.read() as tx:
        noted = seals.every(tx)
        places = {item.sha256: outbox.index_of(tx, item.outbox) for item in noted}
        found = {item.sha256: _imports(tx, item) for item in noted}
    return [
        SealedImport(one.import_id, item.name, item.format, item.sha256, item.sealed_at, places[item.sha256], *one[1:])
        for item in noted
        for one in found[item.sha256] or [_Came(None, item.format == "attached", {})]
    ]


def limits(
    lake: Lake,
    records: Records,
    tables: Sequence[str] = ("reads",),
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[str]:
    """Return what has to be said beside every number from rows of these tables and days: none when no log is sealed.

    One sentence a table and day of sealing, then one on what old logs cannot show.
    """
    known = sealed(records)
    if not known:
        return []
    by_import = {item.import_id: item for item in known if item.import_id}
    out = [line for name in tables for line in _of_table(lake, name, by_import, since, until)]
    if out:
        out.append(
            "Old logs have holes: what they do not show may have happened all the same. So a count is what is proved,"
            " and what was possible stands beside it; `ombud audit holes` lists the holes that were found."
        )
    return out


class _Came(NamedTuple):
    """One way by which a sealed file came into the lake."""

    import_id: str | None
    attached: bool
    tables: dict[str, int]


def _imports(tx: Connection, item: Sealed) -> list[_Came]:
    """Return the imports and attachments of a sealed file."""
    query = select(import_run.c.id, import_run.c.counts).where(
        import_run.c.source_sha256 == item.sha256, import_run.c.state == "done"
    )
    out = [
        _Came(
            row.id,
            attached=False,
            tables={name: int(counts["accepted"]) for name, counts in row.counts["tables"].items()},
        )
        for row in tx.execute(query.order_by(import_run.c.started_at, import_run.c.id))
    ]
    out += [
        _Came(file.import_id or "attached", attached=True, tables={file.table: file.rows})
        for file in lake_files.every(tx)
        if file.attached and file.sha256 == item.sha256
    ]
    return out


def _of_table(
    lake: Lake, name: str, known: dict[str, SealedImport], since: datetime | None, until: datetime | None
) -> list[str]:
    """Say how many rows of one table are from sealed files, by the day of sealing."""
    with lake.duck([table_of(name).name]) as duck:
        sql = _BY_IMPORT.format(table=f'"{name}"')
        rows: dict[str, int] = dict(duck.execute(sql, {"since": since, "until": until}).fetchall())
    total = sum(rows.values())
    days: dict[str, list[tuple[SealedImport, int]]] = defaultdict(list)
    for import_id, count in rows.items():
        if import_id in known:
            days[f"{known[import_id].sealed_at:%Y-%m-%d}"].append((known[import_id], count))
    return [_sentence(name, total, day, items) for day, items in sorted(days.items())]


def _sentence(name: str, total: int, day: str, items: list[tuple[SealedImport, int]]) -> str:
    part = sum(count for _, count in items)
    share = f"All {total:,}" if part == total else f"{part:,} of {total:,}"
    files = "one file that was" if len(items) == 1 else f"{len(items):,} files that were"
    places = sorted({item.ledger for item, _ in items if item.ledger is not None})
    listed = ", ".join(f"{place:,}" for place in places[:_SHOWN]) + (", ..." if len(places) > _SHOWN else "")
    where = f"ledger entr{'y' if len(places) == 1 else 'ies'} {listed}" if places else "not on the ledger yet"
    return (
        f"{share} rows of `{name}` come from {files} sealed on {day} ({where}): what rests on them is as found on that"
        " day, and nothing here shows what was changed or left out before it."
    )
