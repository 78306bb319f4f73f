"""Plain-Python oracles of the queries in `ombud.audit` by which exposure is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from tests.engines.contract import Rows, case

MOMENT, WHOLE, TEXT = pa.timestamp("us", tz="UTC"), pa.int64(), pa.string()
START = datetime(2013, 11, 1, 12, 30, 0, 250, tzinfo=UTC)


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, type_) for name, type_ in columns.items()])


READS = _schema(
    read=TEXT, app=WHOLE, person=WHOLE, through=WHOLE, happened_at=MOMENT, decision=TEXT, quality=pa.list_(TEXT)
)
GRANTS = _schema(app=WHOLE, person=WHOLE, scope=TEXT, happened_at=MOMENT, ended_at=MOMENT)
TIES = _schema(account=WHOLE, other=WHOLE, tie=TEXT)
APPS = _schema(app=WHOLE, happened_at=MOMENT)
EXPOSED = _schema(person=WHOLE, direct=WHOLE, via=WHOLE)
ACCOUNTS = _schema(account=WHOLE, region=TEXT)
SPANS = _schema(span=WHOLE, since=MOMENT, until=MOMENT)


def _rows(columns: str, *rows: tuple[object, ...]) -> Rows:
    return [dict(zip(columns.split(), row, strict=True)) for row in rows]


def _day(number: int) -> datetime:
    return START + timedelta(days=number)


NO_READS: Rows = []
ONE_READ = _rows("read app person through happened_at decision quality", ("1", 1, 5, None, START, "allowed", None))
SOME_READS = _rows(
    "read app person through happened_at decision quality",
    ("1", 1, 5, None, _day(0), "allowed", None),
    ("2", 1, 5, 5, _day(1), "reduced", []),
    ("3", 1, 6, 5, _day(1), "allowed", ["happened_at:out of range"]),
    ("4", 1, 5, 6, _day(2), "reduced", None),
    ("4", 1, 5, 6, _day(2), "reduced", None),
    ("5", 1, 7, None, _day(3), "allowed", ["happened_at:out of range", "through:erased"]),
    ("6", 1, 8, 5, _day(3), "refused", None),
    ("7", 2, 5, 9, _day(4), "allowed", None),
    ("8", 2, 9, None, _day(4), "unheard of", None),
    ("9", 1, 6, 5, _day(5), "allowed", None),
)
EVERYBODY = _rows(
    "read app person through happened_at decision quality",
    *((str(n), 1, n, 0, _day(n), "allowed", None) for n in range(20)),
)
SOME_GRANTS = _rows(
    "app person scope happened_at ended_at",
    (1, 5, "likes", _day(0), None),
    (1, 5, "photos", _day(0), _day(1)),
    (2, 6, "likes", _day(1), None),
)


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _given(row: dict[str, Any]) -> bool:
    return row["decision"] in {"allowed", "reduced"}


def _through_another(row: dict[str, Any]) -> bool:
    return row["through"] not in {None, row["person"]} or "through:erased" in (row["quality"] or ())


@case("ombud.audit.people:people_read", {"reads": (READS, NO_READS)})
@case("ombud.audit.people:people_read", {"reads": (READS, ONE_READ)})
@case("ombud.audit.people:people_read", {"reads": (READS, SOME_READS)})
@case("ombud.audit.people:people_read", {"reads": (READS, EVERYBODY)})
def people_read(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    return [
        {"app": row["app"], "person": row["person"], "via": _through_another(row)}
        | {"giver": row["through"] if row["through"] != row["person"] else None}
        for row in relations["reads"]
        if _given(row)
    ]


@case("ombud.audit.people:people_granting", {"grants": (GRANTS, SOME_GRANTS)})
def people_granting(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    return [{name: row[name] for name in ("app", "person")} for row in relations["grants"]]


@case(
    "ombud.audit.people:friend_ties",
    {
        "ties": (
            TIES,
            _rows(
                "account other tie",
                (1, 2, "friend"),
                (2, 1, "friend"),
                (3, 3, "friend"),
                (3, None, "friend"),
                (4, 5, "follow"),
            ),
        )
    },
)
def friend_ties(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    return [
        {name: row[name] for name in ("account", "other")}
        for row in relations["ties"]
        if row["tie"] == "friend" and row["other"] not in {None, row["account"]}
    ]


TOLD = _schema(app=WHOLE, person=WHOLE, scope=TEXT, since=WHOLE, until=WHOLE)
SOME_TOLD = _rows("app person scope since until", (1, 5, "likes", 7, 9), (3, 5, "likes", 7, None))
GRANTED = {"grants": (GRANTS, SOME_GRANTS), "told": (TOLD, SOME_TOLD)}


@case("ombud.audit.exposure:grants_of_apps", GRANTED, first_app=1, last_app=1)
@case("ombud.audit.exposure:grants_of_apps", GRANTED, first_app=2, last_app=3)
@case("ombud.audit.exposure:grants_of_apps", GRANTED, first_app=4, last_app=9)
def grants_of_apps(relations: dict[str, Rows], parameters: dict[str, Any]) -> Rows:
    granted = [
        {name: row[name] for name in ("app", "person", "scope")}
        | {"since": _micros(row["happened_at"]), "until": _micros(row["ended_at"])}
        for row in relations["grants"]
    ]
    return [row for row in [*granted, *relations["told"]] if _within(row, parameters)]


def _within(row: dict[str, Any], parameters: dict[str, Any]) -> bool:
    return bool(parameters["first_app"] <= row["app"] <= parameters["last_app"])


SOME_APPS = _rows("app happened_at", (1, _day(2)), (2, None), (5, _day(9)))
BEFORE = {"reads": (READS, SOME_READS), "apps": (APPS, SOME_APPS)}


@case("ombud.audit.exposure:reads_before_apps", BEFORE, first_app=1, last_app=1)
@case("ombud.audit.exposure:reads_before_apps", BEFORE, first_app=0, last_app=9)
@case("ombud.audit.exposure:reads_before_apps", BEFORE, first_app=2, last_app=9)
@case(
    "ombud.audit.exposure:reads_before_apps",
    {"reads": (READS, NO_READS), "apps": (APPS, SOME_APPS)},
    first_app=0,
    last_app=9,
)
def reads_before_apps(relations: dict[str, Rows], parameters: dict[str, Any]) -> Rows:
    begun = {row["app"]: row["happened_at"] for row in relations["apps"]}
    early: dict[int, Rows] = {}
    for row in relations["reads"]:
        since = begun.get(row["app"])
        if _within(row, parameters) and _given(row) and since is not None and row["happened_at"] < since:
            early.setdefault(row["app"], []).append(row)
    return [
        {"app": app, "reads": len(rows), "people": len({row["person"] for row in rows})} for app, rows in early.items()
    ]


@case(
    "ombud.audit.exposure:exposure_by_region",
    {
        "exposed": (EXPOSED, _rows("person direct via", (1, 1, 0), (2, 1, 1), (3, 0, 1), (4, 0, 1), (9, 1, 0))),
        "accounts": (ACCOUNTS, _rows("account region", (1, "PL"), (2, "PL"), (3, "DE"), (4, None), (5, "FR"))),
    },
)
def exposure_by_region(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    regions = {row["account"]: row["region"] for row in relations["accounts"]}
    groups: dict[tuple[str | None, bool], Rows] = {}
    for row in relations["exposed"]:
        groups.setdefault((regions.get(row["person"]), row["person"] in regions), []).append(row)
    return [
        {"region": region, "known": known, "people": len(rows)}
        | {name: sum(row[name] for row in rows) for name in ("direct", "via")}
        for (region, known), rows in groups.items()
    ]


SOME_SPANS = _rows(
    "span since until", (0, datetime(1, 1, 1, tzinfo=UTC), _day(1)), (1, _day(1), _day(3)), (2, _day(3), None)
)


@case("ombud.audit.exposure:exposure_by_span", {"reads": (READS, SOME_READS), "spans": (SPANS, SOME_SPANS)}, app=1)
@case("ombud.audit.exposure:exposure_by_span", {"reads": (READS, EVERYBODY), "spans": (SPANS, SOME_SPANS)}, app=1)
@case("ombud.audit.exposure:exposure_by_span", {"reads": (READS, SOME_READS), "spans": (SPANS, SOME_SPANS)}, app=3)
def exposure_by_span(relations: dict[str, Rows], parameters: dict[str, Any]) -> Rows:
    out = []
    for span in relations["spans"]:
        rows = [
            row
            for row in relations["reads"]
            if row["app"] == parameters["app"]
            and _given(row)
            and span["since"] <= row["happened_at"]
            and (span["until"] is None or row["happened_at"] < span["until"])
        ]
        if rows:
            people = {via: {row["person"] for row in rows if _through_another(row) == via} for via in (True, False)}
            both = {"people": len(people[True] | people[False]), "direct": len(people[False]), "via": len(people[True])}
            out.append({"span": span["span"], "reads": len(rows)} | both)
    return out
