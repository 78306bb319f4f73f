"""Rows of batches are the rows that single decisions have, byte by byte but for the id."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import rfc8785

from ombud.gate.batch_rows import rows_of_batch
from ombud.gate.rows import row_of
from tests.unit.gate.worlds import random_requests, random_world, twin

if TYPE_CHECKING:
    from ombud.gate.request import ReadRequest


def whole_seconds(asked: list[ReadRequest], fields: set[str], known: set[str]) -> list[ReadRequest]:
    """Return what a batch can hold: whole seconds, known fields and people, each field once in the policy's order."""
    out = []
    for one in asked:
        assert one.at is not None
        names = tuple(name for name in sorted(fields) if name in one.fields)
        if not names or one.person not in known or (one.through or one.person) not in known:
            continue
        at = datetime.fromtimestamp(int(one.at.timestamp()), UTC)
        through = None if one.through == one.person else one.through
        out.append(msgspec.structs.replace(one, fields=names, at=at, through=through, key=None, acts_for=None))
    return out


def test_the_same_rows_as_single_decisions() -> None:
    chance = random.Random(11)  # noqa: S311 - a test's chance, not a secret
    world = random_world(chance)
    single, batch = twin(world), twin(world)
    compiled = batch.gate.compiled
    people = sorted(batch.gate.people, key=batch.gate.people.__getitem__)
    apps = [""] * (max(compiled.app_index.values()) + 1)
    for name, number in compiled.app_index.items():
        apps[number] = name
    asked = whole_seconds(random_requests(chance, world, 3_000), set(compiled.fields), set(people))
    asked = [one for one in asked if one.app in compiled.app_index and one.purpose in compiled.purposes]
    order = {name: n for n, name in enumerate(compiled.fields)}
    asked = [msgspec.structs.replace(one, fields=tuple(sorted(one.fields, key=order.__getitem__))) for one in asked]
    columns = batch.gate.batch(asked)
    decisions = batch.gate.decide_batch(columns, per_field=True)
    rows = rows_of_batch(compiled, apps, people, columns, decisions)
    outcomes = set()
    for request, row in zip(asked, rows, strict=True):
        one, other = json.loads(row), json.loads(row_of(request, single.gate.decide(request)))
        assert rfc8785.dumps(one) == row
        outcomes.add((one["decision"], ":" in (one["reason"] or ":")))
        assert one.pop("read") != other.pop("read")
        assert one == other
    assert len(asked) > 500
    assert {name for name, _ in outcomes} == {"allowed", "reduced", "refused"}
    assert ("refused", True) in outcomes
    assert len({json.loads(row)["read"] for row in rows}) == len(rows)
