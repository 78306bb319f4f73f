"""Plain-Python oracles of the queries in `ombud.lake.sql`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

from tests.engines.contract import Rows, case

NAMES = pa.schema({"name": pa.string()})
KNOWN = pa.table({"id": pa.array([], pa.int64()), "name": pa.array([], pa.string())}).schema
KEYS = pa.schema({"key_hash": pa.int64()})

SEEN: Rows = [{"name": name} for name in ("b", "ä", "a", "Z", "", "😀", "new")]
IDS: Rows = [{"id": 0, "name": "a"}, {"id": 1, "name": None}, {"id": 2, "name": "b"}, {"id": 3, "name": "gone"}]
NONE: Rows = []
INCOMING: Rows = [{"key_hash": key} for key in (1, 2, 2, -7, 3, 3, 3, 1 << 62)]
STORED: Rows = [{"key_hash": key} for key in (2, 3, 3, 9)]


@case("ombud.lake.sql:new_ids", {"seen": (NAMES, SEEN), "known": (KNOWN, IDS)}, first=4)
@case("ombud.lake.sql:new_ids", {"seen": (NAMES, SEEN), "known": (KNOWN, NONE)}, first=0)
def new_ids(relations: dict[str, Rows], parameters: dict[str, Any]) -> Rows:
    known = {row["name"] for row in relations["known"]}
    new = sorted((row["name"] for row in relations["seen"] if row["name"] not in known), key=str.encode)
    return [{"name": name, "id": parameters["first"] + i} for i, name in enumerate(new)]


@case("ombud.lake.sql:known_ids", {"seen": (NAMES, SEEN), "known": (KNOWN, IDS)})
def known_ids(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    seen = {row["name"] for row in relations["seen"]}
    return [{"name": row["name"], "id": row["id"]} for row in relations["known"] if row["name"] in seen]


@case("ombud.lake.sql:repeated_keys", {"incoming_keys": (KEYS, INCOMING)})
def repeated_keys(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    counts = Counter(row["key_hash"] for row in relations["incoming_keys"])
    return [{"key_hash": key} for key, count in counts.items() if count > 1]


@case("ombud.lake.sql:taken_keys", {"incoming_keys": (KEYS, INCOMING), "stored_keys": (KEYS, STORED)})
def taken_keys(relations: dict[str, Rows], _: dict[str, Any]) -> Rows:
    both = {row["key_hash"] for row in relations["incoming_keys"]} & {
        row["key_hash"] for row in relations["stored_keys"]
    }
    return [{"key_hash": key} for key in both]
