"""Audits of one app, as they were made: each a document, kept whole."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from ombud.records.frozen_tables import app_audit
from ombud.records.upsert import put

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["AppAudit", "latest", "of_app", "save"]


class AppAudit(msgspec.Struct, frozen=True):
    """One audit."""

    id: str
    """derives from app, time and what was found, so the same audit is kept once"""
    app: str
    made_at: datetime
    since: datetime
    until: datetime
    document: dict[str, Any]
    """an `ombud.audit.dossier.whole.Dossier`, as builtins"""


def save(tx: Connection, item: AppAudit) -> None:
    """Keep an audit; one with the same id takes its place."""
    put(tx, app_audit, [msgspec.structs.asdict(item)])


def latest(tx: Connection, app: str) -> AppAudit | None:
    """Return the newest audit of an app, or null when there was none."""
    return next(iter(of_app(tx, app, limit=1)), None)


def of_app(tx: Connection, app: str, limit: int = 50) -> list[AppAudit]:
    """Return the audits of an app, newest first."""
    t = app_audit
    query = select(t).where(t.c.app == app).order_by(t.c.made_at.desc(), t.c.id).limit(limit)
    return [AppAudit(*row) for row in tx.execute(query)]
