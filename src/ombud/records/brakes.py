"""Brakes: apps that a breaker slowed or stopped, until it runs out or a person lets go of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import insert, or_, select, update

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.model.ids import random_id
from ombud.records import apps
from ombud.records.gate_tables import app_brake

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Brake", "in_force", "of_app", "pull", "release"]

State = Literal["slowed", "stopped"]


class Brake(msgspec.Struct, frozen=True):
    """One time that an app was slowed or stopped."""

    id: str
    app: str
    state: State
    since: datetime
    until: datetime | None
    """when it ends by itself; null when only a person ends it"""
    finding_id: str | None
    reason: str
    released_at: datetime | None
    released_by: str | None
    note: str | None


def pull(
    tx: Connection,
    app: str,
    state: State,
    reason: str,
    *,
    finding_id: str | None = None,
    until: datetime | None = None,
) -> Brake:
    """Slow or stop an app; one that is in force is replaced by a harder one, and stays if it is as hard."""
    found = next((brake for brake in in_force(tx) if brake.app == app), None)
    if found is not None and found.state in {state, "stopped"}:
        return found
    now = clock.now()
    if found is not None:
        _close(tx, found.id, None, f"became {state}")
    row: dict[str, Any] = {"id": random_id("brake"), "app": app, "state": state, "since": now, "until": until}
    row |= {"finding_id": finding_id, "reason": reason, "released_at": None, "released_by": None, "note": None}
    made = Brake(*tx.execute(insert(app_brake).values(row).returning(*app_brake.c)).one())
    apps.add_event(tx, app, state, None, reason)
    return made


def release(tx: Connection, app: str, author: str, note: str) -> Brake:
    """Let go of an app's brake, by a person with a reason. `NotFoundError` when none is in force."""
    if not note.strip() or not author.strip():
        raise InputError("Letting an app go on needs a name and a reason.", hint="Say who and why.")
    found = next((brake for brake in in_force(tx) if brake.app == app), None)
    if found is None:
        raise NotFoundError(f"The app `{app}` is neither slowed nor stopped.")
    _close(tx, found.id, author.strip(), note.strip())
    apps.add_event(tx, app, "released", author.strip(), note.strip())
    return Brake(*tx.execute(select(app_brake).where(app_brake.c.id == found.id)).one())


def in_force(tx: Connection, at: datetime | None = None) -> list[Brake]:
    """Return the brakes that hold at a moment (now if unset), by app."""
    t, moment = app_brake, at or clock.now()
    holds = (
        t.c.since <= moment,
        or_(t.c.until.is_(None), t.c.until > moment),
        or_(t.c.released_at.is_(None), t.c.released_at > moment),
    )
    return [Brake(*row) for row in tx.execute(select(t).where(*holds).order_by(t.c.app, t.c.since))]


def of_app(tx: Connection, app: str) -> list[Brake]:
    """Return every time that an app was slowed or stopped, newest first."""
    query = select(app_brake).where(app_brake.c.app == app).order_by(app_brake.c.since.desc(), app_brake.c.id)
    return [Brake(*row) for row in tx.execute(query)]


def _close(tx: Connection, brake: str, author: str | None, note: str) -> None:
    values = {"released_at": clock.now(), "released_by": author, "note": note}
    tx.execute(update(app_brake).where(app_brake.c.id == brake).values(values))
