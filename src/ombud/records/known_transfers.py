"""Who an app's data was passed on to, as developers answered or staff learned; what the lake has comes beside it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, get_args

import msgspec
from sqlalchemy import insert, select, update

from ombud.model import clock
from ombud.model.errors import InputError
from ombud.records.review_tables import known_transfer

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["WAYS", "KnownTransfer", "Way", "add", "of_app", "withdraw_answered"]

Way = Literal["contract", "answer", "court", "press"]
WAYS: tuple[Way, ...] = get_args(Way)
"""How we know of a holder."""


class KnownTransfer(msgspec.Struct, frozen=True, kw_only=True):
    """Data that went from an app, or from one holder of it, to another holder."""

    id: int = 0
    app: str
    from_holder: str | None = None
    """who passed it on; null for the app itself"""
    holder: str
    fields: str = ""
    """which fields, in the words of the source"""
    happened: str | None = None
    """when, in the words of the source"""
    still_held: str | None = None
    """yes, no or unknown: whether the holder is said to have it still"""
    known_by: Way
    source: str
    """where that is written: the contract, the answer, the judgment, the article"""
    author: str
    """who wrote it down; `developer` for an answer"""
    learned_at: datetime
    questionnaire_id: str | None = None
    withdrawn_at: datetime | None = None
    """when the developer's correction took it back"""


def add(tx: Connection, item: KnownTransfer) -> KnownTransfer:
    """Keep who received data, and how we know."""
    for name, text in (("the holder's name", item.holder), ("a source", item.source), ("an author", item.author)):
        if not text.strip():
            raise InputError(f"A transfer needs {name}.", hint="Say it.")
    if item.known_by not in WAYS:
        raise InputError(f"Nobody is known by `{item.known_by}`.", hint=f"Say {', '.join(WAYS)}.")
    row = msgspec.structs.asdict(item)
    row.pop("id")
    made = tx.execute(insert(known_transfer).values(row).returning(*known_transfer.c)).mappings().one()
    return KnownTransfer(**made)


def of_app(tx: Connection, app: str, *, withdrawn: bool = False) -> list[KnownTransfer]:
    """Return who received an app's data, oldest first; with `withdrawn` what was taken back too."""
    t = known_transfer
    query = select(t).where(t.c.app == app).order_by(t.c.id)
    if not withdrawn:
        query = query.where(t.c.withdrawn_at.is_(None))
    return [KnownTransfer(**row) for row in tx.execute(query).mappings()]


def withdraw_answered(tx: Connection, questionnaire_id: str) -> int:
    """Mark what an earlier version of an answer named; the corrected answer names its own. Return how many."""
    t = known_transfer
    change = update(t).where(t.c.questionnaire_id == questionnaire_id, t.c.withdrawn_at.is_(None))
    return tx.execute(change.values(withdrawn_at=clock.now())).rowcount
