"""Which sources were imported, and what became of their rows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import insert, select, update

from ombud.model import clock
from ombud.model.errors import NotFoundError
from ombud.model.ids import random_id
from ombud.records.tables import import_run

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Import", "find_done", "finish", "get", "listing", "start"]

State = Literal["running", "done", "failed"]


class Import(msgspec.Struct, frozen=True):
    """One run of `ombud import` over one source."""

    id: str
    format: str
    source_name: str
    source_sha256: str
    options_hash: str
    """of everything but the source that decides what comes out: table, mapping, version"""
    state: State
    started_at: datetime
    finished_at: datetime | None
    counts: dict[str, Any]
    """by table: rows read, accepted, skipped, rejected, flagged"""


def find_done(tx: Connection, format: str, source_sha256: str, options_hash: str) -> Import | None:  # noqa: A002
    """Return the finished import of the same bytes in the same way, if there is one."""
    t = import_run
    query = select(t).where(t.c.source_sha256 == source_sha256, t.c.format == format, t.c.options_hash == options_hash)
    row = tx.execute(query.where(t.c.state == "done").order_by(t.c.started_at).limit(1)).first()
    return None if row is None else Import(*row)


def start(
    tx: Connection,
    format: str,  # noqa: A002 - the command's word
    source_name: str,
    source_sha256: str,
    options_hash: str,
    *,
    import_id: str | None = None,
) -> Import:
    """Note that an import begins, under `import_id` or a new id."""
    run = Import(
        id=import_id or random_id("import"),
        format=format,
        source_name=source_name,
        source_sha256=source_sha256,
        options_hash=options_hash,
        state="running",
        started_at=clock.now(),
        finished_at=None,
        counts={},
    )
    tx.execute(insert(import_run).values(msgspec.structs.asdict(run)))
    return run


def finish(tx: Connection, import_id: str, counts: dict[str, Any], state: State = "done") -> Import:
    """Note that an import ended, with its counts; call it in the transaction that makes its files visible."""
    change = update(import_run).where(import_run.c.id == import_id).returning(*import_run.c)
    row = tx.execute(change.values(state=state, finished_at=clock.now(), counts=counts)).first()
    if row is None:
        raise NotFoundError(f"There is no import `{import_id}`.")
    return Import(*row)


def get(tx: Connection, import_id: str) -> Import:
    """Return the import `import_id`; `NotFoundError` when there is none."""
    row = tx.execute(select(import_run).where(import_run.c.id == import_id)).first()
    if row is None:
        raise NotFoundError(f"There is no import `{import_id}`.")
    return Import(*row)


def listing(tx: Connection, limit: int = 100, offset: int = 0) -> list[Import]:
    """Return the imports, newest first."""
    query = select(import_run).order_by(import_run.c.started_at.desc(), import_run.c.id).limit(limit).offset(offset)
    return [Import(*row) for row in tx.execute(query)]
