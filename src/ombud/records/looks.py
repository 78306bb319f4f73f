"""Every look of staff at a person's data, with its purpose. Lines are added, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, insert, select

from ombud.model import clock
from ombud.model.errors import InputError
from ombud.records.tables import look, staff

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Look", "append", "count", "listing"]


class Look(msgspec.Struct, frozen=True):
    """Who looked at whose data, when, and what for."""

    id: int
    happened_at: datetime
    user_id: str
    user: str
    what: str
    """what was shown, such as `evidence rows of case 3`"""
    subject: str
    purpose: str


def append(tx: Connection, user_id: str, what: str, subject: str, purpose: str) -> int:
    """Note a look before its data is shown; return its number. `InputError` without a purpose."""
    if not purpose.strip():
        raise InputError("A look at a person's data needs a purpose.", hint="Say what it is for.")
    row = {"happened_at": clock.now(), "staff_id": user_id, "what": what, "subject": subject, "purpose": purpose}
    return int(tx.execute(insert(look).values(row).returning(look.c.id)).scalar_one())


def listing(tx: Connection, *, user_id: str | None = None, limit: int = 100, offset: int = 0) -> list[Look]:
    """Return the looks, newest first."""
    t = look
    query = select(t.c.id, t.c.happened_at, t.c.staff_id, staff.c.name, t.c.what, t.c.subject, t.c.purpose).join(staff)
    if user_id is not None:
        query = query.where(t.c.staff_id == user_id)
    return [Look(*row) for row in tx.execute(query.order_by(t.c.id.desc()).limit(limit).offset(offset))]


def count(tx: Connection, *, user_id: str | None = None) -> int:
    """Return how many looks `listing` has in all."""
    query = select(func.count()).select_from(look)
    if user_id is not None:
        query = query.where(look.c.staff_id == user_id)
    return int(tx.execute(query).scalar_one())
