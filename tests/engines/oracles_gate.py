"""Plain-Python oracles of the queries in `ombud.gate`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tests.engines.contract import Rows, case

MOMENT = pa.timestamp("us", tz="UTC")
EARLY, LATE = datetime(2014, 4, 30, 12, tzinfo=UTC), datetime(2018, 4, 4, 9, 30, 0, 250, tzinfo=UTC)


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, type_) for name, type_ in columns.items()])


WHOLE, TEXT = pa.int64(), pa.string()
READS = _schema(
    read=TEXT, app=WHOLE, person=WHOLE, through=WHOLE, happened_at=MOMENT, fields=pa.list_(TEXT), purpose=TEXT,
    decision=TEXT,
)  # fmt: skip
GRANTS = _schema(app=WHOLE, person=WHOLE, scope=TEXT, happened_at=MOMENT, last_used_at=MOMENT, ended_at=MOMENT)
NAMES = _schema(id=WHOLE, name=TEXT)
APPS = _schema(app=WHOLE, happened_at=MOMENT, purpose=TEXT)
LOST = _schema(number=WHOLE, app=WHOLE, person=WHOLE, field=TEXT, reason=TEXT)


def _row(columns: str, *values: object) -> dict[str, Any]:
    return dict(zip(columns.split(), values, strict=True))


_READ = "read app person through happened_at fields purpose decision"
SOME_READS: Rows = [
    _row(_READ, "b", 1, 5, None, LATE, ["name", "likes"], "x", "allowed"),
    _row(_READ, "a", 2, 5, 7, EARLY, [], None, "refused"),
]
_GRANT = "app person scope happened_at last_used_at ended_at"
SOME_GRANTS: Rows = [_row(_GRANT, 2, 1, "x", LATE, None, None), _row(_GRANT, 1, 9, "y", EARLY, LATE, LATE)]
SOME_NAMES: Rows = [{"id": 1, "name": "quiz"}, {"id": 2, "name": None}, {"id": 3, "name": "other"}]
SOME_APPS: Rows = [_row("app happened_at purpose", 1, EARLY, "fun"), _row("app happened_at purpose", 2, None, None)]
_LOST = "number app person field reason"
SOME_LOST: Rows = [
    _row(_LOST, 0, 1, 5, "name", "region"),
    _row(_LOST, 0, 1, 5, "likes", "region"),
    _row(_LOST, 1, 1, 5, "likes", "region"),
    _row(_LOST, 2, 1, 6, "likes", "closed"),
    _row(_LOST, 3, 2, 6, "likes", "closed"),
]


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp()) * 1_000_000 + moment.microsecond


@case("ombud.gate:reads_in_order", {"reads": (READS, SOME_READS)})
def reads_in_order(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    kept = ("app", "person", "through", "fields", "purpose", "decision")
    return [{name: row[name] for name in kept} | {"moment": _micros(row["happened_at"])} for row in relations["reads"]]


@case("ombud.gate:grants_in_order", {"grants": (GRANTS, SOME_GRANTS)})
def grants_in_order(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    moments = {"since": "happened_at", "used": "last_used_at", "until": "ended_at"}
    return [
        {name: row[name] for name in ("app", "person", "scope")}
        | {name: _micros(row[column]) for name, column in moments.items()}
        for row in relations["grants"]
    ]


@case("ombud.gate:apps_known", {"app_ids": (NAMES, SOME_NAMES), "apps": (APPS, SOME_APPS)})
def apps_known(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    known = {row["app"]: row for row in relations["apps"]}
    nothing = {"happened_at": None, "purpose": None}
    return [
        {"app": row["id"], "name": row["name"]}
        | {
            "since": _micros(known.get(row["id"], nothing)["happened_at"]),
            "purpose": known.get(row["id"], nothing)["purpose"],
        }
        for row in relations["app_ids"]
    ]


@case("ombud.gate:lost_fields", {"lost": (LOST, SOME_LOST)})
def lost_fields(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    groups: dict[tuple[int, str, str], list[int]] = {}
    for row in relations["lost"]:
        groups.setdefault((row["app"], row["field"], row["reason"]), []).append(row["person"])
    return [
        {"app": app, "field": field, "reason": reason, "reads": len(people), "people": len(set(people))}
        for (app, field, reason), people in groups.items()
    ]


@case("ombud.gate:lost_apps", {"lost": (LOST, SOME_LOST)})
def lost_apps(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    rows = relations["lost"]
    return [
        {
            "app": app,
            "reads": len({row["number"] for row in rows if row["app"] == app}),
            "people": len({row["person"] for row in rows if row["app"] == app}),
        }
        for app in {row["app"] for row in rows}
    ]
