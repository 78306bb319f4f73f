"""What developers certified: the purpose of each field of a reviewed permission, for a year. Lines are added only."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select

from ombud.model import clock
from ombud.model.errors import InputError
from ombud.records.review_tables import certification

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Certification", "add", "latest"]


class Certification(msgspec.Struct, frozen=True):
    """One field's purpose, as the developer stated it."""

    id: int
    app: str
    scope: str
    field: str
    purpose: str
    certified_by: str
    """`developer` for an answer by link; else who wrote down what the developer stated"""
    certified_at: datetime
    expires_at: datetime
    questionnaire_id: str | None


def add(
    tx: Connection,
    app: str,
    scope: str,
    field: str,
    *,
    purpose: str,
    by: str,
    expires_at: datetime,
    questionnaire_id: str | None = None,
) -> Certification:
    """Keep that the purpose of a field was stated again."""
    if not purpose.strip() or not by.strip():
        raise InputError("A certification needs the purpose, and who states it.", hint="Say both.")
    row = {
        "app": app,
        "scope": scope,
        "field": field,
        "purpose": purpose.strip(),
        "certified_by": by.strip(),
        "certified_at": clock.now(),
        "expires_at": expires_at,
        "questionnaire_id": questionnaire_id,
    }
    return Certification(*tx.execute(insert(certification).values(row).returning(*certification.c)).one())


def latest(tx: Connection, app: str | None = None) -> dict[tuple[str, str, str], Certification]:
    """Return the newest certification of each app, scope and field."""
    t = certification
    query = select(t).order_by(t.c.id)
    if app is not None:
        query = query.where(t.c.app == app)
    found = (Certification(*row) for row in tx.execute(query))
    return {(one.app, one.scope, one.field): one for one in found}
