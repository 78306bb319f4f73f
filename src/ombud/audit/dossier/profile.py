"""Who an app is: as the platform registered it, and as old logs describe it where it did not."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.model.errors import NotFoundError
from ombud.records import apps, cases, findings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.audit.dossier.inquiry import Inquiry

__all__ = ["AppProfile", "profile"]

_LAKE = """
SELECT min(a.name) AS name, min(d.name) AS developer, min(a.category) AS category, min(a.purpose) AS purpose,
       min(a.happened_at) AS registered_at,
       list_sort(list_distinct(flatten(list(a.hosts) FILTER (a.hosts IS NOT NULL)))) AS hosts
FROM apps AS a LEFT JOIN developer_ids AS d ON d.id = a.developer WHERE a.app = $app
"""


class AppProfile(msgspec.Struct, frozen=True):
    """Who the app is."""

    app: str
    """as imported"""
    name: str | None
    developer: str | None
    category: str | None
    purposes: list[str]
    """that it declared"""
    hosts: list[str]
    registered_at: datetime | None
    status: str | None
    """null for an app that only logs know"""
    case: int | None
    """number of the case that holds a finding about it"""


def profile(asked: Inquiry, tx: Connection) -> AppProfile:
    """Return who the app is; what the platform registered goes before what logs say."""
    lake = asked.duck.sql(_LAKE, params={"app": asked.number_of_app}).to_arrow_table().to_pylist()[0]
    try:
        return _registered(apps.get(tx, asked.app), lake, _case(tx, asked.app))
    except NotFoundError:
        return AppProfile(
            app=asked.app,
            name=lake["name"],
            developer=lake["developer"],
            category=lake["category"],
            purposes=[lake["purpose"]] if lake["purpose"] else [],
            hosts=lake["hosts"] or [],
            registered_at=lake["registered_at"],
            status=None,
            case=_case(tx, asked.app),
        )


def _registered(found: apps.App, lake: dict[str, Any], case: int | None) -> AppProfile:
    return AppProfile(
        app=found.app,
        name=found.name,
        developer=found.developer_name or found.developer,
        category=found.category or lake["category"],
        purposes=found.purposes,
        hosts=found.hosts or lake["hosts"] or [],
        registered_at=min(filter(None, (found.registered_at, lake["registered_at"]))),
        status=found.status,
        case=case,
    )


def _case(tx: Connection, app: str) -> int | None:
    """Return the number of the newest case about the app."""
    held = (cases.of_finding(tx, one.id) for one in findings.about(tx, "app", app))
    return max((case.number for case in held if case is not None), default=None)
