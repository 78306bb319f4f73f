"""What apps say of themselves: by the lake's tables, and by the records where the platform registered them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ombud.lake.engines.duckdb import DuckEngine
from ombud.lake.engines.sql import queries
from ombud.records import apps as registered

if TYPE_CHECKING:
    import duckdb

    from ombud.lake import Lake

__all__ = ["UNREGISTERED", "Described", "describe"]

UNREGISTERED = "not registered"
"""The status of an app that reads name and nobody registered."""


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """One app as the lake and the records describe it."""

    number: int
    """in the dictionary `app`"""
    app: str
    """as imported"""
    developer: str | None = None
    name: str | None = None
    names: tuple[str, ...] = ()
    """names that it had before, the latest first"""
    category: str | None = None
    purposes: frozenset[str] = frozenset()
    """those that it declared"""
    hosts: tuple[str, ...] = ()
    status: str = UNREGISTERED


def describe(lake: Lake, duck: duckdb.DuckDBPyConnection) -> dict[int, Described]:
    """Return every app that the lake has a number for, by number; what the records say comes first."""
    rows = DuckEngine(duck, queries("ombud.audit.ranking")).run("apps_described").to_pylist()
    with lake.records.read() as tx:
        known = {item.app: item for item in registered.every(tx)}
        before = {app: _names(registered.history(tx, app)) for app in known}
    out: dict[int, Described] = {}
    for row in rows:
        app = str(row["id"])
        item = known.get(app)
        said = {row["purpose"]} if row["purpose"] else set()
        name = item.name if item else row["name"]
        out[row["app"]] = Described(
            number=row["app"],
            app=app,
            developer=item.developer if item else row["developer_id"],
            name=name,
            names=tuple(n for n in before.get(app, ()) if n != name),
            category=(item.category if item else None) or row["category"],
            purposes=frozenset({*said, *(item.purposes if item else ())}),
            hosts=tuple(sorted({*(row["hosts"] or ()), *(item.hosts if item else ())})),
            status=item.status if item else UNREGISTERED,
        )
    return out


def _names(events: list[registered.AppEvent]) -> tuple[str, ...]:
    """Return the names under which an app was registered, each once, the latest first."""
    told = [event.text for event in reversed(events) if event.kind in {"registered", "changed"}]
    return tuple(dict.fromkeys(told))
