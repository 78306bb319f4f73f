"""Tokens that may be used once, and were: kept by hash until they would have run out anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from ombud.model import clock
from ombud.records.gate_tables import spent_token
from ombud.records.upsert import insert_new

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["is_spent", "spend", "sweep"]


def spend(tx: Connection, token_sha256: str, expires_at: datetime) -> bool:
    """Note that a token was used; `False` when it was used before."""
    return insert_new(tx, spent_token, [{"token_sha256": token_sha256, "expires_at": expires_at}]) == 1


def is_spent(tx: Connection, token_sha256: str) -> bool:
    """Say whether a token was used, without using it."""
    query = select(spent_token.c.token_sha256).where(spent_token.c.token_sha256 == token_sha256)
    return tx.execute(query).first() is not None


def sweep(tx: Connection) -> int:
    """Forget the tokens that have run out; return how many."""
    return tx.execute(delete(spent_token).where(spent_token.c.expires_at <= clock.now())).rowcount
