"""Plain-Python oracles of the queries by which all apps are measured."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tests.engines.contract import Rows, case

MOMENT, WHOLE, TEXT = pa.timestamp("us", tz="UTC"), pa.int64(), pa.string()
TEXTS = pa.list_(TEXT)
EARLY, LATE = datetime(2014, 4, 30, 12, tzinfo=UTC), datetime(2018, 4, 4, 9, 30, 0, 250, tzinfo=UTC)


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, type_) for name, type_ in columns.items()])


def _rows(columns: str, *rows: tuple[object, ...]) -> Rows:
    return [dict(zip(columns.split(), row, strict=True)) for row in rows]


READS = _schema(
    read=TEXT, app=WHOLE, person=WHOLE, through=WHOLE, happened_at=MOMENT, fields=TEXTS, purpose=TEXT, decision=TEXT,
    key=TEXT, quality=TEXTS,
)  # fmt: skip
SOME_READS = _rows(
    "read app person through happened_at fields purpose decision key quality",
    ("a", 1, 5, None, EARLY, ["name"], "fun", "allowed", "k1", None),
    ("b", 1, 5, None, LATE, ["name"], "fun", "allowed", "k1", None),
    ("c", 1, 6, 5, LATE, ["name", "likes"], None, "reduced", "k2", []),
    ("d", 1, 7, 7, LATE, [], "fun", "refused", None, None),
    ("e", 2, 7, None, EARLY, ["name"], "fun", "allowed", "k1", ["through:erased"]),
    ("f", 3, 8, 9, EARLY, ["name"], "fun", "allowed", "k9", ["other"]),
)
BLOCKS = _schema(block=WHOLE, app=WHOLE)
SOME_BLOCKS = _rows("block app", (0, 2), (1, 1))
GRANTS = _schema(app=WHOLE, person=WHOLE, ended_at=MOMENT)
SOME_GRANTS = _rows("app person ended_at", (1, 5, EARLY), (1, 5, LATE), (1, 6, None), (1, 6, LATE), (2, 5, None))
APP_IDS = _schema(id=WHOLE, name=TEXT)
APPS = _schema(app=WHOLE, developer=WHOLE, name=TEXT, category=TEXT, purpose=TEXT, hosts=TEXTS)
SOME_APPS = _rows("app developer name category purpose hosts", (1, 7, "Quiz", "quizzes", "fun", ["a.example"]))


def _seconds(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


@case(
    "ombud.audit.ranking:apps_described",
    {
        "app_ids": (APP_IDS, _rows("id name", (1, "app-1"), (2, "app-2"))),
        "developer_ids": (APP_IDS, _rows("id name", (7, "maker"), (8, "other"))),
        "apps": (APPS, SOME_APPS),
    },
)
def apps_described(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    known = {row["app"]: row for row in relations["apps"]}
    makers = {row["id"]: row["name"] for row in relations["developer_ids"]}
    out = []
    for row in relations["app_ids"]:
        app = known.get(row["id"], dict.fromkeys(("developer", "name", "category", "purpose", "hosts")))
        said = {name: app[name] for name in ("developer", "name", "category", "purpose", "hosts")}
        out.append({"app": row["id"], "id": row["name"], "developer_id": makers.get(app["developer"] or 0), **said})
    return out


@case("ombud.audit.ranking:asked_by_app", {"reads": (READS, SOME_READS)})
def asked_by_app(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    counts = Counter((r["app"], tuple(r["fields"]), r["purpose"], r["decision"]) for r in relations["reads"])
    return [
        {"app": app, "fields": list(fields), "purpose": purpose, "decision": decision, "reads": n}
        for (app, fields, purpose, decision), n in counts.items()
    ]


@case("ombud.audit.ranking:keys_by_app", {"reads": (READS, SOME_READS)})
def keys_by_app(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    counts = Counter((row["app"], row["key"]) for row in relations["reads"] if row["key"] is not None)
    return [{"app": app, "key": key, "reads": n} for (app, key), n in counts.items()]


@case("ombud.audit.ranking:consents_ended", {"grants": (GRANTS, SOME_GRANTS)})
def consents_ended(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    ends: dict[tuple[int, int], list[datetime | None]] = {}
    for row in relations["grants"]:
        ends.setdefault((row["app"], row["person"]), []).append(row["ended_at"])
    out = []
    for (app, person), moments in ends.items():
        told = [moment for moment in moments if moment is not None]
        last = max(told) if len(told) == len(moments) else None
        until = None if last is None else _seconds(last) * 1_000_000 + last.microsecond
        out.append({"app": app, "person": person, "until": until})
    return out


@case("ombud.audit.ranking:reads_by_block", {"reads": (READS, SOME_READS), "blocks": (BLOCKS, SOME_BLOCKS)})
def reads_by_block(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    block = {row["app"]: row["block"] for row in relations["blocks"]}
    return [
        {
            "block": block[row["app"]],
            "app": row["app"],
            "person": row["person"],
            "through": row["through"],
            "second": _seconds(row["happened_at"]),
            "via": row["through"] not in {None, row["person"]} or "through:erased" in (row["quality"] or []),
            "given": row["decision"] != "refused",
        }
        for row in relations["reads"]
        if row["app"] in block
    ]
