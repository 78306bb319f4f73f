"""Apps that may ask for people's data: who makes them, what for, and what became of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec
from sqlalchemy import Select, func, insert, or_, select, update

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.records import changes, outbox
from ombud.records.gate_tables import app_event, app_registration
from ombud.records.upsert import put

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy import Connection

__all__ = [
    "STATUSES", "App", "AppEvent", "active", "add_event", "count", "every", "get", "history", "listing",
    "of_developer", "register", "set_status",
]  # fmt: skip

Status = Literal["live", "under_review", "suspended", "banned"]
STATUSES: tuple[Status, ...] = ("live", "under_review", "suspended", "banned")
"""A live app may read what the policy lets it; one under review less; a suspended or banned one nothing."""
NOTED = timedelta(hours=1)
"""How much later an app must be active for it to be noted again."""


class App(msgspec.Struct, frozen=True, kw_only=True):
    """One app as the platform registered it."""

    app: str
    developer: str
    developer_name: str | None = None
    name: str
    category: str | None = None
    purposes: list[str] = []
    """purposes it declared"""
    hosts: list[str] = []
    """hosts it calls from or sends people to"""
    relay: bool = True
    """whether it gets relay addresses in the place of people's own"""
    status: Status = "live"
    registered_at: datetime
    last_active_at: datetime | None = None


class AppEvent(msgspec.Struct, frozen=True):
    """One line of an app's history; lines are added, never changed."""

    id: int
    app: str
    happened_at: datetime
    kind: str
    """registered, changed, status, review, withdrawn, slowed, stopped or released"""
    author: str | None
    """who did it; null for Ombud itself"""
    text: str


def register(tx: Connection, item: App, author: str | None = None) -> App:
    """Keep the app, or what changed about it; its status and its last activity stay as they are if it is there.

    Raises `InputError` for an empty id, name or developer.
    """
    for name in ("app", "developer", "name"):
        if not getattr(item, name).strip():
            raise InputError(f"An app needs its `{name}`.", hint="Give it as the platform does.")
    if item.status not in STATUSES:
        raise InputError(f"An app cannot be `{item.status}`.", hint=f"It is {', '.join(STATUSES)}.")
    found = tx.execute(select(app_registration).where(app_registration.c.app == item.app)).first()
    if found is not None:
        before = App(**found._mapping)  # noqa: SLF001 - the row's public mapping
        item = msgspec.structs.replace(item, status=before.status, last_active_at=before.last_active_at)
        if item == before:
            return before
    put(tx, app_registration, [msgspec.structs.asdict(item)])
    add_event(tx, item.app, "registered" if found is None else "changed", author, item.name)
    _publish(tx, item, "register" if found is None else "change")
    return item


def set_status(tx: Connection, app: str, status: str, author: str | None, reason: str) -> App:
    """Put the app into another status, with a reason in its history; every gate takes it up within a second."""
    if status not in STATUSES:
        raise InputError(f"An app cannot be `{status}`.", hint=f"It is {', '.join(STATUSES)}.")
    if not reason.strip():
        raise InputError("A change of an app's status needs a reason.", hint="Say why in a sentence.")
    before = get(tx, app)
    if before.status == status:
        return before
    tx.execute(update(app_registration).where(app_registration.c.app == app).values(status=status))
    add_event(tx, app, "status", author, f"{before.status} to {status}: {reason.strip()}")
    after = get(tx, app)
    _publish(tx, after, "status")
    return after


def active(tx: Connection, seen: Mapping[str, datetime]) -> int:
    """Note when apps were last active; return how many were noted: each at most once an hour.

    That is no change of the rules: gates read it at their next look, within a minute.
    """
    t, noted = app_registration, 0
    for app, moment in sorted(seen.items()):
        stale = or_(t.c.last_active_at.is_(None), t.c.last_active_at <= moment - NOTED)
        noted += tx.execute(update(t).where(t.c.app == app, stale).values(last_active_at=moment)).rowcount
    return noted


def get(tx: Connection, app: str) -> App:
    """Return the app; `NotFoundError` when it was never registered."""
    row = tx.execute(select(app_registration).where(app_registration.c.app == app)).mappings().first()
    if row is None:
        raise NotFoundError(f"No app `{app}` is registered.", hint="`ombud gate apps` lists them.")
    return App(**row)


def every(tx: Connection) -> list[App]:
    """Return all apps, by id."""
    query = select(app_registration).order_by(app_registration.c.app)
    return [App(**row) for row in tx.execute(query).mappings()]


def listing(
    tx: Connection, *, status: str | None = None, query: str | None = None, limit: int = 50, offset: int = 0
) -> list[App]:
    """Return apps by name; `query` matches a part of the name, or the id."""
    chosen = _chosen(select(app_registration), status, query).order_by(app_registration.c.name, app_registration.c.app)
    return [App(**row) for row in tx.execute(chosen.limit(limit).offset(offset)).mappings()]


def count(tx: Connection, *, status: str | None = None, query: str | None = None) -> int:
    """Return how many apps `listing` has in all."""
    return int(tx.execute(_chosen(select(func.count()).select_from(app_registration), status, query)).scalar_one())


def of_developer(tx: Connection, developer: str) -> list[App]:
    """Return the apps of one developer, by id."""
    query = select(app_registration).where(app_registration.c.developer == developer).order_by(app_registration.c.app)
    return [App(**row) for row in tx.execute(query).mappings()]


def add_event(tx: Connection, app: str, kind: str, author: str | None, text: str) -> None:
    """Add a line to the app's history, and let every gate look again at what it knows of apps."""
    row = {"app": app, "happened_at": clock.now(), "kind": kind, "author": author, "text": text}
    tx.execute(insert(app_event).values(row))
    changes.next_change(tx, changes.RULES)


def history(tx: Connection, app: str) -> list[AppEvent]:
    """Return what happened to the app, oldest first."""
    query = select(app_event).where(app_event.c.app == app).order_by(app_event.c.id)
    return [AppEvent(*row) for row in tx.execute(query)]


def _publish(tx: Connection, item: App, action: str) -> None:
    said = {"app": item.app, "action": action, "status": item.status, "developer": item.developer, "name": item.name}
    outbox.append(tx, "app", said)


def _chosen(query: Select[Any], status: str | None, words: str | None) -> Select[Any]:
    t = app_registration
    if status is not None:
        query = query.where(t.c.status == status)
    words = (words or "").strip()
    if not words:
        return query
    return query.where(or_(func.lower(t.c.name).contains(words.lower(), autoescape=True), t.c.app == words))
