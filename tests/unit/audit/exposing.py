"""Rows for tests of exposure, and what the sets must be, in plain Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ombud.model import schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from ombud.audit.people.sets import PeopleSets
    from ombud.lake import Lake

__all__ = ["START", "check_against_rows", "door", "random_reads", "read", "write"]

START = datetime(2013, 11, 1, tzinfo=UTC)


def door(table: str, items: Iterable[dict[str, Any]]) -> pa.Table:
    """Return rows as an import hands them in; columns that an item lacks are null."""
    fields = [pa.field(f.name, f.type) for f in schema.table(table).door]
    return pa.Table.from_pylist(list(items), schema=pa.schema(fields))


def read(number: int, app: str, person: str, through: str | None = None, **others: object) -> dict[str, Any]:
    """Return one read."""
    when = START + timedelta(hours=number)
    row = {"read": f"r{number}", "app": app, "person": person, "through": through, "happened_at": when}
    return row | {"fields": ["name"], "decision": "allowed"} | others


def random_reads(rng: np.random.Generator, count: int, first: int = 0, apps: int = 5, people: int = 30) -> list[Any]:
    """Return reads of all kinds: by the own grant, written out or not, through a friend's, refused."""
    out = []
    for number in range(first, first + count):
        person, other = (f"p{n}" for n in rng.integers(people, size=2))
        through = [None, person, other][int(rng.integers(3))]
        decision = ["allowed", "reduced", "refused"][int(rng.integers(3))]
        out.append(read(number, f"a{int(rng.integers(apps))}", person, through, decision=decision))
    return out


def write(lake: Lake, table: str, items: Iterable[dict[str, Any]], import_id: str = "import_1") -> None:
    """Put rows into the lake."""
    with lake.writing() as batch:
        batch.write(table, door(table, items), import_id)


def check_against_rows(lake: Lake, sets: PeopleSets) -> int:
    """Compare every set, count and look-up with the lake's rows, in plain Python; return how many apps have a read."""
    direct: dict[int, set[int]] = {}
    via: dict[int, set[int]] = {}
    givers: dict[int, set[int]] = {}
    for row in lake.read("reads").to_pylist():
        if row["decision"] in {"allowed", "reduced"}:
            other = row["through"] not in {None, row["person"]} or "through:erased" in (row["quality"] or ())
            (via if other else direct).setdefault(row["app"], set()).add(row["person"])
            if row["through"] not in {None, row["person"]}:
                givers.setdefault(row["app"], set()).add(row["through"])
    granted: dict[int, set[int]] = {}
    for row in lake.read("grants").to_pylist():
        granted.setdefault(row["app"], set()).add(row["person"])
    assert sets.apps() == sorted(direct.keys() | via.keys() | granted.keys())
    sizes = sets.sizes()
    for app in sets.apps():
        mine, theirs, given = (found.get(app, set()) for found in (direct, via, granted))
        assert set(sets.direct(app)) == mine
        assert set(sets.via(app)) == theirs
        assert set(sets.people(app)) == mine | theirs
        assert set(sets.installers(app)) == given
        assert set(sets.givers(app)) == givers.get(app, set())
        assert sizes[app] == (len(mine), len(theirs), len(mine | theirs), len(given))
    everybody = set().union(*direct.values(), *via.values(), *granted.values())
    for person in everybody | {max(everybody, default=0) + 1}:
        readers = {app for found in (direct, via) for app, people in found.items() if person in people}
        assert sets.readers(person) == sorted(readers)
    return len(direct.keys() | via.keys())
